"""Between an encoder and what reads its token vectors: what languages share, and what is particular to each."""

from __future__ import annotations

from torch import Tensor, nn

from .aggregator import LanguageAggregator, mix_languages
from .switcher import LanguageSwitcher


class LanguageLayers(nn.Module):
    """The aggregator, then the switcher (Wang et al. 2023, figure 2); either may be left out.

    In training the aggregator sees sentences of different languages at once, unless it is held still.
    """

    def __init__(self, aggregator: LanguageAggregator | None, switcher: LanguageSwitcher | None):
        super().__init__()
        self.aggregator = aggregator
        self.switcher = switcher

    def forward(self, tokens: Tensor, lengths: Tensor, langs: Tensor, routes: Tensor) -> Tensor:
        """The same tokens, seen with those around them and refined by their language.

        tokens: *Shape:* (n_tokens, width), sentences laid end to end. lengths: *Shape:* (n_sentences,), int64, on the
        CPU. langs: *Shape:* (n_sentences,), int64, on the CPU, the language of each, numbered in any way. routes:
        *Shape:* (n_tokens,), int64, row of the language whose route each token takes, as in `LanguageSwitcher`.
        RETURNS: *Shape:* (n_tokens, width).
        """
        if self.aggregator is not None:
            groups = None
            if self.training and self.aggregator.mix > 1 and next(self.aggregator.parameters()).requires_grad:
                groups = mix_languages(langs, self.aggregator.mix)
            tokens = self.aggregator(tokens, lengths, groups)
        return tokens if self.switcher is None else self.switcher(tokens, routes)


def is_trained(module: nn.Module) -> bool:
    """Whether training moves any of the module's parameters."""
    return any(parameter.requires_grad for parameter in module.parameters())

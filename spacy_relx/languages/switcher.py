"""A switcher of sub-modules: what is particular to each language (Wang et al. 2023, eq. 5-8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..core.settings import Count, architecture
from ..core.switcher import Switcher
from ..errors import RelxError


class SubModule(nn.Module):
    """LN(ReLU(x W_u) W_d + x), eq. 7, `depth` times. hidden: columns of W_u, b in the paper, which wants b > d."""

    def __init__(self, width: int, hidden: int, depth: int):
        super().__init__()
        self.up = nn.ModuleList(nn.Linear(width, hidden, bias=False) for _ in range(depth))
        self.down = nn.ModuleList(nn.Linear(hidden, width, bias=False) for _ in range(depth))
        self.norm = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))

    def forward(self, tokens: Tensor) -> Tensor:
        """*Shape:* (n_tokens, width) -> the same."""
        for up, down, norm in zip(self.up, self.down, self.norm):
            tokens = norm(down(torch.relu(up(tokens))) + tokens)
        return tokens


@architecture
class LanguageSwitcher(Switcher):
    """`spacy_relx.LanguageSwitcher.v1`: sub-modules that languages share in parts of their own (eq. 5-8).

    They are weighted by softmax(E[language] W_f) in training (eq. 5, 8), the best `top_k` of them in prediction. Each
    language's row and each sub-module's column of the router are parameters of their own, so that training can hold
    some of them still.
    """

    def __init__(
        self,
        width: int,
        langs: Sequence[str],
        n_old: int = 0,
        old_modules: int | Sequence[int] = 0,
        *,
        depths: Sequence[int] | None = None,
        hidden: Count = 512,
        top_k: Count | None = 3,
        renormalise: bool = True,
        routing: Literal["learned", "one_to_one"] = "learned",
    ):
        """Make the switcher.

        Args:
            width: Width of the token vectors.
            langs: Codes of the languages.
            n_old: The first so many languages were there before the others were added.
            old_modules: How many sub-modules were there then, one number for all these languages or one for each, as
                they may have come at different times; 0 for all. These languages never use those that came later:
                their outputs stay.
            depths: Layers of each sub-module; null: [2, 2, 2, 1, 1, 1], the paper's.
            hidden: Inner width of the sub-modules (b).
            top_k: How many of them a language uses in prediction (k), of learned routes; null: all, as in training.
            renormalise: Whether the weights of these are made to sum to 1.
            routing: "learned", or "one_to_one": each language has a sub-module of its own, of depths[0] layers.

        Raises:
            RelxError: RX021 for fewer sub-modules than the old languages use.
        """
        depths = [2, 2, 2, 1, 1, 1] if depths is None else list(depths)
        reach = max([old_modules] if isinstance(old_modules, int) else old_modules, default=0)
        if routing == "learned" and reach > len(depths):
            need = f"layers of {reach} sub-modules or more, as many as the pipeline that training starts from has"
            raise RelxError("RX021", name="depths", value=depths, need=need)
        super().__init__()
        self.codes = list(langs)
        self.top_k = None if routing == "one_to_one" else top_k  # of equal routes any choice would be arbitrary
        self.renormalise = renormalise
        self.one_to_one = routing == "one_to_one"
        depths = [depths[0]] * len(self.codes) if self.one_to_one else list(depths)
        self.submodules = nn.ModuleList(SubModule(width, hidden, depth) for depth in depths)
        self.langs = nn.ParameterDict()
        self.router = nn.ParameterList()
        if not self.one_to_one:
            # as wide as tokens, so that logits begin with a spread of about .5: neither even nor decided
            self.langs.update({code: nn.Parameter(torch.randn(width)) for code in self.codes})
            self.router.extend(nn.Parameter(torch.randn(width) * 0.5 / width**0.5) for _ in depths)
        old = [old_modules] * n_old if isinstance(old_modules, int) else old_modules
        self._reach = [count or len(depths) for count in old] + [len(depths)] * (len(self.codes) - len(old))

    @staticmethod
    def check_settings(*, depths: Sequence[int] | None, **settings: object) -> None:
        """Check the layers of the sub-modules.

        Raises:
            RelxError: RX021 for none.
        """
        if depths is not None and (not depths or min(depths) < 1):
            raise RelxError("RX021", name="depths", value=depths, need="layers of each sub-module, 1 or more")

    def reach(self) -> list[int]:
        """For each language how many sub-modules it may use, the first so many."""
        return list(self._reach)

    def weights(self) -> Tensor:
        """f_t(L), eq. 5: how much of each sub-module each language takes, without `top_k`.

        RETURNS: *Shape:* (n_languages, n_submodules), rows sum to 1.
        """
        if self.one_to_one:
            return torch.eye(len(self.codes), device=next(self.parameters()).device)
        # One product for each language, of the sub-modules in its reach: in one for all of them the last bits would
        # depend on which others there are, and so change with a language or a sub-module that is added later.
        router = torch.stack(list(self.router))
        rows = []
        for code, reach in zip(self.codes, self._reach):
            row = torch.softmax(router[:reach] @ self.langs[code], dim=0)
            rows.append(nn.functional.pad(row, (0, len(router) - reach)))
        return torch.stack(rows)

    def routes(self) -> Tensor:
        """`weights` as prediction has them, and behind the languages their mean, the route of those that are not known.

        RETURNS: *Shape:* (n_languages + 1, n_submodules).
        """
        weights = self.weights()
        weights = torch.cat([weights, weights.mean(dim=0, keepdim=True)])
        if self.training or self.top_k is None or self.top_k >= weights.shape[1]:
            return weights
        best = weights.topk(self.top_k, dim=1)
        kept = torch.zeros_like(weights).scatter(1, best.indices, best.values)
        return kept / best.values.sum(dim=1, keepdim=True) if self.renormalise else kept

    def forward(self, tokens: Tensor, langs: Tensor) -> Tensor:
        """tokens: *Shape:* (n_tokens, width). langs: *Shape:* (n_tokens,), int64, row of each token's language in
        `codes`, their number for languages that are not known. RETURNS: *Shape:* (n_tokens, width).

        A sub-module only works on tokens of languages that use it.
        """
        weights = self.routes().index_select(0, langs)
        used = weights.detach() != 0
        out = torch.zeros_like(tokens)
        for t, module in enumerate(self.submodules):
            rows = used[:, t].nonzero().squeeze(1)
            if len(rows) == len(tokens):
                out = out + module(tokens) * weights[:, t : t + 1]
            elif len(rows):
                part = module(tokens.index_select(0, rows)) * weights[rows, t].unsqueeze(1)
                out = out.index_add(0, rows, part)
        return out


#: (width, languages, old languages, sub-modules of these) -> the switcher.
MakeSwitcher = Callable[[int, Sequence[str], int, "int | Sequence[int]"], LanguageSwitcher]

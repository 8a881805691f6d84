"""`spacy_relx.LanguageEncoder.v1`: an encoder whose token vectors know of languages."""

from __future__ import annotations

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor

from ..core.layer import Encoder, TokenLayer, given, make_model
from ..core.parts import part_codes, part_lengths, route_rows, warn_of_unrouted
from ..core.settings import Count, architecture
from ..core.task import AnyModel, layers_of
from ..data.extensions import get_routes
from .aggregator import MakeAggregator
from .network import LanguageLayers, is_trained
from .switcher import LanguageSwitcher, MakeSwitcher


class LanguageLayer(TokenLayer[LanguageLayers]):
    """Token vectors of an encoder -> what languages share -> what is particular to each.

    Args:
        aggregator: Makes the aggregator; None for none.
        switcher: Makes the switcher; None for none.
        max_tokens: As of `part_lengths`.
    """

    name = "language_encoder"
    tells_langs = True

    def __init__(self, aggregator: MakeAggregator | None, switcher: MakeSwitcher | None, max_tokens: int):
        super().__init__()
        self.aggregator, self.make_switcher, self.max_tokens = aggregator, switcher, max_tokens
        self.has_warned = False

    @property
    def width_out(self) -> int | None:
        return self.sizes.get("width")

    @property
    def switcher(self) -> LanguageSwitcher | None:
        return self.network.switcher

    def build(self) -> LanguageLayers:
        width, task = self.sizes["width"], self.task
        aggregator = None if self.aggregator is None else self.aggregator(width)
        switcher = None
        if self.make_switcher is not None:
            switcher = self.make_switcher(width, task.langs, task.n_old_langs, task.old_modules)
        return LanguageLayers(aggregator, switcher)

    def learns(self, model: AnyModel) -> bool:
        """Whether training moves the encoder: thinc's own parameters it always does, listeners pass the gradient on.

        An encoder that it does not move runs as in prediction.
        """
        encoder = model.layers[0]
        layers = [layer for _, layer in layers_of(encoder)]
        moved = any(is_trained(layer.network) for layer in layers)
        return not layers or moved or any(node.param_names for node in encoder.walk())

    def vectors(self, docs: list[Doc], tokens: Tensor | None) -> Tensor:
        vectors = given(tokens)
        if not len(vectors):
            return vectors
        parts = [part_lengths(doc, self.max_tokens, self.task.by_rule) for doc in docs]
        lengths, langs, routes = np.concatenate(parts), part_codes(docs, parts), part_codes(docs, parts, get_routes)
        rows = route_rows(routes, self.task.langs)
        if not self.has_warned and self.switcher is not None and (rows == len(self.task.langs)).any():
            self.has_warned = warn_of_unrouted(docs, self.task.langs)
        numbers: dict[str, int] = {}
        ids = torch.tensor([numbers.setdefault(lang, len(numbers)) for lang in langs])
        of_tokens = torch.from_numpy(np.repeat(rows, lengths)).to(self.device)
        found: Tensor = self.network(vectors, torch.from_numpy(lengths), ids, of_tokens)
        return found


@architecture
def build_language_encoder(
    encoder: Encoder,
    *,
    aggregator: MakeAggregator | None = None,
    switcher: MakeSwitcher | None = None,
    max_tokens: Count = 256,
) -> Encoder:
    """`spacy_relx.LanguageEncoder.v1`: token vectors of an encoder -> what languages share -> what is particular to
    each. It stands wherever an encoder does, so every extractor that has one can have a switcher.

    The language of a Doc, or of each sentence, is what `language_router` or the data say.

    Args:
        encoder: Any model from Docs to token vectors.
        aggregator: `spacy_relx.LanguageAggregator.v1`, or null.
        switcher: `spacy_relx.LanguageSwitcher.v1`, or null.
        max_tokens: Sentences (Docs, where sentences are not set) of more tokens are read in pieces.

    Returns:
        The encoder.
    """
    return make_model(LanguageLayer(aggregator, switcher, max_tokens), encoder)

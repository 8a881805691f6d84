"""Registered layers between an encoder and what reads its token vectors, for several languages (Wang et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from ..core.checks import check_at_least, check_one_of, check_probability
from ..core.routes import ROUTINGS
from ..errors import RelxError
from .aggregator import LanguageAggregator
from .layer import make_language_layer
from .network import LanguageLayers
from .switcher import LanguageSwitcher


@dataclass(frozen=True)
class Aggregation:
    """make: width -> the aggregator. heads: of its attention. mix: sentences that it sees at once in training."""

    make: Callable[[int], LanguageAggregator]
    heads: int
    mix: int


#: (width, languages, n_old=..., old_modules=...) -> the switcher.
SwitcherFactory = Callable[..., LanguageSwitcher]


def make_aggregator(mix: int = 2, heads: int = 1, residual: bool = False, dropout: float = 0.0) -> Aggregation:
    """`spacy_relx.LanguageAggregator.v1`: self-attention over sentences of different languages (eq. 4).

    mix: how many it sees at once in training (s); in prediction, and where it is held still, each by itself. heads: of
    the attention, of which the width of the token vectors must be a multiple; the paper has one. residual: add its
    input to its output, which the paper does not. dropout: on its output. RAISES: RelxError RX021.
    """
    check_at_least(1, mix=mix, heads=heads)
    check_probability(dropout=dropout)
    return Aggregation(partial(LanguageAggregator, heads=heads, residual=residual, dropout=dropout), heads, mix)


def make_switcher(
    depths: list[int] | None = None,
    hidden: int = 512,
    top_k: int | None = 3,
    renormalise: bool = True,
    routing: str = "learned",
) -> SwitcherFactory:
    """`spacy_relx.LanguageSwitcher.v1`: sub-modules that languages share in parts of their own (eq. 5-8).

    depths: layers of each sub-module; null: [2, 2, 2, 1, 1, 1], the paper's. hidden: their inner width (b). top_k: how
    many of them a language uses in prediction (k), of learned routes; null: all, as in training. renormalise: let the
    weights of these sum to 1. routing: "learned", or "one_to_one", a sub-module of depths[0] layers for each language.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    depths = [2, 2, 2, 1, 1, 1] if depths is None else list(depths)
    check_one_of(ROUTINGS, routing=routing)
    check_at_least(1, hidden=hidden, top_k=top_k)
    if not depths or min(depths) < 1:
        raise RelxError("RX021", name="depths", value=depths, need="layers of each sub-module, 1 or more")
    return partial(_build_switcher, depths=depths, hidden=hidden, top_k=top_k, renormalise=renormalise, routing=routing)


def _build_switcher(
    width: int, languages: list[str], *, depths: list[int], routing: str, old_modules: int | list[int], **settings: Any
) -> LanguageSwitcher:
    """RAISES: RelxError RX021 for fewer sub-modules than the languages that were there before use."""
    reach = max([old_modules] if isinstance(old_modules, int) else old_modules, default=0)
    if routing == "learned" and reach > len(depths):
        need = f"layers of {reach} sub-modules or more, as many as the pipeline that training starts from has"
        raise RelxError("RX021", name="depths", value=depths, need=need)
    return LanguageSwitcher(width, languages, depths=depths, routing=routing, old_modules=old_modules, **settings)


def build_language_encoder(
    encoder: Model[list[Doc], list[Floats2d]],
    aggregator: Aggregation | None = None,
    switcher: SwitcherFactory | None = None,
    max_length: int = 256,
) -> Model[list[Doc], list[Floats2d]]:
    """`spacy_relx.LanguageEncoder.v1`: token vectors of an encoder -> what languages share -> what is particular to
    each. It stands wherever an encoder does, so every extractor that has one can have a switcher.

    encoder: any model from Docs to token vectors. aggregator: `spacy_relx.LanguageAggregator.v1` or null. switcher:
    `spacy_relx.LanguageSwitcher.v1` or null. max_length: sentences (Docs, where sentences are not set) of more tokens
    are read in pieces. The language of a Doc, or of each sentence, is what `language_router` or the data say.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_at_least(1, max_length=max_length)
    return make_language_layer(encoder, partial(_build, aggregator, switcher), max_length)


def _build(
    aggregator: Aggregation | None,
    switcher: SwitcherFactory | None,
    width: int,
    languages: list[str],
    n_old: int,
    old_modules: int | list[int],
) -> LanguageLayers:
    if aggregator is not None and width % aggregator.heads:
        raise RelxError("RX021", name="heads", value=aggregator.heads, need=f"a divisor of the width {width}")
    return LanguageLayers(
        None if aggregator is None else aggregator.make(width),
        None if switcher is None else switcher(width, languages, n_old=n_old, old_modules=old_modules),
        mix=1 if aggregator is None else aggregator.mix,
    )

"""The fact extractor's model over bags in several languages, composed in the config (Wang et al. 2018, AMNRE)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable

from thinc.api import Model
from torch import nn

from ..core.checks import check_at_least, check_one_of, check_probability
from ..data.grouping import ENTITIES
from ..errors import RelxError
from .amnre import COMBINE, Game, MultilingualNetwork
from .architecture import BagHeadFactory
from .bag_heads import SoftmaxBagHead
from .language_adversary import FOOLING, PENALTIES, Discriminator
from .layer import make_bag_layer
from .perturbation import Perturbation
from .sentence_encoders_settings import EncoderFactory


@dataclass(frozen=True)
class Adversary:
    """The discriminator (width, n_langs) -> module, and how it is played against."""

    discriminator: Callable[[int, int], Discriminator]
    game: Game


def make_adversary(
    hidden: int = 2048,
    dropout: float = 0.1,
    game: str = "alternate",
    steps: int = 1,
    fooling_steps: int = 5,
    fooling: str = "flipped",
    weight: float = 0.1,
) -> Adversary:
    """`spacy_relx.LanguageAdversary.v1`: a discriminator of languages that the consistent encoders learn to fool.

    hidden, dropout: of the discriminator. game: "alternate", after each step on the relations (eq. 13, 17) `steps` on
    the discriminator and `fooling_steps` on the consistent encoders (eq. 16, 18), each of which moves nothing else; or
    "reversal", one step for all, in which the discriminator's gradient reaches the consistent encoders, and the words
    below them, times -`weight` (Ganin et al. 2016). steps, fooling_steps, fooling are of the first, weight of the
    second. fooling: "flipped" (the published code), "uniform", or "negative" (eq. 16, without a lower bound); see
    `nn.adversary.fooling_loss`. RAISES: RelxError RX021.
    """
    check_at_least(1, hidden=hidden, steps=steps, fooling_steps=fooling_steps)
    check_at_least(0, weight=weight)
    check_probability(dropout=dropout)
    check_one_of(("alternate", "reversal"), game=game)
    check_one_of(FOOLING, fooling=fooling)
    play = Game(game == "reversal", weight, steps, fooling_steps, fooling)
    return Adversary(partial(Discriminator, hidden=hidden, dropout=dropout), play)


@dataclass(frozen=True)
class Parts:
    """What the network is made of, once its sizes are known; see `build_multilingual_bag_model`."""

    words: Any
    langs: tuple[str, ...]
    individual: EncoderFactory | None
    consistent: EncoderFactory | None
    head: BagHeadFactory
    share_heads: bool
    share_encoders: bool
    combine: str
    adversary: Adversary | None
    orthogonality: float
    penalty: str
    adversarial: Perturbation | None
    batch_tokens: int

    def build(self, n_words: int, n_markers: int, n_labels: int) -> MultilingualNetwork:
        table = self.words.build(n_words)
        n = len(self.langs)
        individual = self._encoders(self.individual, table, n_markers)
        consistent = individual if self.share_encoders else self._encoders(self.consistent, table, n_markers)
        heads, head, discriminator = None, None, None
        if individual is not None:
            width = _width(individual)
            one = [self.head(width, n_labels)]
            heads = nn.ModuleList(
                one * n if self.share_heads else one + [self.head(width, n_labels) for _ in range(1, n)]
            )
        if consistent is not None:
            width = _width(consistent)
            head = self.head(width, n_labels)
            discriminator = self.adversary.discriminator(width, n) if self.adversary else None
        return MultilingualNetwork(
            table,
            individual=individual,
            consistent=consistent,
            heads=heads,
            head=head,  # type: ignore[arg-type]
            combine=self.combine,
            discriminator=discriminator,
            game=self.adversary.game if self.adversary else None,
            penalty=(self.orthogonality, self.penalty),
            perturbation=self.adversarial,
            batch_tokens=self.batch_tokens,
        )

    def _encoders(self, make: EncoderFactory | None, table: Any, n_markers: int) -> nn.ModuleList | None:
        return None if make is None else nn.ModuleList([make(table, n_markers) for _ in self.langs])


def _width(encoders: nn.ModuleList) -> Any:
    return encoders[0].width_out


def build_multilingual_bag_model(
    words: Any,
    langs: list[str],
    individual: EncoderFactory | None,
    consistent: EncoderFactory | None,
    head: BagHeadFactory,
    adversary: Adversary | None = None,
    orthogonality: float = 0.02,
    penalty: str = "frobenius",
    combine: str = "product",
    share_heads: bool = False,
    share_encoders: bool = False,
    adversarial: Perturbation | None = None,
    entities: str = "linked",
    max_tokens: int = 256,
    batch_tokens: int = 32768,
    marker_dropout: float = 0.0,
) -> Model:
    """`spacy_relx.MultilingualBagModel.v1`: an encoder of each language's own, and one into a space common to all.

    words, adversarial, entities, max_tokens, batch_tokens, marker_dropout: as in `spacy_relx.BagModel.v1`. langs: the
    languages; a sentence in another one is an error (RX065). individual, consistent: encoders such as
    `spacy_relx.CNN.v1`, of which each language gets its own; null leaves that side out. head: `spacy_relx.BagHead.v1`
    with loss = "softmax"; each language and the common space get their own. adversary:
    `spacy_relx.LanguageAdversary.v1`, or null. orthogonality: weight of the penalty on what a sentence's two vectors
    have in common, where it has two; 0 for none. penalty: its kind, "frobenius" (eq. 17) or "normalised". combine: how
    prediction takes the factors of eq. 11 together, "product" (the paper), "geometric" or "average"; training is always
    on the product. share_heads: one classifier for all languages. share_encoders: the individual encoders are the
    consistent ones, too, and `consistent` is null.

    Ablations: noA has no adversary, noO orthogonality 0, noBoth neither. Mono has one language; joint consistent null
    and combine "average"; share the same with share_heads; one like MNRE (Lin et al. 2017) share_encoders without an
    adversary. configs/amnre.cfg says how to run each.

    RAISES: RelxError RX021 for settings that make no sense, RX066 for some that do not go together.
    """
    check_one_of(ENTITIES, entities=entities)
    check_one_of(PENALTIES, penalty=penalty)
    check_one_of(COMBINE, combine=combine)
    check_at_least(1, batch_tokens=batch_tokens)
    check_at_least(0, max_tokens=max_tokens, orthogonality=orthogonality)
    check_probability(marker_dropout=marker_dropout)
    _check_langs(langs)
    _check_parts(langs, individual, consistent, adversary, share_heads, share_encoders)
    if not isinstance(head(1, 1), SoftmaxBagHead):
        problem = 'the product of probabilities needs a head with loss = "softmax"'
        raise RelxError("RX066", problem=problem)
    parts = Parts(
        words=words,
        langs=tuple(langs),
        individual=individual,
        consistent=consistent,
        head=head,
        share_heads=share_heads,
        share_encoders=share_encoders,
        combine=combine,
        adversary=adversary,
        orthogonality=orthogonality,
        penalty=penalty,
        adversarial=adversarial,
        batch_tokens=batch_tokens,
    )
    return make_bag_layer(
        words,
        parts.build,
        entities=entities,
        langs=langs,
        max_tokens=max_tokens,
        batch_tokens=batch_tokens,
        marker_dropout=marker_dropout,
    )


def _check_langs(langs: list[str]) -> None:
    if not langs or not all(langs) or len(set(langs)) < len(langs):
        raise RelxError("RX021", name="langs", value=langs, need="a list of one or more different languages")


def _check_parts(
    langs: list[str],
    individual: EncoderFactory | None,
    consistent: EncoderFactory | None,
    adversary: Adversary | None,
    share_heads: bool,
    share_encoders: bool,
) -> None:
    problem = ""
    if individual is None and consistent is None:
        problem = "individual and consistent are both null"
    elif share_encoders and (individual is None or consistent is not None):
        problem = "share_encoders takes the individual encoders for both sides: set individual, and consistent to null"
    elif share_heads and individual is None:
        problem = "share_heads is for the heads of single languages, which are there with individual encoders only"
    elif adversary is not None and ((consistent is None and not share_encoders) or len(langs) < 2):
        problem = "an adversary needs consistent encoders and two languages or more"
    if problem:
        raise RelxError("RX066", problem=problem)

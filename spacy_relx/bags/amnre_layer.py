"""`spacy_relx.MultilingualBagModel.v1`: bags in several languages (Wang et al. 2018, AMNRE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ..core.layer import TaskModel, make_model
from ..core.settings import Count, CountOrZero, NotNegative, Probability, architecture
from ..data.grouping import Entities
from ..errors import RelxError
from .amnre import Combine, MultilingualNetwork
from .bag_classifiers import BagClassifier, MakeBagClassifier, SoftmaxBagClassifier
from .instance_batch import TokenVectors
from .instance_text import AnyText
from .language_adversary import Adversary, Discriminator, Penalty
from .layer import BagLayer
from .network import FactNetwork
from .perturbation import Perturbation
from .sentence_encoders import MakeSentences, SentenceEncoder


@dataclass(frozen=True)
class Parts:
    """What the network is made of, once its sizes are known; see `build_multilingual_bag_model`."""

    langs: tuple[str, ...]
    individual: MakeSentences | None
    consistent: MakeSentences | None
    classifier: MakeBagClassifier
    share_classifiers: bool
    share_encoders: bool
    combine: Combine
    adversary: Adversary | None
    penalty: tuple[float, Penalty]
    adversarial: Perturbation | None
    batch_tokens: int

    def __call__(self, words: TokenVectors, n_markers: int, n_labels: int) -> FactNetwork:
        n = len(self.langs)
        individual = _encoders(self.individual, words, n_markers, n)
        consistent = individual if self.share_encoders else _encoders(self.consistent, words, n_markers, n)
        classifiers: list[BagClassifier] = []
        classifier, discriminator = None, None
        if individual is not None:
            width = individual[0].width_out
            classifiers = [self.classifier(width, n_labels)]
            for _ in range(1, n):
                classifiers.append(classifiers[0] if self.share_classifiers else self.classifier(width, n_labels))
        if consistent is not None:
            width = consistent[0].width_out
            classifier = self.classifier(width, n_labels)
            if self.adversary is not None:
                hidden, dropout = self.adversary.hidden, self.adversary.dropout
                discriminator = Discriminator(width, n, hidden=hidden, dropout=dropout)
        own = None if individual is None else nn.ModuleList(individual)
        common = None if consistent is None else nn.ModuleList(consistent)
        return MultilingualNetwork(
            words,
            individual=own,
            consistent=own if self.share_encoders else common,
            classifiers=nn.ModuleList(classifiers) if classifiers else None,
            classifier=classifier if isinstance(classifier, SoftmaxBagClassifier) else None,
            combine=self.combine,
            discriminator=discriminator,
            game=self.adversary,
            penalty=self.penalty,
            perturbation=self.adversarial,
            batch_tokens=self.batch_tokens,
        )


@architecture
def build_multilingual_bag_model(
    words: AnyText,
    langs: list[str],
    individual: MakeSentences | None,
    consistent: MakeSentences | None,
    classifier: MakeBagClassifier,
    *,
    adversary: Adversary | None = None,
    orthogonality: NotNegative = 0.02,
    penalty: Penalty = "frobenius",
    combine: Combine = "product",
    share_classifiers: bool = False,
    share_encoders: bool = False,
    adversarial: Perturbation | None = None,
    entities: Entities = "linked",
    max_tokens: CountOrZero = 256,
    batch_tokens: Count = 32768,
    marker_dropout: Probability = 0.0,
) -> TaskModel:
    """`spacy_relx.MultilingualBagModel.v1`: a model of `fact_extractor` with an encoder of each language's own, and one
    into a space common to all.

    Ablations: noA has no adversary, noO orthogonality 0, noBoth neither. Mono has one language; joint consistent null
    and combine "average"; share the same with share_classifiers; one like MNRE (Lin et al. 2017) share_encoders without
    an adversary. projects/amnre/configs/amnre.cfg says how to run each.

    Args:
        words: For instance `spacy_relx.WordTable.v1`.
        langs: The languages; a sentence in another one is an error (RX065).
        individual: An encoder such as `spacy_relx.CNN.v1`, of which each language gets its own; null leaves that side
            out.
        consistent: The same, into the common space.
        classifier: `spacy_relx.BagClassifier.v1` with loss = "softmax"; each language and the common space get their
            own.
        adversary: `spacy_relx.LanguageAdversary.v1`, or null.
        orthogonality: Weight of the penalty on what a sentence's two vectors have in common, where it has two; 0 for
            none.
        penalty: Its kind, "frobenius" (eq. 17) or "normalised".
        combine: How prediction takes the factors of eq. 11 together, "product" (the paper), "geometric" or "average";
            training is always on the product.
        share_classifiers: Whether there is one classifier for all languages.
        share_encoders: Whether the individual encoders are the consistent ones, too; `consistent` is null then.
        adversarial: `spacy_relx.AdversarialTraining.v1`, or null.
        entities: As of `spacy_relx.BagModel.v1`.
        max_tokens: As of `spacy_relx.BagModel.v1`.
        batch_tokens: As of `spacy_relx.BagModel.v1`.
        marker_dropout: As of `spacy_relx.BagModel.v1`.

    Returns:
        The model.

    Raises:
        RelxError: RX021 for languages that are none, RX385 for settings that do not go together.
    """
    if not langs or not all(langs) or len(set(langs)) < len(langs):
        raise RelxError("RX021", name="langs", value=langs, need="a list of one or more different languages")
    _check_parts(langs, individual, consistent, adversary, share_classifiers, share_encoders)
    if not isinstance(classifier(1, 1), SoftmaxBagClassifier):
        problem = 'the product of probabilities needs a classifier with loss = "softmax"'
        raise RelxError("RX385", name="spacy_relx.MultilingualBagModel.v1", reason=problem)

    parts = Parts(
        langs=tuple(langs),
        individual=individual,
        consistent=consistent,
        classifier=classifier,
        share_classifiers=share_classifiers,
        share_encoders=share_encoders,
        combine=combine,
        adversary=adversary,
        penalty=(orthogonality, penalty),
        adversarial=adversarial,
        batch_tokens=batch_tokens,
    )
    return make_model(
        BagLayer(
            words,
            parts,
            entities=entities,
            langs=langs,
            max_tokens=max_tokens,
            batch_tokens=batch_tokens,
            marker_dropout=marker_dropout,
        )
    )


def _encoders(make: MakeSentences | None, words: TokenVectors, n_markers: int, n: int) -> list[SentenceEncoder] | None:
    return None if make is None else [make(words, n_markers) for _ in range(n)]


def _check_parts(
    langs: Sequence[str],
    individual: MakeSentences | None,
    consistent: MakeSentences | None,
    adversary: Adversary | None,
    share_classifiers: bool,
    share_encoders: bool,
) -> None:
    problem = ""
    if individual is None and consistent is None:
        problem = "individual and consistent are both null"
    elif share_encoders and (individual is None or consistent is not None):
        problem = "share_encoders takes the individual encoders for both sides: set individual, and consistent to null"
    elif share_classifiers and individual is None:
        problem = "share_classifiers is for the classifiers of single languages, which only individual encoders have"
    elif adversary is not None and ((consistent is None and not share_encoders) or len(langs) < 2):
        problem = "an adversary needs consistent encoders and two languages or more"
    if problem:
        raise RelxError("RX385", name="spacy_relx.MultilingualBagModel.v1", reason=problem)

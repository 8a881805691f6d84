"""`spacy_relx.JointModel.v1`: Docs -> token vectors -> mentions and relations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor

from ..core.docs_to_batch import DocBatch, offsets
from ..core.layer import Encoder, TaskModel, TokenTaskLayer, given, make_model
from ..core.parts import Context, part_codes, part_lengths, piece_lengths
from ..core.settings import Count, architecture
from ..data.extensions import known_code
from ..errors import RelxError
from .batch import Finder, Found, JointBatch, JointTargets, Known


@dataclass(frozen=True)
class JointGold:
    """What is to be found in a Doc, tokens and mentions numbered in it; see `JointTargets`. All int64.

    Args:
        spans: (n_mentions, 2).
        types: (n_mentions,).
        relations: (n_relations, 3).
        known: What the annotation covers, see `Known`: types, labels, mentions, pairs; None where that is everything.
    """

    spans: np.ndarray
    types: np.ndarray
    relations: np.ndarray
    known: tuple[Sequence[bool], Sequence[bool], bool, bool] | None = None


@dataclass(frozen=True)
class DocFound:
    """What is found in a Doc, tokens and mentions numbered in it; see `Found`. Floats are float32, all else int64."""

    spans: np.ndarray
    types: np.ndarray
    mention_scores: np.ndarray
    pairs: np.ndarray
    scores: np.ndarray

    @classmethod
    def nothing(cls, n_labels: int) -> DocFound:
        none, pairs = np.zeros(0, "int64"), np.zeros((0, 2), "int64")
        return cls(pairs, none, np.zeros(0, "float32"), pairs, np.zeros((0, n_labels + 1), "float32"))


#: (width of the token vectors, n_markers, n_labels) -> the network; n_markers is the number of entity types plus one.
MakeFinder = Callable[[int, int, int], Finder]


class JointLayer(TokenTaskLayer[Finder, Sequence[JointGold], DocFound]):
    """Texts -> mentions and relations, or a loss. Targets: what is to be found in each Doc.

    Args:
        finder: Makes the network.
        batch_tokens: As of `TokenTaskLayer`.
        max_tokens: As of `part_lengths`.
        context: What is searched at once, see `build_joint_model`.

    Attributes:
        label_masks: For each language the rows of the labels that it has; languages that are not named have all.
    """

    name = "joint"

    def __init__(self, finder: MakeFinder, batch_tokens: int, max_tokens: int, context: Context = "sentence"):
        super().__init__(batch_tokens)
        self.finder, self.max_tokens, self.context = finder, max_tokens, context
        self.label_masks: Mapping[str, Sequence[int]] = {}

    def build(self) -> Finder:
        return self.finder(self.sizes["width"], self.task.n_markers, self.task.n_labels)

    def parts(self, doc: Doc) -> np.ndarray:
        """int64 (n_parts,): tokens of the parts of a Doc in which mentions and relations are found."""
        if self.context == "document":
            return piece_lengths(doc, self.max_tokens)
        return part_lengths(doc, self.max_tokens, self.task.by_rule)

    def loss(self, docs: DocBatch, targets: Sequence[JointGold], tokens: Tensor | None) -> Tensor:
        vectors = given(tokens)
        if not len(vectors):
            return vectors.sum() * 0.0
        batch = make_joint_batch(docs, [self.parts(doc) for doc in docs])
        sizes = self.task.n_markers - 1, self.task.n_labels
        gold = make_targets(docs, targets, sizes).to(self.device)
        return self.network.loss(vectors, batch.to(self.device), gold)

    def nothing(self) -> DocFound:
        return DocFound.nothing(self.task.n_labels)

    def is_read(self, docs: DocBatch) -> list[bool]:
        return [len(doc) > 0 for doc in docs]

    def answers(self, docs: DocBatch, tokens: Tensor) -> list[DocFound]:
        """As of `TokenTaskLayer`.

        Raises:
            RelxError: RX595 for vectors that are not finite: no mention would be found, and nobody would know why.
        """
        lengths = [len(doc) for doc in docs]
        finite = torch.isfinite(tokens).all(dim=1)
        if not finite.all():
            first = int(np.searchsorted(np.cumsum(lengths), int((~finite).nonzero()[0]), side="right"))
            raise RelxError("RX595", name=self.name, text=docs[first].text[:60])
        batch = make_joint_batch(docs, [self.parts(doc) for doc in docs], self.label_masks, self.task.n_labels)
        found: Found = self.network(tokens, batch.to(self.device))
        return split_found(found.to(torch.device("cpu")), lengths)


@architecture
def build_joint_model(
    encoder: Encoder,
    finder: MakeFinder,
    *,
    batch_tokens: Count = 8192,
    max_tokens: Count = 256,
    context: Context = "sentence",
) -> TaskModel:
    """`spacy_relx.JointModel.v1`: the model of `joint_extractor`, above any encoder.

    Args:
        encoder: Any model from Docs to token vectors, a listener too; for several languages
            `spacy_relx.LanguageEncoder.v1` around it.
        finder: `spacy_relx.AllTriples.v1` or `spacy_relx.OneTriple.v1`.
        batch_tokens: Tokens that are worked on at once in prediction. It bounds memory and changes no result.
        max_tokens: What has more tokens is read in pieces; what the border of a piece cuts is not found.
        context: Where a mention and its relations are looked for: in each "sentence" (in the whole Doc where sentences
            are not set and training had relations across sentences), or in the "document", that is in pieces of as many
            whole sentences as have `max_tokens` tokens.

    Returns:
        The model.
    """
    return make_model(JointLayer(finder, batch_tokens, max_tokens, context), encoder)


def make_joint_batch(
    docs: Sequence[Doc],
    parts: Sequence[np.ndarray],
    masks: Mapping[str, Sequence[int]] | None = None,
    n_labels: int = 0,
) -> JointBatch:
    """The parts of the Docs, of which `parts` are the lengths. masks: for each language the rows of the labels that it
    has; languages that are not named have all."""
    langs = [known_code(lang, masks) for lang in part_codes(docs, parts)] if masks else []
    allowed = None
    if masks and any(lang in masks for lang in langs):
        allowed = torch.ones(len(langs), n_labels + 1, dtype=torch.bool)
        for row, lang in enumerate(langs):
            if lang in masks:
                allowed[row, 1:] = False
                allowed[row, torch.tensor(masks[lang], dtype=torch.int64) + 1] = True
    return JointBatch(torch.from_numpy(np.concatenate(parts)), allowed)


def make_targets(docs: Sequence[Doc], gold: Sequence[JointGold], sizes: tuple[int, int]) -> JointTargets:
    """Number tokens and mentions of the Docs through. sizes: number of types and of labels."""
    tokens, mentions = offsets([len(doc) for doc in docs]), offsets([len(each.types) for each in gold])
    spans = [each.spans + start for each, start in zip(gold, tokens)]
    step = np.array([1, 0, 1])
    relations = [each.relations + start * step for each, start in zip(gold, mentions)]
    arrays = (spans, [each.types for each in gold], relations)
    shapes = ((0, 2), (0,), (0, 3))
    of_spans, of_types, of_relations = (
        torch.from_numpy(np.concatenate([np.zeros(shape, "int64"), *parts]).astype("int64"))
        for parts, shape in zip(arrays, shapes)
    )
    return JointTargets(of_spans, of_types, of_relations, _known(docs, gold, sizes))


def _known(docs: Sequence[Doc], gold: Sequence[JointGold], sizes: tuple[int, int]) -> Known | None:
    if all(each.known is None for each in gold):
        return None
    everything = [True] * sizes[0], [True] * sizes[1], True, True
    columns = zip(*(everything if each.known is None else each.known for each in gold))
    owners = np.repeat(np.arange(len(docs)), [len(doc) for doc in docs])
    return Known(torch.from_numpy(owners), *(torch.tensor(column) for column in columns))


def split_found(found: Found, lengths: Sequence[int]) -> list[DocFound]:
    """What is found in each Doc, mentions in the order in which the network gives them. lengths: tokens of each."""
    bounds = offsets(lengths)
    spans, pairs = found.spans.numpy(), found.pairs.numpy()
    owners = np.searchsorted(bounds, spans[:, 0], side="right") - 1
    of_mentions = np.searchsorted(owners, np.arange(len(bounds)))
    by_head = np.argsort(pairs[:, 0], kind="stable")
    pairs = pairs[by_head]
    of_pairs = np.searchsorted(pairs[:, 0], of_mentions)
    types, sure = found.types.numpy(), found.mention_scores.float().numpy()
    scores = found.scores.float().numpy()[by_head]
    return [
        DocFound(spans[a:b] - start, types[a:b], sure[a:b], pairs[c:d] - a, scores[c:d])
        for start, a, b, c, d in zip(bounds, of_mentions, of_mentions[1:], of_pairs, of_pairs[1:])
    ]

"""`spacy_relx.MarkedModel.v1`: texts in which mentions are marked -> transformer -> pair vectors -> labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..core.classifiers import MakeClassifier, sample_pairs
from ..core.docs_to_batch import DocBatch, offsets, sub_batches
from ..core.layer import TaskLayer, TaskModel, make_model
from ..core.parts import Context, codes_at, reads_sentences, route_rows, warn_of_unrouted
from ..core.precision import Precision
from ..core.settings import Count, Probability, architecture
from ..core.transformers.batch import MarkedBatch
from ..core.transformers.bert import BERT_LIKE
from ..core.transformers.layer import TransformerLayer
from ..core.transformers.loading import TransformerSource, set_training, text_length
from ..data.extensions import get_routes
from ..data.sentences import sentence_starts
from ..errors import RelxError
from ..languages.switcher import LanguageSwitcher, MakeSwitcher
from ..relations.layer import PairScores
from .marker_embedding import MarkerEmbedding
from .marking import MarkedDoc, Marking, Mode, Roles, count_marker_rows, cut_sentences, marker_rows, start_markers
from .mention_pairs import MakeEntityPairs
from .mention_texts import MentionPlan
from .network import MarkedNetwork
from .pair_texts import PairPlan
from .pooling import MakePooling


class MarkedLayer(TransformerLayer[MarkedNetwork], TaskLayer[MarkedNetwork, np.ndarray, PairScores]):
    """Candidate pairs -> scores, or a loss, by marked texts. Targets: float32 (n_pairs, n_labels), of all Docs' pairs.

    Settings: as of `build_marked_model`.
    """

    name = "marked_relation"

    def __init__(
        self,
        transformer: TransformerSource,
        pooling: MakePooling,
        pairs: MakeEntityPairs,
        classifier: MakeClassifier,
        mode: Mode,
        inference_mode: Mode,
        inline: bool,
        roles: Roles,
        batch_tokens: int,
        batch_pairs: int,
        precision: Precision,
        marker_dropout: float,
        switcher: MakeSwitcher | None,
        context: Context | None,
    ):
        super().__init__(transformer, marker_dropout)
        self.pooling, self.pairs, self.classifier, self.make_switcher = pooling, pairs, classifier, switcher
        self.mode, self.inference_mode, self.inline, self.roles = mode, inference_mode, inline, roles
        self.batch_tokens, self.batch_pairs = batch_tokens, batch_pairs
        self.precision, self.context = precision, context
        self.tells_langs = switcher is not None
        self.has_warned = False

    @property
    def switcher(self) -> LanguageSwitcher | None:
        return self.network.switcher

    def build(self) -> MarkedNetwork:
        """Make the network around the transformer.

        Raises:
            RelxError: RX082 for markers beside the text that the transformer cannot have; RX051, RX084 for other layers
                than it has.
        """
        loaded, task = self.loaded, self.task
        modes = {self.mode, self.inference_mode}
        if ("packed" in modes or ("shared" in modes and not self.inline)) and not loaded.flat:
            raise RelxError("RX082", kind=loaded.config.model_type, known=", ".join(sorted(BERT_LIKE)))
        embedding = MarkerEmbedding(loaded.module.get_input_embeddings(), count_marker_rows(task.n_markers, self.roles))
        if loaded.has_weights:
            embedding.start()
        loaded.module.set_input_embeddings(embedding)
        set_training(loaded.module, self.source, new=embedding.markers)
        pooling = self.pooling(loaded.width)
        pairs = self.pairs(pooling, loaded.width, task.n_markers)
        switcher = None
        classifier = self.classifier(pairs.width_out, task.n_labels)
        if self.make_switcher is not None:
            switcher = self.make_switcher(pooling.width_out, task.langs, task.n_old_langs, task.old_modules)
        return MarkedNetwork(
            loaded.module,
            pooling,
            pairs,
            classifier,
            flat=loaded.flat,
            pad_id=loaded.subwords.pad_id,
            precision=self.precision,
            batch_pairs=self.batch_pairs,
            switcher=switcher,
        )

    def start(self) -> None:
        """Let typed markers begin as the words of their types' names."""
        table = self.loaded.module.get_input_embeddings()
        start_markers(table, self.loaded.subwords, self.roles, self.task.entity_types)

    def marking(self, mode: Mode) -> Marking:
        """How texts are marked.

        Raises:
            RelxError: RX021 for max_subwords or a stride that the transformer cannot have.
        """
        loaded = self.loaded
        length, subwords = text_length(loaded, self.source), loaded.subwords
        # pairs are given the same windows in "packed" as in "single", where four markers stand in the text
        room = length - len(subwords.prefix) - len(subwords.suffix) - (0 if mode == "shared" else 4)
        stride = self.source.stride or room // 2
        if stride > room // 2:
            raise RelxError("RX021", name="stride", value=stride, need=f"at most {room // 2}, half of a window")
        ids = marker_rows(self.task.n_markers, self.roles) + loaded.module.get_input_embeddings().first_id
        of_sentence = self.network.pooling.of_sentence
        return Marking(mode, self.inline, self.roles, room, stride, ids, subwords, of_sentence)

    def plan(self, docs: DocBatch, rows: np.ndarray | None, mode: Mode) -> tuple[PairPlan | MentionPlan, np.ndarray]:
        """The marked texts of Docs, and for each of their pairs its place among the wanted ones.

        Args:
            docs: Docs with candidates.
            rows: Only these of all their pairs, ascending; None for all.
            mode: How texts are marked.
        """
        if self.tells_langs and not self.has_warned:
            self.has_warned = warn_of_unrouted(docs, self.task.langs)
        marking = self.marking(mode)
        bounds = offsets([len(c) for c in docs.candidates])
        kept: list[Any] = [np.s_[:]] * len(docs)
        if rows is not None:
            cuts = np.searchsorted(rows, bounds)
            kept = [rows[cuts[i] : cuts[i + 1]] - bounds[i] for i in range(len(docs))]
            bounds = cuts
        pairs = [c.pairs[part].astype("int64") for c, part in zip(docs.candidates, kept)]
        used = [i for i in range(len(docs)) if len(pairs[i])]
        by_sentence = reads_sentences(self.task.by_sentence, self.context)
        starts = [sentence_starts(docs[i]) if by_sentence else np.zeros(1, "int64") for i in used]
        texts: list[MarkedDoc] = []
        order = [np.zeros(0, "int64")]
        breaks = [docs.candidates[i].spans.astype("int64").ravel() for i in used]
        for i, at, part in zip(used, starts, self.loaded.subwords([docs[i] for i in used], starts, breaks)):
            spans, markers = docs.candidates[i].spans, marking.known(docs.markers_of(i))
            cut, places = cut_sentences(
                MarkedDoc(docs[i], part, spans, markers, pairs[i], self._routes(docs[i], spans)), at
            )
            texts.extend(cut)
            order.append(places + bounds[i])
        if mode == "shared":
            return MentionPlan(texts, marking), np.concatenate(order)
        return PairPlan(texts, marking, self.batch_tokens), np.concatenate(order)

    def _routes(self, doc: Doc, spans: np.ndarray) -> np.ndarray:
        """int64 (n_mentions,): row of the language whose route each mention takes."""
        if not self.tells_langs:
            return np.zeros(len(spans), dtype="int64")
        return route_rows(codes_at(doc, spans[:, 0], get_routes), self.task.langs)

    def loss(self, docs: DocBatch, targets: np.ndarray, tokens: Tensor | None) -> Tensor:
        """Mean loss of all pairs. What does not fit `batch_tokens` is computed again for the backward pass."""
        if not len(targets):
            return torch.zeros(())
        gold = torch.from_numpy(targets)
        rows = sample_pairs(gold, self.network.classifier.negative_ratio)
        if rows is not None and not len(rows):
            return torch.zeros(())
        if rows is not None:
            gold = gold[rows]
        plan, order = self.plan(docs, None if rows is None else rows.numpy(), self.mode)
        steps = _Steps(self.network, plan, gold[torch.from_numpy(order)], self.device)
        batches = sub_batches(plan.sizes, self.batch_tokens, padded=not self.network.flat)
        losses = [
            steps.together(items, again=torch.is_grad_enabled() and n < len(batches))
            for n, items in enumerate(batches, start=1)
        ]
        apart = steps.apart()
        return torch.stack(losses if apart is None else [*losses, apart]).sum()

    def predict(self, model: TaskModel, docs: Sequence[Doc]) -> list[PairScores]:
        """Scores of each Doc's candidate pairs, in the order of the Docs.

        Texts are read in sub-batches of about `batch_tokens` rows, sorted by length; Docs without pairs not at all.
        """
        batch = DocBatch(docs)
        bounds = offsets([len(c) for c in batch.candidates])
        scores = np.zeros((bounds[-1], self.task.n_labels + 1), dtype="float32")
        self.network.eval()
        if len(scores):
            plan, order = self.plan(batch, None, self.inference_mode)
            with torch.inference_mode():
                for rows, part in _score(self.network, plan, self.device, self.batch_tokens):
                    scores[order[rows]] = part.cpu().numpy()
        return np.split(scores, bounds[1:-1])


@architecture
def build_marked_model(
    transformer: TransformerSource,
    pooling: MakePooling,
    pairs: MakeEntityPairs,
    classifier: MakeClassifier,
    *,
    mode: Mode = "packed",
    inference_mode: Mode | None = None,
    inline: bool = True,
    roles: Roles | None = None,
    batch_tokens: Count = 4096,
    batch_pairs: Count = 8192,
    precision: Precision = "fp32",
    marker_dropout: Probability = 0.0,
    switcher: MakeSwitcher | None = None,
    context: Context | None = None,
) -> TaskModel:
    """`spacy_relx.MarkedModel.v1`: a model of `relation_extractor` that reads marked texts (Ni et al. 2020).

    Whether markers are typed or uniform is a setting of the `entity_type_marker`.

    Args:
        transformer: `spacy_relx.Transformer.v1`.
        pooling: How states become entity vectors, for instance `spacy_relx.EntityStart.v1`.
        pairs: `spacy_relx.ConcatPairs.v1` or `spacy_relx.MentionPairs.v1`.
        classifier: `spacy_relx.SoftmaxClassifier.v1` or `spacy_relx.MultiLabelClassifier.v1`.
        mode: "single", one marked text for each pair, as in the paper; "packed", the text once and beside it the
            markers of all pairs, at the positions of their mentions, so that they see the text and each other and no
            other pair; or "shared", one pair of markers for each mention, for all its pairs.
        inference_mode: "single" or "packed" in prediction for a model trained in the other; null: as in training.
        inline: Whether shared markers stand in the text; false, in mode "shared" only: beside it.
        roles: Which markers tell head from tail: "uniform" (the paper: typed ones do not), "all", "none"; null: "all"
            where the pooling shows no direction, else "uniform". Both directions of a pair whose markers do not are
            read as one.
        batch_tokens: Subwords and markers that are worked on at once, in training and prediction. It bounds memory and
            changes no score.
        batch_pairs: Pairs that are scored at once. It bounds memory and changes no score.
        precision: "bf16" runs the transformer in bfloat16, "auto" does so where the device computes it in hardware.
        marker_dropout: Probability that all types of a Doc, and again that a single mention's type, are hidden in
            training. It teaches the uniform markers, to which types fall back that training never showed.
        switcher: `spacy_relx.LanguageSwitcher.v1`, which refines the entity vectors by their language, or null.
        context: What is read at once, each "sentence" by itself (for a pair across sentences all from the first to the
            last) or the whole "document", in windows; null: as in training, sentences where the training Docs were
            single sentences.

    Returns:
        The model.

    Raises:
        RelxError: RX385 for settings that do not go together.
    """
    of_sentence = pooling(1).of_sentence
    roles = roles or ("all" if of_sentence else "uniform")
    predicted = mode if inference_mode is None else inference_mode
    problem = _problem({mode, predicted}, inline, roles, of_sentence)
    if problem:
        raise RelxError("RX385", name="spacy_relx.MarkedModel.v1", reason=problem)
    return make_model(
        MarkedLayer(
            transformer,
            pooling,
            pairs,
            classifier,
            mode=mode,
            inference_mode=predicted,
            inline=inline,
            roles=roles,
            batch_tokens=batch_tokens,
            batch_pairs=batch_pairs,
            precision=precision,
            marker_dropout=marker_dropout,
            switcher=switcher,
            context=context,
        )
    )


def _problem(modes: set[Mode], inline: bool, roles: Roles, of_sentence: bool) -> str:
    """Why these settings do not go together, "" if they do."""
    if "shared" in modes and len(modes) > 1:
        return "mode 'shared' has other markers than 'single' and 'packed' to train"
    if of_sentence and "shared" in modes:
        return "spacy_relx.SentenceStart.v1 gives all pairs of a text one vector in mode 'shared'"
    if of_sentence and roles == "none":
        return "spacy_relx.SentenceStart.v1 gives both directions of a pair one vector with roles = 'none'"
    if not inline and "shared" not in modes:
        return "inline = false is about mode 'shared'; 'single' always has its markers in the text, 'packed' beside it"
    return ""


def _score(
    network: MarkedNetwork, plan: PairPlan | MentionPlan, device: torch.device, batch_tokens: int
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """(rows of the pairs, their scores), sub-batch by sub-batch, in no order."""
    vectors = _VectorsApart(plan)
    for items in sub_batches(plan.sizes, batch_tokens, padded=not network.flat):
        batch, rows = plan.build(items)
        batch = batch.to(device)
        entities, states = network.entities(batch)
        vectors.keep(items, entities)
        if len(rows):
            yield rows, network.scores(entities, batch, states)
    if vectors.needed:
        entities, batch, rows = vectors.gather()
        yield rows, network.scores(entities, batch.to(device), None)


class _VectorsApart:
    """Vectors of the entities whose pairs lie in different texts, kept until all texts have been read."""

    def __init__(self, plan: PairPlan | MentionPlan):
        self._plan: Any = plan
        self.needed = isinstance(plan, MentionPlan) and len(plan.apart) > 0
        self._parts: list[Tensor] = []
        self._rows: list[np.ndarray] = []

    def keep(self, items: np.ndarray, entities: Tensor) -> None:
        if self.needed:
            rows = self._plan.entities(items)
            wanted = np.isin(rows, self._plan.entities_apart)
            self._parts.append(entities[torch.from_numpy(wanted.nonzero()[0]).to(entities.device)].detach())
            self._rows.append(rows[wanted])

    def gather(self) -> tuple[Tensor, MarkedBatch, np.ndarray]:
        """The vectors, a batch of all these pairs, and the pairs' rows."""
        order = torch.from_numpy(np.argsort(np.concatenate(self._rows)))  # that of `entities_apart`
        return torch.cat(self._parts)[order.to(self._parts[0].device)], *self._plan.build_apart()


class _Steps:
    """The loss as a sum over sub-batches: each one's mean loss times its share of the weight of all pairs.

    Pairs whose mentions lie in different texts are trained on vectors that are held fixed: the transformer learns from
    the pairs that share a text.
    """

    def __init__(self, network: MarkedNetwork, plan: PairPlan | MentionPlan, gold: Tensor, device: torch.device):
        self._network, self._plan, self._gold, self._device = network, plan, gold, device
        self._vectors = _VectorsApart(plan)
        self._weights = network.classifier.weights(gold)

    def together(self, items: np.ndarray, again: bool) -> Tensor:
        """Loss of the pairs in some texts. again: forget the intermediate values, and compute them again when the
        gradient is wanted."""
        batch, rows = self._plan.build(items)
        batch = batch.to(self._device)
        targets, share = self._targets(rows)

        def run() -> tuple[Tensor, Tensor]:
            entities, states = self._network.entities(batch)
            if not len(rows):
                return entities.sum() * 0.0, entities
            return self._network.loss(entities, batch, states, targets) * share, entities

        loss, entities = checkpoint(run, use_reentrant=False) if again else run()
        self._vectors.keep(items, entities)
        return loss

    def apart(self) -> Tensor | None:
        """Loss of the pairs whose mentions lie in different texts, once all texts have been read; None without any."""
        if not self._vectors.needed:
            return None
        entities, batch, rows = self._vectors.gather()
        targets, share = self._targets(rows)
        return self._network.loss(entities, batch.to(self._device), None, targets) * share

    def _targets(self, rows: np.ndarray) -> tuple[Tensor, float]:
        picked = torch.from_numpy(rows)
        return self._gold[picked].to(self._device), float(self._weights[picked].sum() / self._weights.sum())

"""thinc layer around `nn.marked.MarkedNetwork`: Docs with candidates -> scores, or a loss to backpropagate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..core.docs_to_batch import docs_and_targets, hidden_types, offsets, sub_batches
from ..core.heads import sample_pairs
from ..core.parts import codes_at, reads_sentences, route_rows, warn_of_unrouted
from ..core.transformers.batch import MarkedBatch
from ..core.transformers.loading import LoadedTransformer, TransformerSource, load_transformer
from ..core.transformers.shim import TransformerShim
from ..data.extensions import get_candidates, get_routes
from ..data.sentences import sentence_starts
from ..data.types import Candidates
from ..relations.layer import RelationInput
from .marking import MarkedDoc, Marking, cut_sentences
from .mention_texts import MentionPlan
from .network import MarkedNetwork
from .pair_texts import PairPlan


@dataclass(frozen=True)
class MarkedSettings:
    """mode, inference_mode: how texts are marked in training and prediction. batch_tokens: rows that are worked on at
    once, which bounds memory. marker_dropout: see `hidden_types`. context: what is read at once, see
    `parts.CONTEXTS`."""

    mode: str
    inference_mode: str
    batch_tokens: int
    marker_dropout: float
    context: str | None = None


#: (transformer, n_markers, n_labels, sizes) -> the network; sizes: those of its switcher, see `TransformerShim`.
Build = Callable[..., MarkedNetwork]
#: (mode, transformer, n_markers) -> how texts are marked.
MakeMarking = Callable[[str, LoadedTransformer, int], Marking]
#: (network, the transformer it was built of, names of the markers): first values of the marker tokens.
StartMarkers = Callable[[MarkedNetwork, LoadedTransformer, Sequence[str]], None]


def shim_of(model: Model) -> TransformerShim:
    return cast(TransformerShim, model.shims[0])


def make_marked_layer(
    source: TransformerSource,
    build: Build,
    make_marking: MakeMarking,
    start_markers: StartMarkers,
    settings: MarkedSettings,
    has_switcher: bool = False,
) -> Model:
    """The model of a `relation_extractor` that reads marked texts with a transformer. See `RelationInput`."""
    layer = MarkedLayer(make_marking, settings)
    shim = TransformerShim()
    shim.sizes = {"languages": [], "n_old": 0, "old_modules": 0} if has_switcher else None
    return Model(
        "marked_relation",
        layer.forward,  # bound here: what stands in `attrs` is saved and would beat the config
        init=partial(init, source, start_markers),
        shims=[shim],
        dims={"nO": None, "nI": None, "n_markers": None},
        attrs={"build": build, "build_network": build_network, "marker_names": [], "by_sentence": False},
    )


def init(source: TransformerSource, start_markers: StartMarkers, model: Model, X: Any = None, Y: Any = None) -> None:
    """Load the pre-trained transformer and build the network; nO and n_markers must be set."""
    loaded = load_transformer(source)
    build_network(model, int(loaded.config.hidden_size))
    shim = shim_of(model)
    shim.build_from(loaded)
    start_markers(shim.module, loaded, model.attrs["marker_names"])


def build_network(model: Model, width: int) -> None:
    """Set the last dimension; the network is built when its transformer is there. width: of the transformer."""
    model.set_dim("nI", width)
    shim_of(model).make = partial(
        model.attrs["build"],
        n_markers=model.get_dim("n_markers"),
        n_labels=model.get_dim("nO"),
        sizes=shim_of(model).sizes,
    )


class MarkedLayer:
    """Forward and backward, with settings that come from the config and are never saved."""

    def __init__(self, make_marking: MakeMarking, settings: MarkedSettings):
        self.make_marking = make_marking
        self.settings = settings

    def forward(self, model: Model, inputs: RelationInput, is_train: bool) -> tuple[Any, Callable]:
        """(Docs, targets) -> (loss, backprop), to be called with 1.0; (Docs, None) -> scores for each Doc."""
        docs, targets = docs_and_targets(inputs)
        if targets is None:
            return self.predict(model, docs), lambda _: docs
        with hidden_types(docs, self.settings.marker_dropout if is_train else 0.0):
            return self.loss(model, docs, targets, is_train)

    def plan(
        self,
        model: Model,
        docs: Sequence[Doc],
        candidates: Sequence[Candidates],
        rows: np.ndarray | None,
        training: bool,
    ) -> tuple[PairPlan | MentionPlan, np.ndarray]:
        """The marked texts of Docs, and for each of their pairs its place among the wanted ones.

        Args:
            model: The model.
            docs: Docs with candidates.
            candidates: Those of each.
            rows: Only these of all their pairs, sorted; None for all.
            training: Whether texts are marked as in training.
        """
        shim = shim_of(model)
        loaded = shim.transformer
        if shim.sizes is not None and not shim.warned:
            shim.warned = warn_of_unrouted(docs, shim.sizes["languages"])
        mode = self.settings.mode if training else self.settings.inference_mode
        marking = self.make_marking(mode, loaded, model.get_dim("n_markers"))
        bounds = offsets([len(c) for c in candidates])
        kept = [np.s_[:]] * len(docs)
        if rows is not None:
            cuts = np.searchsorted(rows, bounds)
            kept = [rows[cuts[i] : cuts[i + 1]] - bounds[i] for i in range(len(docs))]
            bounds = cuts
        used = [i for i in range(len(docs)) if len(candidates[i].pairs[kept[i]])]
        by_sentence = reads_sentences(model, self.settings.context)
        starts = [sentence_starts(docs[i]) if by_sentence else np.zeros(1, "int64") for i in used]
        texts: list[MarkedDoc] = []
        order = [np.zeros(0, "int64")]
        for i, at, part in zip(used, starts, loaded.subwords([docs[i] for i in used], starts)):
            markers = marking.known(candidates[i].markers).astype("int64")
            pairs = candidates[i].pairs[kept[i]].astype("int64")
            langs = mention_routes(docs[i], candidates[i], shim.sizes)
            cut, places = cut_sentences(MarkedDoc(docs[i], part, candidates[i].spans, markers, pairs, langs), at)
            texts.extend(cut)
            order.append(places + bounds[i])
        if mode == "shared":
            return MentionPlan(texts, marking), np.concatenate(order)
        return PairPlan(texts, marking, self.settings.batch_tokens), np.concatenate(order)

    def loss(self, model: Model, docs: Sequence[Doc], targets: np.ndarray, is_train: bool) -> tuple[float, Callable]:
        """Mean loss of all pairs. What does not fit `batch_tokens` is computed again for the backward pass."""
        if not len(targets):
            return 0.0, lambda _: docs
        shim = shim_of(model)
        network, device = shim.module.train(is_train), shim.device
        gold = torch.from_numpy(targets)
        rows = sample_pairs(gold, network.head.negative_ratio)
        if rows is not None:
            gold = gold[rows]
        candidates = [get_candidates(doc) for doc in docs]
        plan, order = self.plan(model, docs, candidates, None if rows is None else rows.numpy(), training=True)
        steps = _Steps(network, plan, gold[torch.from_numpy(order)], device)
        batches = sub_batches(plan.sizes, self.settings.batch_tokens, padded=not network.flat)
        losses = []
        with torch.set_grad_enabled(is_train):
            for n, items in enumerate(batches, start=1):
                losses.append(steps.together(items, again=is_train and n < len(batches)))
            apart = steps.apart()
            losses += [] if apart is None else [apart]
            loss = torch.stack(losses).sum()

        def backprop(factor: float) -> Sequence[Doc]:
            if loss.requires_grad:
                (loss * factor).backward()
            return docs

        return float(loss.detach()), backprop

    def predict(self, model: Model, docs: Sequence[Doc]) -> list[np.ndarray]:
        """Scores of each Doc's candidate pairs, in the order of the Docs.

        Texts are read in sub-batches of about `batch_tokens` rows, sorted by length; Docs without pairs not at all.
        RETURNS: float32 (n_pairs, n_labels + 1) each, column 0 is no-relation.
        """
        shim = shim_of(model)
        network, device = shim.module.eval(), shim.device
        candidates = [get_candidates(doc) for doc in docs]
        bounds = offsets([len(c) for c in candidates])
        scores = np.zeros((bounds[-1], model.get_dim("nO") + 1), dtype="float32")
        if len(scores):
            plan, order = self.plan(model, docs, candidates, None, training=False)
            with torch.inference_mode():
                for rows, part in _score(network, plan, device, self.settings.batch_tokens):
                    scores[order[rows]] = part.cpu().numpy()
        return np.split(scores, bounds[1:-1])


def mention_routes(doc: Doc, candidates: Candidates, sizes: dict[str, Any] | None) -> np.ndarray:
    """int64 (n_mentions,): row of the language whose route each mention takes. sizes: see `TransformerShim`."""
    if sizes is None:
        return np.zeros(candidates.n_mentions, dtype="int64")
    return route_rows(codes_at(doc, candidates.spans[:, 0], get_routes), sizes["languages"])


def _score(network: MarkedNetwork, plan: Any, device: torch.device, batch_tokens: int):
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
        self._weights = torch.where(gold.any(dim=1), 1.0, float(network.head.no_relation_weight))

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

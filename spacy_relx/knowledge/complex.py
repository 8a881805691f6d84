"""Training ComplEx on the triples of a knowledge base.

Two losses: `one-vs-all`, softmax over all entities with reciprocal relations and the N3 norm (Lacroix et al. 2018), and
`sampled`, softplus over corrupted triples (Trouillon et al. 2016, with corrupted relations as in Xu and Barbosa 2019).
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding

from ..core.kernels.table_optimizers import OPTIMIZERS, make_optimizers, row_gradient, step
from ..errors import RelxError
from .complex_network import (
    ComplEx,
    OneVsAll,
    QueryBatch,
    Weights,
    corrupt,
    corrupted_scores,
    n3,
    sampled_loss,
    triple_score,
)
from .embeddings import KBEmbeddings
from .ranks import rank_triples
from .training_state import TrainingState
from .triples import HEAD, LABEL, TAIL, KnowledgeBase

LOSSES = ("one-vs-all", "sampled")
#: Settings that may change when training goes on.
FREE = frozenset({"epochs", "threads", "eval_every", "patience", "save_every"})


@dataclass(frozen=True)
class ComplExSettings:
    """dim: complex numbers a vector. loss: of `LOSSES`. epochs: at most. batch_size: triples an update, inverse ones
    counted. lr: learning rate. optimizer: "adagrad" or "adam". n3, l2: weights of the norms of a triple's vectors.
    relation_weight: of the prediction of relations (one-vs-all only).
    tails_per_query: at most so many triples of one head and relation share a row of scores in an update; 1 for a row a
    triple, as in the papers (one-vs-all only).
    candidates: entities drawn for the softmax of each update, beside those of its triples, 0 for all entities
    (one-vs-all only). negatives: corrupted heads, tails and relations of each triple, of each so many (sampled only).
    average: the vectors that are looked at and kept are a running mean over epochs, in which the newest has this share
    (Polyak and Juditsky 1992); 0 for those of the last epoch alone.
    init_scale: standard deviation of the first vectors. seed: of all draws. threads: of PyTorch, 0 for what it has.
    eval_every: epochs between looks at the validation triples. patience: such looks without a better MRR after which
    training stops, 0 for never. valid_triples: how many are looked at, drawn once, 0 for all. save_every: epochs
    between saves of the state.
    RAISES: RelxError RX021 for a value that cannot be.
    """

    dim: int = 200
    loss: str = "one-vs-all"
    epochs: int = 100
    batch_size: int = 500
    lr: float = 0.2
    optimizer: str = "adagrad"
    n3: float = 0.05
    l2: float = 0.0
    relation_weight: float = 0.0
    tails_per_query: int = 16
    candidates: int = 0
    negatives: int = 10
    average: float = 0.25
    init_scale: float = 0.1
    seed: int = 0
    threads: int = 0
    eval_every: int = 5
    patience: int = 5
    valid_triples: int = 5000
    save_every: int = 10

    def __post_init__(self) -> None:
        least = {"dim": 1, "batch_size": 1, "tails_per_query": 1, "negatives": 1, "eval_every": 1, "save_every": 1}
        for name, value in asdict(self).items():
            if name in ("loss", "optimizer"):
                known = LOSSES if name == "loss" else OPTIMIZERS
                if value not in known:
                    raise RelxError("RX021", name=name, value=value, need=f"one of {', '.join(known)}")
            elif not least.get(name, 0) <= value < math.inf:
                raise RelxError("RX021", name=name, value=value, need=f"{least.get(name, 0)} or more")
        for name in ("relation_weight", "candidates"):
            if self.loss == "sampled" and getattr(self, name):
                need = '0 with the loss "sampled", which does not use it'
                raise RelxError("RX021", name=name, value=getattr(self, name), need=need)
        if self.average > 1:
            raise RelxError("RX021", name="average", value=self.average, need="at most 1")
        for name in ("lr", "init_scale"):
            if not getattr(self, name):
                raise RelxError("RX021", name=name, value=0, need="more than 0")


@dataclass(frozen=True)
class Epoch:
    """One epoch. number: from 1. loss: mean over its triples, without norms. seconds: of training. valid_mrr: None
    where it was not looked at."""

    number: int
    loss: float
    seconds: float
    valid_mrr: float | None = None


class Progress(Protocol):
    """May show how batches pass: the same batches, their number, the number of the epoch."""

    def __call__(self, batches: Iterable[Any], total: int, epoch: int) -> Iterable[Any]: ...


def train_complex(
    train: KnowledgeBase,
    settings: ComplExSettings | None = None,
    *,
    valid: KnowledgeBase | None = None,
    known: Sequence[KnowledgeBase] = (),
    folder: Path | None = None,
    resume: bool = False,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    progress: Progress = lambda batches, total, epoch: batches,
) -> KBEmbeddings:
    """Train embeddings of the entities and relations of `train`.

    Args:
        valid: Triples by whose filtered MRR the best epoch is chosen; without them the last one is taken.
        known: More true triples, which are no wrong answers there.
        folder: Where the state is saved every `save_every` epochs, whole or not at all.
        resume: Go on from there, if there is a state; the result is the same as without the interruption. Two runs with
            the same seed, on one machine with as many threads, give the same vectors.

    Returns:
        The embeddings; their `training` says the best epoch, its MRR and all epochs.

    Raises:
        RelxError: RX233 (no triples, or no valid triple that train has the ids of), RX236 (the saved state is of
            another training), RX237 (the loss is not finite), RX205 and RX186 (the state cannot be read, or written).
    """
    settings = settings or ComplExSettings()
    if not len(train):
        raise RelxError("RX233", n=0)
    held = [] if valid is None else [valid, *known]
    state = None if folder is None else TrainingState(folder, fingerprint(train, settings, held))
    trainer = _Trainer(train, settings, valid, known)
    with _threads(settings.threads):
        if state is not None and resume:
            state.load(trainer)
        while not trainer.finished:
            on_epoch(trainer.epoch(progress))
            if state is not None and (trainer.finished or len(trainer.epochs) % settings.save_every == 0):
                state.save(trainer)
    return KBEmbeddings(train, trainer.best_model(), asdict(settings), trainer.notes())


def fingerprint(train: KnowledgeBase, settings: ComplExSettings, held: Sequence[KnowledgeBase]) -> dict[str, Any]:
    """What must be the same for a saved state to go on: settings, training triples and those of validation."""
    fixed = {name: value for name, value in asdict(settings).items() if name not in FREE}
    return {"triples": triples_digest(train), "valid": [triples_digest(kb) for kb in held], **fixed}


def triples_digest(kb: KnowledgeBase) -> str:
    """A hash of the triples and ids, in their order: the same file gives the same."""
    digest = hashlib.blake2b(np.ascontiguousarray(kb.triples).tobytes(), digest_size=16)
    for ids in (kb.entity_ids, kb.relation_ids):
        digest.update("\n".join(ids).encode("utf8", "surrogatepass"))
    return digest.hexdigest()


class Queries:
    """Triples and their inverses by head and relation, to be divided into batches.

    triples: int32 (n, 3). n_relations: without inverses. limit: triples of one query that go into one row.
    """

    def __init__(self, triples: np.ndarray, n_relations: int, limit: int):
        inverse = triples[:, [TAIL, LABEL, HEAD]] + np.array([0, n_relations, 0], triples.dtype)
        triples = np.concatenate([triples, inverse]).astype("int64")
        keys = triples[:, HEAD] * (2 * n_relations) + triples[:, LABEL]
        self._keys, self._query, self._counts = np.unique(keys, return_inverse=True, return_counts=True)
        self._tails = triples[:, TAIL]
        self._n_relations = 2 * n_relations
        self._pieces = -(-self._counts // limit)  # rows of each query

    def __len__(self) -> int:
        """Triples, inverse ones counted."""
        return len(self._tails)

    @property
    def n_rows(self) -> int:
        return int(self._pieces.sum())

    def rows_per_batch(self, batch_size: int) -> int:
        """So many rows that a batch has about batch_size triples."""
        return min(self.n_rows, max(1, round(batch_size * self.n_rows / len(self))))

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[QueryBatch]:
        """All triples once, in random order, `size` rows at a time. The triples of a query are divided at random."""
        order = np.argsort(self._query + rng.random(len(self)))
        query = self._query[order]
        place = np.arange(len(order)) - (np.cumsum(self._counts) - self._counts)[query]
        row = (np.cumsum(self._pieces) - self._pieces)[query] + place * self._pieces[query] // self._counts[query]
        counts = np.bincount(row)
        keys = np.repeat(self._keys, self._pieces)
        shuffled = rng.permutation(len(counts))
        starts = (np.cumsum(counts) - counts)[shuffled]
        keys, counts = keys[shuffled], counts[shuffled]
        ends = np.cumsum(counts)
        tails = self._tails[order][np.repeat(starts - (ends - counts), counts) + np.arange(len(order))]
        for first in range(0, len(counts), size):
            here = slice(first, min(first + size, len(counts)))
            part = slice(ends[first] - counts[first], ends[here.stop - 1])
            rows = np.repeat(np.arange(here.stop - first), counts[here])
            columns = (*np.divmod(keys[here], self._n_relations), rows, tails[part], counts[here])
            yield QueryBatch(*map(torch.from_numpy, columns))


class _Trainer:
    """Model, optimizer and how far training is. What `TrainingState` saves: model, mean, optimizer, epochs, best."""

    def __init__(
        self,
        train: KnowledgeBase,
        settings: ComplExSettings,
        valid: KnowledgeBase | None,
        known: Sequence[KnowledgeBase] = (),
    ):
        self.settings, self.train = settings, train
        generator = torch.Generator().manual_seed(settings.seed)
        sizes = (len(train.entity_ids), len(train.relation_ids), settings.dim)
        one_vs_all = settings.loss == "one-vs-all"
        self.model = ComplEx.random(*sizes, reciprocal=one_vs_all, scale=settings.init_scale, generator=generator)
        tables = [self.model.entities, self.model.relations]
        self._few = 0 < settings.candidates < len(train.entity_ids) if one_vs_all else True
        dense, sparse = (tables[1:], tables[:1]) if self._few else (tables, [])
        self.optimizers = make_optimizers(settings.optimizer, dense, sparse, settings.lr)
        #: The mean of the vectors over epochs, which is looked at and kept; the model itself where there is none.
        self.mean = deepcopy(self.model) if settings.average else self.model
        self._loss = OneVsAll()
        if one_vs_all:
            self.queries = Queries(train.triples, len(train.relation_ids), settings.tails_per_query)
        self.epochs: list[Epoch] = []
        #: (epoch, MRR), and the vectors then.
        self.best: tuple[int, float] = (0, -1.0)
        self.best_tables: tuple[Tensor, Tensor] | None = None
        self._set_valid(valid, known)

    def _set_valid(self, valid: KnowledgeBase | None, known: Sequence[KnowledgeBase]) -> None:
        self.valid: np.ndarray | None = None
        if valid is None:
            return
        ids = KBEmbeddings(self.train, self.model)
        triples = ids.encode(valid)
        self.known = np.concatenate([self.train.triples, triples, *map(ids.encode, known)])
        n = self.settings.valid_triples
        if 0 < n < len(triples):
            rng = np.random.default_rng(self.settings.seed)
            triples = triples[np.sort(rng.choice(len(triples), n, replace=False))]
        if not (triples >= 0).all(axis=1).any():
            raise RelxError("RX233", n=len(triples))
        self.valid = triples

    # Epochs

    @property
    def finished(self) -> bool:
        settings, done = self.settings, len(self.epochs)
        if self.valid is not None and settings.patience and done % settings.eval_every == 0:
            looks = (done - self.best[0]) // settings.eval_every
            if done and looks >= settings.patience:
                return True
        return done >= settings.epochs

    def epoch(self, progress: Progress) -> Epoch:
        """Train one, and look at the validation triples if it is time. RAISES: RelxError RX237."""
        number = len(self.epochs) + 1
        # Draws depend on seed and epoch alone: nothing of them need be saved.
        rng = np.random.default_rng([self.settings.seed, number])
        start, total = time.perf_counter(), 0.0
        batches, n_batches, n_triples, train = self._batches(rng)
        for batch in progress(batches, n_batches, number):
            total += train(batch)
        loss = total / n_triples
        if not math.isfinite(loss) or not all(table.isfinite().all() for table in self.model.parameters()):
            raise RelxError("RX237", epoch=number, lr=self.settings.lr)
        self._average(number)
        seconds = time.perf_counter() - start
        mrr = None
        if self.valid is not None and (number % self.settings.eval_every == 0 or number == self.settings.epochs):
            mrr = rank_triples(self.mean, self.valid, self.known).mean.mrr
            if mrr > self.best[1]:
                self.best = (number, mrr)
                self.best_tables = (self.mean.entities.detach().clone(), self.mean.relations.detach().clone())
        self.epochs.append(Epoch(number, loss, seconds, mrr))
        return self.epochs[-1]

    def _average(self, epoch: int) -> None:
        """Take the vectors of an epoch, counted from 1, into their mean: evenly at first, until it is old enough."""
        if self.settings.average:
            share = max(self.settings.average, 1 / epoch)
            with torch.no_grad():
                for mean, table in zip(self.mean.parameters(), self.model.parameters()):
                    mean.lerp_(table, share)

    def best_model(self) -> ComplEx:
        if self.best_tables is None:
            return self.mean
        return ComplEx(*self.best_tables, reciprocal=self.model.reciprocal)

    def notes(self) -> dict[str, Any]:
        epoch, mrr = self.best if self.valid is not None else (len(self.epochs), None)
        epochs = [asdict(each) for each in self.epochs]
        return {"triples": triples_digest(self.train), "best_epoch": epoch, "valid_mrr": mrr, "epochs": epochs}

    def _batches(self, rng: np.random.Generator) -> tuple[Iterable[Any], int, int, Callable[[Any], float]]:
        """Batches of an epoch, how many, how many triples they have, and what to do with each."""
        size = self.settings.batch_size
        if self.settings.loss == "sampled":
            triples = torch.from_numpy(self.train.triples[rng.permutation(len(self.train))].astype("int64"))
            generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
            batches = triples.split(size)
            return batches, len(batches), len(triples), lambda batch: self._sampled_step(batch, generator)
        queries = self.queries
        rows = queries.rows_per_batch(size)
        weights = Weights(
            rows * len(queries) / queries.n_rows, self.settings.n3, self.settings.l2, self.settings.relation_weight
        )
        train = self._candidates_step if self._few else self._full_step
        return queries.batches(rows, rng), -(-queries.n_rows // rows), len(queries), lambda x: train(x, weights, rng)

    def _full_step(self, batch: QueryBatch, weights: Weights, rng: np.random.Generator) -> float:
        """Softmax over all entities."""
        entities, relations = self.model.entities, self.model.relations
        loss, entities.grad, relations.grad = self._loss(entities.detach(), relations.detach(), batch, weights)
        step(self.optimizers)
        return loss

    def _candidates_step(self, batch: QueryBatch, weights: Weights, rng: np.random.Generator) -> float:
        """Softmax over the entities of the batch and some drawn from the others, which stand for all others.

        With n - b others of which c are drawn evenly, each counts (n - b) / c times: added to its score as a logarithm,
        that makes the softmax's denominator right on average.
        """
        entities, relations = self.model.entities, self.model.relations
        own = torch.cat([batch.heads, batch.tails]).unique()
        drawn = torch.from_numpy(np.unique(rng.integers(len(entities), size=self.settings.candidates)))
        places = torch.searchsorted(own, drawn).clamp_(max=len(own) - 1)
        drawn = drawn[own[places] != drawn]
        rows = torch.cat([own, drawn])
        bias = torch.zeros(len(rows))
        if len(drawn):
            bias[len(own) :] = math.log((len(entities) - len(own)) / len(drawn))
        heads, tails = torch.searchsorted(own, batch.heads), torch.searchsorted(own, batch.tails)
        local = batch._replace(heads=heads, tails=tails, bias=bias)
        loss, grad, relations.grad = self._loss(entities.detach()[rows], relations.detach(), local, weights)
        entities.grad = row_gradient(entities, rows, grad)
        step(self.optimizers)
        return loss

    def _sampled_step(self, triples: Tensor, generator: torch.Generator) -> float:
        """Softplus over triples and corrupted ones. triples: int64 (n, 3)."""
        settings, n_entities = self.settings, len(self.model.entities)
        others = corrupt(triples, settings.negatives, n_entities, self.model.n_relations, generator)
        # The entities of this batch as a table of their own: gradients of no others are made.
        used = torch.cat([triples[:, [HEAD, TAIL]], others.heads, others.tails], 1)
        rows, places = used.unique(return_inverse=True)
        head, tail, heads, tails = places.split([1, 1, others.heads.shape[1], others.tails.shape[1]], 1)
        entities = self.model.entities.detach()[rows].requires_grad_()
        relations = self.model.relations.detach().requires_grad_()
        h, t = embedding(head.squeeze(1), entities), embedding(tail.squeeze(1), entities)
        r = embedding(triples[:, LABEL], relations)
        parts = (embedding(heads, entities), embedding(tails, entities), embedding(others.relations, relations))
        loss = sampled_loss(triple_score(h, r, t), corrupted_scores(h, r, t, *parts)).sum()
        norms = sum(settings.n3 * n3(x).sum() + settings.l2 * x.square().sum() for x in (h, r, t))
        ((loss + norms) / len(triples)).backward()
        grad = entities.grad
        self.model.entities.grad = None if grad is None else row_gradient(self.model.entities, rows, grad)
        self.model.relations.grad = relations.grad
        step(self.optimizers)
        return float(loss.detach())


@contextmanager
def _threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if n:
        torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)

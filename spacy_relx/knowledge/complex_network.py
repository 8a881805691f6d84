"""ComplEx: entities and relations as complex vectors, a score for each triple (head, label, tail).

Trouillon, Welbl, Riedel, Gaussier and Bouchard 2016, "Complex Embeddings for Simple Link Prediction", ICML.

A complex vector of `dim` numbers is stored as 2 * dim real ones, [real; imaginary]: then Re(a * conj(b)), summed over
the vector, is the plain inner product of the two rows of real numbers, and scoring queries against all entities is one
matrix product.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def product(a: Tensor, b: Tensor) -> Tensor:
    """a * b, number by number. *Shape:* (..., 2 * dim), [real; imaginary]."""
    (a_re, a_im), (b_re, b_im) = a.chunk(2, -1), b.chunk(2, -1)
    return torch.cat([a_re * b_re - a_im * b_im, a_re * b_im + a_im * b_re], -1)


def conj_product(a: Tensor, b: Tensor) -> Tensor:
    """conj(a) * b, number by number. *Shape:* (..., 2 * dim), [real; imaginary]."""
    (a_re, a_im), (b_re, b_im) = a.chunk(2, -1), b.chunk(2, -1)
    return torch.cat([a_re * b_re + a_im * b_im, a_re * b_im - a_im * b_re], -1)


def triple_score(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
    """Re(<h, r, conj(t)>) = Re(sum_i h_i r_i conj(t_i)) (Trouillon et al. 2016, equation 9).

    h, r, t: *Shape:* (..., 2 * dim), broadcast against each other. RETURNS: *Shape:* (...).
    """
    return torch.einsum("...d,...d->...", product(h, r), t)


def n3(vectors: Tensor) -> Tensor:
    """sum_i |x_i|^3, |.| the modulus of a complex number: the nuclear 3-norm regulariser of Lacroix, Usunier and
    Obozinski 2018, "Canonical Tensor Decomposition for Knowledge Base Completion", for each row.

    *Shape:* (n, 2 * dim) -> (n,).
    """
    return torch.hypot(*vectors.chunk(2, -1)).pow(3).sum(-1)


def n3_gradient(vectors: Tensor) -> Tensor:
    """The gradient of `n3`, 3 |x_i| x_i. *Shape:* (n, 2 * dim) -> (n, 2 * dim)."""
    real, imaginary = vectors.chunk(2, -1)
    modulus = torch.hypot(real, imaginary).mul_(3)
    return torch.cat([modulus * real, modulus * imaginary], -1)


class ComplEx(nn.Module):
    """Tables of entities and relations, and scores from them.

    entities: *Shape:* (n_entities, 2 * dim). relations: (n_relations, 2 * dim), or (2 * n_relations, 2 * dim) with
    reciprocal relations: row n_relations + r is the inverse of relation r, and heads of (r, t) are asked for as the
    tails of (t, inverse of r) (Lacroix et al. 2018, section 4.1). Rows are [real; imaginary].
    """

    def __init__(self, entities: Tensor, relations: Tensor, *, reciprocal: bool):
        super().__init__()
        self.entities = nn.Parameter(entities)
        self.relations = nn.Parameter(relations)
        self.reciprocal = reciprocal

    @classmethod
    def random(
        cls,
        n_entities: int,
        n_relations: int,
        dim: int,
        *,
        reciprocal: bool = True,
        scale: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> ComplEx:
        """Normally distributed numbers. dim: complex numbers a vector. scale: their standard deviation."""
        entities = torch.randn(n_entities, 2 * dim, generator=generator).mul_(scale)
        relations = torch.randn(n_relations * (1 + reciprocal), 2 * dim, generator=generator).mul_(scale)
        return cls(entities, relations, reciprocal=reciprocal)

    @property
    def n_relations(self) -> int:
        """Without the inverses."""
        return len(self.relations) // (1 + self.reciprocal)

    @property
    def dim(self) -> int:
        """Complex numbers a vector."""
        return self.entities.shape[1] // 2

    def forward(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        """Scores of triples. h, r, t: int64, *Shape:* (n,). RETURNS: *Shape:* (n,)."""
        return triple_score(self.entities[h], self.relations[r], self.entities[t])

    def tail_scores(self, h: Tensor, r: Tensor) -> Tensor:
        """Scores of all entities as the tail. h, r: int64, *Shape:* (n,). RETURNS: *Shape:* (n, n_entities)."""
        return product(self.entities[h], self.relations[r]) @ self.entities.T

    def head_scores(self, r: Tensor, t: Tensor) -> Tensor:
        """Scores of all entities as the head: with reciprocal relations, as the tail of the inverse relation.

        r, t: int64, *Shape:* (n,). RETURNS: *Shape:* (n, n_entities).
        """
        if self.reciprocal:
            return self.tail_scores(t, r + self.n_relations)
        return conj_product(self.relations[r], self.entities[t]) @ self.entities.T

    def relation_scores(self, h: Tensor, t: Tensor) -> Tensor:
        """Scores of all relations, without inverses, between two entities; their softmax is p(r|(h, t)) of Xu and
        Barbosa 2019, section 4.2.

        h, t: int64, *Shape:* (n,). RETURNS: *Shape:* (n, n_relations).
        """
        return conj_product(self.entities[h], self.entities[t]) @ self.relations[: self.n_relations].T


# One against all: the gradient by hand


class QueryBatch(NamedTuple):
    """Queries (head, label, ?), each with one or more observed tails, all int64.

    heads, relations: *Shape:* (n_queries,). rows, tails: *Shape:* (n_triples,): which query a triple is of, ascending,
    and its tail. counts: *Shape:* (n_queries,), triples of each query. bias: what is added to the score of each entity,
    float32, *Shape:* (n_entities,), or None.
    """

    heads: Tensor
    relations: Tensor
    rows: Tensor
    tails: Tensor
    counts: Tensor
    bias: Tensor | None = None


class Weights(NamedTuple):
    """Of the parts of the loss. triples: what the sum over triples is divided by. n3, l2: regularisers of the factors.
    relation: of the prediction of relations."""

    triples: float
    n3: float = 0.0
    l2: float = 0.0
    relation: float = 0.0


#: Scores computed at a time, of all queries and entities together: bounds memory (256 MB) where entities are many.
MAX_SCORES = 1 << 26


class OneVsAll:
    """The loss -log p(t|h, r), a softmax over all entities (Lacroix et al. 2018), and its gradient.

    The gradient is softmax - observed, which is written where the scores were, and two matrix products; there are none
    of the copies that automatic differentiation makes. Triples with the same head and relation share one row of scores:
    their losses sum to -sum_t log p(t|h, r), with the gradient counts * softmax - observed. So the loss is that of one
    row a triple, and the work is that of one row a query.

    Also: the weighted N3 or L2 norm of the three vectors of each triple, and with `relation` the loss -log p(r|h, t), a
    softmax over all relations (Chen, Minervini, Riedel and Stenetorp 2021, "Relation Prediction as an Auxiliary
    Training Objective for Improving Multi-Relational Graph Representations").
    """

    def __init__(self, max_scores: int = MAX_SCORES):
        self.max_scores = max_scores
        self._buffers: dict[str, Tensor] = {}

    def __call__(
        self, entities: Tensor, relations: Tensor, batch: QueryBatch, weights: Weights
    ) -> tuple[float, Tensor, Tensor]:
        """entities: *Shape:* (n_entities, 2 * dim). relations: *Shape:* (n_relations, 2 * dim).

        RETURNS: the loss of the tails, summed over triples; the gradients of the whole loss, of the shapes of both
        tables, in buffers that the next call uses again.
        """
        h, r = entities[batch.heads], relations[batch.relations]
        scale = (batch.counts.to(h.dtype) / weights.triples).unsqueeze(1)
        grad_r = self._buffer("relations", relations.shape).zero_()
        loss, grad_q, grad_e = self._tails(entities, product(h, r), scale, batch)
        grad_h, grad_rows = conj_product(r, grad_q), conj_product(h, grad_q)
        if weights.n3 or weights.l2:
            grad_h += _penalty_gradient(h, weights) * scale
            grad_rows += _penalty_gradient(r, weights) * scale
            tails, counts = batch.tails.unique(return_counts=True)
            share = (counts.to(h.dtype) / weights.triples).unsqueeze(1)
            grad_e.index_add_(0, tails, _penalty_gradient(entities[tails], weights) * share)
        grad_r.index_add_(0, batch.relations, grad_rows)
        if weights.relation:
            self._relations(entities, relations, batch, weights, grad_h, grad_e, grad_r)
        grad_e.index_add_(0, batch.heads, grad_h)
        return loss, grad_e, grad_r

    def _tails(
        self, entities: Tensor, queries: Tensor, scale: Tensor, batch: QueryBatch
    ) -> tuple[float, Tensor, Tensor]:
        """The summed loss, the gradient of the queries, and that of the entities as tails."""
        n = len(entities)
        grad_q, grad_e = torch.empty_like(queries), self._buffer("entities", entities.shape)
        size = max(1, self.max_scores // n)
        loss = 0.0
        for first in range(0, len(queries), size):
            here = slice(first, min(first + size, len(queries)))
            part = slice(*torch.searchsorted(batch.rows, torch.tensor([here.start, here.stop])).tolist())
            q, rows, tails = queries[here], batch.rows[part] - first, batch.tails[part]
            scores = self._buffer("scores", (len(q), n))
            torch.mm(q, entities.T, out=scores)
            if batch.bias is not None:
                scores += batch.bias
            loss += _softmax_gradient_(scores, rows, tails, batch.counts[here])
            torch.mm(scores, entities, out=grad_q[here])
            torch.addmm(grad_e, scores.T, q * scale[here], beta=float(first > 0), out=grad_e)
        return loss, grad_q.mul_(scale), grad_e

    def _relations(
        self,
        entities: Tensor,
        relations: Tensor,
        batch: QueryBatch,
        weights: Weights,
        grad_h: Tensor,
        grad_e: Tensor,
        grad_r: Tensor,
    ) -> None:
        """Add the gradient of the prediction of relations, one row a triple."""
        h, t = entities[batch.heads[batch.rows]], entities[batch.tails]
        queries = conj_product(h, t)
        scores = self._buffer("relation scores", (len(t), len(relations)))
        torch.mm(queries, relations.T, out=scores)
        rows = torch.arange(len(t))
        _softmax_gradient_(scores, rows, batch.relations[batch.rows], torch.ones_like(rows))
        scale = weights.relation / weights.triples
        grad_q = torch.mm(scores, relations).mul_(scale)
        grad_r.addmm_(scores.T, queries, alpha=scale)
        grad_h.index_add_(0, batch.rows, conj_product(grad_q, t))
        grad_e.index_add_(0, batch.tails, product(grad_q, h))

    def _buffer(self, name: str, shape: tuple[int, ...] | torch.Size) -> Tensor:
        """Memory that is used again and again: fresh pages cost as much as what is written to them."""
        size = int(torch.Size(shape).numel())
        if name not in self._buffers or self._buffers[name].numel() < size:
            self._buffers[name] = torch.empty(size)
        return self._buffers[name][:size].view(shape)


def _softmax_gradient_(scores: Tensor, rows: Tensor, columns: Tensor, counts: Tensor) -> float:
    """In place: scores become softmax - observed / counts, the gradient of the mean loss of each row's triples.

    RETURNS: -log softmax of the observed, summed. A probability is at least 1e-38 there.
    """
    torch.softmax(scores, 1, out=scores)
    places = rows * scores.shape[1] + columns
    flat = scores.view(-1)
    loss = -flat[places].double().clamp_(min=1e-38).log_().sum().item()
    flat.index_add_(0, places, -1.0 / counts[rows].to(scores.dtype))
    return loss


def _penalty_gradient(vectors: Tensor, weights: Weights) -> Tensor:
    """Of n3 * N3 + l2 * squared norm. *Shape:* (n, 2 * dim) -> (n, 2 * dim)."""
    if not weights.n3:
        return vectors * (2 * weights.l2)
    return n3_gradient(vectors).mul_(weights.n3).add_(vectors, alpha=2 * weights.l2)


# Sampled negatives


class Corrupted(NamedTuple):
    """What takes the place of the head, of the tail and of the relation of triples, int64, *Shape:* (n_triples, n)
    each; (n_triples, 0) where there is no other."""

    heads: Tensor
    tails: Tensor
    relations: Tensor


def corrupt(triples: Tensor, n: int, n_entities: int, n_relations: int, generator: torch.Generator) -> Corrupted:
    """Draw evenly from all others (Trouillon et al. 2016 corrupt heads and tails, Xu and Barbosa 2019 relations as
    well). The corrupted triples may be true.

    triples: int64, *Shape:* (n_triples, 3). n: of each kind.
    """
    parts = []
    for column, size in ((0, n_entities), (2, n_entities), (1, n_relations)):
        drawn = torch.randint(max(1, size - 1), (len(triples), n if size > 1 else 0), generator=generator)
        parts.append(drawn + (drawn >= triples[:, column, None]))  # any but the one that is there
    return Corrupted(*parts)


def corrupted_scores(h: Tensor, r: Tensor, t: Tensor, heads: Tensor, tails: Tensor, relations: Tensor) -> Tensor:
    """Scores of triples in which one part is another. What stays is multiplied once a triple, not once a corrupted one.

    h, r, t: *Shape:* (n_triples, 2 * dim). heads, tails, relations: *Shape:* (n_triples, n, 2 * dim), each its own n.
    RETURNS: *Shape:* (n_triples, sum of the three n).
    """
    pairs = ((heads, conj_product(r, t)), (tails, product(h, r)), (relations, conj_product(h, t)))
    return torch.cat([torch.bmm(others, rest.unsqueeze(2)).squeeze(2) for others, rest in pairs], 1)


def sampled_loss(positive: Tensor, negative: Tensor) -> Tensor:
    """softplus(-y * score), y = 1 for triples and -1 for corrupted ones (Trouillon et al. 2016, equation 11, without
    the norm), summed over a triple and its corrupted ones.

    positive: *Shape:* (n,). negative: *Shape:* (n, m). RETURNS: *Shape:* (n,).
    """
    return F.softplus(-positive) + F.softplus(negative).sum(-1)

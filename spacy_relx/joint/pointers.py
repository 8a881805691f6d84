"""One triple a sentence: its relation, and four pointers to head and tail (Wang et al. 2023, eq. 3, 9, 12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from ..core.classifiers import set_loss
from ..core.kernels.dropout import Dropout
from ..core.kernels.flat_transformer import similar_runs
from ..core.settings import Count, Positive, Probability, architecture
from ..core.transformers.batch import padded_rows
from .batch import Finder, Found, JointBatch, JointTargets, Known

#: Tokens, padding counted, that are worked on at once: it bounds memory where a long sentence stands among short ones.
TABLE_TOKENS = 16384


@architecture
class OneTriple(Finder):
    """`spacy_relx.OneTriple.v1`: one relation a sentence and its two entities, without types (Wang et al. 2023).

    The relation comes from the pooled sentence (eq. 3), the entities from [token; relation] (eq. 9).
    """

    multi_label = False

    def __init__(
        self,
        width: int,
        n_markers: int,
        n_labels: int,
        *,
        pooling: Literal["first", "mean", "max"] = "mean",
        relation_width: Count | None = None,
        hidden: Count | None = None,
        max_mention_tokens: Count = 12,
        joint: bool = True,
        entity_weight: Positive = 2.0,
        relation_weight: Positive = 1.0,
        unrelated_pairs: bool = False,
        dropout: Probability = 0.1,
    ):
        """Make the network.

        Args:
            width: Width of the token vectors.
            n_markers: Number of entity types plus one; the network is the same for any number.
            n_labels: Number of labels; no-relation comes before them, as row 0 of the relation embedding.
            pooling: What the sentence's vector is: that of its "first" token (a transformer's special one), or the
                "mean" or "max" of all.
            relation_width: Width of the relation embedding; null for that of the token vectors, as in the paper.
            hidden: Columns of W_y; null for the width of the token vectors.
            max_mention_tokens: Tokens of a mention at most.
            joint: Whether to choose start and end of a mention together, and head and tail in different places; false:
                each by itself, as in the paper, and a mention that ends before it begins is none.
            entity_weight: alpha of eq. 12.
            relation_weight: beta of eq. 12.
            unrelated_pairs: Whether a training sentence without relations and with exactly two mentions is about the
                pair of these, first and second in `doc.spans` (as in SMiLER); such pairs are learned and found, too.
            dropout: Dropout on the token vectors.
        """
        super().__init__()
        relation_width, hidden = relation_width or width, hidden or width
        self.pooling = pooling
        self.max_mention_tokens = max_mention_tokens
        self.joint = joint
        self.unrelated_pairs = unrelated_pairs
        self.entity_weight = entity_weight
        self.relation_weight = relation_weight
        self.dropout = Dropout(dropout)
        self.classifier = nn.Linear(width, n_labels + 1, bias=False)
        self.relations = nn.Embedding(n_labels + 1, relation_width)
        # W_y over [token; relation] is a sum of two products: tokens are projected once, whatever the relation
        self.of_tokens = nn.Linear(width, 4 * hidden, bias=False)
        self.of_relations = nn.Linear(relation_width, 4 * hidden, bias=False)
        self.pointers = nn.Parameter(torch.empty(4, hidden).uniform_(-1, 1) / hidden**0.5)

    def loss(self, tokens: Tensor, batch: JointBatch, targets: JointTargets) -> Tensor:
        """Eq. 12 as a mean over sentences; of several triples of a sentence one is drawn in each update.

        A sentence without a pair is of no relation, and its pointers learn nothing. Where the annotation does not cover
        everything, it is of no relation or of one that is not covered; where that may be any, it is not counted.
        tokens: *Shape:* (n_tokens, width). RETURNS: a scalar.
        """
        tokens = self.dropout(tokens)
        relations = targets.relations if self.unrelated_pairs else targets.relations[targets.relations[:, 1] > 0]
        drawn = draw_relations(batch, targets.spans, relations)
        owners = batch.owners()[targets.spans[drawn[:, 0], 0]]
        gold = torch.zeros_like(batch.lengths).index_copy(0, owners, drawn[:, 1])
        wanted = torch.cat([targets.spans[drawn[:, 0]], targets.spans[drawn[:, 2]]], dim=1)
        wanted = wanted - batch.parts()[owners, :1] - torch.tensor([0, 1, 0, 1], device=wanted.device)
        places = torch.full((len(gold), 4), -1, device=wanted.device).index_copy(0, owners, wanted)
        possible = self._possible(batch, gold, places[:, 0] >= 0, targets.known)
        projected = self.of_tokens(tokens)
        relation = entity = tokens.new_zeros(())
        for rows, index, mask in tables(batch):
            logits = self.classifier(self.pool(tokens, index, mask))
            if possible is None:
                relation = relation + nn.functional.cross_entropy(logits, gold[rows], reduction="sum")
            else:
                told = (~possible[rows].all(dim=1)).nonzero().squeeze(1)
                relation = relation + set_loss(torch.log_softmax(logits[told], dim=1), possible[rows[told]]).sum()
            paired = places[rows, 0] >= 0
            if not paired.any():
                continue
            pointers = self.point(projected, index[paired], mask[paired], gold[rows[paired]])
            there = places[rows[paired]].flatten()
            entity = entity + nn.functional.cross_entropy(pointers.flatten(0, 1), there, reduction="sum")
        n = len(gold) if possible is None else (~possible.all(dim=1)).sum().clamp(min=1)
        return (self.relation_weight * relation + self.entity_weight / 2 * entity) / n

    def _possible(self, batch: JointBatch, gold: Tensor, paired: Tensor, known: Known | None) -> Tensor | None:
        """bool (n_parts, n_labels + 1): the relations that each part may be of; None where that is known of all.

        gold: the relation of each part that has a pair. paired: which have one.
        """
        if known is None:
            return None
        docs = known.docs[batch.parts()[:, 0]]
        told = (known.mentions & known.pairs)[docs].unsqueeze(1)
        others = nn.functional.pad(~(told & known.labels[docs]), (1, 0), value=True)
        return torch.where(paired.unsqueeze(1), nn.functional.one_hot(gold, others.shape[1]).bool(), others)

    def forward(self, tokens: Tensor, batch: JointBatch) -> Found:
        """The best relation of each sentence and the best pair for it; nothing where head and tail are one place."""
        projected = self.of_tokens(tokens)
        answers = [
            (
                rows,
                *self._answer(tokens, projected, index, mask, None if batch.allowed is None else batch.allowed[rows]),
            )
            for rows, index, mask in tables(batch)
        ]
        order, *columns = map(torch.cat, zip(*answers))
        labels, scores, spans, span_scores = (torch.empty_like(each).index_copy(0, order, each) for each in columns)
        there = (spans[:, :, 1] > spans[:, :, 0]).all(dim=1) & (spans[:, 0] != spans[:, 1]).any(dim=1)
        if not self.unrelated_pairs:
            there &= labels > 0
        n = int(there.sum())
        return Found(
            spans=spans[there].flatten(0, 1),
            types=torch.full((2 * n,), -1, dtype=torch.int64, device=tokens.device),
            mention_scores=span_scores[there].flatten(),
            pairs=torch.arange(2 * n, device=tokens.device).view(n, 2),
            scores=scores[there],
        )

    def _answer(
        self, tokens: Tensor, projected: Tensor, index: Tensor, mask: Tensor, allowed: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """projected: as of `point`. index, mask: of the parts, as of `tables`. allowed: as of `JointBatch`, of these.

        RETURNS: the relation of each part, *Shape:* (n,); the scores, as of `Found`; spans and their probabilities, as
        of `_spans`, but in the batch.
        """
        logits = self.classifier(self.pool(tokens, index, mask))
        if allowed is not None:
            logits = logits.masked_fill(~allowed, -torch.inf)
        probabilities = torch.softmax(logits, dim=1)
        best, labels = probabilities.max(dim=1)
        log_p = torch.log_softmax(self.point(projected, index, mask, labels), dim=2)
        spans, span_scores = self._spans(log_p.unflatten(1, (2, 2)))
        whole = best * span_scores.prod(dim=1)
        scores = torch.zeros_like(probabilities).scatter(1, labels[:, None], whole[:, None])
        return labels, scores, spans + index[:, :1, None], span_scores

    def pool(self, tokens: Tensor, index: Tensor, mask: Tensor) -> Tensor:
        """*Shape:* (n_parts, width): h_p of eq. 3. index, mask: as of `tables`."""
        if self.pooling == "first":
            return tokens.index_select(0, index[:, 0])
        padded = tokens.index_select(0, index.flatten()).view(*index.shape, -1)
        if self.pooling == "max":
            return padded.masked_fill(~mask.unsqueeze(2), -torch.inf).max(dim=1).values
        return (padded * mask.unsqueeze(2)).sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def point(self, projected: Tensor, index: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
        """Logits of eq. 9. projected: `of_tokens` of all tokens. labels: *Shape:* (n_parts,), 0 is no-relation. index,
        mask: as of `tables`.

        RETURNS: *Shape:* (n_parts, 4, longest), -inf behind the end; head start, head end, tail start, tail end.
        """
        table = projected.index_select(0, index.flatten()).view(*index.shape, projected.shape[1])
        states = torch.tanh(table + self.of_relations(self.relations(labels)).unsqueeze(1))
        logits = torch.einsum("plxh,xh->pxl", states.unflatten(2, (4, -1)), self.pointers)
        return logits.masked_fill(~mask.unsqueeze(1), -torch.inf)

    def _spans(self, log_p: Tensor) -> tuple[Tensor, Tensor]:
        """log_p: *Shape:* (n_parts, 2, 2, longest): head or tail, start or end. RETURNS: spans in each part, *Shape:*
        (n_parts, 2, 2), and their probabilities, *Shape:* (n_parts, 2)."""
        starts, ends = log_p.unbind(2)
        if self.joint:
            first, last, score = apart(*best_spans(starts, ends, self.max_mention_tokens, 2))
        else:
            (p_first, first), (p_last, last) = starts.max(dim=2), ends.max(dim=2)
            score = p_first + p_last
        return torch.stack([first, last + 1], dim=2), score.exp()


def tables(batch: JointBatch) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The parts in padded tables, those of about one length together: rows of the parts, and as `padded_rows`."""
    order = torch.argsort(batch.lengths, stable=True)
    starts = batch.parts()[:, 0]
    for run in order.split(similar_runs(batch.lengths[order].tolist())):
        for rows in run.split(max(TABLE_TOKENS // int(batch.lengths[run[-1]]), 1)):
            yield rows, *padded_rows(batch.lengths[rows], starts[rows])


def best_spans(starts: Tensor, ends: Tensor, max_mention_tokens: int, k: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """The `k` best pairs of start and end, the start not behind the end and not too far from it.

    Args:
        starts: *Shape:* (..., n_tokens), logarithms.
        ends: The same.
        max_mention_tokens: Tokens of a mention at most.
        k: How many.

    Returns:
        First and last token, and the sum, the best first; *Shape:* (..., k) each. Where there are fewer pairs the sum
        is -inf.
    """
    n = starts.shape[-1]
    sums = [
        nn.functional.pad(starts[..., : n - k] + ends[..., k:], (0, k), value=-torch.inf)
        for k in range(min(max_mention_tokens, n))
    ]
    table = torch.stack(sums, dim=-1).flatten(-2)
    table = nn.functional.pad(table, (0, max(k - table.shape[-1], 0)), value=-torch.inf)
    score, place = table.topk(k, dim=-1)
    first = place // len(sums)
    return first, first + place % len(sums), score


def apart(first: Tensor, last: Tensor, score: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the two best places of head and tail the best that differ; one place twice where there is no other.

    All of *Shape:* (n_parts, 2, 2): head or tail, best or second best. RETURNS: the same, of *Shape:* (n_parts, 2).
    """
    same = (first[:, 0, 0] == first[:, 1, 0]) & (last[:, 0, 0] == last[:, 1, 0])
    with_second, side = (score[:, :, 1] + score[:, :, 0].flip(1)).max(dim=1)  # of the head, or of the tail
    move = same & (with_second > -torch.inf)
    rank = torch.zeros_like(first[:, :, 0])
    rank[move, side[move]] = 1
    first, last, score = (each.gather(2, rank.unsqueeze(2)).squeeze(2) for each in (first, last, score))
    return first, last, score


def draw_relations(batch: JointBatch, spans: Tensor, relations: Tensor) -> Tensor:
    """At most one relation of each part, at random, and none of what does not lie in one. RETURNS: *Shape:* (n, 3)."""
    owners = batch.owners()
    heads, tails = (owners[spans[relations[:, i], 0]] for i in (0, 2))
    ends = (owners[spans[relations[:, i], 1] - 1] for i in (0, 2))
    rows = torch.stack([heads == other for other in (tails, *ends)]).all(dim=0).nonzero().squeeze(1)
    rows = rows[torch.randperm(len(rows), device=rows.device)]
    rows = rows[torch.argsort(heads[rows], stable=True)]
    first = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    first[1:] = heads[rows][1:] != heads[rows][:-1]
    return relations[rows[first]]

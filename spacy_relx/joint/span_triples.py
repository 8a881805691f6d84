"""All triples of a sentence: spans are scored as mentions, pairs of mentions as relations.

Spans as in Eberts & Ulges 2020 (SpERT), but from token vectors that are projected once; pairs as in
`relations.pair_features`.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from ..core.classifiers import MakeClassifier, set_loss
from ..core.kernels.dropout import Dropout
from ..core.pair_batch import PairBatch
from ..core.settings import Count, NotNegative, Positive, Probability, architecture
from ..core.task import UNKNOWN
from ..relations.network import RelationNetwork
from ..relations.pair_features import MakePairs, sum_rows
from .batch import Finder, Found, JointBatch, JointTargets, Known


class SpanScorer(nn.Module):
    """Every span of up to `max_mention_tokens` tokens -> an entity type, or none.

    A span's vector is the sum of the projections of its first and its last token, and of its length. width: of the
    token vectors. hidden: of the span vector. dropout: on the token vectors, which are fewer than spans.
    """

    def __init__(self, width: int, n_types: int, *, hidden: int, max_mention_tokens: int, dropout: float):
        super().__init__()
        self.max_mention_tokens = max_mention_tokens
        self.firsts = nn.Linear(width, hidden)
        self.lasts = nn.Linear(width, hidden, bias=False)
        self.lengths = nn.Embedding(max_mention_tokens, hidden)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(hidden, n_types + 1)
        with torch.no_grad():  # most spans are none: begin there
            self.output.bias[0] = 3.0 + math.log(n_types)

    def spans(self, batch: JointBatch) -> Tensor:
        """int64 (n_spans, 2): all spans, by their first token and then by length."""
        ends = batch.parts()[batch.owners(), 1]
        first = torch.arange(len(ends), device=ends.device)
        last = first.unsqueeze(1) + torch.arange(self.max_mention_tokens, device=ends.device)
        inside = last < ends.unsqueeze(1)
        return torch.stack([first.unsqueeze(1).expand_as(last)[inside], last[inside] + 1], dim=1)

    def forward(self, tokens: Tensor, spans: Tensor) -> Tensor:
        """spans: *Shape:* (n_spans, 2). RETURNS: logits, *Shape:* (n_spans, n_types + 1), column 0 is none."""
        tokens = self.dropout(tokens)
        starts, ends = spans.unbind(1)
        firsts, lasts = (self.firsts(tokens), starts), (self.lasts(tokens), ends - 1)
        return self.output(torch.relu(sum_rows([firsts, lasts, (self.lengths.weight, ends - starts - 1)])))


@architecture
class AllTriples(Finder):
    """`spacy_relx.AllTriples.v1`: all mentions of a sentence with their types, and all relations between them."""

    def __init__(
        self,
        width: int,
        n_markers: int,
        n_labels: int,
        *,
        pairs: MakePairs,
        classifier: MakeClassifier,
        hidden: Count = 256,
        max_mention_tokens: Count = 12,
        mention_weight: Positive = 1.0,
        mention_threshold: Probability = 0.5,
        overlap: Literal["none", "nested", "any"] = "none",
        max_mentions: Count = 64,
        max_noise: NotNegative = 1.0,
        type_noise: Probability = 0.0,
        batch_pairs: Count = 8192,
        dropout: Probability = 0.3,
    ):
        """Make the network.

        Args:
            width: Width of the token vectors.
            n_markers: Number of entity types plus one, for the uniform marker.
            n_labels: Number of labels, without no-relation.
            pairs: `spacy_relx.PairFeatures.v1`, which gets the types as markers.
            classifier: `spacy_relx.SoftmaxClassifier.v1` or `spacy_relx.MultiLabelClassifier.v1`.
            hidden: Width of the span vectors.
            max_mention_tokens: Tokens of a mention at most.
            mention_weight: Weight of the mentions' loss beside that of the relations.
            mention_threshold: A span is a mention from this probability on.
            overlap: Whether mentions may overlap: "none"; "nested", one within the other; or "any".
            max_mentions: The best so many mentions of a sentence are kept.
            max_noise: In training at most so many wrong mentions for each gold one, which the model takes for mentions,
                are paired too.
            type_noise: How often a gold mention is paired under the type that the model gives it, in training.
            batch_pairs: Pairs that are worked on at once.
            dropout: Dropout on the token vectors, of which spans are made.
        """
        super().__init__()
        features = pairs(width, n_markers)
        self.relations = RelationNetwork(features, classifier(features.width_out, n_labels), batch_pairs)
        self.spans = SpanScorer(
            width, n_markers - 1, hidden=hidden, max_mention_tokens=max_mention_tokens, dropout=dropout
        )
        self.mention_weight = mention_weight
        self.threshold = mention_threshold
        self.overlap = overlap
        self.max_mentions = max_mentions
        self.max_mention_tokens = max_mention_tokens
        self.max_noise = max_noise
        self.type_noise = type_noise
        self.multi_label = self.relations.classifier.multi_label

    def loss(self, tokens: Tensor, batch: JointBatch, targets: JointTargets) -> Tensor:
        """Cross-entropy of all spans, a mean over tokens, and the relations' loss over the pairs of gold mentions and
        of those that the model mistakes for such. RETURNS: a scalar."""
        spans = self.spans.spans(batch)
        logits = self.spans(tokens, spans)
        gold, places = self._gold_types(spans, targets, len(tokens))
        mention_loss = self._mention_loss(spans, logits, gold, targets.known) / len(tokens)
        noise, noise_types = self._noise(spans, logits.detach(), gold, targets)
        types = self._mixed_types(targets.types, logits.detach(), places)
        pairs = self._pair_batch(batch, torch.cat([targets.spans, noise]), torch.cat([types, noise_types]))
        labels = self._gold_labels(pairs, targets, self.relations.classifier.n_labels)
        if not len(pairs):
            return self.mention_weight * mention_loss
        return self.mention_weight * mention_loss + self.relations.loss(tokens, pairs, labels)

    def forward(self, tokens: Tensor, batch: JointBatch) -> Found:
        """All mentions and all pairs of mentions of one sentence."""
        spans = self.spans.spans(batch)
        probabilities = torch.softmax(self.spans(tokens, spans), dim=1)
        sure = 1 - probabilities[:, 0]
        rows = (sure > self.threshold).nonzero().squeeze(1)
        rows = rows[self._keep(batch, spans[rows], sure[rows])]
        found, sure, types = spans[rows], sure[rows], probabilities[rows, 1:].argmax(dim=1)
        pairs = self._pair_batch(batch, found, types)
        scores = self.relations(tokens, pairs)
        if batch.allowed is not None:
            allowed = batch.allowed[pairs.mention_docs[pairs.pairs[:, 0]]]
            scores = torch.where(allowed, scores, 0.0)
        there = sure[pairs.pairs].prod(dim=1, keepdim=True)
        labels = scores[:, 1:] * there
        none = scores[:, :1] if self.multi_label else 1 - labels.sum(dim=1, keepdim=True)
        return Found(found, types, sure, pairs.pairs, torch.cat([none, labels], dim=1))

    def _gold_types(self, spans: Tensor, targets: JointTargets, n_tokens: int) -> tuple[Tensor, Tensor]:
        """int64 (n_spans,): 0 or the type's row plus one; of a span with two types one; -1 for a mention of unknown
        type. Mentions that are too long to be spans are left out here, and are still paired. And int64 (n_mentions,):
        the span of each, -1 for none."""
        keys = spans[:, 0] * (n_tokens + 1) + spans[:, 1]
        wanted = targets.spans[:, 0] * (n_tokens + 1) + targets.spans[:, 1]
        rows = find_keys(keys, wanted)
        there = rows >= 0
        gold = torch.zeros(len(spans), dtype=torch.int64, device=spans.device)
        types = torch.where(targets.types < 0, -1, targets.types + 1)
        return gold.index_copy(0, rows[there], types[there]), rows

    def _mention_loss(self, spans: Tensor, logits: Tensor, gold: Tensor, known: Known | None) -> Tensor:
        """The sum over spans. A span that is not annotated is none, or a mention of a type that the annotation does not
        cover."""
        if known is None:
            return nn.functional.cross_entropy(logits, gold, reduction="sum")
        none, typed = (gold == 0).unsqueeze(1), nn.functional.one_hot(gold.clamp(min=0), logits.shape[1]).bool()
        types = (gold < 0).unsqueeze(1) | (none & ~known.types[known.docs[spans[:, 0]]])
        possible = torch.cat([none, types], dim=1) | (typed & (gold >= 0).unsqueeze(1))
        rows = (~possible.all(dim=1)).nonzero().squeeze(1)
        return set_loss(torch.log_softmax(logits[rows], dim=1), possible[rows]).sum()

    def _mixed_types(self, types: Tensor, logits: Tensor, places: Tensor) -> Tensor:
        """The gold types, unknown and some other ones replaced by the model's own. places: the span of each mention, -1
        for none. RETURNS: -1 where there is neither."""
        swap = ((torch.rand(len(types), device=types.device) < self.type_noise) | (types < 0)) & (places >= 0)
        return torch.where(swap, logits[places, 1:].argmax(dim=1), types)

    def _noise(self, spans: Tensor, logits: Tensor, gold: Tensor, targets: JointTargets) -> tuple[Tensor, Tensor]:
        """Spans that are taken for mentions and are none, the surest first, and their types. Where the annotation does
        not cover all mentions, or nothing of other pairs, there are none."""
        sure = 1 - torch.softmax(logits, dim=1)[:, 0]
        wrong_ones, n_gold, known = (sure > self.threshold) & (gold == 0), len(targets.spans), targets.known
        if known is not None:
            told = (known.mentions & known.pairs & known.labels.any(dim=1))[known.docs]
            wrong_ones, n_gold = wrong_ones & told[spans[:, 0]], int(told[targets.spans[:, 0]].sum())
        wrong = wrong_ones.nonzero().squeeze(1)
        limit = int(self.max_noise * max(n_gold, 1))
        if len(wrong) > limit:
            wrong = wrong[torch.topk(sure[wrong], limit).indices]
        return spans[wrong], logits[wrong, 1:].argmax(dim=1)

    def _pair_batch(self, batch: JointBatch, spans: Tensor, types: Tensor) -> PairBatch:
        owners = batch.owners()[spans[:, 0]]
        return PairBatch(
            doc_spans=batch.parts(),
            mention_spans=spans,
            mention_docs=owners,
            markers=types + 1,
            pairs=pairs_within(owners),
        )

    def _gold_labels(self, pairs: PairBatch, targets: JointTargets, n_labels: int) -> Tensor:
        """float32 (n_pairs, n_labels), 1 where a gold relation holds, `UNKNOWN` where that is not known."""
        labels = torch.zeros(len(pairs), n_labels, device=pairs.pairs.device)
        relations, known = targets.relations, targets.known
        n = len(pairs.mention_spans) + 1
        keys, order = torch.sort(pairs.pairs[:, 0] * n + pairs.pairs[:, 1])
        rows = find_keys(keys, relations[:, 0] * n + relations[:, 2])
        relations, rows = relations[rows >= 0], order[rows[rows >= 0]]
        related = relations[:, 1] > 0
        labels[rows[related], relations[related, 1] - 1] = 1.0
        if known is not None:
            docs = known.docs[pairs.mention_spans[pairs.pairs[:, 0], 0]]
            told = known.pairs[docs].index_fill(0, rows, True)
            labels[(labels == 0) & ~(told.unsqueeze(1) & known.labels[docs])] = UNKNOWN
        return labels

    def _keep(self, batch: JointBatch, spans: Tensor, sure: Tensor) -> Tensor:
        """Sorted rows of the mentions that stay: those that no surer one conflicts with, the best of each sentence."""
        rows = torch.arange(len(spans), device=spans.device)
        if self.overlap != "any":
            rows = rows[without_conflicts(spans, sure, nested=self.overlap == "nested")]
        owners = batch.owners()[spans[rows, 0]]
        order = torch.argsort(sure[rows], descending=True, stable=True)
        order = order[torch.argsort(owners[order], stable=True)]
        counts = torch.bincount(owners, minlength=len(batch.lengths))
        ranks = torch.arange(len(order), device=rows.device) - (counts.cumsum(0) - counts)[owners[order]]
        return rows[order[ranks < self.max_mentions]].sort().values


def find_keys(keys: Tensor, wanted: Tensor) -> Tensor:
    """int64 (n_wanted,): where each stands among the keys, -1 for nowhere. keys: *Shape:* (n,), int64, sorted."""
    if not len(keys):
        return torch.full_like(wanted, -1)
    rows = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return torch.where(keys[rows] == wanted, rows, -1)


def pairs_within(owners: Tensor) -> Tensor:
    """All ordered pairs of different items of one owner.

    owners: *Shape:* (n,), int64, in any order. RETURNS: *Shape:* (n_pairs, 2), int64.
    """
    order = torch.argsort(owners, stable=True)
    owners = owners[order]
    counts = torch.bincount(owners)[owners] if len(owners) else owners
    firsts = torch.searchsorted(owners, owners)
    heads = torch.arange(len(owners), device=owners.device).repeat_interleave(counts)
    starts = counts.cumsum(0) - counts
    tails = torch.arange(len(heads), device=owners.device) - starts[heads] + firsts[heads]
    different = heads != tails
    return torch.stack([order[heads[different]], order[tails[different]]], dim=1)


def without_conflicts(spans: Tensor, scores: Tensor, *, nested: bool) -> Tensor:
    """Spans taken in the order of their scores, each unless it overlaps one that is taken.

    nested: one within another is no conflict. RETURNS: bool (n_spans,). Spans of about the same place are compared with
    each other only, so that the cost grows with their number.
    """
    n = len(spans)
    taken = torch.zeros(n, dtype=torch.bool, device=spans.device)
    order = torch.argsort(scores, descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(n, device=spans.device)
    left, right = conflicts(spans, nested=nested)
    open_ = ~taken
    while bool(open_.any()):
        # those that no open one of a better rank conflicts with are taken, and what conflicts with them is out
        live = open_[left] & open_[right]
        left, right = left[live], right[live]
        beaten = torch.zeros_like(taken)
        beaten[left[rank[left] > rank[right]]] = True
        won = open_ & ~beaten
        taken |= won
        open_ &= ~won
        open_[left[won[right]]] = False
    return taken


def conflicts(spans: Tensor, *, nested: bool) -> tuple[Tensor, Tensor]:
    """Pairs of different spans that overlap, each in both directions. RETURNS: two of *Shape:* (n,), int64."""
    order = torch.argsort(spans[:, 0], stable=True)
    starts, ends = spans[order].t().contiguous()
    last = torch.searchsorted(starts, ends)  # all that begin before this one ends, and not before it begins
    here = torch.arange(len(order), device=spans.device)
    counts = last - here - 1
    left = here.repeat_interleave(counts)
    right = torch.arange(len(left), device=spans.device) - (counts.cumsum(0) - counts)[left] + left + 1
    if nested:
        inside = (ends[right] <= ends[left]) | ((starts[right] == starts[left]) & (ends[left] <= ends[right]))
        left, right = left[~inside], right[~inside]
    left, right = order[left], order[right]
    return torch.cat([left, right]), torch.cat([right, left])

"""Distant supervision: sentences that mention two entities, labelled with what a knowledge base says of them.

Mintz et al. 2009, "Distant supervision for relation extraction without labeled data"; Riedel et al. 2010 for bags.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from spacy.tokens import Doc

from ..data.extensions import get_span_lang, set_extensions, set_lang
from ..data.ids import stable_hash
from ..data.places import current_spans
from ..data.types import MENTIONS_KEY, Mention
from ..errors import RelxError
from ..formats.bag_spool import BagSpool
from ..formats.bag_writer import BagCounts
from ..formats.bags import sentence_bounds, token_arrays
from ..formats.directions import ReversedNegatives
from ..formats.leakage import Leakage
from ..formats.records import UNTYPED
from .aliases import AliasMatcher
from .negatives import NegativeSpool
from .triples import LABEL, KnowledgeBase

#: Docs taken at a time, and linked mentions of one sentence that are looked at: more than that are lists and tables.
BATCH_DOCS = 128
MAX_MENTIONS = 100


@dataclass
class AlignReport:
    """What was found.

    texts; sentences. mentions: found at all. linked: those of entities of the knowledge base. ambiguous: names of
    several entities, not linked. crossing: linked mentions left out because they lie in two sentences. crowded:
    sentences of which only the first `MAX_MENTIONS` linked mentions were looked at.
    related, reversed, unrelated: ordered pairs of entities in sentences, by whether the knowledge base has a triple for
    the pair, only for the pair turned round, or none; each counts once a sentence.
    triples, covered: of the knowledge base, and those that at least one sentence may say. bags: pairs with a triple,
    facts: those triples by relation; instances: sentences in those bags, by relation. negatives: pairs drawn as bags
    of no relation; negatives_wanted. reversed_negatives: what became of related pairs in reverse, None where
    that was not asked for. ambiguous_aliases: of the table. outputs: bags written, by file. leakage: what
    training and test bags have in common, None without test bags. inputs: what was read of the knowledge base and of
    the names.
    """

    texts: int = 0
    sentences: int = 0
    mentions: int = 0
    linked: int = 0
    ambiguous: int = 0
    ambiguous_aliases: int = 0
    crossing: int = 0
    crowded: int = 0
    related: int = 0
    reversed: int = 0
    unrelated: int = 0
    triples: int = 0
    covered: int = 0
    bags: int = 0
    facts: dict[str, int] = field(default_factory=dict)
    instances: dict[str, int] = field(default_factory=dict)
    negatives: int = 0
    negatives_wanted: int = 0
    reversed_negatives: ReversedNegatives | None = None
    outputs: dict[str, BagCounts] = field(default_factory=dict)
    leakage: Leakage | None = None
    inputs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """The counts as lines of text."""
        share = f" ({100 * self.covered / self.triples:.1f} %)" if self.triples else ""
        lines = [
            *self.inputs,
            f"texts              {self.texts} (sentences {self.sentences})",
            f"mentions           {self.mentions} (linked {self.linked}, ambiguous {self.ambiguous})",
            f"pairs in sentences {self.related + self.reversed + self.unrelated} (related {self.related}, only the "
            f"other way round {self.reversed}, unrelated {self.unrelated})",
            f"triples found      {self.covered} of {self.triples}{share}",
            f"related pairs      {self.bags}",
            f"negatives          {self.negatives} of {self.negatives_wanted} wanted",
        ]
        if self.reversed_negatives is not None:
            lines += self.reversed_negatives.lines()
        if self.ambiguous_aliases:
            lines.append(f"ambiguous aliases  {self.ambiguous_aliases}")
        if self.crossing:
            lines.append(f"in two sentences   {self.crossing} mentions")
        if self.crowded:
            lines.append(f"crowded sentences  {self.crowded} (only {MAX_MENTIONS} mentions each looked at)")
        width = max(map(len, self.facts), default=0)
        if self.facts:
            lines.append("relations          pairs, sentences")
        for label, n in sorted(self.facts.items(), key=lambda item: (-item[1], item[0])):
            lines.append(f"  {label:<{width}}  {n}, {self.instances[label]}")
        for path, counts in self.outputs.items():
            lines.append(f"\n{path}\n{counts}")
        if self.leakage is not None:
            lines.append(f"\n{self.leakage}")
        return "\n".join(lines)


def align(
    kb: KnowledgeBase,
    docs: Iterable[Doc],
    spool: BagSpool,
    *,
    matcher: AliasMatcher | None = None,
    negatives: float = 1.0,
    max_negatives: int = 10,
    seed: int = 0,
) -> AlignReport:
    """Add to the spool each sentence that mentions two entities with a triple, and some of unrelated ones.

    Args:
        docs: With sentence boundaries; they are streamed, `BATCH_DOCS` at a time, and are of the spool's vocab.
        spool: With a `ReversedNegatives`, its bags have related pairs in reverse, too.
        matcher: Links their mentions; without one, those of `doc.ents` and `doc.spans["mentions"]` with a kb_id are
            taken. A sentence is an instance of the ordered pair (h, t) if it mentions both and the knowledge base has a
            triple (h, r, t); its labels are all such r. Where entities are mentioned several times, the nearest two
            mentions stand for them. Pairs of an entity with itself, and two entities meant by the very same tokens, are
            none.
        negatives: Ordered pairs without a relation to draw for each pair with one; both entities are in the knowledge
            base, which has no triple between them in either direction. See `NegativeSpool` for how they are drawn, with
            the seed.
        max_negatives: Of one sentence, those with the lowest hashes; 0 for no limit.

    Returns:
        Counts.

    Raises:
        RelxError: RX021 (settings), RX222 (a Doc without sentence boundaries), RX333 (no room for temporary files).
    """
    if not negatives >= 0 or negatives == float("inf"):
        raise RelxError("RX021", name="negatives", value=negatives, need="0 (none) or more")
    if max_negatives < 0:
        raise RelxError("RX021", name="max_negatives", value=max_negatives, need="0 (no limit) or more")
    set_extensions()
    stream = iter(docs)
    with NegativeSpool(spool.vocab) as drawn:
        aligner = _Aligner(kb, spool, matcher, drawn if negatives else None, max_negatives, seed)
        while batch := list(islice(stream, BATCH_DOCS)):
            aligner.add(batch)
        return aligner.finish(negatives)


class _Aligner:
    """The state of one run."""

    def __init__(
        self,
        kb: KnowledgeBase,
        spool: BagSpool,
        matcher: AliasMatcher | None,
        drawn: NegativeSpool | None,
        max_negatives: int,
        seed: int,
    ):
        self.kb, self.spool, self.matcher, self.drawn = kb, spool, matcher, drawn
        self.max_negatives, self.seed = max_negatives, seed
        self.report = AlignReport(triples=len(kb))
        self.report.ambiguous_aliases = 0 if matcher is None else matcher.ambiguous_aliases
        self.n_sentences = np.zeros(len(kb.pairs), "int64")  # of each pair of the knowledge base
        self.hashes = np.zeros(len(kb.entity_ids), "uint64")  # 0: not needed so far
        self.labels: dict[str, int] = {}  # numbers of entity types
        self.label_names: list[str] = []

    def add(self, docs: list[Doc]) -> None:
        sentences = _Sentences(docs)
        self.report.texts += len(docs)
        self.report.sentences += len(sentences.starts)
        mentions = self._mentions(docs, sentences)
        pairs = _nearest(mentions, _pairs(mentions))
        heads, tails = mentions[pairs[:, 0]], mentions[pairs[:, 1]]
        entities = np.stack([heads["entity"], tails["entity"]], axis=1)
        places, turned = self.kb.find_pairs(entities), self.kb.find_pairs(entities[:, ::-1])
        related, unrelated = places >= 0, (places < 0) & (turned < 0)
        self.report.related += int(related.sum())
        self.report.unrelated += int(unrelated.sum())
        self.report.reversed += len(pairs) - int(related.sum()) - int(unrelated.sum())
        np.add.at(self.n_sentences, places[related], 1)
        for head, tail, place in zip(heads[related], tails[related], places[related].tolist()):
            labels = [self.kb.relation_ids[number] for number in self.kb.pair_relations(place)]
            sentence, start = sentences.doc(int(head["sentence"]))
            self.spool.add(sentence, self._mention(head, start), self._mention(tail, start), labels)
        if self.drawn is not None:
            self._add_unrelated(heads[unrelated], tails[unrelated], sentences, self.drawn)

    def _add_unrelated(self, heads: np.ndarray, tails: np.ndarray, sentences: _Sentences, drawn: NegativeSpool) -> None:
        keys = self._pair_hashes(heads["entity"], tails["entity"])
        order = np.lexsort((keys, heads["sentence"]))
        heads, tails, keys = heads[order], tails[order], keys[order]
        owners, first, counts = np.unique(heads["sentence"], return_index=True, return_counts=True)
        for owner, begin, count in zip(owners.tolist(), first.tolist(), counts.tolist()):
            rows = slice(begin, begin + (min(count, self.max_negatives) or count))
            sentence, start = sentences.doc(owner)
            head, tail = heads[rows], tails[rows]
            columns = [keys[rows], head["entity"], tail["entity"]]
            columns += [side[end] - start for side in (head, tail) for end in ("start", "end")]
            drawn.add(sentence, zip(*(column.tolist() for column in (*columns, head["label"], tail["label"]))))

    def finish(self, negatives: float) -> AlignReport:
        """Draw the negatives and count the rest."""
        report, kb = self.report, self.kb
        found = self.n_sentences > 0
        report.bags = int(found.sum())
        counts = np.diff(kb.pair_starts)
        relations = kb.triples[kb.by_pair, LABEL]
        n_facts = np.bincount(relations[np.repeat(found, counts)], minlength=len(kb.relation_ids))
        n_instances = np.bincount(relations, np.repeat(self.n_sentences, counts), len(kb.relation_ids)).astype(int)
        report.covered = int(n_facts.sum())
        report.facts = {kb.relation_ids[i]: int(n_facts[i]) for i in np.flatnonzero(n_facts).tolist()}
        report.instances = {kb.relation_ids[i]: int(n_instances[i]) for i in np.flatnonzero(n_facts).tolist()}
        if self.drawn is not None:
            report.negatives_wanted = round(negatives * report.bags)
            keys = self.drawn.lowest(report.negatives_wanted)
            report.negatives = len(keys)
            for sentence, row in self.drawn.take(keys):
                types = self.label_names[row.head_type], self.label_names[row.tail_type]
                head = Mention(row.head_start, row.head_end, types[0], kb.entity_ids[row.head])
                tail = Mention(row.tail_start, row.tail_end, types[1], kb.entity_ids[row.tail])
                self.spool.add(sentence, head, tail)
        return report

    def _mentions(self, docs: list[Doc], sentences: _Sentences) -> np.ndarray:
        """The linked mentions that lie in one sentence, by sentence and start; each once. RETURNS: _MENTION (n,)."""
        if self.matcher is None:
            found = [_given_mentions(doc) for doc in docs]
        else:
            found, n_ambiguous = self.matcher.match(docs)
            self.report.ambiguous += n_ambiguous
            self.report.mentions += n_ambiguous
        rows: dict[tuple[int, ...], int] = {}
        index, labels = self.kb.entity_index, self.labels
        for offset, mentions in zip(sentences.offsets, found):
            self.report.mentions += len(mentions)
            for each in mentions:
                entity = index.get(each.kb_id, -1)
                if entity >= 0:
                    label = labels.setdefault(each.label or UNTYPED, len(labels))
                    rows.setdefault((each.start + offset, each.end + offset, entity), label)
        self.label_names = list(labels)
        self.report.linked += len(rows)
        table = np.zeros(len(rows), _MENTION)
        if rows:
            table["start"], table["end"], table["entity"] = np.array(list(rows), "int64").T
            table["label"] = list(rows.values())
        table["sentence"] = np.searchsorted(sentences.starts, table["start"], side="right") - 1
        inside = table["end"] <= sentences.ends[table["sentence"]] if len(table) else np.zeros(0, bool)
        self.report.crossing += int((~inside).sum())
        table = np.sort(table[inside], order=["sentence", "start", "end", "entity"])
        ranks = np.arange(len(table)) - np.searchsorted(table["sentence"], table["sentence"])
        self.report.crowded += int((ranks == MAX_MENTIONS).sum())
        return table[ranks < MAX_MENTIONS]

    def _mention(self, row: np.void, start: int) -> Mention:
        label = self.label_names[row["label"]]
        return Mention(int(row["start"]) - start, int(row["end"]) - start, label, self.kb.entity_ids[row["entity"]])

    def _pair_hashes(self, heads: np.ndarray, tails: np.ndarray) -> np.ndarray:
        """A hash of each ordered pair and the seed, by the ids alone. RETURNS: int64 (n,), as SQLite has numbers."""
        for entity in np.unique(np.concatenate([heads, tails])).tolist():
            if not self.hashes[entity]:
                self.hashes[entity] = stable_hash(str(self.seed), self.kb.entity_ids[entity])
        return (mix(mix(self.hashes[heads]) ^ self.hashes[tails]) >> np.uint64(1)).astype("int64")


def mix(codes: np.ndarray) -> np.ndarray:
    """splitmix64 of each number (Steele, Lea and Flood 2014). RETURNS: uint64 (n,)."""
    mixed = (codes.astype("uint64") + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


#: A linked mention. start, end: tokens, counted from the start of the batch. label: number of the entity type.
_MENTION = np.dtype([(name, "int64") for name in ("sentence", "start", "end", "entity", "label")])


class _Sentences:
    """The sentences of a batch of Docs; offsets count tokens from the start of the batch.

    offsets: of the Docs. starts, ends: int64 (n_sentences,).
    RAISES: RelxError RX222 for a Doc without sentence boundaries.
    """

    def __init__(self, docs: Sequence[Doc]):
        self._docs = docs
        self.offsets: list[int] = []
        self._owners: list[int] = []
        starts, ends = [], []
        total = 0
        for place, doc in enumerate(docs):
            if len(doc) and not doc.has_annotation("SENT_START"):
                raise RelxError("RX222", text=doc.text[:60])
            self.offsets.append(total)
            for start, end in sentence_bounds(doc):
                starts.append(total + start)
                ends.append(total + end)
                self._owners.append(place)
            total += len(doc)
        self.starts, self.ends = np.array(starts, "int64"), np.array(ends, "int64")
        self._arrays: tuple[int, Any, Any] = (-1, None, None)  # place of the Doc, its words and spaces
        self._made: tuple[int, Doc | None] = (-1, None)

    def doc(self, sentence: int) -> tuple[Doc, int]:
        """A sentence as a Doc of its own, words, spaces and language alone, and its start. The last one is kept."""
        start, end, place = int(self.starts[sentence]), int(self.ends[sentence]), self._owners[sentence]
        number, made = self._made
        if number != sentence or made is None:
            if self._arrays[0] != place:
                self._arrays = (place, *token_arrays(self._docs[place]))
            _, words, spaces = self._arrays
            doc, first, last = self._docs[place], start - self.offsets[place], end - self.offsets[place]
            made = Doc(doc.vocab, words=words[first:last], spaces=None if spaces is None else spaces[first:last])
            set_lang(made, get_span_lang(doc[first:last]))
            self._made = (sentence, made)
        return made, start


def _given_mentions(doc: Doc) -> list[Mention]:
    """The mentions that a Doc has, in `doc.ents` and `doc.spans["mentions"]`, each once."""
    spans = current_spans([*doc.ents, *doc.spans.get(MENTIONS_KEY, ())])
    unique = {(span.start, span.end, span.kb_id): span for span in spans}
    return [Mention.from_any(span) for span in unique.values()]


def _pairs(mentions: np.ndarray) -> np.ndarray:
    """All ordered pairs of mentions of one sentence that may mean two things: int64 (n, 2), rows of the table."""
    owner = mentions["sentence"]
    first = np.searchsorted(owner, owner)
    counts = np.searchsorted(owner, owner, side="right") - first
    heads = np.repeat(np.arange(len(mentions)), counts)
    tails = np.arange(len(heads)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    one, other = mentions[heads], mentions[tails]
    same_tokens = (one["start"] == other["start"]) & (one["end"] == other["end"])
    good = (one["entity"] != other["entity"]) & ~same_tokens
    return np.stack([heads[good], tails[good]], axis=1)


def _nearest(mentions: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Of the pairs of the same two entities in one sentence, that of the nearest mentions (the first of such)."""
    heads, tails = mentions[pairs[:, 0]], mentions[pairs[:, 1]]
    distance = np.maximum(heads["start"], tails["start"]) - np.minimum(heads["end"], tails["end"])
    order = np.lexsort((tails["start"], heads["start"], distance, tails["entity"], heads["entity"], heads["sentence"]))
    keys = np.stack([each[order] for each in (heads["sentence"], heads["entity"], tails["entity"])], axis=1)
    new = np.ones(len(order), bool)
    new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    return pairs[order[new]]

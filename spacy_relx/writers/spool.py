"""Merging of equal triples on disk: a million of them in a few megabytes of memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import Any, Callable

from ..data.spool import Row, Spool
from .records import Entity, EntityMention, MergedTriple, Triple, kb_id_of

#: Names of an entity that are kept besides the first.
MAX_NAMES = 100
_COLUMNS = (
    "seq INTEGER PRIMARY KEY, head_id TEXT, label TEXT, tail_id TEXT, htext TEXT, htype TEXT, hstart INT, hend INT, "
    "ttext TEXT, ttype TEXT, tstart INT, tend INT, doc TEXT, sentence TEXT, sentence_start INT, sentence_end INT, "
    "lang TEXT, score REAL, weight REAL, kb_score REAL, known INT, kb_rank REAL, model TEXT, version TEXT"
)
_INSERT = f"INSERT INTO triples VALUES ({','.join('?' * (_COLUMNS.count(',') + 1))})"
# of names that are as frequent, the last: small letters come after capitals
_ENTITIES = """
    SELECT id, text, type, COUNT(*) FROM (
        SELECT head_id AS id, htext AS text, htype AS type FROM triples
        UNION ALL SELECT tail_id, ttext, ttype FROM triples
    ) GROUP BY id, text, type ORDER BY id, COUNT(*) DESC, text DESC, type
"""


class TripleSpool:
    """Takes triples in any order and gives them merged: add all, then read `facts()` and `entities()`. A context
    manager.

    Triples are equal where the ids of head and tail (`records.entity_id`) and the label are. The triples wait
    in a temporary database (SQLite, in the system's folder for temporary files, where TMPDIR leads), which needs about
    twice the room of the texts while it is sorted, and is gone however the process ends. Memory is that of one fact
    with its evidence, and some megabytes.

    Args:
        merge: False to leave each triple as it is, in the order of adding.
        max_evidence: Pieces of evidence to give with each fact, best first, 0 for all.
        progress: Wraps the stream of facts.
    """

    def __init__(
        self,
        *,
        merge: bool = True,
        max_evidence: int = 0,
        progress: Callable[[Iterator[Any]], Iterator[Any]] | None = None,
    ):
        self.merge = merge
        self.max_evidence = max_evidence
        self.n_added = 0
        self._progress = progress
        self._rows = Spool(
            f"CREATE TABLE triples ({_COLUMNS})",
            "CREATE TABLE origins (doc TEXT, origin TEXT, PRIMARY KEY (doc, origin)) WITHOUT ROWID",
        )
        self._origin = ("", "")

    def __enter__(self) -> TripleSpool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary database."""
        self._rows.close()

    def add(self, triples: Iterable[Triple]) -> TripleSpool:
        """Put triples aside.

        Returns:
            Itself.

        Raises:
            RelxError: RX333 (no room), RX337 (a score that is no number).
        """
        self._rows.insert(_INSERT, map(self._row, triples))
        return self

    def facts(self) -> Iterator[MergedTriple]:
        """The merged triples, ordered by head id, label and tail id.

        Raises:
            RelxError: RX333.
        """
        found = self._merged() if self.merge else self._single()
        return self._progress(found) if self._progress else found

    def entities(self) -> Iterator[Entity]:
        """The entities of all triples, each once, ordered by their ids.

        Raises:
            RelxError: RX333.
        """
        for id, rows in groupby(self._rows.select(_ENTITIES), key=itemgetter(0)):
            names: dict[str, None] = {}
            types: dict[str, int] = {}
            for _, text, type, count in rows:
                if len(names) <= MAX_NAMES:
                    names[text] = None
                if type and (type in types or len(types) < MAX_NAMES):
                    types[type] = types.get(type, 0) + count
            name, *others = names
            ordered = sorted(types, key=lambda each: (-types[each], each))
            yield Entity(id, name, others, ordered[0] if ordered else "", ordered, kb_id_of(id))

    def relations(self) -> Iterator[str]:
        """The relations, each once.

        Raises:
            RelxError: RX333.
        """
        return (row[0] for row in self._rows.select("SELECT DISTINCT label FROM triples ORDER BY label"))

    def documents(self) -> Iterator[str]:
        """The ids of the documents, each once, but for "".

        Raises:
            RelxError: RX333.
        """
        return (row[0] for row in self._rows.select("SELECT DISTINCT doc FROM triples WHERE doc != '' ORDER BY doc"))

    def shared_ids(self) -> list[str]:
        """The ids that several documents have, as far as their texts or places show.

        Raises:
            RelxError: RX333.
        """
        # texts are compared with texts, places with places
        kind = "substr(origin, 1, 5)"
        query = f"SELECT DISTINCT doc FROM origins GROUP BY doc, {kind} HAVING COUNT(*) > 1 ORDER BY doc"
        return [row[0] for row in self._rows.select(query)]

    def models(self) -> Iterator[tuple[str, str]]:
        """(name, version) of what made the triples, each once, but for ("", "").

        Raises:
            RelxError: RX333.
        """
        query = "SELECT DISTINCT model, version FROM triples WHERE model != '' OR version != '' ORDER BY model, version"
        return ((row[0], row[1]) for row in self._rows.select(query))

    def _row(self, triple: Triple) -> Row:
        self.n_added += 1
        if triple.doc_id and triple.origin and self._origin != (triple.doc_id, triple.origin):
            self._origin = triple.doc_id, triple.origin
            self._rows.add("INSERT OR IGNORE INTO origins VALUES (?, ?)", self._origin)
        one, other = triple.head, triple.tail
        triple.check_numbers()
        return (
            *(self.n_added, one.id, triple.label, other.id, one.text, one.type, one.start, one.end),
            *(other.text, other.type, other.start, other.end, triple.doc_id, triple.sentence),
            *(triple.sentence_start, triple.sentence_end, triple.lang, triple.score, triple.weight),
            *(triple.kb_score, triple.known, triple.kb_rank, triple.model, triple.model_version),
        )

    def _single(self) -> Iterator[MergedTriple]:
        for row in self._rows.select("SELECT * FROM triples ORDER BY seq"):
            yield _fact([_triple(row)], 1, row, str(row[0]))

    def _merged(self) -> Iterator[MergedTriple]:
        order = "head_id, label, tail_id, score DESC, weight DESC, seq"
        for _, rows in groupby(self._rows.select(f"SELECT * FROM triples ORDER BY {order}"), key=itemgetter(1, 2, 3)):
            evidence: list[Triple] = []
            seen: set[int] = set()
            first: Row | None = None
            checked: Row | None = None
            for row in rows:
                first = first or row
                if checked is None and any(value is not None for value in row[19:22]):
                    checked = row
                place = hash(row[4:17] + row[22:24])  # all but the scores: one sentence speaks once
                if place in seen:
                    continue
                seen.add(place)
                if not self.max_evidence or len(evidence) < self.max_evidence:
                    evidence.append(_triple(row))
            yield _fact(evidence, len(seen), checked or first or ())


def _triple(row: Row) -> Triple:
    known = None if row[20] is None else bool(row[20])
    return Triple(
        EntityMention(row[4], row[5], kb_id_of(row[1]), row[6], row[7]),
        row[2],
        EntityMention(row[8], row[9], kb_id_of(row[3]), row[10], row[11]),
        row[12],
        row[13],
        row[14],
        row[15],
        row[16],
        row[17],
        row[18],
        row[19],
        known,
        row[21],
        row[22],
        row[23],
    )


def _fact(evidence: list[Triple], n_evidence: int, support: Row, number: str = "") -> MergedTriple:
    """support: the row whose kb_score, known and kb_rank are taken. number: tells apart what is not merged."""
    head_id, label, tail_id = support[1:4]
    # lengths first: no two triples give one string
    key = f"{len(head_id)} {len(label)} {head_id}{label}{tail_id}"
    digest = blake2b(key.encode(), digest_size=12, salt=number.encode()[-16:]).hexdigest()
    known = None if support[20] is None else bool(support[20])
    score = evidence[0].score
    return MergedTriple(digest, head_id, label, tail_id, score, support[19], known, support[21], n_evidence, evidence)

"""Triples as tables: JSON Lines, CSV, Parquet."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..data.strict_json import dump_json
from .arrow import ParquetRows
from .records import EntityMention, MergedTriple, Triple, kb_id_of
from .spool import TripleSpool
from .writers import Settings, Writer

#: Columns of CSV and Parquet, a row for each piece of evidence: first those of the fact, then those of the evidence.
COLUMNS: dict[str, type] = {
    "fact": str,
    "head_id": str,
    "head_kb_id": str,
    "label": str,
    "tail_id": str,
    "tail_kb_id": str,
    "score": float,
    "kb_score": float,
    "known": bool,
    "kb_rank": float,
    "n_evidence": int,
    "document": str,
    "lang": str,
    "sentence": str,
    "sentence_start": int,
    "sentence_end": int,
    "head": str,
    "head_type": str,
    "head_start": int,
    "head_end": int,
    "tail": str,
    "tail_type": str,
    "tail_start": int,
    "tail_end": int,
    "evidence_score": float,
    "weight": float,
    "model": str,
    "model_version": str,
}
#: Characters of ASCII's control block that tables of text do not stand: all but tab and line breaks.
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
#: What a spreadsheet takes for the beginning of a formula; full-width forms are read as the plain ones.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def fact_rows(facts: Iterator[MergedTriple]) -> Iterator[tuple[Any, ...]]:
    """A row of `COLUMNS` for each piece of evidence; the rows of a fact stand together."""
    for fact in facts:
        ids = (fact.id, fact.head_id, kb_id_of(fact.head_id), fact.label, fact.tail_id)
        support = (kb_id_of(fact.tail_id), fact.score, fact.kb_score, fact.known, fact.kb_rank, fact.n_evidence)
        for each in fact.evidence:
            one, other = each.head, each.tail
            yield (
                *ids,
                *support,
                *(each.doc_id, each.lang, each.sentence, each.sentence_start, each.sentence_end),
                *(one.text, one.type, one.start, one.end, other.text, other.type, other.start, other.end),
                *(each.score, each.weight, each.model, each.model_version),
            )


# JSON Lines


def fact_record(fact: MergedTriple) -> dict[str, Any]:
    """A fact as plain data, with its evidence; what is not known is left out."""
    best = fact.evidence[0]
    return {
        "id": fact.id,
        "head": _entity(fact.head_id, best.head),
        "label": fact.label,
        "tail": _entity(fact.tail_id, best.tail),
        "score": fact.score,
        **_present({"kb_score": fact.kb_score, "known": fact.known, "kb_rank": fact.kb_rank}),
        "n_evidence": fact.n_evidence,
        "evidence": [_evidence(each) for each in fact.evidence],
    }


def _entity(id: str, mention: EntityMention) -> dict[str, Any]:
    return {"id": id, **_present({"text": mention.text, "type": mention.type, "kb_id": mention.kb_id})}


def _evidence(each: Triple) -> dict[str, Any]:
    parts = {
        name: {"text": part.text, **_present({"label": part.type, "start": part.start, "end": part.end})}
        for name, part in (("head", each.head), ("tail", each.tail))
    }
    places = {"sentence_start": each.sentence_start, "sentence_end": each.sentence_end}
    first = _present({"document": each.doc_id, "lang": each.lang, "sentence": each.sentence, **places})
    last = _present({"weight": each.weight, "model": each.model, "model_version": each.model_version})
    return {**first, **parts, "score": each.score, **last}


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value != ""}


def _write_jsonl(spool: TripleSpool, path: Path, settings: Settings) -> None:
    with path.open("w", encoding="utf8", newline="\n") as stream:
        for fact in spool.facts():
            stream.write(dump_json(fact_record(fact)) + "\n")


# CSV


def _write_csv(spool: TripleSpool, path: Path, settings: Settings) -> None:
    texts = [place for place, kind in enumerate(COLUMNS.values()) if kind is str]
    known = list(COLUMNS).index("known")
    guard: Callable[[str], str] = (lambda text: text) if settings.formulas else _no_formula
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for row in fact_rows(spool.facts()):
            cells = list(row)
            for place in texts:
                cells[place] = guard(no_controls(cells[place]))
            cells[known] = "" if cells[known] is None else str(cells[known]).lower()
            writer.writerow(cells)


def no_controls(text: str) -> str:
    """The text with U+FFFD for control characters but tab and line breaks."""
    return CONTROLS.sub("\ufffd", text) if not text.isprintable() else text


def _no_formula(text: str) -> str:
    """The text with an apostrophe before what a spreadsheet would run (OWASP, "CSV injection")."""
    return "'" + text if text.startswith(_FORMULA) else text


# Parquet


def _write_parquet(spool: TripleSpool, path: Path, settings: Settings) -> None:
    with ParquetRows(path, COLUMNS) as writer:
        writer.write(fact_rows(spool.facts()))


JSON_LINES = Writer(_write_jsonl, ".jsonl")
CSV = Writer(_write_csv, ".csv", settings=("formulas",))
PARQUET = Writer(_write_parquet, ".parquet", package="pyarrow", extra="parquet")

"""What the tests of the importers share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spacy_relx.errors import RelxError
from spacy_relx.formats.importers import get_format
from spacy_relx.formats.records import Record, Report

FORMATS = [
    "ace",
    "brat",
    "crossre",
    "dbpedia_pt",
    "doccano",
    "docred",
    "fewrel",
    "finre",
    "gids",
    "inception",
    "iob",
    "jsonl",
    "klue_re",
    "knowledgenet",
    "labelstudio",
    "nyt10",
    "opennre",
    "prodigy",
    "redfm",
    "rel_component",
    "semeval2010",
    "smiler",
    "spacy_llm",
    "spert",
    "stockmark",
    "tacred",
    "webanno",
]


def write(path: Path, *rows) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf8")
    return path


def read(name: str, path: Path, on_error: str = "raise") -> tuple[list[Record], Report]:
    report = Report(on_error)
    return list(get_format(name)(path, report)), report


def raises(code: str, name: str, path: Path) -> str:
    """The error's text; skipping instead must count one broken record with the same code."""
    with pytest.raises(RelxError) as err:
        read(name, path)
    assert err.value.code == code
    _, report = read(name, path, "skip")
    assert report.records_broken == 1
    assert report.problems[0].code == code
    return str(err.value)


def relations(record: Record) -> list[tuple[str, str, str]]:
    """(head text, label, tail text)"""
    source = record.text if record.text is not None else record.words
    texts = [source[m.start : m.end] for m in record.mentions]
    texts = [text if isinstance(text, str) else " ".join(text) for text in texts]
    return [(texts[head], label, texts[tail]) for head, tail, label in record.relations]

"""Documents and triples as Arrow's tables."""

from __future__ import annotations

from typing import Any

from ..writers.arrow import arrow, batch_of, schema_of
from ..writers.records import Triple
from .documents import Document

#: A row for each triple, as a document says it. What `relx export` merges: it reads these columns.
TRIPLE_COLUMNS: dict[str, type] = {
    "document": str,
    "place": str,
    "head_id": str,
    "head": str,
    "head_type": str,
    "head_kb_id": str,
    "label": str,
    "tail_id": str,
    "tail": str,
    "tail_type": str,
    "tail_kb_id": str,
    "score": float,
    "weight": float,
    "kb_score": float,
    "known": bool,
    "kb_rank": float,
    "lang": str,
    "sentence": str,
    "sentence_start": int,
    "sentence_end": int,
    "head_start": int,
    "head_end": int,
    "tail_start": int,
    "tail_end": int,
    "model": str,
    "model_version": str,
}
#: A row for each input, also for one that was set aside: then `error` says why.
DOCUMENT_COLUMNS: dict[str, type] = {
    "document": str,
    "place": str,
    "lang": str,
    "characters": int,
    "triples": int,
    "error": str,
}


def triple_row(triple: Triple, place: str) -> tuple[Any, ...]:
    """The values of `TRIPLE_COLUMNS`. place: of the document."""
    one, other = triple.head, triple.tail
    return (
        *(triple.doc_id, place, one.id, one.text, one.type, one.kb_id, triple.label),
        *(other.id, other.text, other.type, other.kb_id, triple.score, triple.weight),
        *(triple.kb_score, triple.known, triple.kb_rank),
        *(triple.lang, triple.sentence, triple.sentence_start, triple.sentence_end),
        *(one.start, one.end, other.start, other.end, triple.model, triple.model_version),
    )


def document_row(document: Document) -> tuple[Any, ...]:
    """The values of `DOCUMENT_COLUMNS`."""
    return (
        document.id,
        document.where,
        document.lang,
        document.n_characters,
        len(document.triples),
        document.error or None,
    )


def nested_schema() -> Any:
    """`DOCUMENT_COLUMNS` without a place, the triples in their document's row as a list."""
    pa = arrow()
    triples = pa.list_(pa.struct(list(schema_of(TRIPLE_COLUMNS))[2:]))
    fields = [field for field in schema_of(DOCUMENT_COLUMNS) if field.name != "place"]
    return pa.schema([field.with_type(triples) if field.name == "triples" else field for field in fields])


def nested_batch(documents: list[Document]) -> Any:
    """The documents as a record batch of `nested_schema`."""
    schema = nested_schema()
    names = list(TRIPLE_COLUMNS)[2:]  # document and place are those of the row
    rows = [
        (
            document.id,
            document.lang,
            document.n_characters,
            [dict(zip(names, triple_row(triple, "")[2:])) for triple in document.triples],
            document.error or None,
        )
        for document in documents
    ]
    return batch_of(schema, rows)

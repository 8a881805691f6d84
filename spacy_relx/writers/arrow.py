"""Rows as Arrow's columns, and as Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ..data._compat import optional_import
from ..errors import RelxError
from .records import EntityMention, Triple, clean_text, set_model

#: Rows of a row group of Parquet: what is in memory at a time.
ROW_GROUP = 50_000
_BATCH = 5_000


def arrow() -> Any:
    """pyarrow. RAISES: RelxError RX005 where it is not installed."""
    return optional_import("pyarrow", extra="parquet", purpose="Parquet files")


def parquet() -> Any:
    """pyarrow.parquet. RAISES: RelxError RX005 where it is not installed."""
    return optional_import("pyarrow.parquet", extra="parquet", purpose="Parquet files")


def schema_of(columns: Mapping[str, type]) -> Any:
    """The Arrow schema of columns that hold str, float, int or bool, or None."""
    pa = arrow()
    types = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_()}
    return pa.schema([(name, types[kind]) for name, kind in columns.items()])


def batch_of(schema: Any, rows: Iterable[tuple[Any, ...]]) -> Any:
    """The rows as a record batch: compact, where Python's objects are large."""
    pa = arrow()
    columns = list(zip(*rows)) or [()] * len(schema)
    return pa.record_batch([pa.array(column, field.type) for column, field in zip(columns, schema)], schema=schema)


class ParquetRows:
    """Writes rows to a Parquet file, in bounded memory. A context manager: the file is whole when it is left."""

    def __init__(self, path: Path, columns: Mapping[str, type]):
        self.schema = schema_of(columns)
        self._writer = parquet().ParquetWriter(path, self.schema, compression="zstd")
        self._rows: list[tuple[Any, ...]] = []
        self._batches: list[Any] = []

    def write(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows, whose values are in the order of the columns."""
        rows = iter(rows)
        while part := list(islice(rows, _BATCH - len(self._rows))):
            self._rows += part
            if len(self._rows) == _BATCH:
                self._batches.append(batch_of(self.schema, self._rows))
                self._rows = []
                if len(self._batches) * _BATCH >= ROW_GROUP:
                    self._flush()

    def _flush(self) -> None:
        if self._batches:
            table = arrow().Table.from_batches(self._batches)
            self._writer.write_table(table, row_group_size=ROW_GROUP)
            self._batches = []

    def __enter__(self) -> ParquetRows:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                if self._rows:
                    self._batches.append(batch_of(self.schema, self._rows))
                self._flush()
        finally:
            self._writer.close()


def triples_of_parquet(path: Path, *, model: str = "", model_version: str = "") -> Iterator[Triple]:
    """The triples of a Parquet file of `relx annotate`, or of `relx export`: each row is one.

    model, model_version: for rows that do not say it.
    RAISES: RelxError RX338 for another file, or one whose columns are not those.
    """
    pa = arrow()
    try:
        with parquet().ParquetFile(path) as file:
            missing = [name for name in ("document", "head", "label", "tail") if name not in file.schema.names]
            if missing:
                raise RelxError("RX338", path=path, reason=f"it has no column {missing[0]!r}")
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    yield set_model(_triple(row), model, model_version)
    except (OSError, pa.ArrowException) as err:
        raise RelxError("RX338", path=path, reason=str(err).splitlines()[0]) from err


def _triple(row: Mapping[str, Any]) -> Triple:
    score = row.get("evidence_score", row.get("score"))
    return Triple(
        _entity(row, "head"),
        clean_text(row["label"]),
        _entity(row, "tail"),
        row["document"] or "",
        row.get("sentence") or "",
        row.get("sentence_start"),
        row.get("sentence_end"),
        row.get("lang") or "",
        1.0 if score is None else float(score),
        weight=row.get("weight"),
        kb_score=row.get("kb_score"),
        known=row.get("known"),
        kb_rank=row.get("kb_rank"),
        model=row.get("model") or "",
        model_version=row.get("model_version") or "",
        origin=f"place {row['place']}" if row.get("place") else "",
    )


def _entity(row: Mapping[str, Any], name: str) -> EntityMention:
    kind, kb_id = row.get(f"{name}_type") or "", row.get(f"{name}_kb_id") or ""
    return EntityMention(row[name] or "", kind, kb_id, row.get(f"{name}_start"), row.get(f"{name}_end"))

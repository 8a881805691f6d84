"""Rows that wait on disk until all are there: more than memory holds, sorted and grouped by SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from ..errors import RelxError

#: Rows of an insertion.
_BATCH = 500
#: KiB: of pages in memory, and of each sorted run before it goes to disk.
_CACHE = 32_000
Row = tuple[Any, ...]


class Spool:
    """A temporary database, of one process and one thread. A context manager.

    It lies in the system's folder for temporary files, where the environment variable TMPDIR leads, and is gone however
    the process ends. Memory is some megabytes; sorting needs about twice the room of the rows.

    Args:
        tables: statements that create its tables.
    """

    def __init__(self, *tables: str):
        # "" is a temporary file that nobody else sees; only what the cache has no room for is written to it
        self.database = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", "temp_store=FILE", f"cache_size=-{_CACHE}"):
            self.database.execute(f"PRAGMA {setting}")
        for table in tables:
            self.database.execute(table)
        self.database.execute("BEGIN")
        self._waiting: dict[str, list[Row]] = {}

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the database."""
        self.database.close()

    def insert(self, statement: str, rows: Iterable[Row]) -> None:
        """Insert rows, a batch at a time.

        Raises:
            RelxError: RX333 where there is no room.
        """
        rows = iter(rows)
        with _room():
            while batch := list(islice(rows, _BATCH)):
                self.database.executemany(statement, batch)

    def add(self, statement: str, row: Row) -> None:
        """Insert a row, together with those that follow. Raises RX333."""
        waiting = self._waiting.setdefault(statement, [])
        waiting.append(row)
        if len(waiting) >= _BATCH:
            self._flush()

    def select(self, query: str, *values: Any) -> Iterator[Row]:
        """The rows of a query, of all that was inserted before. Raises RX333."""
        self._flush()
        with _room():
            # `yield from` would close a cursor whose database may be closed by then
            for row in self.database.execute(query, values):  # noqa: UP028
                yield row

    def _flush(self) -> None:
        for statement, rows in self._waiting.items():
            self.insert(statement, rows)
            rows.clear()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as err:
        raise RelxError("RX333", reason=err) from err

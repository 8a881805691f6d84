"""Rows that wait on disk: their order, what stays behind, a full disk."""

from __future__ import annotations

import os

import pytest

from spacy_relx.data.spool import Spool
from spacy_relx.errors import RelxError

TABLE = "CREATE TABLE numbers (key INT, name TEXT)"
INSERT = "INSERT INTO numbers VALUES (?, ?)"
SORTED = "SELECT key, name FROM numbers ORDER BY key, rowid"


def rows(n):
    return [(i * 7919 % 1009, f"name {i}") for i in range(n)]


@pytest.mark.parametrize("n", [0, 1, 499, 500, 1234])
def test_rows_come_sorted_and_in_the_order_of_adding(n):
    with Spool(TABLE) as spool:
        for row in rows(n):
            spool.add(INSERT, row)
        assert list(spool.select(SORTED)) == sorted(rows(n), key=lambda row: row[0])
        spool.insert(INSERT, iter(rows(2000)))
        spool.add(INSERT, (-1, "late"))
        assert next(spool.select(SORTED)) == (-1, "late")
        assert len(list(spool.select("SELECT * FROM numbers WHERE key >= ?", 0))) == n + 2000


def test_more_than_the_cache_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    monkeypatch.setattr("spacy_relx.data.spool._CACHE", 100)
    with Spool(TABLE) as spool:
        spool.insert(INSERT, ((i, "x" * 100) for i in range(20_000)))
        found = spool.select("SELECT key, name FROM numbers ORDER BY name, key DESC")
        assert next(found)[0] == 19_999
        assert not list(tmp_path.iterdir()) or os.name == "nt"  # it has no name even while it is used
    assert not list(tmp_path.iterdir())


def test_no_room():
    with Spool(TABLE) as spool:
        spool.database.execute("COMMIT")
        spool.database.execute("PRAGMA max_page_count=20")
        with pytest.raises(RelxError, match=r"RX333.*full.*TMPDIR"):
            spool.insert(INSERT, rows(50_000))
    with Spool(TABLE) as spool:
        spool.database.execute("COMMIT")
        spool.database.execute("PRAGMA max_page_count=20")
        with pytest.raises(RelxError, match="RX333"):
            for row in rows(50_000):
                spool.add(INSERT, row)

"""SPARQL queries to a graph, each answered by a process of its own that has no network."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

from ..data._compat import optional_import
from ..errors import RelxError
from .graph import STORE, graph_prefixes

#: Strings, IRIs and comments, in which a word has no prefix.
_NO_NAMES = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""|\'\'\'(?:[^\'\\]|\\.|\'(?!\'\'))*\'\'\'|"(?:[^"\\\n\r]|\\.)*"|'
    r"'(?:[^'\\\n\r]|\\.)*'|<[^<>\"{}|^`\\\x00-\x20]*>|#[^\n\r]*",
    re.DOTALL,
)
#: A name with a prefix, and the declaration of one, outside of what `_NO_NAMES` finds.
_PREFIXED = re.compile(r"(?<![\w?$:.-])((?!_:)[^\W\d_][\w.-]*)?:")
_DECLARED = re.compile(r"(?<![\w?$:.-])PREFIX\s+([^\s:]*):", re.IGNORECASE)
# What would change a terminal instead of being shown, and line breaks, which would break the table.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
#: Memory that a query may take beyond the program itself, in bytes.
MAX_BYTES = 4 << 30
#: Characters of a query.
MAX_LENGTH = 100_000


@dataclass(frozen=True)
class Term:
    """A term of an answer.

    Attributes:
        kind: "uri", "bnode", "literal" or "triple".
        value: IRI, name of a blank node, or text; of a "triple" its `subject`, `predicate` and `object`.
        lang: Language tag of a literal, "" without one.
        datatype: IRI of a literal's datatype, "" for plain strings and those with a language.
    """

    kind: str
    value: Union[str, dict[str, Term]]
    lang: str = ""
    datatype: str = ""

    def __str__(self) -> str:
        if isinstance(self.value, dict):
            return "<< " + " ".join(str(part) for part in self.value.values()) + " >>"
        return f"_:{self.value}" if self.kind == "bnode" else self.value

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Term:
        """Read a term of SPARQL 1.1 Query Results JSON Format."""
        value = row["value"]
        if row["type"] == "triple":
            value = {name: cls.from_json(part) for name, part in value.items()}
        return cls(row["type"], value, row.get("xml:lang", ""), row.get("datatype", ""))

    def to_json(self) -> dict[str, Any]:
        """Write a term of SPARQL 1.1 Query Results JSON Format."""
        if isinstance(self.value, dict):
            return {"type": self.kind, "value": {name: part.to_json() for name, part in self.value.items()}}
        optional = {"xml:lang": self.lang, "datatype": self.datatype}
        return {"type": self.kind, "value": self.value, **{name: text for name, text in optional.items() if text}}


@dataclass
class Answer:
    """The answer to a query.

    Attributes:
        names: The columns.
        rows: The terms of each row, None where a variable is not bound.
        cut: Whether there are more rows.
        yes: The answer to ASK, None for other queries.
    """

    names: list[str]
    rows: list[list[Term | None]]
    cut: bool = False
    yes: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """SPARQL 1.1 Query Results JSON Format."""
        if self.yes is not None:
            return {"head": {}, "boolean": self.yes}
        rows = [{name: term.to_json() for name, term in zip(self.names, row) if term is not None} for row in self.rows]
        return {"head": {"vars": self.names}, "results": {"bindings": rows}}

    def to_csv(self) -> str:
        """SPARQL 1.1 Query Results CSV Format; lines end in CR LF there."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(self.names)
        for row in [["true" if self.yes else "false"]] if self.yes is not None else self.rows:
            writer.writerow([cell if isinstance(cell, str) else _cell(cell) for cell in row])
        return stream.getvalue()

    def to_text(self, width: int = 160) -> str:
        """A table of about this width, in characters; "yes" or "no" for ASK."""
        if self.yes is not None:
            return "yes" if self.yes else "no"
        if not self.names:
            return ""
        from wasabi import table

        rows = [[_UNSHOWN.sub(" ", _cell(term)) for term in row] for row in self.rows]
        max_col = max(20, width // max(1, len(self.names)) - 3)
        return table(rows, header=self.names, divider=True, max_col=max_col).strip("\n")

    def __str__(self) -> str:
        return self.to_text()


def _cell(term: Term | None) -> str:
    return "" if term is None else str(term)


def query_text(query: str) -> str:
    """A query, or that of the file which @FILE names. RAISES: RelxError RX344 for a file that cannot be read."""
    if not query.startswith("@"):
        return query
    try:
        return Path(query[1:]).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as err:
        raise RelxError("RX344", reason=f"the file {query[1:]} cannot be read ({err})") from err


def query_graph(folder: str | Path, query: str, *, limit: int = 1000, timeout: float | None = 60) -> Answer:
    """Ask a graph in SPARQL 1.1: SELECT, ASK, CONSTRUCT or DESCRIBE.

    A query changes nothing and reaches no other machine: one with a SERVICE is refused by its parse tree, and the
    process that answers may open no socket (on Linux). It may use the prefixes of `graph_prefixes`, and
    declare others.

    Args:
        folder: A graph of `build_graph`.
        query: The query.
        limit: Rows at most, 0 for all, which are in memory then.
        timeout: Seconds at most, None for no limit.

    Returns:
        The answer.

    Raises:
        RelxError: RX005 (no pyoxigraph or rdflib), RX205 (no graph), RX344 (the query), RX345 (SERVICE), RX346 (time),
            RX564 (an unknown prefix), RX355 (memory).
    """
    for package in ("pyoxigraph", "rdflib"):
        optional_import(package, extra="graph", purpose="graphs")
    folder = Path(folder)
    prefixes = graph_prefixes(folder)
    if len(query) > MAX_LENGTH:
        raise RelxError("RX344", reason=f"the query is longer than {MAX_LENGTH} characters")
    asked = {
        "store": str(folder / STORE),
        "query": query,
        "prefixes": prefixes,
        "limit": limit,
        "max_bytes": MAX_BYTES,
    }
    script = Path(__file__).with_name("_query_process.py")
    try:
        done = subprocess.run(
            [sys.executable, str(script)], input=json.dumps(asked).encode(), capture_output=True, timeout=timeout
        )
    except subprocess.TimeoutExpired as err:
        raise RelxError("RX346", seconds=timeout) from err
    lines: list[Any] = [json.loads(line) for line in done.stdout.splitlines()] if not done.returncode else []
    end: dict[str, Any] = lines[-1] if lines else {"error": "RX355", "reason": ""}
    unknown = _unknown_prefixes(query, prefixes) if end.get("error") == "RX344" else []
    if unknown:
        raise RelxError("RX564", names=", ".join(unknown), known=", ".join(prefixes))
    if "error" in end:
        raise RelxError(end["error"], reason=end["reason"], path=folder, gigabytes=MAX_BYTES >> 30)
    head: dict[str, Any] = lines[0]
    rows = [[None if term is None else Term.from_json(term) for term in row] for row in lines[1:-1]]
    return Answer(head["names"], rows, end["cut"], head["yes"])


def _unknown_prefixes(query: str, known: Iterable[str]) -> list[str]:
    """Prefixes that a query uses and does not declare. Used for a message alone: what is refused, the parsers say."""
    text = _NO_NAMES.sub(" ", query)
    used = dict.fromkeys(_PREFIXED.findall(text))
    return [name or "(the empty one)" for name in used if name not in {*known, *_DECLARED.findall(text)}]

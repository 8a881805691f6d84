"""The process that answers one query to a graph. It is run as a script, by `query.query_graph`.

A query comes from anywhere, and SPARQL can ask other machines (SERVICE). So the process does two things before Oxigraph
sees the query: it parses it with rdflib's grammar and refuses what has a SERVICE or cannot be parsed, and it gives up
the right to open sockets, where the operating system allows that (Linux). The second wall does not depend on the first.
Being a process of its own, it can be ended when a query takes too long or too much memory.

It reads one JSON object from standard input (store, query, prefixes, limit, max_bytes) and writes JSON lines: the head
of the answer, a list of terms for each row, and an end; or an error with its code. It imports nothing of this package,
so that it starts fast.
"""

from __future__ import annotations

import ctypes
import json
import platform
import re
import struct
import sys
from collections.abc import Iterator
from typing import Any

_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
#: (number of the system call `socket`, AUDIT_ARCH_*) of each machine, as in Linux' headers.
_LINUX = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}


class Refused(Exception):
    """A query that is not answered. code: of the error that the parent raises."""

    def __init__(self, code: str, reason: str = ""):
        super().__init__(reason)
        self.code = code


def plain_query(query: str) -> str:
    """The query as both parsers read alike: line ends are LF, and `\\u` escapes of other than ASCII are written out.

    Raises:
        Refused: An escape stands for an ASCII character, which one parser takes for syntax and the other for text.
    """

    def expand(match: re.Match[str]) -> str:
        code = int(match[1] or match[2], 16)
        if code < 128 or 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            raise Refused("RX344", f"the escape {match[0]} is not allowed, write the character itself")
        return chr(code)

    return _ESCAPE.sub(expand, query.replace("\r\n", "\n").replace("\r", "\n"))


def check_query(query: str) -> None:
    """Look for a SERVICE in the parse tree.

    Raises:
        Refused: The query has one, or is not SPARQL 1.1.
    """
    from pyparsing import ParseBaseException
    from rdflib.plugins.sparql.parser import parseQuery

    try:
        waiting: list[Any] = [parseQuery(query)]
    except (ParseBaseException, RecursionError, ValueError) as err:
        raise Refused("RX344", first_line(err)) from err
    while waiting:
        part = waiting.pop()
        if getattr(part, "name", None) == "ServiceGraphPattern":
            raise Refused("RX345")
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif not isinstance(part, str):
            try:
                waiting.extend(part)
            except TypeError:
                continue


def deny_network() -> bool:
    """Take from this process the right to open sockets.

    Returns:
        Whether that could be done: on Linux, on the machines of `_LINUX`.
    """
    if sys.platform != "linux" or platform.machine() not in _LINUX:
        return False
    number, arch = _LINUX[platform.machine()]
    load, equal, give = 0x20, 0x15, 0x06
    allow, deny, kill = 0x7FFF0000, 0x00050000 | 13, 0x80000000  # 13: EACCES
    steps = [
        (load, 0, 0, 4),  # the architecture, else numbers of system calls mean other things
        (equal, 1, 0, arch),
        (give, 0, 0, kill),
        (load, 0, 0, 0),
        (equal, 0, 1, number),
        (give, 0, 0, deny),
        (give, 0, 0, allow),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    program = Program(len(steps), code)
    return (
        libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0
        and libc.prctl(set_seccomp, filter_mode, ctypes.byref(program)) == 0
    )


def limit_memory(max_bytes: int) -> None:
    """Let the process have at most so many bytes of its own, where the operating system counts them."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (max_bytes, max_bytes))


def lines_of(found: Any, limit: int) -> Iterator[Any]:
    """The answer as values for JSON: its head, its rows, its end."""
    import pyoxigraph as ox

    if isinstance(found, ox.QueryBoolean):
        yield {"names": ["answer"], "yes": bool(found)}
        yield {"cut": False}
        return
    if isinstance(found, ox.QueryTriples):
        names, rows = ["subject", "predicate", "object"], ([each[0], each[1], each[2]] for each in found)
    else:
        names = [variable.value for variable in found.variables]
        rows = ([solution[name] for name in names] for solution in found)
    yield {"names": names, "yes": None}
    for n, row in enumerate(rows):
        if limit and n == limit:
            yield {"cut": True}
            return
        yield [None if term is None else term_of(term) for term in row]
    yield {"cut": False}


def term_of(term: Any) -> dict[str, Any]:
    """A term as in SPARQL 1.1 Query Results JSON Format."""
    kind = type(term).__name__
    if kind == "Triple":
        parts = {"subject": term.subject, "predicate": term.predicate, "object": term.object}
        return {"type": "triple", "value": {name: term_of(part) for name, part in parts.items()}}
    found = {"type": {"NamedNode": "uri", "BlankNode": "bnode"}.get(kind, "literal"), "value": term.value}
    if kind == "Literal" and term.language:
        found["xml:lang"] = term.language
    elif kind == "Literal" and not term.datatype.value.endswith("XMLSchema#string"):
        found["datatype"] = term.datatype.value
    return found


def first_line(err: BaseException) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0].rstrip(" .")


def main() -> None:
    asked = json.loads(sys.stdin.buffer.read())
    limit_memory(asked["max_bytes"])
    try:
        query = plain_query(asked["query"])
        check_query(query)
        import pyoxigraph as ox

        try:
            store = ox.Store.read_only(asked["store"])
        except (OSError, ValueError) as err:
            raise Refused("RX205", first_line(err)) from err
        deny_network()
        for line in lines_of(store.query(query, prefixes=asked["prefixes"]), asked["limit"]):
            put(line)
    except Refused as err:
        put({"error": err.code, "reason": str(err)})
    except MemoryError:
        put({"error": "RX355", "reason": ""})
    except Exception as err:  # whatever Oxigraph says of a query, the parent says to the user
        put({"error": "RX344", "reason": first_line(err)})


def put(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


if __name__ == "__main__":
    del sys.path[0]  # this folder, whose modules are none of the standard library's
    main()

"""Lines of triples, as `relx predict`, `relx facts` and `relx export` write them, read one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from ..corpora.records import load_json
from ..corpora.texts import MAX_LINE, LeftOut
from ..errors import RelxError
from ._app import OnError

if TYPE_CHECKING:
    from ..export import Triple


@dataclass
class TripleLines:
    """Reads such lines, and counts those that it left out.

    on_error: stop at a broken line, or leave it out. broken: code of the error. left_out: counts those.
    """

    on_error: OnError
    broken: str
    left_out: LeftOut

    def read(
        self, opened: AbstractContextManager[BinaryIO], name: str, **settings: Any
    ) -> Iterator[tuple[int, dict[str, Any], list[Triple]]]:
        """(number, row, its triples) of each line, which is taken whole or not at all. name: what is read, for errors.
        settings: of `export.triples_of_row`. RAISES: RelxError `broken`."""
        from ..export import triples_of_row

        with opened as stream:
            for number, raw in enumerate(iter(lambda: stream.readline(MAX_LINE), b""), start=1):
                if not raw.strip():
                    continue
                where = f"{name}:{number}"
                try:
                    row: Any = load_json(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
                    triples = list(triples_of_row(row, number=number, **settings))
                except (ValueError, RecursionError) as err:
                    reason = str(err).rstrip(" .") or type(err).__name__
                    if self.on_error is OnError.fail:
                        text = raw[:80].decode("utf8", "replace").rstrip("\r\n")
                        raise RelxError(self.broken, where=where, reason=reason, text=text) from err
                    self.left_out.add(where, reason)
                    continue
                yield number, row, triples

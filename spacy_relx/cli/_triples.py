"""Triples that commands read: the files that hold them, and lines of `relx predict`, `relx facts` and `relx export`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..data.files import folder_files, name_in_ids
from ..errors import RelxError
from ..formats.records import load_json
from ..formats.texts import MAX_LINE, LeftOut
from ._app import OnError

if TYPE_CHECKING:
    from ..writers import Triple

#: What inputs of triples are known: by the ends of their names.
SUFFIXES = (".parquet", ".spacy", ".jsonl")
INPUTS_HELP = (
    ".spacy files, .parquet of relx annotate or export, .jsonl of relx predict, facts or export, folders of these, or -"
)
#: Standard input as an input.
STDIN = Path("-")


def triple_files(inputs: Sequence[Path], broken: str) -> list[tuple[Path, str]]:
    """The files of inputs, those of a folder sorted, each with its name for ids: that of the folder that was
    given with the path in it, see `files.name_in_ids` for a file.

    Of the folder that `relx annotate` has written, its triples. broken: code of the error.
    RAISES: RelxError `broken` for an input that is not there or of no kind that is read. WARNS: RX410 for files in
    folders that are of no such kind.
    """
    found: list[tuple[Path, str]] = []
    for path in inputs:
        if path == STDIN:
            found.append((path, str(path)))
        elif path.is_dir():
            found += _in_folder(path, broken)
        elif not path.exists():
            raise RelxError("RX120", path=path)
        elif path.suffix not in SUFFIXES:
            raise RelxError(broken, path=path, reason=f"its name ends in none of {', '.join(SUFFIXES)}")
        else:
            found.append((path, name_in_ids(path)))
    return found


def _in_folder(path: Path, broken: str) -> list[tuple[Path, str]]:
    from ..run.plan import PLAN
    from ..run.shard import TRIPLES

    runs = {plan.parent for plan in path.rglob(PLAN) if (plan.parent / TRIPLES).is_dir()}

    def is_input(file: Path) -> bool:
        # beside a run's triples are the same as Docs, and tables of other things
        run = next((each for each in file.parents if each in runs), None)
        return run is None or file.is_relative_to(run / TRIPLES)

    return folder_files(path, SUFFIXES, broken, is_input)


@dataclass
class TripleLines:
    """Reads such lines, and counts those that it left out.

    on_error: stop at a broken line, or leave it out. broken: code of the error. left_out: counts those.
    """

    on_error: OnError
    broken: str
    left_out: LeftOut

    def read(self, path: Path, source: str, **settings: Any) -> Iterator[tuple[int, dict[str, Any], list[Triple]]]:
        """(number, row, its triples) of each line of a file or of `STDIN`. A line is taken whole or not at all.

        source: name of the file in ids. settings: of `export.triples_of_row`. RAISES: RelxError `broken`.
        """
        from ..writers import triples_of_row

        name, settings["source"] = ("standard input", "") if path == STDIN else (str(path), source)
        with self._open(path, name) as stream:
            for number, raw in enumerate(iter(lambda: stream.readline(MAX_LINE), b""), start=1):
                if not raw.strip():
                    continue
                where = f"{name}:{number}"
                try:
                    row: Any = load_json(raw.decode("utf-8-sig"))
                    triples = list(triples_of_row(row, number=number, **settings))
                except (ValueError, RecursionError) as err:
                    reason = str(err).rstrip(" .") or type(err).__name__
                    if self.on_error is OnError.fail:
                        text = raw[:80].decode("utf8", "replace").rstrip("\r\n")
                        raise RelxError(self.broken, where=where, reason=reason, text=text) from err
                    self.left_out.add(where, reason)
                    continue
                yield number, row, triples

    def _open(self, path: Path, name: str) -> AbstractContextManager[BinaryIO]:
        try:
            return nullcontext(sys.stdin.buffer) if path == STDIN else path.open("rb")
        except OSError as err:
            raise RelxError(self.broken, where=name, reason=err.strerror or err, text="") from err

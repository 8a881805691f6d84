"""Triples of files: which files hold them, and lines of `relx predict`, `relx facts` and `relx export`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..data.files import folder_files, name_in_ids
from ..errors import RelxError
from ..formats.records import load_json
from ..formats.texts import MAX_LINE, LeftOut, OnError
from .from_docs import iter_triples
from .from_json import triples_of_row
from .records import Triple

#: What inputs of triples are known: by the ends of their names.
SUFFIXES = (".parquet", ".spacy", ".jsonl")
#: In the folder of a run of `relx annotate`: its plan, and the folder of its triples.
PLAN, TRIPLES = "_plan.json", "triples"
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

        source: name of the file in ids. settings: of `triples_of_row`. RAISES: RelxError `broken`.
        """
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
                    if self.on_error == "raise":
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


def file_triples(
    inputs: Sequence[Path],
    *,
    what: str = "all",
    on_error: OnError = "raise",
    model: str = "",
    model_version: str = "",
) -> Iterator[Triple]:
    """The triples of files, and of folders of them.

    Args:
        inputs: .spacy files; .parquet of `relx annotate` or `relx export`; .jsonl of `relx predict`, `relx facts` or
            `relx export`; folders of these.
        what: Of .spacy files: "relations", "facts" or "all".
        on_error: What to do with a broken line.
        model: The name of what found the triples, where they do not say it.
        model_version: Its version.

    Raises:
        RelxError: RX338 or RX132 for files, RX339 for a broken line.

    Warns:
        RX348: At the end, where lines were left out.
        RX410: For files in folders that are of no such kind.
    """
    yield from triples_of_files(triple_files(inputs, "RX338"), what, model, model_version, on_error)


def triples_of_files(
    files: Iterable[tuple[Path, str]], what: str, model: str, version: str, on_error: OnError
) -> Iterator[Triple]:
    """The same, of files that `triple_files` gave.

    RAISES: RelxError RX338, RX132 (files), RX339 (lines). WARNS: RX348, at the end.
    """
    from .arrow import triples_of_parquet

    made = {"model": model, "model_version": version}
    lines = TripleLines(on_error, broken="RX339", left_out=LeftOut("RX348"))
    for path, name in files:
        if path.suffix == ".parquet":
            yield from triples_of_parquet(path, **made)
        elif path.suffix == ".spacy":
            yield from _read_docs(path, name, what, made)
        else:
            for _, _, triples in lines.read(path, name, **made):
                yield from triples
    lines.left_out.report()


def _read_docs(path: Path, name: str, what: str, made: dict[str, str]) -> Iterator[Triple]:
    import spacy

    from ..formats.docbin import read_docs

    # a new vocabulary for each file: with one for all it would grow
    docs = read_docs(path, spacy.blank("xx").vocab)
    yield from iter_triples(docs, what=what, source=name, **made)

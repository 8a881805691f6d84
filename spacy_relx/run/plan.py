"""What a run is to do: its settings, and the shards that its inputs are cut into."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from spacy.util import get_package_path

from ..data.files import folder_files, write_whole
from ..data.strict_json import dump_json
from ..errors import RelxError
from ..formats.texts import FIELDS, Fields, line_parser
from ..writers.arrow import arrow, parquet
from ..writers.reading import PLAN
from .inputs import Input, check_stamps

_VERSION = 2
#: What inputs are known: by the ends of their names.
SUFFIXES = (".jsonl", ".jsonl.gz", ".txt", ".txt.gz", ".parquet", ".spacy")
#: A shard of lines ends after so many bytes, however few lines that are.
MAX_SHARD_BYTES = 1 << 28
_READ = 1 << 23
#: What `cut` calls shards.
_SHARD_NAME = re.compile(r"\d+-[\w.-]*")


@dataclass(frozen=True)
class Shard:
    """A part of an input that is done as a whole.

    name: of its output files. path: the input. source: the input's name in ids and places. start, end: bytes of a file
    of lines, or row groups of Parquet; end None: to the end. first: number of its first line or row, from 1. n: how
    many lines or rows it has, None where that is not known before it is read.
    """

    name: str
    path: str
    source: str
    start: int = 0
    end: int | None = None
    first: int = 1
    n: int | None = None


@dataclass(frozen=True)
class Job:
    """What is done with each shard, where, and how.

    model, code: as strings that each process can open. output: the folder. what: see `export.iter_triples`. fields: the
    names of what is read of a row. docs: write the Docs too. batch_size: texts that go through the pipeline together.
    threads: of PyTorch in each process. gpu: its number, -1 for none. inputs: what the plan knows of the inputs, by
    their names in `Shard.source`; one that is not there is not watched.
    """

    model: str
    output: str
    code: str | None = None
    what: str = "all"
    fields: Fields = FIELDS
    docs: bool = False
    batch_size: int = 256
    threads: int = 1
    gpu: int = -1
    inputs: Mapping[str, Input] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """identity: what makes two runs one, so that the second may go on with what the first has left: model and settings.
    What changes no output (sizes of batches, workers, engine) is not in it. inputs: the files, by their names in
    `Shard.source`. shards: what the inputs are cut into."""

    identity: dict[str, Any]
    inputs: dict[str, Input] = field(default_factory=dict)
    shards: list[Shard] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Write the plan into the folder of the output. RAISES: OSError."""
        plan = asdict(self)
        data = {"version": _VERSION, "digest": _digest(plan), **plan}
        write_whole(folder / PLAN, dump_json(data, indent=1).encode("utf8"))

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """RAISES: RelxError RX402 for a file that is no plan, or of which something was lost or changed."""
        try:
            data = json.loads((folder / PLAN).read_text(encoding="utf8"))
            version, digest = data.pop("version"), data.pop("digest", None)
            if version != _VERSION:
                raise ValueError(f"its version is {version}, and only {_VERSION} is known here")
            if digest != _digest(data):
                raise ValueError("something of it was lost or changed since it was written")
            inputs = {name: Input(*known) for name, known in data["inputs"].items()}
            shards = [Shard(**shard) for shard in data["shards"]]
            # files are written and removed by these names: one with a path would reach out of the folder
            strange = next((shard.name for shard in shards if not _SHARD_NAME.fullmatch(shard.name)), None)
            if strange is not None:
                raise ValueError(f"a shard has the name {strange[:80]!r}")
            return cls(data["identity"], inputs, shards)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as err:
            raise RelxError("RX402", path=folder / PLAN, reason=f"{type(err).__name__}: {err}") from err


def _digest(plan: dict[str, Any]) -> str:
    """Of the content of a plan: one of which a part is lost would leave out inputs without a word."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode("ascii")).hexdigest()


def make_plan(
    identity: dict[str, Any],
    inputs: dict[str, Input],
    shard_size: int,
    fields: Fields,
    before: Plan | None = None,
) -> Plan:
    """A plan for inputs, see `Plan`. before: one whose shards are kept, of the files that have not changed since.

    RAISES: RelxError RX182 for a file that cannot be read, or a table without texts; RX598 for one that changes
    meanwhile.
    """
    known = before.inputs if before is not None else {}
    # a file that has been moved, or written again as it was, is what it was
    same = {name for name, one in inputs.items() if name in known and known[name].digest == one.digest}
    kept: list[Shard] = []
    first = 0
    if before is not None:
        kept = [replace(shard, path=inputs[shard.source].path) for shard in before.shards if shard.source in same]
        first = 1 + max((int(shard.name.split("-")[0]) for shard in before.shards), default=-1)
    new = [(Path(one.path), name) for name, one in inputs.items() if name not in same]
    plan = Plan(identity, inputs, [*kept, *cut(new, shard_size, fields, first)])
    check_stamps(inputs[name] for _, name in new)
    return plan


def input_files(inputs: Sequence[Path]) -> list[tuple[Path, str]]:
    """The files of inputs, each with its name for ids and places: with that of the folder that was given.

    RAISES: RelxError RX182 for an input that is none or is given twice, and for two of one name. WARNS: RX410 for
    files in folders that are of no kind that is read.
    """
    found: list[tuple[Path, str]] = []
    for path in inputs:
        if path.is_dir():
            found += folder_files(path, SUFFIXES, "RX182")
        elif not path.exists():
            raise RelxError("RX120", path=path)
        elif not path.name.endswith(SUFFIXES):
            raise RelxError("RX182", path=path, reason=f"its name ends in none of {', '.join(SUFFIXES)}")
        else:
            found.append((path, path.name))
    places: dict[Path, Path] = {}
    names: dict[str, Path] = {}
    for path, name in found:
        if path.resolve() in places:
            reason = f"it is given twice, also as '{places[path.resolve()]}', so that its documents would be, too"
            raise RelxError("RX182", path=path, reason=reason)
        if name in names:
            reason = f"it would be called {name}, as '{names[name]}' is: give the folder that holds both"
            raise RelxError("RX182", path=path, reason=reason)
        places[path.resolve()] = names[name] = path
    return found


def identity_of(model: str, code: Path | None, settings: dict[str, Any]) -> dict[str, Any]:
    """What tells whether an unfinished run is this one: contents of the pipeline's files, not their names or times."""
    return {
        "model": _fingerprint(Path(model) if Path(model).is_dir() else get_package_path(model)),
        "code": hashlib.sha256(code.read_bytes()).hexdigest() if code is not None else None,
        "settings": settings,
    }


def _fingerprint(folder: Path) -> str:
    """Of a pipeline's folder: the names and contents of all its files, but for what Python compiles."""
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        whole.update(path.relative_to(folder).as_posix().encode("utf8") + b"\0")
        with path.open("rb") as stream:
            while data := stream.read(_READ):
                whole.update(data)
    return whole.hexdigest()


def cut(
    files: Sequence[tuple[Path, str]], shard_size: int, fields: Fields = FIELDS, number: int = 0
) -> Iterator[Shard]:
    """The shards of files: after each shard_size lines, or the row groups of Parquet that have as many rows together.
    .gz and .spacy files are a shard each: what is in their middle cannot be reached. number: of the first shard.

    RAISES: RelxError RX182 for a file that cannot be read, or a table without texts.
    """
    for path, source in files:
        bare = next(source[: -len(suffix)] for suffix in SUFFIXES if source.endswith(suffix))
        stem = re.sub(r"[^\w.-]+", "-", bare)[-80:].strip("-.")
        for start, end, first, n in _parts(path, shard_size, fields):
            yield Shard(f"{number:05d}-{stem}", str(path.resolve()), source, start, end, first, n)
            number += 1


def _parts(path: Path, shard_size: int, fields: Fields) -> Iterator[tuple[int, int | None, int, int | None]]:
    try:
        if path.suffix == ".parquet":
            yield from _row_groups(path, shard_size, fields)
        elif path.suffix == ".gz" or line_parser(path) is None:
            yield 0, None, 1, None
        else:
            yield from _lines(path, shard_size)
    except OSError as err:
        raise RelxError("RX182", path=path, reason=str(err).splitlines()[0]) from err
    except arrow().ArrowException:  # a damaged table: a shard that will fail, beside others that do not
        yield 0, None, 1, None


def _lines(path: Path, shard_size: int) -> Iterator[tuple[int, int, int, int]]:
    """(begin, end, number of the first line, number of lines) of parts, in bytes."""
    start, first, lines, done, open_line = 0, 1, 0, 0, False
    with path.open("rb") as stream:
        while data := stream.read(_READ):
            breaks = np.flatnonzero(np.frombuffer(data, dtype="uint8") == ord("\n")) + 1 + done
            used = 0
            while len(breaks) > used:
                by_lines = used + shard_size - lines - 1
                by_bytes = int(np.searchsorted(breaks, start + MAX_SHARD_BYTES))
                last = min(by_lines, max(by_bytes, used))
                if last >= len(breaks):
                    break
                n = lines + last + 1 - used
                yield start, int(breaks[last]), first, n
                start, first, lines, used = int(breaks[last]), first + n, 0, last + 1
            lines += len(breaks) - used
            done += len(data)
            open_line = not data.endswith(b"\n")
    if start < done:
        yield start, done, first, lines + open_line


def _row_groups(path: Path, shard_size: int, fields: Fields) -> Iterator[tuple[int, int, int, int]]:
    with parquet().ParquetFile(path) as file:
        names = file.schema_arrow.names
        if fields.text not in names:
            reason = f"it has no column {fields.text!r}, but {', '.join(map(repr, names[:20]))}"
            raise RelxError("RX182", path=path, reason=reason)
        kind = str(file.schema_arrow.field(fields.text).type)
        if "string" not in kind and kind != "null":
            raise RelxError("RX182", path=path, reason=f"its column {fields.text!r} holds no texts, but {kind}")
        start, first, rows = 0, 1, 0
        for group in range(file.metadata.num_row_groups):
            rows += file.metadata.row_group(group).num_rows
            if rows >= shard_size or group + 1 == file.metadata.num_row_groups:
                yield start, group + 1, first, rows
                start, first, rows = group + 1, first + rows, 0

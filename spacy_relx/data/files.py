"""Reading files, packed or not, line by line; writing files and folders whole or not at all; names of files."""

from __future__ import annotations

import bz2
import errno
import gzip
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import RelxError, warn


def open_binary(path: Path) -> IO[bytes]:
    """Open a file for reading, unpacked if its name ends in .gz or .bz2."""
    if path.suffix == ".bz2":
        return bz2.open(path, "rb")
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def bounded_lines(stream: IO[bytes], limit: int, end: int | None = None) -> Iterator[bytes]:
    """The lines of a stream; of one longer than `limit` bytes only its beginning, one byte too long.

    end: the byte of the stream that no line begins at or behind; None for all lines.
    """
    while (end is None or stream.tell() < end) and (raw := stream.readline(limit + 1)):
        yield raw
        if len(raw) > limit:
            while not raw.endswith(b"\n") and (raw := stream.readline(limit)):
                pass


@contextmanager
def whole_output(path: Path) -> Iterator[Path]:
    """A place beside `path` to write a file or a folder to, which takes its name at the end.

    After an error, or ctrl-C, what was there before is there still, and nothing else. Makes parent folders; links are
    followed. What is neither a file nor a folder (a device, a pipe) is written to as it is. RAISES: OSError.
    """
    path = path.resolve()
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp"))
    try:
        yield folder / path.name
        _take_place(folder / path.name, path, folder / "before")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _take_place(temporary: Path, path: Path, before: Path) -> None:
    """before: where what is replaced goes until then, in one file system with it."""
    if path.is_file() and temporary.is_file():
        os.chmod(temporary, path.stat().st_mode & 0o777)
    if not path.is_dir():
        os.replace(temporary, path)
        return
    os.replace(path, before)
    try:
        os.replace(temporary, path)
    except BaseException:
        os.replace(before, path)
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, see `whole_output`. RAISES: OSError, also for a folder."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with whole_output(path) as place:
        place.write_bytes(data)


def check_writable(path: Path) -> None:
    """Make sure that `write_whole` can write there, and make parent folders. RAISES: OSError."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(f"it is a folder: {path}")
    if not path.exists() or path.is_file():
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def same_file(one: Path, other: Path) -> bool:
    """Whether both are one file, by whatever names and links; a file that does not exist yet is known by its path."""
    try:
        return one.samefile(other)
    except OSError:
        return one.resolve() == other.resolve()


def is_hidden(path: Path) -> bool:
    """Whether a path, given relative to the folder that is searched, is hidden or lies in something hidden."""
    return any(part.startswith(".") for part in path.parts)


def folder_files(
    folder: Path, endings: tuple[str, ...], broken: str, is_input: Callable[[Path], bool] = lambda path: True
) -> list[tuple[Path, str]]:
    """The files in a folder and in those below it, sorted, hidden ones aside, whose names end so: (path, name), where
    the name is that of the folder and the path in it.

    broken: code of the error. is_input: which files count at all. RAISES: RelxError `broken` where there are none.
    WARNS: RX410 for files whose names end otherwise.
    """
    there = sorted(each for each in folder.rglob("*") if each.is_file() and not is_hidden(each.relative_to(folder)))
    places = [(each, each.relative_to(folder).as_posix()) for each in there if is_input(each)]
    base = folder.resolve().name
    files = [(each, f"{base}/{place}") for each, place in places if place.endswith(endings)]
    others = [place for _, place in places if not place.endswith(endings)]
    known = ", ".join(endings)
    if not files:
        raise RelxError(broken, path=folder, reason=f"the folder holds no {known}")
    if others:
        warn("RX410", n=len(others), path=folder, name=others[0], known=known)
    return files


def name_in_ids(path: Path) -> str:
    """What ids of documents call a file that was given: its name, behind that of its folder as far as the path has one.

    Files in several folders have one name, and one that is added must not change what the others are called.
    """
    parts = [part for part in path.parts if part not in (path.anchor, ".", "..")]
    return "/".join(parts[-2:])

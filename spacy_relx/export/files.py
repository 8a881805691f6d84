"""Files and folders that are written whole or not at all, however large they are."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import RelxError


def check_folder(path: Path, names: Collection[str]) -> None:
    """Make sure that a folder can be written there and nothing else is lost. names: of the files that it may hold
    already, and which are written anew.

    RAISES: RelxError RX335.
    """
    try:
        if path.exists() and not path.is_dir():
            raise RelxError("RX335", path=path, reason="it is a file, and a folder is written")
        others = sorted({each.name for each in path.iterdir()} - set(names)) if path.is_dir() else []
        if others:
            raise RelxError("RX335", path=path, reason=f"the folder holds {others[0]}, which would be lost")
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise RelxError("RX335", path=path, reason=err.strerror or err) from err


@contextmanager
def whole_output(path: Path) -> Iterator[Path]:
    """A place beside `path` to write a file or a folder to, which takes its name at the end.

    After an error, or ctrl-C, what was there before is there still, and nothing else. Links are followed. What is
    neither a file nor a folder (a device, a pipe) is written to as it is. RAISES: RelxError RX335 for what the system
    refuses.
    """
    path = path.resolve()
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    temporary = path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".tmp"))
        temporary = folder / path.name
        try:
            yield temporary
            _take_place(temporary, path, folder / "before")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as err:
        raise RelxError("RX335", path=path, reason=err.strerror or err) from err


@contextmanager
def streamed_output(stream: BinaryIO) -> Iterator[Path]:
    """A place to write a file to, which goes to the stream at the end, and not at all after an error.

    RAISES: RelxError RX335 for what the system refuses, BrokenPipeError where nobody reads on.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "output")
            yield path
            with path.open("rb") as file:
                shutil.copyfileobj(file, stream)
            stream.flush()
    except BrokenPipeError:
        raise
    except OSError as err:
        raise RelxError("RX335", path="the output", reason=err.strerror or err) from err


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

"""Outputs: checked before the work begins, never one of the inputs, written whole or line by line."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Callable

from ..errors import RelxError
from .files import check_writable, same_file, write_whole


def check_output(path: Path | None, *inputs: str | Path | None, model: str | None = None) -> None:
    """Make sure that an output can be written, with its parent folders, and is no input. None: standard output.

    inputs: files, folders (all the .spacy files in them), or "-" for standard input. model: the pipeline that is used;
    where that is a folder, the output must not lie in it.
    RAISES: RelxError RX189 (it is an input), RX181 (it lies in the pipeline), RX186 (it cannot be written).
    """
    if path is None:
        return
    if model is not None and Path(model, "config.cfg").exists() and Path(model).resolve() in path.resolve().parents:
        raise RelxError("RX181", path=path, model=model)
    for source in inputs:
        if source is not None and _is_input(path, source):
            raise RelxError("RX189", path=path)
    try:
        check_writable(path)
    except OSError as err:
        raise cannot_write(path, err) from err


def check_new_folder(path: Path, *, model: str | None = None) -> None:
    """Make sure that a new folder can be written, or an empty one. model: the pipeline that is used.

    RAISES: RelxError RX181 (it lies in the pipeline), RX186 (it holds something, or cannot be written).
    """
    place = path.resolve()
    try:
        if model is not None and Path(model).is_dir() and Path(model).resolve() in [place, *place.parents]:
            raise RelxError("RX181", path=path, model=model)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RelxError("RX186", path=path, reason="it must be a new or an empty folder, so that nothing is lost")
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place.parent):
            pass
    except RelxError:
        raise
    except OSError as err:
        raise cannot_write(path, err) from err


def write_output(path: Path, content: str | bytes) -> None:
    """Write a file, whole or not at all. RAISES: RelxError RX186."""
    try:
        write_whole(path, content.encode("utf8") if isinstance(content, str) else content)
    except OSError as err:
        raise cannot_write(path, err) from err


def check_ending(path: Path, kind: str, *endings: str) -> None:
    """Make sure that the name of an output does not say another kind of file; one without an ending says none.


    RAISES: RelxError RX368.
    """
    if str(path) == "-" or path.suffix.lower() not in ("", *endings):
        raise RelxError("RX368", path=path, kind=kind, known=", ".join(endings))


@contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Standard output, for bytes. A reader that has seen enough, such as `head`, is no error."""
    try:
        yield sys.stdout.buffer
    except BrokenPipeError:
        _forget_standard_output()


def _forget_standard_output() -> None:
    """Nor may Python's own last flush complain that nobody reads."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def cannot_write(path: Path | None, err: OSError) -> RelxError:
    """RX186 for an output; None: standard output."""
    return RelxError("RX186", path=path or "standard output", reason=f"{err.strerror or err}.")


@contextmanager
def line_writer(path: Path | None) -> Iterator[Callable[[str], None]]:
    """A function that writes one line, at once, to the file or to standard output. RAISES: RelxError RX186."""
    try:
        stream: BinaryIO = sys.stdout.buffer if path is None else path.open("wb")
    except OSError as err:
        raise cannot_write(path, err) from err

    def write(line: str) -> None:
        try:
            stream.write(line.encode("utf8") + b"\n")
            stream.flush()
        except BrokenPipeError:
            raise
        except OSError as err:
            raise cannot_write(path, err) from err

    try:
        yield write
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _forget_standard_output()
    finally:
        if path is not None:
            stream.close()


def _is_input(path: Path, source: str | Path) -> bool:
    if source == "-":
        return _is_standard_input(path)
    source = Path(source)
    if (source / "meta.json").is_file() and source.resolve() in path.resolve().parents:
        return True  # in the folder of a knowledge base or of embeddings
    files = source.rglob("*.spacy") if source.is_dir() else [source]
    return any(same_file(path, file) for file in files)


def _is_standard_input(path: Path) -> bool:
    try:
        return path.is_file() and os.path.samestat(path.stat(), os.fstat(sys.stdin.fileno()))
    except (OSError, io.UnsupportedOperation):  # there is none, or it is no file
        return False

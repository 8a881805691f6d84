"""Where exports go: files and folders that are written whole or not at all, however large they are."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..data.files import whole_output
from ..errors import RelxError


def check_folder(path: Path, names: Collection[str]) -> None:
    """Make sure that a folder can be written there and nothing else is lost. names: of the files that it may hold
    already, and which are written anew.

    RAISES: RelxError RX186.
    """
    try:
        if path.exists() and not path.is_dir():
            raise RelxError("RX186", path=path, reason="it is a file, and a folder is written")
        others = sorted({each.name for each in path.iterdir()} - set(names)) if path.is_dir() else []
        if others:
            raise RelxError("RX186", path=path, reason=f"the folder holds {others[0]}, which would be lost")
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
    except RelxError:
        raise
    except OSError as err:
        raise RelxError("RX186", path=path, reason=err.strerror or err) from err


@contextmanager
def whole_export(path: Path) -> Iterator[Path]:
    """`whole_output` of a file or a folder. RAISES: RelxError RX186 for what the system refuses."""
    try:
        with whole_output(path) as place:
            yield place
    except RelxError:
        raise
    except OSError as err:
        raise RelxError("RX186", path=path, reason=err.strerror or err) from err


@contextmanager
def streamed_output(stream: BinaryIO) -> Iterator[Path]:
    """A place to write a file to, which goes to the stream at the end, and not at all after an error.

    RAISES: RelxError RX186 for what the system refuses, BrokenPipeError where nobody reads on.
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
    except RelxError:
        raise
    except OSError as err:
        raise RelxError("RX186", path="the output", reason=err.strerror or err) from err

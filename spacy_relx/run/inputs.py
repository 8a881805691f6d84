"""Inputs of a run, and whether they stay what they were when the run was planned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..errors import RelxError

#: Code of the error for an input that changes under a run.
CHANGED = "RX598"
_READ = 1 << 23
#: Files whose digests are computed at once.
_THREADS = 4
#: Names of inputs that a message lists.
_LISTED = 3


class Input(NamedTuple):
    """What is known of an input.

    path: where it lies. size: in bytes. mtime_ns: time of its last change. digest: of its content; empty where the
    content was found to have changed under a run.
    """

    path: str
    size: int
    mtime_ns: int
    digest: str

    @property
    def stamp(self) -> tuple[int, int]:
        """Size and time of change."""
        return self.size, self.mtime_ns


def make_input(path: Path, before: Input | None = None) -> Input:
    """Look at an input.

    Args:
        path: The file.
        before: What an earlier run knew of the input. The file is not read again where path, size and time of change
            are the same.

    Returns:
        What is known of it now.

    Raises:
        RelxError: RX182, for a file that cannot be read.
        RelxError: RX598, for a file that changes while it is read.
    """
    where = str(path.resolve())
    try:
        stamp = stamp_of(where)
        if before is not None and before.digest and (before.path, before.stamp) == (where, stamp):
            return before
        found = Input(where, *stamp, digest_of(where))
    except OSError as err:
        raise RelxError("RX182", path=path, reason=err.strerror or str(err)) from err
    check_stamps([found])
    return found


def check_stamps(inputs: Iterable[Input]) -> None:
    """Check that the sizes and times of change are those that were found before. Reads no content.

    Raises:
        RelxError: RX598, naming the inputs that have changed.
    """
    changed = [each.path for each in inputs if _current_stamp(each.path) != each.stamp]
    if changed:
        raise changed_error(changed)


def changed_inputs(inputs: Mapping[str, Input]) -> list[str]:
    """Names of the inputs whose content, which is read again, is not what it was."""
    with ThreadPoolExecutor(_THREADS) as pool:
        digests = pool.map(_current_digest, (each.path for each in inputs.values()))
        return [name for (name, each), digest in zip(inputs.items(), digests) if digest != each.digest]


def changed_error(paths: Iterable[str]) -> RelxError:
    """The error that names inputs that have changed."""
    given = list(paths)
    names = ", ".join(f"'{path}'" for path in given[:_LISTED])
    return RelxError(CHANGED, names=names + (f" and {len(given) - _LISTED} more" if len(given) > _LISTED else ""))


class InputWatch:
    """Watches an input while one shard of it is read."""

    def __init__(self, known: Input | None):
        """known: what the plan says of the input; None to watch nothing."""
        self.known = known
        self._stamp: tuple[int, int] | None = None

    def begin(self) -> None:
        """Check, before a shard is read, that the input is what the plan says.

        Raises:
            RelxError: RX598, where it is not.
        """
        if self.known is None:
            return
        self._stamp = _current_stamp(self.known.path)
        # another time of change alone, as of a copy on another machine, is no change
        if self._stamp != self.known.stamp and (
            self._stamp is None or _digest_once(self.known.path, self._stamp) != self.known.digest
        ):
            raise changed_error([self.known.path])

    @property
    def has_changed(self) -> bool:
        """Whether the input was written to, or removed, since `begin`."""
        return self.known is not None and _current_stamp(self.known.path) != self._stamp

    def end(self) -> None:
        """Check, after a shard was read, that nobody has written to the input meanwhile.

        Raises:
            RelxError: RX598, where somebody has.
        """
        if self.has_changed and self.known is not None:
            raise changed_error([self.known.path])


def stamp_of(path: str) -> tuple[int, int]:
    """Size in bytes and time of change in nanoseconds. RAISES: OSError."""
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


def digest_of(path: str) -> str:
    """A digest of the content of a file. RAISES: OSError."""
    whole = hashlib.blake2b(digest_size=16)
    with Path(path).open("rb") as stream:
        while data := stream.read(_READ):
            whole.update(data)
    return whole.hexdigest()


@lru_cache(maxsize=1024)
def _digest_once(path: str, stamp: tuple[int, int]) -> str | None:
    """The digest of a file as it is with this stamp: each process reads it once, not once a shard."""
    return _current_digest(path)


def _current_digest(path: str) -> str | None:
    try:
        return digest_of(path)
    except OSError:
        return None


def _current_stamp(path: str) -> tuple[int, int] | None:
    try:
        return stamp_of(path)
    except OSError:
        return None

"""Which texts a process is at, in a file that outlives it: so that a text that kills its process is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

#: A text that was alone when the process ended is set aside when that has happened so often: once may be chance.
DEATHS = 2


@dataclass
class State:
    """start, end: the texts, by their places in the shard, that are in the pipeline. deaths: how often a process has
    ended while just these were. killers: texts that were set aside."""

    start: int = 0
    end: int = 0
    deaths: int = 0
    killers: list[int] = field(default_factory=list)


class Journal:
    """Narrows down which text ends the process that reads it: a crash in native code, or the system's shortage of
    memory, which no `except` catches.

    What was in the pipeline when a process ended is read one by one by the next; a text that was alone there `DEATHS`
    times is set aside. Each death narrows the search, so that it ends.
    """

    def __init__(self, path: Path | None = None):
        """path: where the state is kept; None for nowhere, which finds nothing."""
        self.path = path
        self.state = _read(path) if path is not None else None
        self.killers: set[int] = set()
        self._file: BinaryIO | None = None
        if self.state is not None:
            self.killers.update(self.state.killers)
            self.state.deaths += 1
            if self.state.end - self.state.start == 1 and self.state.deaths >= DEATHS:
                self.killers.add(self.state.start)

    def parts(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Cut texts [start, end) into those to read together; each is written down before it is given."""
        cuts = {start, end, *self.killers, *(killer + 1 for killer in self.killers)}
        if self.state is not None:
            cuts.update(range(max(start, self.state.start), min(end, self.state.end) + 1))
        places = sorted(cut for cut in cuts if start <= cut <= end)
        for first, last in pairwise(places):
            self._write(first, last)
            yield first, last

    def has_killed(self, text: int) -> bool:
        """Whether this text is to be set aside."""
        return text in self.killers

    def close(self) -> None:
        """Forget all: the texts are done."""
        if self._file is not None:
            self._file.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _write(self, start: int, end: int) -> None:
        if self.path is None:
            return
        before = self.state
        deaths = before.deaths if before is not None and (before.start, before.end) == (start, end) else 0
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("wb", buffering=0)
        data = json.dumps(asdict(State(start, end, deaths, sorted(self.killers)))).encode("ascii")
        self._file.seek(0)
        self._file.write(data.ljust(80))  # over what is there: a shorter text would leave the end of a longer one
        self._file.truncate()


def _read(path: Path) -> State | None:
    try:
        return State(**json.loads(path.read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):  # there is none, or it was half written: nothing is known then
        return None

"""Writing bags to .spacy files, for training and test."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy.tokens import Doc

from ..data.extensions import get_sentence_langs
from ..data.files import check_writable, same_file
from ..data.ids import stable_hash
from ..errors import RelxError
from .bags import bag_labels, bag_of, sentence_bounds, split_bag
from .directions import BothWays
from .docbin import new_docbin, quick_msgpack, write_docbin
from .reader import FILE_TYPE

#: A file of a folder of bags, and the pattern of those we may replace.
_SHARD = "bags-{:05d}.spacy"
_OURS = re.compile(r"bags-\d{5}\.spacy")
#: About which part of the pairs goes to the test bags, where nothing else is said.
TEST_SHARE = 0.2
#: Docs that wait to be packed: `quick_msgpack` costs as much as packing one.
_CHUNK = 256


@dataclass
class BagCounts:
    """What a file of bags holds.

    bags; sentences; na: bags without a fact; several: bags of two or more sentences; longest: sentences of the largest
    bag; facts: bags by relation; langs: sentences by language ("" where unknown). A bag that was split counts as often
    as it has parts. related: pairs with a fact; both_ways: those whose reverse has a bag, too, with a fact or without.
    """

    bags: int = 0
    sentences: int = 0
    na: int = 0
    several: int = 0
    longest: int = 0
    facts: Counter[str] = field(default_factory=Counter)
    langs: Counter[str] = field(default_factory=Counter)
    _asked: BothWays = field(default_factory=BothWays)

    def add(self, doc: Doc) -> None:
        n_sentences = len(sentence_bounds(doc))
        labels = bag_labels(doc)
        bag = bag_of(doc)
        self._asked.add(bag.head, bag.tail, counted=bool(labels))
        self.bags += 1
        self.sentences += n_sentences
        self.na += not labels
        self.several += n_sentences > 1
        self.longest = max(self.longest, n_sentences)
        self.facts.update(labels)
        self.langs.update(lang for _, _, lang in get_sentence_langs(doc))

    @property
    def related(self) -> int:
        return self._asked.counts()[0]

    @property
    def both_ways(self) -> int:
        return self._asked.counts()[1]

    def to_dict(self) -> dict[str, Any]:
        counts = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        related, both_ways = self._asked.counts()
        asked = {"related": related, "both_ways": both_ways}
        return {**counts, **asked, "facts": dict(self.facts), "langs": dict(self.langs)}

    def __str__(self) -> str:
        related, both_ways = self._asked.counts()
        langs = ", ".join(f"{lang or 'unknown'} {n}" for lang, n in self.langs.most_common())
        lines = [
            f"bags               {self.bags} (without a fact: {self.na})",
            f"of several sents.  {self.several} (the largest: {self.longest})",
            f"sentences          {self.sentences} ({langs})",
            f"asked both ways    {both_ways} of {related} related pairs",
            f"facts              {self.facts.total()}",
        ]
        width = max(map(len, self.facts), default=0)
        lines += [f"  {label:<{width}}  {n}" for label, n in sorted(self.facts.items(), key=lambda x: (-x[1], x[0]))]
        return "\n".join(lines)


class BagWriter:
    """Writes bag Docs to a .spacy file, or to a folder of them; nothing is there before `commit`. A context manager.

    path: ends in .spacy for one file, which is in memory until it is written; else a folder of files
    bags-00000.spacy, ... of at most shard_size Docs each. A folder that is there is replaced if it holds nothing else.
    RAISES: RelxError RX145 where the folder cannot be used; RX186 on writing.
    """

    def __init__(self, path: Path, shard_size: int):
        self.path = path
        self.counts = BagCounts()
        self._limit = 0 if path.suffix == FILE_TYPE else shard_size
        self._waiting: list[Doc] = []
        self._docbin = new_docbin()
        self._n_shards = 0
        self._hidden = path.parent / f".{path.name}.{os.getpid()}.tmp"
        try:
            if self._limit:
                _check_folder(path)
            check_writable(self._hidden if self._limit else path)
        except RelxError:
            raise
        except OSError as err:
            raise RelxError("RX145", path=path, reason=err.strerror or err) from err

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was not committed."""
        shutil.rmtree(self._hidden, ignore_errors=True)

    def add(self, doc: Doc) -> None:
        self.counts.add(doc)
        self._waiting.append(doc)
        if len(self._waiting) >= min(self._limit or _CHUNK, _CHUNK):
            self._pack()

    def _pack(self) -> None:
        """Move what waits into the DocBin, and that to disk when it is full."""
        with quick_msgpack():
            for doc in self._waiting:
                self._docbin.add(doc)
                if len(self._docbin) == self._limit:
                    self._write_shard()
        self._waiting.clear()

    def commit(self) -> None:
        """Put what was added in its place."""
        self._pack()
        if not self._limit:
            write_docbin(self._docbin, self.path)
            return
        if len(self._docbin):
            self._write_shard()
        try:
            if self.path.exists():
                shutil.rmtree(self.path)
            os.replace(self._hidden, self.path)
        except OSError as err:
            raise RelxError("RX145", path=self.path, reason=err.strerror or err) from err

    def _write_shard(self) -> None:
        write_docbin(self._docbin, self._hidden / _SHARD.format(self._n_shards))
        self._n_shards += 1
        self._docbin = new_docbin()


def _check_folder(path: Path) -> None:
    """RAISES: RelxError RX145 for what is no folder, or holds what we did not write."""
    if path.exists() and not path.is_dir():
        raise RelxError("RX145", path=path, reason="there is a file of that name")
    others = sorted(item.name for item in path.iterdir() if not _OURS.fullmatch(item.name)) if path.exists() else []
    if others:
        raise RelxError("RX145", path=path, reason=f"the folder holds other things ({', '.join(others[:3])})")


class SplitWriter:
    """Bags for training, and if wanted others for test; nothing is there before `commit`. A context manager.

    output, test: see `BagWriter`. test gets about test_share (None: `TEST_SHARE`) of the pairs of entities, drawn by
    their ids and the seed alone; (a, b) and (b, a) go to the same side. max_sentences: larger bags are split, 0 for no
    limit. inputs: files that must not be replaced.
    RAISES: RelxError RX021 (settings; also a test_share without test), RX145 (an output that cannot be used).
    """

    def __init__(
        self,
        output: str | Path,
        test: str | Path | None = None,
        *,
        test_share: float | None = None,
        seed: int = 0,
        shard_size: int = 5000,
        max_sentences: int = 0,
        inputs: Iterable[str | Path] = (),
    ):
        if test is None and test_share is not None:
            raise RelxError(
                "RX021", name="test_share", value=test_share, need="given with 'test' (--test), or not at all"
            )
        test_share = TEST_SHARE if test_share is None else test_share
        _check_settings(test_share, shard_size, max_sentences)
        outputs = [Path(path) for path in (output, test) if path is not None]
        _check_outputs(outputs, [Path(path) for path in inputs])
        self._max_sentences = max_sentences
        self._seed = seed
        self._test_share = test_share
        self._writers = [BagWriter(path, shard_size) for path in outputs]

    def __enter__(self) -> SplitWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        for writer in self._writers:
            writer.close()

    def add(self, doc: Doc) -> None:
        """Add a bag Doc. RAISES: RelxError RX143, RX144 (no bag), RX186 (writing)."""
        bag = bag_of(doc)
        # The two in order, so that a pair and its reverse are drawn alike.
        draw = stable_hash(str(self._seed), *sorted((bag.head, bag.tail))) / 2**64
        writer = self._writers[-1 if draw < self._test_share else 0]
        for part in split_bag(doc, self._max_sentences):
            writer.add(part)

    @property
    def counts(self) -> dict[Path, BagCounts]:
        """What was added, by output."""
        return {writer.path: writer.counts for writer in self._writers}

    def commit(self) -> dict[str, BagCounts]:
        """Put all files in their places. RETURNS: what they hold."""
        for writer in self._writers:
            writer.commit()
        return {str(path): counts for path, counts in self.counts.items()}


def _check_settings(test_share: float, shard_size: int, max_sentences: int) -> None:
    if not 0 < test_share < 1:
        raise RelxError("RX021", name="test_share", value=test_share, need="between 0 and 1")
    if shard_size < 1:
        raise RelxError("RX021", name="shard_size", value=shard_size, need="1 or more")
    if max_sentences < 0:
        raise RelxError("RX021", name="max_sentences", value=max_sentences, need="0 (no limit) or more")


def _check_outputs(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """RAISES: RelxError RX145 where an output is an input, the folder of one, or the other output."""
    taken = list(inputs)
    for place, path in enumerate(outputs):
        inside = next((other for other in outputs[:place] if other.resolve() in path.resolve().parents), None)
        if inside is not None:  # a folder is read with all that lies in it: test bags would be trained on
            raise RelxError("RX145", path=path, reason=f"it lies inside another output, {inside}")
        if any(same_file(path, other) or path.resolve() in other.resolve().parents for other in taken):
            raise RelxError("RX145", path=path, reason="it is, or holds, one of the inputs or another output")
        if path.suffix == FILE_TYPE and path.is_dir():
            raise RelxError("RX145", path=path, reason="there is a folder of that name")
        taken.append(path)

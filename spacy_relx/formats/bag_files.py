"""From .spacy files of annotated sentences to .spacy files of bags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..data.extensions import get_bag
from ..errors import RelxError
from .bag_spool import BagSpool
from .bag_writer import BagCounts, SplitWriter
from .bags import bag_of, token_arrays
from .directions import ReversedNegatives
from .docbin import read_docs
from .instances import all_instances
from .leakage import BagIndex, Leakage, leakage, sentence_key
from .reader import corpus_files
from .selection import MetaConditions

#: What a report says of bags that teach no direction.
_ONE_WAY = (
    "\nFew related pairs are asked the other way round, so neither training nor test covers direction. For data of "
    "your own, --reversed-negatives 1 adds these bags (docs/bags.md)."
)


@dataclass
class BagReport:
    """What became of the sentences. read: Docs; taken: those of them that fulfil all conditions on meta; meta: how many
    fulfil each. instances: sentences with a pair. duplicates: those that a bag has
    already, merged. excluded: bags left out since their pair is in the excluded file; excluded_sentences: sentences
    left out since they are. lost: see `sentence_instances`.
    outputs: by file. leakage: of the test output or, without one, of the excluded file."""

    read: int = 0
    taken: int = 0
    meta: dict[str, int] = field(default_factory=dict)
    instances: int = 0
    duplicates: int = 0
    excluded: int = 0
    excluded_sentences: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    reversed_negatives: ReversedNegatives | None = None
    outputs: dict[str, BagCounts] = field(default_factory=dict)
    leakage: Leakage | None = None

    def summary(self) -> str:
        lost = [f"{reason} {n}" for reason, n in sorted(self.lost.items())]
        lines = [
            f"documents read     {self.read}" + (f" (taken by their meta {self.taken})" * bool(self.meta)),
            f"sentences of pairs {self.instances}"
            + (f" (merged duplicates {self.duplicates})" * bool(self.duplicates)),
        ]
        if lost:
            lines.append(f"pairs left out     {', '.join(lost)}")
        if self.excluded or self.excluded_sentences:
            lines.append(f"excluded           bags {self.excluded}, sentences {self.excluded_sentences}")
        if self.reversed_negatives is not None:
            lines += self.reversed_negatives.lines()
        for path, counts in self.outputs.items():
            lines.append(f"\n{path}\n{counts}")
        if self.leakage is not None:
            lines.append(f"\n{self.leakage}")
        if self.reversed_negatives is None and any(2 * each.both_ways < each.related for each in self.outputs.values()):
            lines.append(_ONE_WAY)
        return "\n".join(lines)


def read_bags(path: str | Path, vocab: Vocab) -> Iterator[Doc]:
    """The bag Docs of a .spacy file or of a folder of them, one file in memory at a time.

    Raises:
        RelxError: RX131 (no file), RX132 (no .spacy file), RX143 (Docs that are not bags).
    """
    for file in corpus_files(Path(path)):
        for doc in read_docs(file, vocab):
            if get_bag(doc) is None:
                raise RelxError("RX143", where=file)
            yield doc


def write_bags(
    inputs: Iterable[str | Path],
    output: str | Path,
    vocab: Vocab,
    *,
    test: str | Path | None = None,
    test_share: float | None = None,
    seed: int = 0,
    shard_size: int = 5000,
    max_sentences: int = 0,
    reversed_negatives: float = 0.0,
    symmetric: Sequence[str] = (),
    exclude: str | Path | None = None,
    exclude_sentences: bool = False,
    meta: Sequence[str] = (),
    progress: Callable[[Iterator[Doc]], Iterator[Doc]] | None = None,
) -> BagReport:
    """Group the sentences of .spacy files into bags, and write the bags.

    Args:
        inputs: .spacy files, or folders of them, with annotated sentences with entity ids (see `sentence_instances`),
            or with bags.
        output: A .spacy file, or a folder for files of at most shard_size bags.
        vocab: The vocab of the bags.
        test: A second output, as `output`.
        test_share: The share of the pairs of entities in `test`; None for a fifth. The draw depends only on the ids and
            the seed; (a, b) and (b, a) go to the same side.
        seed: Another seed draws other pairs.
        shard_size: The most bags in a file of a folder.
        max_sentences: Larger bags are split; 0 for no limit.
        reversed_negatives: The share of the related pairs whose reverse becomes a bag of no relation, if nothing
            relates it.
        symmetric: Symmetric relations, beside those that the data have in both directions (see `ReversedNegatives`).
        exclude: A file or folder of bags whose pairs are dropped, in either order.
        exclude_sentences: Whether to drop the sentences of `exclude`, too, whatever their pair.
        meta: Conditions KEY=VALUE on `doc.user_data["meta"]`; documents must meet all of them.
        progress: Wraps the stream of Docs.

    Returns:
        What the bags hold; it prints as text.

    Raises:
        RelxError: RX021 (settings), RX131 and RX132 (inputs), RX142 (no bags), RX145 (an output that cannot be used),
            RX186 (writing), RX333 (no room for temporary files), RX143 and RX144 (exclude), RX397 (symmetric).
    """
    if symmetric and not reversed_negatives:
        raise RelxError("RX021", name="symmetric", value=list(symmetric), need="given with 'reversed_negatives'")
    if exclude_sentences and exclude is None:
        raise RelxError("RX021", name="exclude_sentences", value=True, need="given with 'exclude'")
    conditions = MetaConditions(meta)
    sources = [file for path in inputs for file in corpus_files(Path(path))]
    left_out = BagIndex() if exclude is None else BagIndex.of(read_bags(exclude, vocab))
    report = BagReport(meta=conditions.counts)
    if reversed_negatives:
        report.reversed_negatives = ReversedNegatives(reversed_negatives, symmetric=symmetric, seed=seed)

    def docs() -> Iterator[Doc]:
        for file in sources:
            for doc in read_docs(file, vocab):
                report.read += 1
                if conditions(doc):
                    report.taken += 1
                    yield doc

    settings: dict[str, Any] = {"test_share": test_share, "seed": seed, "shard_size": shard_size}
    settings.update(max_sentences=max_sentences, inputs=[*sources, *(corpus_files(Path(exclude)) if exclude else ())])
    spool = BagSpool(vocab, reversed_negatives=report.reversed_negatives)
    with SplitWriter(output, test, **settings) as writer, spool:
        for instance in all_instances(progress(docs()) if progress else docs(), report.lost):
            if exclude_sentences and sentence_key(token_arrays(instance.sentence)[0]) in left_out.sentences:
                report.excluded_sentences += 1
            else:
                spool.add(*instance)
        report.instances = spool.n_added
        for doc in spool.bags():
            bag = bag_of(doc)
            if (bag.head, bag.tail) in left_out.pairs or (bag.tail, bag.head) in left_out.pairs:
                report.excluded += 1
            else:
                writer.add(doc)
        report.duplicates = spool.n_duplicates
        _check_bags(writer.counts, report)
        report.outputs = writer.commit()
    other = test if test is not None else exclude
    if other is not None:
        report.leakage = leakage(read_bags(output, vocab), read_bags(other, vocab))
    return report


def _check_bags(outputs: dict[Path, BagCounts], report: BagReport) -> None:
    """RAISES: RelxError RX142 where an output would be empty."""
    empty = [path for path, counts in outputs.items() if not counts.bags]
    if not empty:
        return
    if report.read and not report.taken:
        counts = ", ".join(f"{text} holds for {n}" for text, n in report.meta.items())
        reason = f"--meta takes none of the {report.read} documents that were read ({counts})"
        raise RelxError("RX142", path=empty[0], reason=f"{reason}; keys and values are compared letter by letter")
    reason = (
        f"of {report.taken} documents that were taken, {report.instances} sentences have a pair of entities with ids"
    )
    if report.excluded or report.excluded_sentences:
        reason += f"; --exclude left out {report.excluded} bags and {report.excluded_sentences} sentences"
    if len(empty) < len(outputs):
        reason += "; the draw put all bags into one of the two files: change --test-share or --seed"
    raise RelxError("RX142", path=empty[0], reason=reason)

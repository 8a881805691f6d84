"""From a knowledge base and texts to files of bags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import RelxError
from ..formats.bag_files import read_bags
from ..formats.bag_spool import BagSpool
from ..formats.bag_writer import SplitWriter
from ..formats.directions import ReversedNegatives
from ..formats.leakage import leakage
from .aliases import AliasMatcher
from .align import AlignReport, align
from .directions import count_directions
from .triples import KnowledgeBase


def align_to_bags(
    kb: KnowledgeBase,
    docs: Iterable[Doc],
    output: str | Path,
    vocab: Vocab,
    *,
    matcher: AliasMatcher | None = None,
    inputs: Iterable[str | Path] = (),
    negatives: float = 1.0,
    max_negatives: int = 10,
    reversed_negatives: float = 1.0,
    symmetric: Sequence[str] = (),
    test: str | Path | None = None,
    test_share: float | None = None,
    seed: int = 0,
    shard_size: int = 5000,
    max_sentences: int = 0,
    progress: Callable[[Iterator[Any]], Iterator[Any]] | None = None,
) -> AlignReport:
    """Label sentences with a knowledge base, see `align`, and write them as bags.

    Args:
        docs: With sentence boundaries, of this vocab; streamed.
        output: A .spacy file, or a folder for files of at most shard_size bags.
        inputs: Files that the outputs must not replace.
        reversed_negatives: Share of the related pairs whose reverse becomes a bag of no relation, if the knowledge base
            has nothing of it.
        symmetric: Symmetric relations, beside those that the knowledge base has both ways (see
            `ReversedNegatives`). test gets about test_share (None: a fifth) of the pairs of entities, drawn by their
            ids and the seed alone; (a, b) and (b, a) go to the same side.
        test: A .spacy file, or a folder for files of at most shard_size bags.
        max_sentences: Larger bags are split, 0 for no limit.
        progress: Wraps the stream of bags.

    Returns:
        Counts, with what training and test bags have in common.

    Raises:
        RelxError: RX021, RX397 (settings), RX145 (an output that cannot be used), RX142 (nothing is linked,
            or there are no bags), RX222 (no sentence boundaries), RX333 (no room for temporary files), RX186 (writing).
    """
    outputs = [Path(path) for path in (output, test) if path is not None]
    settings: dict[str, Any] = {"test_share": test_share, "seed": seed, "shard_size": shard_size}
    settings.update(max_sentences=max_sentences, inputs=inputs)
    turned = _reversed_negatives(kb, reversed_negatives, symmetric, seed)
    with SplitWriter(output, test, **settings) as writer, BagSpool(vocab, reversed_negatives=turned) as spool:
        report = align(kb, docs, spool, matcher=matcher, negatives=negatives, max_negatives=max_negatives, seed=seed)
        report.reversed_negatives = turned
        _check_found(report, outputs[0], matcher is not None)
        bags = spool.bags()
        for doc in progress(bags) if progress else bags:
            writer.add(doc)
        _write(writer, report)
    if test is not None:
        report.leakage = leakage(read_bags(outputs[0], vocab), read_bags(outputs[1], vocab))
    return report


def _reversed_negatives(
    kb: KnowledgeBase, share: float, symmetric: Sequence[str], seed: int
) -> ReversedNegatives | None:
    """None where the share is 0: then directions need not be counted. RAISES: RelxError RX021, RX397."""
    if symmetric and not share:
        raise RelxError("RX021", name="symmetric", value=list(symmetric), need="given with 'reversed_negatives'")
    return ReversedNegatives(share, symmetric=symmetric, seed=seed, counts=count_directions(kb)) if share else None


def _check_found(report: AlignReport, path: Path, by_alias: bool) -> None:
    """RAISES: RelxError RX142."""
    if not report.linked:
        reason, advice = _nothing_linked(report, by_alias)
        raise RelxError("RX142", path=path, reason=f"{reason}, so no sentence can be labelled. {advice}")
    if not report.bags:
        reason = "no sentence mentions two entities that the knowledge base relates"
        raise RelxError("RX142", path=path, reason=f"{reason}.\n{report.summary()}")


def _nothing_linked(report: AlignReport, by_alias: bool) -> tuple[str, str]:
    """Why no mention is linked, and what to do."""
    if not report.sentences:
        read = (
            f"none of the {report.texts} texts has a word in it" if report.texts else "there are no texts in the inputs"
        )
        return read, "Are these the right files? Texts are .txt (one a line), .jsonl, .spacy, or - for standard input."
    if by_alias and not report.mentions:
        reason = f"none of the names is found in the {report.texts} texts"
        return reason, "Are the names in the language of the texts, and is case right (--ignore-case)?"
    reason = (
        f"none of the {report.mentions} mentions in {report.texts} texts is linked with an entity of the knowledge base"
        if report.mentions
        else f"there are no mentions in the {report.texts} texts"
    )
    if by_alias:
        several = f" {report.ambiguous} are names of several entities, which are left out (--ambiguous)."
        advice = "Do the ids of the table of names fit those of the knowledge base, letter by letter?"
        return reason, advice + several * bool(report.ambiguous)
    given = "Give names of entities (--aliases), or documents or a pipeline whose mentions have a kb_id"
    return reason, f"{given}. Ids are compared letter by letter."


def _write(writer: SplitWriter, report: AlignReport) -> None:
    """RAISES: RelxError RX142 where a file would be empty."""
    for path, counts in writer.counts.items():
        if not counts.bags:
            reason = f"the draw put all bags into the other file: change --test-share or --seed.\n{report.summary()}"
            raise RelxError("RX142", path=path, reason=reason)
    report.outputs.update(writer.commit())

"""Calls about knowledge bases: train_embeddings, evaluate_embeddings, complete_triple, collect_triples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from spacy.tokens import Doc

from ..data.outputs import check_output, write_output
from ..data.tables import ROWS, Shown, Table, percent
from ..errors import RelxError, warn
from ..knowledge.complex import ComplExSettings, train_complex, triples_digest
from ..knowledge.embeddings import FORMAT, VERSION, KBEmbeddings
from ..knowledge.folders import META, read_meta
from ..knowledge.from_docs import collect_triples as _collect_triples
from ..knowledge.ranks import RankReport, rank_triples
from ..knowledge.read import read_triples
from ..knowledge.split import triple_leakage
from ..knowledge.triples import KnowledgeBase
from .inputs import Docs, Progress, docs_of, silent

#: In the folder of embeddings: what a training is resumed from.
STATE = "training"
HEADER = ("head", "label", "tail")


@dataclass
class LeakedTriples:
    """What training knows of held-out triples. It prints as text.

    Attributes:
        where: The held-out triples.
        held: What they are, in words.
        counts: same, inverted (turned round), parallel (with another relation), unknown (of unknown ids).
    """

    where: str
    held: str
    counts: dict[str, int]

    def __str__(self) -> str:
        counts = self.counts
        return (
            f"{self.where}: {self.held}\n  of its triples, in training: the same {counts['same']}, turned round "
            f"{counts['inverted']}, with another relation {counts['parallel']}; of unknown ids {counts['unknown']}"
        )


def _leaked(train: KnowledgeBase, held: KnowledgeBase, path: str | Path) -> LeakedTriples:
    """WARNS: RX234, RX235."""
    counts = triple_leakage(train, held).counts()
    if counts["same"]:
        warn("RX235", path=path, same=counts["same"], n=len(held))
    if counts["unknown"]:
        warn("RX234", path=path, unknown=counts["unknown"], n=len(held))
    return LeakedTriples(str(path), str(held), counts)


@dataclass
class TrainedEmbeddings:
    """What `train_embeddings` did. It prints as text.

    Attributes:
        embeddings: The embeddings, which were saved.
        output: Their folder.
        triples: What they were trained on, in words.
        leakage: What training knows of the triples that chose the best epoch, None without such.
        best_epoch: The epoch that was saved.
        mrr: Its filtered MRR on these, None without such.
    """

    embeddings: KBEmbeddings
    output: str
    triples: str
    leakage: LeakedTriples | None
    best_epoch: int
    mrr: float | None

    def __str__(self) -> str:
        score = "" if self.mrr is None or self.leakage is None else f", MRR of {self.leakage.where} {self.mrr:.4f}"
        return f"epoch {self.best_epoch} in {self.output}{score}"


def train_embeddings(
    triples: str | Path,
    output: str | Path,
    *,
    valid: str | Path | None = None,
    known: Iterable[str | Path] = (),
    resume: bool = False,
    on_start: Any = None,
    on_epoch: Any = None,
    progress: Progress = silent,
    **settings: Any,
) -> TrainedEmbeddings:
    """Train ComplEx embeddings of a knowledge base.

    Args:
        triples: Triples (head, relation, tail with tabs between, or .nt), or a folder of a knowledge base.
        output: The folder for the embeddings.
        valid: Triples that choose the best epoch and end training.
        known: Triples that are true, and no wrong answers.
        resume: Whether to go on where an interrupted training was saved.
        on_start: Called with what was read, as text.
        on_epoch: Called with each `spacy_relx.knowledge.complex.Epoch`.
        progress: Shows how far an epoch is.
        **settings: Those of `spacy_relx.knowledge.complex.ComplExSettings`: dim, loss, epochs, batch_size, lr, n3 and
            others.

    Returns:
        The embeddings, with the best epoch and its MRR.

    Raises:
        RelxError: RX186 for a folder of other things, or where it cannot be written; RX248 for a training that is
            finished.

    Warns:
        RX234, RX235: Where training knows triples of valid, or not their ids.
    """
    folder = Path(output)
    _check_folder(folder)
    if resume and (folder / META).exists() and not (folder / STATE).exists():
        raise RelxError("RX248", path=folder)
    made = ComplExSettings(**settings)
    base = read_triples(triples)
    held = None if valid is None else read_triples(valid)
    leaked = None if held is None or valid is None else _leaked(base, held, valid)
    if on_start is not None:
        on_start("\n".join([f"{triples}: {base}", *([str(leaked)] if leaked else [])]))
    embeddings = train_complex(
        base,
        made,
        valid=held,
        known=[read_triples(path) for path in known],
        folder=folder / STATE,
        resume=resume,
        on_epoch=on_epoch or (lambda epoch: None),
        progress=lambda batches, total, epoch: progress(batches, unit=" batches", total=total, desc=f"epoch {epoch}"),
    )
    embeddings.save(folder)
    best, mrr = embeddings.training["best_epoch"], embeddings.training["valid_mrr"]
    return TrainedEmbeddings(embeddings, str(folder), str(base), leaked, best, mrr)


def _check_folder(output: Path) -> None:
    """Make sure that the folder can be written before training begins, and holds nothing but embeddings.

    RAISES: RelxError RX186.
    """
    if (output / META).exists():
        try:
            read_meta(output, FORMAT, VERSION)
        except RelxError as err:
            raise RelxError(
                "RX186", path=output, reason="it holds something other than embeddings, which would be lost"
            ) from err
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / f".{STATE}").touch()
        (output / f".{STATE}").unlink()
    except OSError as err:
        raise RelxError("RX186", path=output, reason=err.strerror or err) from err


class EmbeddingScores(dict[str, Any], Shown):
    """What `evaluate_embeddings` returns: a dict of ranks that prints as a table."""

    report: RankReport
    leaked: LeakedTriples | None

    def tables(self, rows: int = ROWS) -> list[Table]:
        lines = []
        for name, scores in (("tails", self.report.tail), ("heads", self.report.head), ("mean", self.report.mean)):
            hits = [percent(value) for value in scores.hits.values()]
            lines.append((name, f"{scores.mrr:.4f}", *hits, f"{scores.mean_rank:.1f}", str(scores.n)))
        columns = ("MRR", *(f"Hits@{k} %" for k in self.report.mean.hits), "mean rank", "n")
        return [Table("filtered", columns, lines)]

    def note(self) -> str:
        return "" if self.leaked is None else str(self.leaked)

    def to_dict(self) -> dict[str, Any]:
        """The ranks as a plain dict, ready for JSON."""
        return dict(self)


def evaluate_embeddings(
    embeddings: str | Path, test: str | Path, *, known: Iterable[str | Path] = (), progress: Progress = silent
) -> EmbeddingScores:
    """Rank the entities of test triples: MRR and Hits@k, with equal scores at their mean rank.

    Args:
        embeddings: The folder of embeddings.
        test: Triples to rank.
        known: Triples that are true, besides those of the test, and no wrong answers.
        progress: Shows how far the ranks are.

    Warns:
        RX239: Where the triples of training are not among the known ones. RX234, RX235: Where training knows triples of
            the test, or not their ids.

    Returns:
        A dict of scores, which prints as a table.
    """
    model = KBEmbeddings.load(Path(embeddings), mmap=False)
    base = read_triples(test)
    encoded = [model.encode(base)]
    trained_on = None
    for path in known:
        more = read_triples(path)
        encoded.append(model.encode(more))
        if triples_digest(more) == model.training.get("triples"):
            trained_on = more
    leaked = None
    if trained_on is None:
        warn("RX239")
    else:
        leaked = _leaked(trained_on, base, test)

    def chunks(stream: Iterable[int]) -> Iterator[int]:
        return progress(stream, unit=" chunks", desc="ranks")

    report = rank_triples(model.model, encoded[0], np.concatenate(encoded), progress=chunks)
    if report.unknown and trained_on is None:
        warn("RX234", path=test, unknown=report.unknown, n=len(base))
    scores = EmbeddingScores({**report.to_dict(), "leakage": leaked and leaked.counts})
    scores.report, scores.leaked = report, leaked
    return scores


class Answers(list[dict[str, Any]], Shown):
    """What `complete_triple` returns: the answers, best first, each a mapping of entity, score and known. It prints as
    a table."""

    asked = "tail"
    known_name = ""

    def tables(self, rows: int = ROWS) -> list[Table]:
        columns = ["score", *([self.known_name] if self.known_name else [])]
        lines = [
            (row["entity"], f"{row['score']:.3f}", "known" if row["known"] else "new")[: len(columns) + 1]
            for row in self
        ]
        return [Table(self.asked, columns, lines)]

    def to_dict(self) -> dict[str, Any]:
        """The answers under the key "answers", ready for JSON."""
        return {"answers": list(self)}


def complete_triple(
    embeddings: str | Path,
    entity: str,
    relation: str,
    *,
    tail: bool = False,
    limit: int = 10,
    known: str | Path | None = None,
) -> Answers:
    """Name the entities that most likely complete a triple.

    Args:
        embeddings: The folder of embeddings.
        entity: The id of the head.
        relation: The id of the relation.
        tail: Whether the entity is the tail; then heads are predicted.
        limit: The most answers.
        known: A file of triples: which answers it has.

    Returns:
        The entities with their scores, best first.
    """
    model = KBEmbeddings.load(Path(embeddings))
    found = model.predict_heads(relation, entity, limit) if tail else model.predict_tails(entity, relation, limit)
    marks: list[bool | None] = [None] * len(found)
    if known is not None:
        base = read_triples(known)
        rows = [(name, relation, entity) if tail else (entity, relation, name) for name, _ in found]
        marks = base.contains(base.encode(rows)).tolist()
    answers = Answers(
        {"entity": name, "score": float(score), "known": mark} for (name, score), mark in zip(found, marks)
    )
    answers.asked, answers.known_name = "head" if tail else "tail", "" if known is None else Path(known).name
    return answers


@dataclass
class CollectedTriples:
    """What `collect_triples` found. It prints as text.

    Attributes:
        triples: (head, relation, tail), each once.
        left_out: How many were left out.
        output: The file that they were written to, "" for none.
    """

    triples: list[tuple[str, str, str]] = field(default_factory=list)
    left_out: int = 0
    output: str = ""

    def __str__(self) -> str:
        place = f" to {self.output}" if self.output else ""
        return f"{len(self.triples)} triples{place}, left out {self.left_out}"


def collect_triples(
    data: Docs | Iterable[str | Path],
    output: str | Path | None = None,
    *,
    exclude: Iterable[str | Path] = (),
    progress: Progress = silent,
) -> CollectedTriples:
    """Collect the facts of annotated documents as a knowledge base, each once.

    The facts are those of bags, and relations between linked mentions.

    Args:
        data: Documents; .spacy files, or folders of such.
        output: The file of triples: head, label, tail and tabs between. None: they are not written.
        exclude: Files of documents whose pairs of entities are left out, in either direction: those of the test.
        progress: Shows how far the documents are read.

    Returns:
        The triples; they print as counts.

    Raises:
        RelxError: RX368 for an output that ends in .nt, RX243 where there are no triples, RX244 for one that the file
            cannot hold.
    """
    closed = list(exclude)
    sources: Any = [data] if isinstance(data, (str, Path, Doc)) else list(data)
    paths = [str(each) for each in sources if isinstance(each, (str, Path))]
    if output is not None:
        if Path(output).suffix == ".nt":
            raise RelxError("RX368", path=output, kind="triples in columns", known=".tsv, .txt")
        check_output(Path(output), *paths, *closed)
    triples, left_out = _collect_triples(progress(_docs(sources)), _docs(closed))
    if not triples:
        raise RelxError("RX243", paths=", ".join(paths) or "the documents given", left_out=left_out)
    if output is not None:
        for triple in triples:
            if any(name != name.strip() or char in name for name in triple for char in "\t\n\r"):
                raise RelxError("RX244", triple=triple)
        # with a header, or a first triple such as (h, r, t) would be taken for one
        write_output(Path(output), "".join("\t".join(row) + "\n" for row in [HEADER, *triples]))
    return CollectedTriples(triples, left_out, "" if output is None else str(output))


def _docs(sources: Iterable[Any]) -> Iterator[Doc]:
    import spacy

    vocab = spacy.blank("xx").vocab
    for source in sources:
        yield from docs_of(source if isinstance(source, (str, Path)) else [source], vocab)

"""`relx kb`: embeddings of a knowledge base: training, evaluating, asking them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..data.strict_json import dump_json
from ..data.tables import Table, percent, text_table
from ..errors import RelxError, warn
from ._app import relx_app, report_errors
from ._output import check_output, write_output

if TYPE_CHECKING:
    from ..knowledge.complex import Epoch
    from ..knowledge.ranks import RankReport
    from ..knowledge.triples import KnowledgeBase

TRIPLES_HELP = "Triples: head, label, tail and tabs between, or .nt, or a folder"
FILTER_HELP = "Triples that are true, and no wrong answers, repeatable"
#: In the folder of embeddings: what --resume goes on from.
STATE = "training"

kb_app = typer.Typer(name="kb", help="Embeddings of a knowledge base.", no_args_is_help=True, rich_markup_mode=None)
relx_app.add_typer(kb_app, name="kb")


class Loss(str, Enum):
    """Softmax over all entities, or softplus over corrupted triples."""

    one_vs_all = "one-vs-all"
    sampled = "sampled"


class Optimizer(str, Enum):
    """How vectors are updated."""

    adagrad = "adagrad"
    adam = "adam"


FolderArg = Annotated[Path, typer.Argument(help="Folder of embeddings, from relx kb train")]
FilterOpt = Annotated[list[Path] | None, typer.Option("--filter", "-f", help=FILTER_HELP)]


@kb_app.command("train")
@report_errors
def train_cli(
    triples: Annotated[Path, typer.Argument(help=TRIPLES_HELP)],
    output: Annotated[Path, typer.Argument(help="Folder for the embeddings")],
    valid: Annotated[Path | None, typer.Option("--valid", help="Triples that choose the best epoch")] = None,
    filters: FilterOpt = None,
    dim: Annotated[int, typer.Option("--dim", min=1, max=10_000, help="Complex numbers a vector")] = 200,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="At most")] = 100,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Triples an update, inverse ones too")] = 500,
    lr: Annotated[float, typer.Option("--lr", help="Learning rate")] = 0.2,
    n3: Annotated[float, typer.Option("--n3", min=0, help="Weight of the N3 norm")] = 0.05,
    l2: Annotated[float, typer.Option("--l2", min=0, help="Weight of the squared norm")] = 0.0,
    loss: Annotated[Loss, typer.Option("--loss", help="What is minimised")] = Loss.one_vs_all,
    relation_weight: Annotated[
        float, typer.Option("--relation-weight", min=0, help="Weight of predicting relations (one-vs-all)")
    ] = 0.0,
    tails_per_query: Annotated[
        int, typer.Option("--tails-per-query", min=1, help="Triples that share a row of scores (one-vs-all)")
    ] = 16,
    candidates: Annotated[
        int, typer.Option("--candidates", min=0, help="Entities drawn for each update, 0 for all (one-vs-all)")
    ] = 0,
    negatives: Annotated[
        int,
        typer.Option("--negatives", min=1, max=10_000, help="Corrupted heads, tails, relations of a triple (sampled)"),
    ] = 10,
    average: Annotated[
        float, typer.Option("--average", min=0, max=1, help="Share of an epoch in the mean that is kept, 0 for no mean")
    ] = 0.25,
    optimizer: Annotated[Optimizer, typer.Option("--optimizer", help="How vectors are updated")] = Optimizer.adagrad,
    init_scale: Annotated[float, typer.Option("--init-scale", help="Standard deviation of the first vectors")] = 0.1,
    eval_every: Annotated[int, typer.Option("--eval-every", min=1, help="Epochs between looks at --valid")] = 5,
    patience: Annotated[
        int, typer.Option("--patience", min=0, help="Looks without a better MRR that end training, 0 for no end")
    ] = 5,
    valid_triples: Annotated[
        int, typer.Option("--valid-triples", min=0, help="Triples of --valid that are looked at, 0 for all")
    ] = 5000,
    save_every: Annotated[int, typer.Option("--save-every", min=1, help="Epochs between saves of the state")] = 10,
    threads: Annotated[int, typer.Option("--threads", min=0, max=1024, help="Threads, 0 for what PyTorch has")] = 0,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, max=2**63 - 1, help="Seed of all draws")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted training was saved")] = False,
) -> None:
    """
    Train ComplEx embeddings on triples. With --valid, training stops when their filtered MRR no longer grows, and the
    best epoch is kept. See docs/knowledge-base.md.
    """
    from ..knowledge.complex import ComplExSettings, train_complex
    from ..knowledge.folders import META
    from ..knowledge.read import read_triples

    _check_folder(output)
    if resume and (output / META).exists() and not (output / STATE).exists():
        raise RelxError("RX248", path=output)
    settings = ComplExSettings(
        dim=dim,
        loss=loss.value,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        optimizer=optimizer.value,
        n3=n3,
        l2=l2,
        relation_weight=relation_weight,
        tails_per_query=tails_per_query,
        candidates=candidates,
        negatives=negatives,
        average=average,
        init_scale=init_scale,
        seed=seed,
        threads=threads,
        eval_every=eval_every,
        patience=patience,
        valid_triples=valid_triples,
        save_every=save_every,
    )
    base = read_triples(triples)
    typer.echo(f"{triples}: {base}")
    held = None if valid is None else read_triples(valid)
    if held is not None and valid is not None:
        _report_leakage(base, held, valid)
    embeddings = train_complex(
        base,
        settings,
        valid=held,
        known=[read_triples(path) for path in filters or []],
        folder=output / STATE,
        resume=resume,
        on_epoch=_say,
        progress=_batch_bar,
    )
    embeddings.save(output)
    best, mrr = embeddings.training["best_epoch"], embeddings.training["valid_mrr"]
    score = "" if mrr is None else f", filtered MRR of {valid} {mrr:.4f}"
    typer.secho(f"✔ Saved epoch {best} to {output}{score}", fg="green")


@kb_app.command("evaluate")
@report_errors
def evaluate_cli(
    embeddings: FolderArg,
    test: Annotated[Path, typer.Argument(help=TRIPLES_HELP)],
    filters: FilterOpt = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file for the scores")] = None,
) -> None:
    """
    Rank the entities of test triples: MRR and Hits@k, filtered by the test triples and those of --filter, equal scores
    at their mean rank. See docs/knowledge-base.md.
    """
    import numpy as np

    from ..knowledge.complex import triples_digest
    from ..knowledge.embeddings import KBEmbeddings
    from ..knowledge.ranks import rank_triples
    from ..knowledge.read import read_triples

    check_output(output, embeddings, test, *(filters or []))
    model = KBEmbeddings.load(embeddings, mmap=False)
    base = read_triples(test)
    known = [model.encode(base)]
    trained_on = None
    for path in filters or []:
        more = read_triples(path)
        known.append(model.encode(more))
        if triples_digest(more) == model.training.get("triples"):
            trained_on = more
    leakage = None
    if trained_on is None:
        warn("RX239")
    else:
        leakage = _report_leakage(trained_on, base, test)
    report = rank_triples(model.model, known[0], np.concatenate(known), progress=_chunk_bar)
    if report.unknown and trained_on is None:
        warn("RX234", path=test, unknown=report.unknown, n=len(base))
    typer.echo(text_table(_rank_table(report)))
    if output is not None:
        scores = {**report.to_dict(), "leakage": leakage}
        write_output(output, dump_json(scores, indent=2) + "\n")


@kb_app.command("predict")
@report_errors
def predict_cli(
    embeddings: FolderArg,
    entity: Annotated[str, typer.Argument(help="Id of the head, or of the tail with --tail", metavar="HEAD")],
    relation: Annotated[str, typer.Argument(help="Id of the relation")],
    tail: Annotated[bool, typer.Option("--tail", help="The entity is the tail: predict heads")] = False,
    top: Annotated[int, typer.Option("--top", "-n", min=1, help="How many")] = 10,
    known: Annotated[
        Path | None, typer.Option("--known", "-k", help="Triples: those among the answers are marked")
    ] = None,
) -> None:
    """
    Name the entities that most likely complete a triple, with their scores, best first.
    """
    from ..knowledge.embeddings import KBEmbeddings
    from ..knowledge.read import read_triples

    model = KBEmbeddings.load(embeddings)
    answers = model.predict_heads(relation, entity, top) if tail else model.predict_tails(entity, relation, top)
    marks = [""] * len(answers)
    if known is not None:
        base = read_triples(known)
        rows = [(name, relation, entity) if tail else (entity, relation, name) for name, _ in answers]
        marks = ["known" if there else "new" for there in base.contains(base.encode(rows)).tolist()]
    columns = ["score"] if known is None else ["score", known.name]
    lines = [(name, f"{score:.3f}", mark)[: len(columns) + 1] for (name, score), mark in zip(answers, marks)]
    typer.echo(text_table(Table("head" if tail else "tail", columns, lines)))


def _check_folder(output: Path) -> None:
    """Make sure that the folder can be written before training begins, and holds nothing but embeddings.

    RAISES: RelxError RX335, RX246.
    """
    from ..knowledge.embeddings import FORMAT, VERSION
    from ..knowledge.folders import META, read_meta

    if (output / META).exists():
        try:
            read_meta(output, FORMAT, VERSION)
        except RelxError as err:
            raise RelxError("RX246", path=output) from err
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / f".{STATE}").touch()
        (output / f".{STATE}").unlink()
    except OSError as err:
        raise RelxError("RX335", path=output, reason=err.strerror or err) from err


def _report_leakage(train: KnowledgeBase, held: KnowledgeBase, path: Path) -> dict[str, int]:
    """Say what training knows of held-out triples. WARNS: RX234, RX235."""
    from ..knowledge.split import triple_leakage

    counts = triple_leakage(train, held).counts()
    typer.echo(
        f"{path}: {held}\n  of its triples, in training: the same {counts['same']}, turned round {counts['inverted']}, "
        f"with another relation {counts['parallel']}; of unknown ids {counts['unknown']}"
    )
    if counts["same"]:
        warn("RX235", path=path, same=counts["same"], n=len(held))
    if counts["unknown"]:
        warn("RX234", path=path, unknown=counts["unknown"], n=len(held))
    return counts


def _rank_table(report: RankReport) -> Table:
    rows = []
    for name, scores in (("tails", report.tail), ("heads", report.head), ("mean", report.mean)):
        hits = [percent(value) for value in scores.hits.values()]
        rows.append((name, f"{scores.mrr:.4f}", *hits, f"{scores.mean_rank:.1f}", str(scores.n)))
    columns = ("MRR", *(f"Hits@{k} %" for k in report.mean.hits), "mean rank", "n")
    return Table("filtered", columns, rows)


def _say(epoch: Epoch) -> None:
    score = "" if epoch.valid_mrr is None else f", MRR {epoch.valid_mrr:.4f}"
    typer.echo(f"epoch {epoch.number}: loss {epoch.loss:.4f}, {epoch.seconds:.1f} s{score}")


def _batch_bar(batches: Iterable[Any], total: int, epoch: int) -> Iterable[Any]:
    return _bar(batches, total=total, desc=f"epoch {epoch}", unit=" batches")


def _chunk_bar(chunks: Iterable[int]) -> Iterable[int]:
    return _bar(chunks, desc="ranks", unit=" chunks")


def _bar(items: Iterable[Any], **settings: Any) -> Iterable[Any]:
    """A progress bar on standard error that goes away when it is done, where that is a terminal."""
    from tqdm import tqdm

    return tqdm(items, file=sys.stderr, leave=False, disable=not sys.stderr.isatty(), **settings)

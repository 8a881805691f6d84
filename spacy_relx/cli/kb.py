"""`relx kb ...`: embeddings of a knowledge base, and triples of documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._app import command, echo_saved, kb_app, progress
from ._options import TRIPLES_HELP, KnownOpt, Loss, Optimizer, limit_option, output_option

if TYPE_CHECKING:
    from ..knowledge.complex import Epoch

DOCS_HELP = ".spacy files of bags or of sentences with entity ids, or folders of them"
EmbeddingsArg = Annotated[Path, typer.Argument(help="Folder of embeddings, from relx kb train")]
TrueOpt = Annotated[
    list[Path] | None, typer.Option("--known", "-k", help="Triples that are true, and no wrong answers; repeatable")
]


@command(kb_app, "train")
def train_cli(
    triples: Annotated[Path, typer.Argument(help=TRIPLES_HELP)],
    output: Annotated[Path, output_option("Folder for the embeddings")],
    valid: Annotated[Path | None, typer.Option("--valid", help="Triples that choose the best epoch")] = None,
    known: TrueOpt = None,
    dim: Annotated[int, typer.Option("--dim", min=1, max=10_000, help="Complex numbers a vector")] = 200,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="At most")] = 100,
    batch_size: Annotated[
        int, typer.Option("--batch-size", "-b", min=1, help="Triples an update, inverse ones too")
    ] = 500,
    lr: Annotated[float, typer.Option("--lr", help="Learning rate")] = 0.2,
    n3: Annotated[float, typer.Option("--n3", min=0, help="Weight of the N3 norm")] = 0.05,
    l2: Annotated[float, typer.Option("--l2", min=0, help="Weight of the squared norm")] = 0.0,
    loss: Annotated[Loss, typer.Option("--loss", help="What is minimised")] = "one-vs-all",
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
    optimizer: Annotated[Optimizer, typer.Option("--optimizer", help="How vectors are updated")] = "adagrad",
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
    from ..library.knowledge import train_embeddings

    report = train_embeddings(
        triples,
        output,
        valid=valid,
        known=known or [],
        dim=dim,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        n3=n3,
        l2=l2,
        loss=loss,
        relation_weight=relation_weight,
        tails_per_query=tails_per_query,
        candidates=candidates,
        negatives=negatives,
        average=average,
        optimizer=optimizer,
        init_scale=init_scale,
        eval_every=eval_every,
        patience=patience,
        valid_triples=valid_triples,
        save_every=save_every,
        threads=threads,
        seed=seed,
        resume=resume,
        on_start=typer.echo,
        on_epoch=_echo_epoch,
        progress=progress,
    )
    typer.secho(f"✔ Saved {report}", fg="green")


def _echo_epoch(epoch: Epoch) -> None:
    score = "" if epoch.valid_mrr is None else f", MRR {epoch.valid_mrr:.4f}"
    typer.echo(f"epoch {epoch.number}: loss {epoch.loss:.4f}, {epoch.seconds:.1f} s{score}")


@command(kb_app, "evaluate")
def evaluate_cli(
    embeddings: EmbeddingsArg,
    test: Annotated[Path, typer.Argument(help=TRIPLES_HELP)],
    known: TrueOpt = None,
    output: Annotated[Path | None, output_option("JSON file for the scores")] = None,
) -> None:
    """
    Rank the entities of test triples: MRR and Hits@k, filtered by the test triples and those of --known, equal scores
    at their mean rank. See docs/knowledge-base.md.
    """
    from ..data.outputs import check_output, write_output
    from ..data.strict_json import dump_json
    from ..library.knowledge import evaluate_embeddings

    check_output(output, embeddings, test, *(known or []))
    scores = evaluate_embeddings(embeddings, test, known=known or [], progress=progress)
    typer.echo(str(scores))
    if output is not None:
        write_output(output, dump_json(scores, indent=2) + "\n")
        echo_saved(output)


@command(kb_app, "predict")
def predict_cli(
    embeddings: EmbeddingsArg,
    entity: Annotated[str, typer.Argument(help="Id of the head, or of the tail with --tail")],
    relation: Annotated[str, typer.Argument(help="Id of the relation")],
    tail: Annotated[bool, typer.Option("--tail", help="The entity is the tail: predict heads")] = False,
    limit: Annotated[int, limit_option("How many", min=1)] = 10,
    known: KnownOpt = None,
) -> None:
    """
    Name the entities that most likely complete a triple, with their scores, best first.
    """
    from ..library.knowledge import complete_triple

    typer.echo(str(complete_triple(embeddings, entity, relation, tail=tail, limit=limit, known=known)))


@command(kb_app, "triples")
def triples_cli(
    data: Annotated[list[Path], typer.Argument(help=DOCS_HELP)],
    output: Annotated[Path, output_option("File of triples: head, label, tail and tabs between")],
    exclude: Annotated[
        list[Path] | None,
        typer.Option("--exclude", "-x", help="Leave out the pairs of entities in these documents, repeatable"),
    ] = None,
) -> None:
    """
    Write the facts of annotated documents as a knowledge base, each once: of bags, and of relations between linked
    mentions. Name the test data with --exclude. What a knowledge base tells of test facts: relx data check --kb.
    """
    from ..library.knowledge import collect_triples

    report = collect_triples(data, output, exclude=exclude or [], progress=progress)
    typer.secho(f"✔ Saved {report}", fg="green")

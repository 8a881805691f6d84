"""`relx bags` and `relx leakage`: annotated sentences to bags, and what training and test bags have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import SymmetricOpt, progress, relx_app, report_errors, split_names


@relx_app.command("bags")
@report_errors
def bags_cli(
    inputs: Annotated[list[Path], typer.Argument(help=".spacy files of sentences with entity ids, or folders of them")],
    output: Annotated[Path, typer.Argument(help="File that ends in .spacy, or a folder for several")],
    test: Annotated[Path | None, typer.Option("--test", "-t", help="Second file or folder, for test bags")] = None,
    test_share: Annotated[
        float | None, typer.Option("--test-share", help="About which part of the pairs goes there (0.2)")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", "-s", help="Seed of that draw")] = 0,
    shard_size: Annotated[int, typer.Option("--shard-size", min=1, help="In folders: bags to a file, at most")] = 5000,
    max_sentences: Annotated[
        int, typer.Option("--max-sentences", min=0, help="Split bags of more sentences, 0 for no limit")
    ] = 0,
    reversed_negatives: Annotated[
        float,
        typer.Option("--reversed-negatives", help="Share of related pairs to add the other way round, as no relation"),
    ] = 0.0,
    symmetric: SymmetricOpt = "",
    exclude: Annotated[
        Path | None, typer.Option("--exclude", "-x", help="Leave out the pairs of these bags (file or folder)")
    ] = None,
    exclude_sentences: Annotated[
        bool, typer.Option("--exclude-sentences", help="Leave out their sentences as well, whatever the pair")
    ] = False,
    meta: Annotated[
        list[str] | None, typer.Option("--meta", help="Take only documents with this in their meta: KEY=VALUE")
    ] = None,
) -> None:
    """
    Group annotated sentences into bags, one for each ordered pair of entities (reader spacy_relx.BagCorpus.v1). Says
    what the bags hold, and what training and test have in common.
    """
    import spacy

    from ..formats.bag_files import write_bags

    report = write_bags(
        inputs,
        output,
        spacy.blank("xx").vocab,
        test=test,
        test_share=test_share,
        seed=seed,
        shard_size=shard_size,
        max_sentences=max_sentences,
        reversed_negatives=reversed_negatives,
        symmetric=split_names(symmetric),
        exclude=exclude,
        exclude_sentences=exclude_sentences,
        meta=meta or [],
        progress=progress,
    )
    typer.echo(report.summary())
    for path, counts in report.outputs.items():
        typer.secho(f"✔ Saved {counts.bags} bags to {path}", fg="green")


@relx_app.command("leakage")
@report_errors
def leakage_cli(
    train: Annotated[Path, typer.Argument(help="Training bags: .spacy file, or a folder of them")],
    test: Annotated[Path, typer.Argument(help="Test bags: .spacy file, or a folder of them")],
) -> None:
    """
    Compare training and test bags: which pairs of entities, facts and sentences are in both.
    """
    import spacy

    from ..formats.bag_files import read_bags
    from ..formats.leakage import leakage

    vocab = spacy.blank("xx").vocab
    found = leakage(progress(read_bags(train, vocab), unit=" bags"), read_bags(test, vocab))
    typer.echo(str(found))

"""`relx data ...`: training data, made and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import command, data_app, echo_saved, progress
from ._options import (
    TEXTS_HELP,
    Alignment,
    Ambiguous,
    BatchOpt,
    CodeOpt,
    DataArg,
    GpuOpt,
    LangOpt,
    MaxSentencesOpt,
    OnErrorOpt,
    Pairs,
    RowsOpt,
    SeedOpt,
    ShardSizeOpt,
    SplitBy,
    SymmetricOpt,
    TestOpt,
    Tool,
    as_sources,
    limit_option,
    model_option,
    output_option,
    split_names,
)

FORMAT_HELP = "Format of the input: jsonl (our own), brat, docred, opennre, ...; auto to tell it by the content"
SplitByOpt = Annotated[
    SplitBy, typer.Option("--split-by", help="Keep equal texts together, or equal ids (translations)")
]
DevShareOpt = Annotated[float, typer.Option("--dev-share", help="Share of the documents that goes there")]
TestShareOpt = Annotated[
    float | None, typer.Option("--test-share", help="About which part of the pairs goes there (0.2)")
]
REVERSED_HELP = "Share of related pairs to add the other way round, as no relation"
MENTIONS_COVER_HELP = "Mentions that are annotated, if the data does not say it: all, none, or entity types with commas"
RELATIONS_COVER_HELP = "Relations that are annotated: all, none, or labels with commas"
PAIRS_COVER_HELP = "Pairs that are annotated: all, or named, those of which a relation (or no_relation) is annotated"
BAGS_HELP = "File that ends in .spacy, or a folder for several"


@command(data_app, "convert")
def convert_cli(
    format: Annotated[str, typer.Argument(help=FORMAT_HELP)],
    inputs: Annotated[list[Path], typer.Argument(help="Files, or folders to search for files")],
    output: Annotated[Path, output_option("File to write; ends in .spacy")],
    lang: LangOpt = None,
    pattern: Annotated[
        list[str] | None, typer.Option("--pattern", "-p", help="In folders, take only such files; may be repeated")
    ] = None,
    model: Annotated[
        str | None, model_option("Pipeline whose tokenizer splits texts: name, folder, or blank:en")
    ] = None,
    alignment: Annotated[
        Alignment, typer.Option("--alignment", help="Mentions that cut a token: leave out, expand or contract")
    ] = "strict",
    columns: Annotated[
        str,
        typer.Option("--columns", help="Of iob, the columns in order, such as 'token - tag'"),
    ] = "",
    detokenize: Annotated[
        bool, typer.Option("--detokenize", help="Make running text of data in tokens, for the tokenizer to split")
    ] = False,
    meta: Annotated[
        list[str] | None,
        typer.Option("--meta", help="Take only documents with this in their meta: KEY=VALUE, or KEY!=VALUE"),
    ] = None,
    exclude: Annotated[
        list[Path] | None,
        typer.Option("--exclude", "-x", help="Leave out the texts of this .spacy file or folder; may be repeated"),
    ] = None,
    on_error: OnErrorOpt = "raise",
    limit: Annotated[int, limit_option("Write at most so many documents, 0 for all", min=0)] = 0,
    dev: Annotated[Path | None, typer.Option("--dev", "-d", help="Second file, for a share of the documents")] = None,
    dev_share: DevShareOpt = 0.1,
    split_by: SplitByOpt = "text",
    seed: SeedOpt = 0,
    labels: Annotated[
        str | None, typer.Option("--labels", help="Table of new names for relations: old, tab, new; or ids:names")
    ] = None,
    types: Annotated[
        str | None,
        typer.Option(
            "--types", help="Table of new entity types, as --labels; or two ready tables, such as ontonotes:conll"
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Keys that are not known, and files without relations, are errors")
    ] = False,
    annotated_mentions: Annotated[str | None, typer.Option("--annotated-mentions", help=MENTIONS_COVER_HELP)] = None,
    annotated_relations: Annotated[str | None, typer.Option("--annotated-relations", help=RELATIONS_COVER_HELP)] = None,
    annotated_pairs: Annotated[Pairs | None, typer.Option("--annotated-pairs", help=PAIRS_COVER_HELP)] = None,
    problems: Annotated[int, typer.Option("--problems", min=0, help="Problems to show")] = 10,
) -> None:
    """
    Convert annotated data to a .spacy file for training (reader spacy_relx.RelationCorpus.v1). Says what was kept and
    what was lost, and where. See docs/formats.md.
    """
    from ..library.corpora import convert

    report = convert(
        format,
        inputs,
        output,
        lang=lang,
        pattern=pattern or ["*"],
        model=model,
        columns=columns,
        detokenize=detokenize,
        meta=meta or [],
        exclude=exclude or [],
        alignment=alignment,
        on_error=on_error,
        limit=limit,
        dev=dev,
        dev_share=dev_share,
        split_by=split_by,
        seed=seed,
        labels=labels,
        types=types,
        strict=strict,
        annotated_mentions=_cover(annotated_mentions),
        annotated_relations=_cover(annotated_relations),
        annotated_pairs=annotated_pairs,
        progress=progress,
    )
    typer.echo(report.summary(problems))
    for path, count in report.outputs.items():
        echo_saved(path, f"Saved {count} documents")


def _cover(text: str | None) -> str | list[str] | None:
    return text if text in (None, "all", "none") else split_names(text)


@command(data_app, "split")
def split_cli(
    data: DataArg,
    output: Annotated[Path, output_option("File for training; ends in .spacy")],
    dev: Annotated[Path, typer.Option("--dev", "-d", help="File for development")],
    test: Annotated[Path | None, typer.Option("--test", "-t", help="File for testing")] = None,
    dev_share: DevShareOpt = 0.1,
    test_share: Annotated[float, typer.Option("--test-share", help="Share of the documents that goes to --test")] = 0.1,
    split_by: SplitByOpt = "text",
    seed: SeedOpt = 0,
) -> None:
    """
    Divide documents into training, development and test data. Equal texts, or equal ids, stay together. Bags are
    divided by their pairs of entities: relx data bags --test.
    """
    from ..library.corpora import split

    report = split(
        data,
        output,
        dev,
        test=test,
        dev_share=dev_share,
        test_share=test_share,
        split_by=split_by,
        seed=seed,
        progress=progress,
    )
    for path, count in report.outputs.items():
        echo_saved(path, f"Saved {count} documents")


@command(data_app, "bags")
def bags_cli(
    inputs: Annotated[list[Path], typer.Argument(help=".spacy files of sentences with entity ids, or folders of them")],
    output: Annotated[Path, output_option(BAGS_HELP)],
    test: TestOpt = None,
    test_share: TestShareOpt = None,
    seed: SeedOpt = 0,
    shard_size: ShardSizeOpt = 5000,
    max_sentences: MaxSentencesOpt = 0,
    reversed_negatives: Annotated[float, typer.Option("--reversed-negatives", help=REVERSED_HELP)] = 0.0,
    symmetric: SymmetricOpt = "",
    exclude: Annotated[
        Path | None, typer.Option("--exclude", "-x", help="Leave out the pairs of these bags (file or folder)")
    ] = None,
    exclude_sentences: Annotated[
        bool, typer.Option("--exclude-sentences", help="Leave out their sentences as well, whatever the pair")
    ] = False,
    meta: Annotated[
        list[str] | None,
        typer.Option("--meta", help="Take only documents with this in their meta: KEY=VALUE, or KEY!=VALUE"),
    ] = None,
) -> None:
    """
    Group annotated sentences into bags, one for each ordered pair of entities (reader spacy_relx.BagCorpus.v1). Says
    what the bags hold, and what training and test have in common. See docs/bags.md.
    """
    from ..library.corpora import make_bags

    report = make_bags(
        inputs,
        output,
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
        echo_saved(path, f"Saved {counts.bags} bags")


@command(data_app, "align")
def align_cli(
    kb: Annotated[Path, typer.Argument(help="Triples: head, label, tail and tabs between, or .nt, or a folder")],
    docs: Annotated[list[str], typer.Argument(help=TEXTS_HELP)],
    output: Annotated[Path, output_option(BAGS_HELP)],
    aliases: Annotated[
        Path | None, typer.Option("--aliases", help="Names: entity id, name, and optional type and language")
    ] = None,
    ignore_case: Annotated[bool, typer.Option("--ignore-case", help="Find names in any case")] = False,
    ambiguous: Annotated[
        Ambiguous, typer.Option("--ambiguous", help="Names of several entities: leave out, link the first or all")
    ] = "skip",
    overlaps: Annotated[bool, typer.Option("--overlaps", help="Also link names inside longer ones")] = False,
    expand: Annotated[
        bool, typer.Option("--expand", help="In scripts without spaces, a name that cuts a token takes all of it")
    ] = False,
    shorten: Annotated[bool, typer.Option("--shorten", help="Of IRIs, keep what follows the last / or #")] = False,
    model: Annotated[str | None, model_option("Pipeline for tokens, sentences and perhaps links of mentions")] = None,
    lang: LangOpt = None,
    negatives: Annotated[float, typer.Option("--negatives", help="Unrelated pairs for each related one")] = 1.0,
    max_negatives_per_sentence: Annotated[
        int, typer.Option("--max-negatives-per-sentence", min=0, help="Unrelated pairs of a sentence, 0 for no limit")
    ] = 10,
    reversed_negatives: Annotated[float, typer.Option("--reversed-negatives", help=REVERSED_HELP)] = 1.0,
    symmetric: SymmetricOpt = "",
    test: TestOpt = None,
    test_share: TestShareOpt = None,
    seed: SeedOpt = 0,
    shard_size: ShardSizeOpt = 5000,
    max_sentences: MaxSentencesOpt = 0,
    batch_size: BatchOpt = None,
    on_error: OnErrorOpt = "raise",
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Label texts with a knowledge base (distant supervision): each sentence that mentions two related entities becomes
    part of their bag. Says what was found. See docs/distant-supervision.md.
    """
    from ..library.corpora import align

    report = align(
        kb,
        as_sources(docs),
        output,
        aliases=aliases,
        ignore_case=ignore_case,
        ambiguous=ambiguous,
        overlaps=overlaps,
        expand=expand,
        shorten=shorten,
        model=model,
        lang=lang or "",
        negatives=negatives,
        max_negatives_per_sentence=max_negatives_per_sentence,
        reversed_negatives=reversed_negatives,
        symmetric=split_names(symmetric),
        test=test,
        test_share=test_share,
        seed=seed,
        shard_size=shard_size,
        max_sentences=max_sentences,
        batch_size=batch_size,
        on_error=on_error,
        code=code,
        gpu_id=gpu_id,
        progress=progress,
    )
    typer.echo(report.summary())
    for path, counts in report.outputs.items():
        echo_saved(path, f"Saved {counts.bags} bags")


@command(data_app, "check", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def check_cli(
    ctx: typer.Context,
    data: Annotated[Path, typer.Argument(help="Config (.cfg), or training data: a .spacy file or a folder")],
    dev: Annotated[Path | None, typer.Option("--dev", "-d", help="Development data, in place of the config's")] = None,
    test: Annotated[Path | None, typer.Option("--test", "-t", help="Test data")] = None,
    kb: Annotated[
        Path | None, typer.Option("--kb", help="Triples used in training: what they tell of the test data")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 1 where there are errors")] = False,
    output: Annotated[Path | None, output_option("JSON file for the counts and findings")] = None,
    rows: RowsOpt = 20,
    code: CodeOpt = None,
) -> None:
    """
    Say before training what will go wrong: types and relations without examples, gold pairs that no candidate covers,
    reversed directions, languages, texts or pairs on both sides, documents that are too long. Settings of the config
    are overridden by options such as --paths.train train.spacy.
    """
    from spacy.cli._util import parse_config_overrides

    from ..data.outputs import check_output, write_output
    from ..data.strict_json import dump_json
    from ..library.checks import check

    check_output(output, data, dev, test, kb, code)
    overrides = parse_config_overrides(ctx.args)
    report = check(data, dev=dev, test=test, kb=kb, overrides=overrides, code=code, progress=progress)
    typer.echo(report.to_text(rows))
    if output is not None:
        write_output(output, dump_json(report.to_dict(), indent=2) + "\n")
        echo_saved(output)
    if strict and report.errors:
        raise typer.Exit(1)


@command(data_app, "prelabel")
def prelabel_cli(
    docs: Annotated[list[str], typer.Argument(help="With --model: texts, as for relx predict; else .spacy files")],
    output: Annotated[Path, output_option("File to write; for brat a folder, new or empty")],
    to: Annotated[Tool, typer.Option("--to", help="The tool to correct them in")],
    model: Annotated[str | None, model_option("Pipeline that finds relations; else the documents have them")] = None,
    batch_size: BatchOpt = None,
    on_error: OnErrorOpt = "raise",
    code: CodeOpt = None,
    gpu_id: GpuOpt = -1,
) -> None:
    """
    Write what a pipeline finds as pre-annotations for Prodigy, brat, Label Studio or doccano.

    Corrected and exported, `relx data convert` makes training data of them. Label Studio gets its labelling interface
    too, in a file of the same name that ends in .xml; brat gets its annotation.conf.
    """
    from ..library.prelabelling import prelabel

    report = prelabel(
        as_sources(docs),
        output,
        to,
        model=model,
        batch_size=batch_size,
        on_error=on_error,
        code=code,
        gpu_id=gpu_id,
        progress=progress,
    )
    typer.secho(f"✔ {report}", fg="green", err=True)


@command(data_app, "constraints")
def constraints_cli(
    data: DataArg,
    output: Annotated[Path, output_option("JSON file for the counts and the proposed settings")],
    min_share: Annotated[
        float, typer.Option("--min-share", min=0.5, max=1, help="Of how many cases a property must be true")
    ] = 0.98,
    min_count: Annotated[int, typer.Option("--min-count", min=1, help="How many cases there must be")] = 20,
    rows: RowsOpt = 20,
) -> None:
    """
    Learn from annotated documents what relations join and which properties they have, as a starting point for the
    settings of `relation_constraints`. Look through it: data show what was annotated, not what is true.
    """
    from ..data.outputs import check_output, write_output
    from ..data.strict_json import dump_json
    from ..library.schema import constraints

    check_output(output, data)
    found = constraints(data, min_share=min_share, min_count=min_count, progress=progress)
    typer.echo(found.to_text(rows))
    write_output(output, dump_json(found, indent=2) + "\n")
    typer.secho(f"✔ Saved to {output}; its 'config' holds the proposed settings", fg="green")

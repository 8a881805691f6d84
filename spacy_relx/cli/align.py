"""`relx align`: texts labelled with a knowledge base, as bags for training."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RelxError
from ..formats.records import is_lang_code
from ._app import (
    TEXTS_HELP,
    BatchOpt,
    CodeOpt,
    GpuOpt,
    OnError,
    OnErrorOpt,
    SymmetricOpt,
    annotate,
    import_code,
    load_pipeline,
    progress,
    read_texts,
    relx_app,
    report_errors,
    split_names,
    use_gpu,
)

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from ..knowledge.aliases import AliasMatcher


class Ambiguous(str, Enum):
    """What to do with a name of several entities."""

    skip = "skip"
    first = "first"
    all = "all"


@relx_app.command("align")
@report_errors
def align_cli(
    kb: Annotated[Path, typer.Argument(help="Triples: head, relation, tail and tabs between, or .nt, or a folder")],
    docs: Annotated[list[str], typer.Argument(help=TEXTS_HELP)],
    output: Annotated[Path, typer.Argument(help="File that ends in .spacy, or a folder for several")],
    aliases: Annotated[
        Path | None, typer.Option("--aliases", "-a", help="Names: entity id, name, if you like type and language")
    ] = None,
    ignore_case: Annotated[bool, typer.Option("--ignore-case", help="Find names in any case")] = False,
    ambiguous: Annotated[
        Ambiguous, typer.Option("--ambiguous", help="Names of several entities: leave out, link the first or all")
    ] = Ambiguous.skip,
    overlaps: Annotated[bool, typer.Option("--overlaps", help="Also link names inside longer ones")] = False,
    expand: Annotated[
        bool, typer.Option("--expand", help="In scripts without spaces, a name that cuts a token takes all of it")
    ] = False,
    shorten: Annotated[bool, typer.Option("--shorten", help="Of IRIs, keep what follows the last / or #")] = False,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Pipeline for tokens, sentences and perhaps links of mentions")
    ] = None,
    lang: Annotated[str | None, typer.Option("--lang", "-l", help="Language of texts that do not say theirs")] = None,
    negatives: Annotated[float, typer.Option("--negatives", help="Unrelated pairs for each related one")] = 1.0,
    max_negatives: Annotated[
        int, typer.Option("--max-negatives-per-sentence", min=0, help="Unrelated pairs of a sentence, 0 for no limit")
    ] = 10,
    reversed_negatives: Annotated[
        float,
        typer.Option("--reversed-negatives", help="Share of related pairs to add the other way round, as no relation"),
    ] = 1.0,
    symmetric: SymmetricOpt = "",
    test: Annotated[Path | None, typer.Option("--test", "-t", help="Second file or folder, for test bags")] = None,
    test_share: Annotated[
        float | None, typer.Option("--test-share", help="About which part of the pairs goes there (0.2)")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", "-s", help="Seed of both draws")] = 0,
    shard_size: Annotated[int, typer.Option("--shard-size", min=1, help="In folders: bags to a file, at most")] = 5000,
    max_sentences: Annotated[
        int, typer.Option("--max-sentences", min=0, help="Split bags of more sentences, 0 for no limit")
    ] = 0,
    batch_size: BatchOpt = None,
    on_error: OnErrorOpt = OnError.fail,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Label texts with a knowledge base (distant supervision): each sentence that mentions two related entities becomes
    part of their bag. Says what was found. See docs/distant-supervision.md.
    """
    from ..knowledge.align_files import align_to_bags
    from ..knowledge.read import TripleReport, read_triples

    if lang and not is_lang_code(lang):
        raise RelxError("RX042", where="the setting 'lang' (--lang)", value=lang)
    use_gpu(gpu)
    import_code(code)
    skip = on_error.value
    read = TripleReport(skip)
    base = read_triples(kb, shorten=shorten, report=read)
    typer.echo(f"{kb}\n{read.summary()}\n")
    matcher = None
    if aliases is not None:
        matcher = _matcher(aliases, skip, ignore_case, ambiguous, expand, overlaps)
    nlp = _default_pipeline() if model is None else load_pipeline(model)
    report = align_to_bags(
        base,
        progress(_annotated(nlp, docs, lang or "", batch_size, on_error), unit=" texts"),
        output,
        nlp.vocab,
        matcher=matcher,
        inputs=[path for path in [kb, aliases, code, *docs] if path is not None and path != "-"],
        negatives=negatives,
        max_negatives=max_negatives,
        reversed_negatives=reversed_negatives,
        symmetric=split_names(symmetric),
        test=test,
        test_share=test_share,
        seed=seed,
        shard_size=shard_size,
        max_sentences=max_sentences,
        progress=lambda bags: progress(bags, unit=" bags"),
    )
    typer.echo(report.summary())
    for path, counts in report.outputs.items():
        typer.secho(f"✔ Saved {counts.bags} bags to {path}", fg="green")


def _matcher(
    path: Path, on_error: str, ignore_case: bool, ambiguous: Ambiguous, expand: bool, overlaps: bool
) -> AliasMatcher:
    """The names of a file, ready to be found; says how many could not be used."""
    from ..formats.records import Report
    from ..knowledge.aliases import AliasMatcher, read_aliases

    report = Report(on_error)
    names = read_aliases(path, report=report)
    broken = f" (broken lines {report.records_broken})" * bool(report.records_broken)
    typer.echo(f"{path}\nnames              {len(names)}, of {len(names.entity_ids)} entities{broken}")
    typer.echo("".join(f"  [{problem.code}] {problem.message}\n" for problem in report.problems[:10]))
    alignment = "expand" if expand else "strict"
    return AliasMatcher(names, case=not ignore_case, ambiguous=ambiguous.value, alignment=alignment, overlaps=overlaps)


def _default_pipeline() -> Language:
    """Any language, any script; sentences end at the punctuation of many scripts."""
    from ..formats.convert import default_nlp

    nlp = default_nlp()
    nlp.add_pipe("sentencizer")
    return nlp


def _annotated(
    nlp: Language, sources: list[str], lang: str, batch_size: int | None, on_error: OnError
) -> Iterator[Doc]:
    """The Docs of all sources, one behind the other."""
    from ..data.extensions import set_extensions

    set_extensions()
    for source in sources:
        texts = read_texts(source, nlp.vocab, on_error)
        named = (item if item.lang else item._replace(lang=lang) for item in texts)
        for _, doc in annotate(nlp, named, batch_size=batch_size, on_error=on_error):
            yield doc

"""`relx facts`: what a whole corpus says about each pair of entities, with the sentences that say so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..data.strict_json import dump_json
from ._app import (
    TEXTS_HELP,
    BatchOpt,
    CodeOpt,
    GpuOpt,
    ModelArg,
    OnError,
    OnErrorOpt,
    import_code,
    load_pipeline,
    progress,
    read_texts,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import check_output, line_writer


@relx_app.command("facts")
@report_errors
def facts_cli(
    model: ModelArg,
    texts: Annotated[list[str], typer.Argument(help=TEXTS_HELP)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the facts (else standard output)")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", min=0, max=1, help="In place of the pipeline's thresholds")
    ] = None,
    max_evidence: Annotated[
        int | None, typer.Option("--max-evidence", min=0, help="Sentences to give with each fact, best first")
    ] = None,
    kb: Annotated[
        Path | None, typer.Option("--kb", help="Embeddings, from relx kb train: how plausible each fact is")
    ] = None,
    known: Annotated[
        Path | None, typer.Option("--known", "-k", help="Triples that are true: which facts are known, which are new")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Only facts that are not known")] = False,
    min_kb_score: Annotated[
        float | None,
        typer.Option("--min-kb-score", min=0, max=1, help="Only facts with such a kb_score or a greater one"),
    ] = None,
    batch_size: BatchOpt = None,
    on_error: OnErrorOpt = OnError.fail,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Write what all texts together say about each pair of entities, one JSON object a line: head, label, tail, score and
    evidence. The pipeline needs a fact_extractor, and components that find and link entities (or .spacy files that have
    them). Which pairs are asked, the generator of its entity_type_marker says. Sentences wait in temporary files, so
    the corpus may be larger than memory.

    With a fact_checker in the pipeline, --kb or --known each fact also says how far a knowledge base supports it:
    kb_score, known and kb_rank, see docs/knowledge-base.md.
    """
    from ..knowledge.corpus_facts import FactReader, Wanted
    from ..writers.predictions import fact_record

    for source in texts:
        check_output(output, source, code, kb, known, model=model)
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    wanted = Wanted(new, min_kb_score)
    reader = FactReader(nlp, min_score=min_score, max_evidence=max_evidence, kb=kb, known=known, wanted=wanted)
    sources = ((source, read_texts(source, nlp.vocab, on_error)) for source in texts)
    with line_writer(output) as write:
        for doc, fact in reader.read(sources, batch_size=batch_size, on_error=on_error, progress=progress):
            write(dump_json(fact_record(doc, fact)))
    counts = reader.counts
    if output is not None:
        typer.secho(f"✔ Saved {counts.saved} facts about {counts.bags} pairs of entities to {output}", fg="green")
        typer.echo(f"{counts.directions.counts()[1]} of them are there the other way round, too.")
        if reader.checker is not None:
            typer.echo(counts.support())

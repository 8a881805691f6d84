"""`relx predict`: texts in, relations out, one JSON object a line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..data.strict_json import dump_json
from ._app import (
    BatchOpt,
    CodeOpt,
    GpuOpt,
    ModelArg,
    OnError,
    OnErrorOpt,
    TextsArg,
    annotate,
    check_finds,
    import_code,
    load_pipeline,
    progress,
    read_texts,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import check_output, line_writer


@relx_app.command("predict")
@report_errors
def predict_cli(
    model: ModelArg,
    texts: TextsArg,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the relations (else standard output)")
    ] = None,
    batch_size: BatchOpt = None,
    on_error: OnErrorOpt = OnError.fail,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Write the relations of each text as one JSON object a line: id, text, lang, relations; and facts, where a component
    finds these. Offsets count characters.

    Texts are streamed: results appear while standard input is still open, a batch at a time.
    """
    from ..data.loading import assigners, unknown_types
    from ..writers.predictions import doc_record

    check_output(output, texts, code, model=model)
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    check_finds(nlp)
    stream = annotate(
        nlp, read_texts(texts, nlp.vocab, on_error, tell_blank=True), batch_size=batch_size, on_error=on_error
    )
    facts = bool(assigners(nlp, "doc._.facts"))
    with line_writer(output) as write:
        for item, doc in progress(stream):
            write(dump_json(doc_record(doc, item.id, facts=facts)))
    counts, n = unknown_types(nlp)
    for label, count in counts.most_common():
        typer.secho(f"⚠ entity type {label!r}, unknown in training: {count} of {n} mentions", fg="yellow", err=True)

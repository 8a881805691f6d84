"""`relx predict`: texts in, relations out, one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..types import support_of
from ._app import (
    BatchOpt,
    CodeOpt,
    GpuOpt,
    ModelArg,
    OnError,
    OnErrorOpt,
    TextsArg,
    annotate,
    import_code,
    load_pipeline,
    progress,
    read_texts,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import check_output, line_writer

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from ..types import Mention


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
    Write the relations of each text as one JSON object a line: id, text, lang, relations. Offsets count characters.

    Texts are streamed: results appear while standard input is still open, a batch at a time.
    """
    check_output(output, texts, code, model=model)
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    stream = annotate(nlp, read_texts(texts, nlp.vocab, on_error), batch_size=batch_size, on_error=on_error)
    with line_writer(output) as write:
        for item, doc in progress(stream):
            record = {"id": item.id, "text": doc.text, "lang": doc._.lang, "relations": relation_records(doc)}
            write(json.dumps(record, ensure_ascii=False))


def relation_records(doc: Doc) -> list[dict[str, Any]]:
    """The relations of a Doc as plain data: head, label, tail, score; kb_score, known, kb_rank, where they are set.

    start and end count characters.
    """
    return [
        {
            "head": _mention_record(doc, relation.head),
            "label": relation.label,
            "tail": _mention_record(doc, relation.tail),
            "score": relation.score,
            **support_of(relation),
        }
        for relation in doc._.relations
    ]


def _mention_record(doc: Doc, mention: Mention) -> dict[str, Any]:
    span = doc[mention.start : mention.end]
    record = {"text": span.text, "start": span.start_char, "end": span.end_char, "label": mention.label}
    return {**record, "kb_id": mention.kb_id} if mention.kb_id else record

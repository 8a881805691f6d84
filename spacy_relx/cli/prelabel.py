"""`relx prelabel`: predictions as pre-annotations, to be corrected in an annotation tool."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RelxError
from ._app import (
    BatchOpt,
    CodeOpt,
    GpuOpt,
    OnError,
    OnErrorOpt,
    TextsArg,
    annotate,
    check_finds,
    import_code,
    load_pipeline,
    progress,
    read_docs,
    read_texts,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import check_output

if TYPE_CHECKING:
    from spacy.tokens import Doc


class Tool(str, Enum):
    """What the output is for."""

    prodigy = "prodigy"
    brat = "brat"
    labelstudio = "labelstudio"
    doccano = "doccano"


@relx_app.command("prelabel")
@report_errors
def prelabel_cli(
    model: Annotated[str, typer.Argument(help="Pipeline: folder or name; - to write what a .spacy file holds")],
    texts: TextsArg,
    output: Annotated[Path, typer.Argument(help="File to write; for brat a folder, new or empty")],
    to: Annotated[Tool, typer.Option("--to", "-t", help="The tool to correct them in")],
    batch_size: BatchOpt = None,
    on_error: OnErrorOpt = OnError.fail,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Write what a pipeline finds as pre-annotations for Prodigy, brat, Label Studio or doccano.

    Corrected and exported, `relx convert` makes training data of them. Label Studio gets its labelling interface too,
    in a file of the same name that ends in .xml; brat gets its annotation.conf.
    """
    from ..formats.annotation_tools import WRITERS

    writer_type = WRITERS[to.value]
    _check(output, texts, code, model, to)
    use_gpu(gpu)
    import_code(code)
    name, docs = _docs(model, texts, batch_size, on_error)
    with writer_type(output, name=name) as writer:
        for doc in progress(docs):
            writer.add(doc)
        if not writer.count:
            raise RelxError("RX324", n=writer.left_out)
    typer.secho(f"✔ {output}: {writer.count} texts for {to.value}", fg="green", err=True)


def _check(output: Path, texts: str, code: Path | None, model: str, to: Tool) -> None:
    """RAISES: RelxError RX181, RX186, RX189, RX320, RX325 (an output that cannot be meant)."""
    if to is Tool.brat:
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise RelxError("RX320", path=output)
        check_output(output / "annotation.conf" if output.is_dir() else output, texts, code, model=model)
        return
    suffix = ".json" if to is Tool.labelstudio else ".jsonl"
    if output.suffix != suffix:
        raise RelxError("RX325", path=output, tool=to.value, suffix=suffix)
    check_output(output, texts, code, model=model)
    if to is Tool.labelstudio:
        check_output(output.with_suffix(".xml"), texts, code, model=model)


def _docs(model: str, texts: str, batch_size: int | None, on_error: OnError) -> tuple[str, Iterator[Doc]]:
    """The name of what made the annotations, and the Docs."""
    if model == "-":
        if Path(texts).suffix != ".spacy":
            raise RelxError("RX185", path=texts)
        from spacy.vocab import Vocab

        from ..data.extensions import set_extensions

        set_extensions()
        return Path(texts).name, read_docs(Path(texts), Vocab())
    nlp = load_pipeline(model)
    check_finds(nlp, "doc._.relations")

    def docs() -> Iterator[Doc]:
        stream = read_texts(texts, nlp.vocab, on_error, tell_blank=True)
        for item, doc in annotate(nlp, stream, batch_size=batch_size, on_error=on_error):
            doc.user_data["id"] = item.id
            yield doc

    name = "-".join(str(nlp.meta[key]) for key in ("lang", "name", "version") if nlp.meta.get(key))
    return name, docs()

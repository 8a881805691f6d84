"""The call that writes annotations for annotation tools: prelabel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spacy.language import Language
from spacy.tokens import Doc

from ..data.extensions import set_extensions
from ..data.loading import check_finds
from ..data.outputs import check_output
from ..errors import RelxError
from ..formats.annotation_tools import WRITERS
from ..formats.convert import default_nlp
from .inputs import Model, Progress, Texts, annotated, docs_of, pipeline_of, silent

Tool = Literal["prodigy", "brat", "labelstudio", "doccano"]


@dataclass
class PrelabelReport:
    """What `prelabel` wrote. It prints as text.

    Attributes:
        output: The file or folder.
        to: The tool.
        texts: How many texts.
    """

    output: str
    to: str
    texts: int

    def __str__(self) -> str:
        return f"{self.output}: {self.texts} texts for {self.to}"


def prelabel(
    docs: Texts,
    output: str | Path,
    to: Tool,
    *,
    model: Model | None = None,
    batch_size: int | None = None,
    on_error: str = "raise",
    code: str | Path | None = None,
    gpu_id: int = -1,
    progress: Progress = silent,
) -> PrelabelReport:
    """Write annotations for correction in an annotation tool.

    `convert` makes training data of the corrected files.

    Args:
        docs: Without a model: documents with relations, or a .spacy file. With a model: texts, or a file of them.
        output: The file; for brat a folder, new or empty. Label Studio gets its labelling interface in a file beside
            it that ends in .xml; brat gets its annotation.conf.
        to: "prodigy", "brat", "labelstudio" or "doccano".
        model: The pipeline that finds relations; None: the documents have them.
        batch_size: Texts that the pipeline takes at a time.
        on_error: "raise", or "skip" texts that cannot be used.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.
        progress: Shows how far the texts are read.

    Returns:
        What was written; it prints as text.

    Raises:
        RelxError: RX021 for another tool, RX186 for a folder that is not empty, RX368 for another ending, RX173 where
            nothing can be written, RX185 for documents that are neither Docs nor a .spacy file.
    """
    if to not in WRITERS:
        raise RelxError("RX021", name="to", value=to, need=" or ".join(map(repr, WRITERS)))
    sources = [docs] if isinstance(docs, (str, Path)) else [each for each in docs if isinstance(each, Path)]
    path = Path(output)
    _check_prelabels(path, to, [*sources, code], None if model is None or isinstance(model, Language) else str(model))
    set_extensions()
    if model is None:
        name = Path(sources[0]).name if sources else "documents"
        found = _labelled(docs)
    else:
        nlp = pipeline_of(model, code, gpu_id)
        check_finds(nlp, "doc._.relations")
        name = "-".join(str(nlp.meta[key]) for key in ("lang", "name", "version") if nlp.meta.get(key))
        found = (doc for _, doc in annotated(nlp, docs, batch_size=batch_size, on_error=on_error))
    with WRITERS[to](path, name=name) as writer:
        for doc in progress(found):
            writer.add(doc)
        if not writer.count:
            raise RelxError("RX173", where=f"the input of {writer.left_out} texts", what="texts that are not blank")
    return PrelabelReport(str(output), to, writer.count)


def _labelled(docs: Texts) -> Iterator[Doc]:
    """Docs, and those of .spacy files. RAISES: RelxError RX185 for texts."""
    vocab = default_nlp().vocab
    for item in [docs] if isinstance(docs, (str, Path, Doc)) else docs:
        if isinstance(item, Doc):
            yield item
        elif Path(item).suffix == ".spacy" or Path(item).is_dir():
            yield from docs_of(item, vocab)
        else:
            raise RelxError("RX185", path=item)


def _check_prelabels(output: Path, to: str, inputs: Iterable[str | Path | None], model: str | None) -> None:
    """RAISES: RelxError RX181, RX186, RX189, RX368 (an output that cannot be meant)."""
    places = [output]
    if to == "brat":
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise RelxError("RX186", path=output, reason="it must be a new or an empty folder, so that nothing is lost")
        places = [output / "annotation.conf" if output.is_dir() else output]
    else:
        suffix = ".json" if to == "labelstudio" else ".jsonl"
        if output.suffix != suffix:
            raise RelxError("RX368", path=output, kind=to, known=suffix)
        if to == "labelstudio":
            places.append(output.with_suffix(".xml"))
    for place in places:
        check_output(place, *inputs, model=model)

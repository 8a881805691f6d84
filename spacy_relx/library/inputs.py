"""What the calls of the library take: pipelines, documents and texts, as objects or by the names of files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from spacy.language import Language
from spacy.tokens import Doc
from typing_extensions import TypeAlias

from ..data.loading import import_code, load_pipeline, use_gpu
from ..errors import RelxError
from ..formats.docbin import read_docs as read_file
from ..formats.reader import corpus_files
from ..formats.texts import OnError, Text, annotate, read_texts

if TYPE_CHECKING:
    from spacy.vocab import Vocab

#: A loaded pipeline, or its folder or name.
Model: TypeAlias = Union[Language, str, Path]
#: Documents, or the name of a .spacy file or of a folder of such.
Docs: TypeAlias = Union[Doc, Iterable[Doc], str, Path]
#: Texts or documents in a list or a stream; or the name of a file of texts.
Texts: TypeAlias = Union[str, Path, Doc, Iterable[Union[str, Path, Doc]]]

#: Wraps a stream, to show how far it is read: `progress(stream, unit=" docs")`.
Progress: TypeAlias = Callable[..., Iterator[Any]]


def silent(stream: Iterable[Any], **_: Any) -> Iterator[Any]:
    """The `Progress` that shows nothing."""
    return iter(stream)


def pipeline_of(model: Model, code: str | Path | None = None, gpu_id: int = -1) -> Language:
    """The pipeline, loaded where its folder or name is given.

    Args:
        model: The pipeline.
        code: A Python file with additional components, which is imported first.
        gpu_id: The number of the GPU to switch to; -1 for the CPU.

    Raises:
        RelxError: RX610 for what is no pipeline, RX180 where it cannot be loaded, RX187 for the GPU, RX188 for the
            Python file.
    """
    use_gpu(gpu_id)
    import_code(None if code is None else Path(code))
    if isinstance(model, Language):
        return model
    if isinstance(model, (str, Path)):
        return load_pipeline(str(model))
    raise RelxError("RX610", value=model)


def name_of(data: object) -> object:
    """How messages call the data that a call was given."""
    return data if isinstance(data, (str, Path)) else "the documents given"


def docs_of(docs: Docs, vocab: Vocab) -> Iterator[Doc]:
    """The documents, read with this vocab where the name of a file or folder is given.

    Raises:
        RelxError: RX611 for anything else, RX131 or RX132 for files.
    """
    if isinstance(docs, (str, Path)):
        for file in corpus_files(Path(docs)):
            yield from read_file(file, vocab)
        return
    if not isinstance(docs, (Doc, Iterable)):
        raise RelxError("RX611", value=docs)
    for doc in [docs] if isinstance(docs, Doc) else docs:
        if not isinstance(doc, Doc):
            raise RelxError("RX611", value=doc)
        yield doc


def text_sources(
    texts: Texts, vocab: Vocab, on_error: OnError, *, tell_blank: bool = False
) -> Iterator[tuple[str, Iterator[Text]]]:
    """The texts of each source with its name, "-" for those that come in no file.

    A string alone is the name of a file. In a list, strings are texts, and paths are files.

    Args:
        texts: The texts.
        vocab: That of Docs which are read from files.
        on_error: What to do with lines that cannot be used.
        tell_blank: Whether to warn of blank lines, too.

    Raises:
        RelxError: RX611 for anything else, RX182, RX183 or RX132 for files.
    """
    if isinstance(texts, (str, Path)):
        yield str(texts), read_texts(str(texts), vocab, on_error, tell_blank=tell_blank)
        return
    if not isinstance(texts, (Doc, Iterable)):
        raise RelxError("RX611", value=texts)
    number = 0
    for item in [texts] if isinstance(texts, Doc) else texts:
        if isinstance(item, Path):
            yield str(item), read_texts(str(item), vocab, on_error, tell_blank=tell_blank)
            continue
        number += 1
        if isinstance(item, str):
            yield "-", iter([Text(number, f"text {number}", item, "")])
        elif isinstance(item, Doc):
            id = item.user_data.get("id")
            yield "-", iter([Text(number if id is None else id, f"document {number}", item.text, item._.lang, item)])
        else:
            raise RelxError("RX611", value=item)


def annotated(
    nlp: Language,
    texts: Texts,
    *,
    batch_size: int | None = None,
    on_error: str = "raise",
    tell_blank: bool = True,
) -> Iterator[tuple[Text, Doc]]:
    """Run a pipeline over texts: a stream of each text and its Doc, which has the id of the text.

    Raises:
        RelxError: RX021 for another on_error, and what `text_sources` raises.
    """
    when = on_error_of(on_error)
    for _, stream in text_sources(texts, nlp.vocab, when, tell_blank=tell_blank):
        for item, doc in annotate(nlp, stream, batch_size=batch_size, on_error=when):
            doc.user_data["id"] = item.id
            yield item, doc


def on_error_of(on_error: str) -> OnError:
    """The setting `on_error`.

    Raises:
        RelxError: RX021 for another one than "raise" and "skip".
    """
    if on_error not in ("raise", "skip"):
        raise RelxError("RX021", name="on_error", value=on_error, need="'raise' or 'skip'")
    return "skip" if on_error == "skip" else "raise"

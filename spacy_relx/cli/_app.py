"""What the commands share: the typer app, loading of pipelines and texts, errors without a traceback.

Everything heavy is imported inside functions: spaCy imports this module for each of its own commands too.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Callable, NamedTuple

import typer

from ..corpora.records import is_lang_code, load_json
from ..errors import RelxError, RelxWarning, warn

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

HELP = "Relation extraction: convert data, evaluate pipelines, compare languages, predict and show relations."
relx_app = typer.Typer(name="relx", help=HELP, no_args_is_help=True, rich_markup_mode=None)

INTERRUPTED = 130  # what shells report for a command ended by ctrl-C


class OnError(str, Enum):
    """What to do with a text that cannot be used."""

    fail = "fail"
    skip = "skip"


TEXTS_HELP = "Texts: .txt (one a line), .jsonl (text, and lang and id where known), .spacy, or - for standard input"

#: Arguments and options that several commands have.
ModelArg = Annotated[str, typer.Argument(help="Pipeline: folder or name")]
TextsArg = Annotated[str, typer.Argument(help=TEXTS_HELP)]
BatchOpt = Annotated[int | None, typer.Option("--batch-size", "-b", min=1, help="Texts taken at a time")]
OnErrorOpt = Annotated[OnError, typer.Option("--on-error", help="What to do with a line that is broken or too long")]
CodeOpt = Annotated[Path | None, typer.Option("--code", "-c", help="Python file with additional components")]
GpuOpt = Annotated[int, typer.Option("--gpu-id", "-g", help="Number of the GPU (needs CuPy), or -1 for the CPU")]


class Text(NamedTuple):
    """One input: its id, where it stands (file:line), the text, its language, and the Doc where there is one."""

    id: Any
    where: str
    text: str
    lang: str
    doc: Doc | None = None


def report_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Make a command end with a red message and code 1 where it raises RelxError, and with 130 on ctrl-C.

    Warnings of this package become one yellow line each. A closed pipe at the reader's end is no error.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            previous = warnings.showwarning

            def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
                if issubclass(category, RelxWarning):
                    typer.secho(f"⚠ {message}", fg="yellow", err=True)
                else:
                    previous(message, category, *rest, **more)

            warnings.showwarning = show  # type: ignore[assignment]
            warnings.filterwarnings("default", category=RelxWarning)
            try:
                command(*args, **kwargs)
            except RelxError as err:
                typer.secho(f"✘ {err}", fg="red", err=True)
                raise typer.Exit(1) from err
            except KeyboardInterrupt as err:
                typer.secho("Interrupted.", fg="yellow", err=True)
                raise typer.Exit(INTERRUPTED) from err

    return wrapped


def sentence(message: object) -> str:
    """A message that ends in a full stop, one."""
    return str(message).rstrip(" .\n") + "."


def import_code(path: Path | None) -> None:
    """Import a Python file that registers components or functions. RAISES: RelxError RX188."""
    if path is None:
        return
    from spacy.util import import_file

    try:
        import_file("python_code", path)
    except Exception as err:  # whatever the user's file raises
        raise RelxError("RX188", path=path, reason=f"{type(err).__name__}: {err}") from err


def use_gpu(gpu: int) -> None:
    """Switch to that GPU, -1 for none. RAISES: RelxError RX187."""
    if gpu < 0:
        return
    from thinc.api import require_gpu

    try:
        require_gpu(gpu)
    except Exception as err:  # thinc raises ValueError, cupy and torch errors of their own
        raise RelxError("RX187", gpu=gpu, reason=sentence(err)) from err


def load_pipeline(model: str) -> Language:
    """`spacy.load`. RAISES: RelxError RX180 for what is no pipeline or cannot be loaded."""
    import spacy

    path = Path(model)
    if path.is_file():
        raise RelxError("RX180", model=model, reason="it is a file.")
    if path.is_dir() and not (path / "config.cfg").exists():
        raise RelxError("RX180", model=model, reason="the folder has no config.cfg.")
    try:
        return spacy.load(path if path.is_dir() else model)
    except RelxError:
        raise
    except (OSError, ValueError, ImportError, KeyError) as err:
        looks_like_path = not path.exists() and ("/" in model or "\\" in model)
        reason = "there is no such folder." if looks_like_path else sentence(f"{type(err).__name__}: {err}")
        raise RelxError("RX180", model=model, reason=reason) from err


def read_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """The Docs of a .spacy file, or of all in a folder. RAISES: RelxError RX131 (no file), RX132 (a broken one)."""
    from ..corpora.docbin import read_docs as read_file
    from ..corpora.reader import corpus_files

    for file in corpus_files(path):
        yield from read_file(file, vocab)


def read_texts(source: str, vocab: Vocab, on_error: OnError = OnError.fail) -> Iterator[Text]:
    """Stream the texts of a .txt, .jsonl or .spacy file, or of the lines of standard input ("-").

    Empty lines are passed over; the id of a text is the one given, else its line (in a .spacy file its place), from 1.
    RAISES: RelxError RX182 for another file, RX183 for a broken line, RX132 for a broken .spacy file.
    WARNS: RX184, at the end, where on_error is skip and lines were left out.
    """
    if source == "-":
        return _read_lines(nullcontext(sys.stdin.buffer), "standard input", _plain_text, on_error)
    path = Path(source)
    if not path.is_file():
        raise RelxError("RX182", path=source, reason="there is no such file.")
    if path.suffix == ".spacy":
        return _read_doc_texts(path, vocab)
    parse = {".txt": _plain_text, ".jsonl": _json_text}.get(path.suffix)
    if parse is None:
        raise RelxError("RX182", path=source, reason=f"files that end in '{path.suffix}' are not known.")
    return _read_lines(path.open("rb"), str(path), parse, on_error)


def _read_doc_texts(path: Path, vocab: Vocab) -> Iterator[Text]:
    for number, doc in enumerate(read_docs(path, vocab), start=1):
        yield Text(doc.user_data.get("id", number), f"{path}, document {number}", doc.text, doc._.lang, doc)


def _read_lines(
    opened: AbstractContextManager[BinaryIO], name: str, parse: Callable[[str, int, str], Text], on_error: OnError
) -> Iterator[Text]:
    skipped: list[tuple[str, str]] = []
    n_skipped = 0
    with opened as stream:
        for number, raw in enumerate(stream, start=1):
            where = f"{name}:{number}"
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                item = parse(line, number, where) if line.strip() else None
            except (ValueError, RecursionError) as err:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
                reason = sentence(err)
                if on_error is OnError.fail:
                    raise RelxError("RX183", where=where, reason=reason) from err
                skipped = skipped or [(where, reason)]
                n_skipped += 1
                continue
            if item is not None:
                yield item
    if skipped:
        warn("RX184", n=n_skipped, where=skipped[0][0], reason=skipped[0][1])


def _plain_text(line: str, number: int, where: str) -> Text:
    return Text(number, where, line, "")


def _json_text(line: str, number: int, where: str) -> Text:
    row = load_json(line)
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise ValueError('the line must be an object with a string "text"')
    lang = row.get("lang")
    if not isinstance(lang, (str, type(None))):
        raise ValueError(f'"lang" must be a string such as "en", but is {lang!r}')
    if lang and not is_lang_code(lang):
        raise ValueError(f'"lang" must be a language code such as "en" or "pt-BR", but is {lang!r}')
    return Text(row.get("id", number), where, row["text"], lang or "")


def annotate(
    nlp: Language, texts: Iterator[Text], *, batch_size: int | None = None, on_error: OnError = OnError.fail
) -> Iterator[tuple[Text, Doc]]:
    """Run the pipeline over a stream of texts, in bounded memory.

    Docs that come from a file keep their mentions and lose their relations, which must not pass for predictions.
    RAISES: RelxError RX183 for a text longer than `nlp.max_length`. WARNS: RX184 where such texts were left out.
    """
    too_long: list[str] = []
    reason = f"the text is longer than {nlp.max_length} characters, the pipeline's max_length."

    def docs() -> Iterator[tuple[Doc, Text]]:
        for item in texts:
            if len(item.text) > nlp.max_length:
                if on_error is OnError.fail:
                    raise RelxError("RX183", where=item.where, reason=reason)
                too_long.append(item.where)
                continue
            doc = item.doc if item.doc is not None else nlp.make_doc(item.text)
            doc._.relations = []
            if item.lang:
                doc._.lang = item.lang
            yield doc, item._replace(doc=None)

    for doc, item in nlp.pipe(docs(), as_tuples=True, batch_size=batch_size):
        yield item, doc
    if too_long:
        warn("RX184", n=len(too_long), where=too_long[0], reason=reason)


def progress(stream: Iterator[Any], unit: str = " docs") -> Iterator[Any]:
    """The same stream with a progress bar on standard error, where that is a terminal."""
    from tqdm import tqdm

    return iter(tqdm(stream, unit=unit, file=sys.stderr, disable=not sys.stderr.isatty()))

"""What the commands share: the typer app, loading of pipelines and texts, errors without a traceback.

Everything heavy is imported inside functions: spaCy imports this module for each of its own commands too.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Callable

import typer

from ..data.loading import check_finds as check_finds
from ..data.loading import import_code as import_code
from ..data.loading import load_pipeline as load_pipeline
from ..data.loading import use_gpu as use_gpu
from ..data.text_forms import normal_form
from ..errors import MESSAGES, RelxError, RelxWarning
from ..errors import sentence as sentence
from ..formats.texts import OnError
from ..formats.texts import annotate as annotate
from ..formats.texts import read_texts as read_texts

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

HELP = "Relation extraction: convert data, evaluate pipelines, compare languages, predict and show relations."
relx_app = typer.Typer(name="relx", help=HELP, no_args_is_help=True, rich_markup_mode=None)

#: Seconds that a command's process may take to end when its work is done.
END_SECONDS = 30.0
INTERRUPTED = 130  # what shells report for a command ended by ctrl-C

TEXTS_HELP = "Texts: .txt (one a line), .jsonl (text, and lang and id where known), .spacy, or - for standard input"

#: Arguments and options that several commands have.
ModelArg = Annotated[str, typer.Argument(help="Pipeline: folder or name")]
TextsArg = Annotated[str, typer.Argument(help=TEXTS_HELP)]
BatchOpt = Annotated[int | None, typer.Option("--batch-size", "-b", min=1, help="Texts taken at a time")]
OnErrorOpt = Annotated[OnError, typer.Option("--on-error", help="What to do with a line that is broken or too long")]
CodeOpt = Annotated[Path | None, typer.Option("--code", "-c", help="Python file with additional components")]
SymmetricOpt = Annotated[
    str, typer.Option("--symmetric", help="Relations without a direction, with commas; others are seen in the data")
]
RowsOpt = Annotated[
    int, typer.Option("--rows", min=0, help="Rows that tables of relations or languages have at most, 0 for all")
]
GpuOpt = Annotated[int, typer.Option("--gpu-id", "-g", help="Number of the GPU (needs CuPy), or -1 for the CPU")]


def split_names(text: str) -> list[str]:
    """Names with commas between, each once, in the form in which names are looked up."""
    return list(dict.fromkeys(name.strip() for name in normal_form(text).split(",") if name.strip()))


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


class BoundedEnd:
    """Bounds the time between the end of a command and that of its process, which threads of components and libraries,
    or what they do at exit, can hold for ever. Says what held it, as tracebacks of all threads (RX603).

    code: the exit code of a process that had to be ended; 1 until it is set.
    """

    def __init__(self) -> None:
        self.code = 1
        threading.Thread(target=self._watch, name="relx end", daemon=True).start()

    def _watch(self) -> None:
        import faulthandler

        threading.main_thread().join()  # it has ended when the interpreter begins to
        time.sleep(END_SECONDS)
        message = f"[RX603] {MESSAGES['RX603'].format(seconds=END_SECONDS)}\n"
        with suppress(Exception):  # whatever has become of the streams
            sys.stdout.flush()
        with suppress(OSError, ValueError, RuntimeError):
            os.write(2, message.encode())
            faulthandler.dump_traceback(file=2)
        os._exit(self.code)


def read_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """The Docs of a .spacy file, or of all in a folder. RAISES: RelxError RX131 (no file), RX132 (a broken one)."""
    from ..formats.docbin import read_docs
    from ..formats.reader import corpus_files

    return (doc for file in corpus_files(path) for doc in read_docs(file, vocab))


def progress(stream: Iterator[Any], unit: str = " docs") -> Iterator[Any]:
    """The same stream with a progress bar on standard error, where that is a terminal."""
    from tqdm import tqdm

    return iter(tqdm(stream, unit=unit, file=sys.stderr, disable=not sys.stderr.isatty()))

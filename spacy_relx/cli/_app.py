"""What the commands share: the typer apps, errors without a traceback, progress bars.

Everything heavy is imported inside functions: spaCy imports this module for each of its own commands too.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Callable

import typer

from ..errors import MESSAGES, RelxError, RelxWarning

HELP = "Relation extraction: make data and configs, train and measure pipelines, predict, show and export relations."
relx_app = typer.Typer(name="relx", help=HELP, no_args_is_help=True, rich_markup_mode=None)


def _group(name: str, help: str) -> typer.Typer:
    """A typer app for the commands `relx NAME ...`, an option helper of typer's."""
    group = typer.Typer(name=name, help=help, no_args_is_help=True, rich_markup_mode=None)
    relx_app.add_typer(group)
    return group


init_app = _group("init", "Make a config, or the folder of an encoder.")
data_app = _group("data", "Make and check training data.")
graph_app = _group("graph", "Triples in a graph, and queries.")
kb_app = _group("kb", "Embeddings of a knowledge base.")

#: Seconds that a command's process may take to end when its work is done.
END_SECONDS = 30.0
INTERRUPTED = 130  # what shells report for a command ended by ctrl-C


def command(app: typer.Typer, name: str, **settings: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command, with `report_errors`."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        return app.command(name, **settings)(report_errors(function))

    return register


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


def progress(stream: Iterable[Any], unit: str = " docs", **settings: Any) -> Any:
    """The same stream with a progress bar on standard error, where that is a terminal."""
    from tqdm import tqdm

    return iter(tqdm(stream, unit=unit, file=sys.stderr, disable=not sys.stderr.isatty(), **settings))


def echo_saved(path: object, what: str = "Saved") -> None:
    """Say that an output was written, on standard error where it went to standard output."""
    typer.secho(f"✔ {what} to {path}", fg="green")

"""The classes of errors and warnings, and the catalogue of their messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import Self

#: Fields that are clauses of a message.
_CLAUSES = ("reason", "problem")
#: Code -> (class, message). `spacy_relx.errors` fills it from the modules of messages.
CATALOGUE: dict[str, tuple[type[RelxError] | type[RelxWarning], str]] = {}


def message_of(code: str, values: Mapping[str, Any]) -> str:
    """The message of a code, with its fields filled in.

    Args:
        code: The code.
        values: The fields. A reason or problem may end in full stops: the message has its own.
    """
    filled = {name: str(value).rstrip(" .\n") if name in _CLAUSES else value for name, value in values.items()}
    return CATALOGUE[code][1].format(**filled)


class RelxError(Exception):
    """An error of this package.

    `RelxError("RX120", ...)` makes an instance of the class that its code belongs to, as `OSError(2, ...)` makes a
    `FileNotFoundError`.

    Args:
        code: A code such as `"RX120"`. It is kept as the attribute `code`, and the message starts with it.
        **values: What the fields of the message are filled with.
    """

    code: str

    def __new__(cls, *args: Any, **values: Any) -> Self:
        kind: Any = CATALOGUE[args[0]][0] if cls is RelxError and args else cls
        if not issubclass(kind, RelxError):
            raise TypeError(f"{args[0]} is the code of a warning")
        return super(RelxError, kind).__new__(kind)  # that of its built-in class, which may be OSError

    def __init__(self, code: str, **values: Any) -> None:
        message = f"[{code}] {message_of(code, values)}"
        super().__init__(message)
        self.args = (message,)  # OSError takes them from __new__, which has not got the message
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        # an exception's own would call the class with the message in place of the code
        return _restore, (type(self), self.args), self.__dict__


def _restore(kind: type[RelxError], args: tuple[Any, ...]) -> RelxError:
    error = kind.__new__(kind)
    BaseException.__init__(error, *args)
    if isinstance(error, ImportError):
        ImportError.__init__(error, *args)  # keeps the message in `msg` as well
    return error


class SettingError(RelxError, ValueError):
    """A setting, an argument or an option has a value that it cannot have, or contradicts another."""


class DataError(RelxError, ValueError):
    """Data is not as it must be: a record of a file, a value assigned to a Doc, a text, a triple."""


class EmptyDataError(DataError):
    """There is no data to work on, or none that can be used."""


class MissingFileError(RelxError, FileNotFoundError):
    """A file or folder does not exist."""


class InputError(RelxError, ValueError):
    """An input cannot be used: it is of another kind, or cannot be read."""


class DamagedFileError(RelxError, ValueError):
    """A file that this package wrote is damaged, or does not fit the files beside it."""


class OutputError(RelxError, OSError):
    """An output cannot be written, or would overwrite something else."""


class MissingPackageError(RelxError, ImportError):
    """An optional package is not installed."""


class PipelineError(RelxError, ValueError):
    """A pipeline or component cannot do what it is asked to: something is missing before it, or it is not trained."""


class LabelError(RelxError, ValueError):
    """The labels of a component and those of its data or knowledge base do not fit together."""


class ModelError(RelxError, ValueError):
    """A model or pipeline cannot be loaded, or is of a kind that cannot be used."""


class TrainingError(RelxError, ValueError):
    """Training cannot go on."""


class RunError(RelxError, RuntimeError):
    """A run over a corpus, or a server, cannot start or go on."""


class RequestError(RelxError, ValueError):
    """An HTTP request cannot be answered."""


class QueryError(RelxError, ValueError):
    """A query of a graph cannot be answered."""


class RelxWarning(UserWarning):
    """A warning of this package, or a note in a report of what was read. Its text starts with the code.

    Args:
        message: The text.
        code: The code, kept as the attribute `code`.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


#: Class -> code -> message: what a module of messages holds.
Messages = dict[type[RelxError] | type[RelxWarning], dict[str, str]]

"""spaCy's own commands, in this process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import spacy.cli  # noqa: F401  # registers them
from spacy.cli._util import app
from typer.testing import CliRunner


def run_spacy(*args: Any, exit_code: int = 0) -> str:
    """`python -m spacy ARGS`. A traceback fails the test.

    Returns:
        What it prints, without colours.
    """
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return re.sub(r"\x1b\[[0-9;]*m", "", result.output)


def options(settings: Mapping[str, Any]) -> list[str]:
    """Settings of a config as options of a command line."""
    import srsly

    pairs = ((f"--{key}", v if isinstance(v, str) else srsly.json_dumps(v)) for key, v in settings.items())
    return [part for pair in pairs for part in map(str, pair)]

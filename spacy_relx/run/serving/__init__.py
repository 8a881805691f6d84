"""A pipeline behind HTTP: texts in, relations and facts out."""

from typing import Any

from ...data._compat import optional_import
from .app import create_app
from .requests import Limits

__all__ = ["Limits", "create_app", "run_server"]


def __getattr__(name: str) -> Any:
    """`run_server`, whose module needs uvicorn; an application for another server does not."""
    if name != "run_server":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    optional_import("uvicorn", extra="serve", purpose="relx serve")
    from .server import run_server

    return run_server

"""A pipeline behind HTTP: texts in, relations and facts out."""

from .app import create_app, run_server
from .requests import Limits

__all__ = ["Limits", "create_app", "run_server"]

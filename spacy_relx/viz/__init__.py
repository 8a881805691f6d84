"""Pictures of relations."""

from .html import render

__all__ = ["render"]

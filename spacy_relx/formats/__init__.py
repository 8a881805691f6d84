"""Annotated data: formats, .spacy files, readers for training, bags."""

from __future__ import annotations

from .mentions import gold_example

__all__ = ["gold_example"]

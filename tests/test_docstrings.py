"""The docstrings of the front door: Google style, one line for each parameter."""

from __future__ import annotations

import inspect
import re

import pytest

import spacy_relx as sr

PUBLIC = [name for name in sr.__all__ if name != "__version__" and not inspect.isclass(getattr(sr, name))]
CLASSES = ("Bag", "Candidate", "Evidence", "Fact", "Mention", "Relation")


def section(doc: str, title: str) -> str:
    """The indented lines below a title such as "Args:"."""
    found = re.search(rf"^{title}:\n((?:(?: .*)?\n?)+)", doc, re.MULTILINE)
    return found[1] if found else ""


def described(name: str) -> list[str]:
    doc = inspect.getdoc(getattr(sr, name)) or ""
    return re.findall(r"^    \*{0,2}(\w+): +\S", section(doc, "Args") or section(doc, "Attributes"), re.MULTILINE)


@pytest.mark.parametrize("name", [*PUBLIC, *CLASSES])
def test_each_parameter_has_a_line(name):
    parameters = [p for p in inspect.signature(getattr(sr, name)).parameters if p != "self"]
    assert described(name)[: len(parameters)] == parameters


@pytest.mark.parametrize("name", PUBLIC)
def test_the_form(name):
    doc = inspect.getdoc(getattr(sr, name))
    summary, _, rest = doc.partition("\n")
    assert summary.endswith(".") and (not rest or rest.startswith("\n"))
    assert not re.search(r"^ *(?:RETURNS|RAISES|WARNS|YIELDS):", doc, re.MULTILINE)
    assert section(doc, "Returns") or inspect.signature(getattr(sr, name)).return_annotation == "None"


def test_a_missing_line_is_found():
    doc = "Do it.\n\nArgs:\n    a: One.\n    **b: Two,\n        and more: three.\n\nReturns:\n    c: No parameter.\n"
    assert re.findall(r"^    \*{0,2}(\w+): +\S", section(doc, "Args"), re.MULTILINE) == ["a", "b"]

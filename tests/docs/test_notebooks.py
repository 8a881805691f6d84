"""The notebooks of docs/notebooks: each runs from its first cell to its last, and stores small outputs."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from spacy.util import import_file
from support.docs import ROOT

import spacy_relx as sr

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

pytestmark = pytest.mark.docs

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
#: Packages that the notebooks name in their first cell.
NEEDS = ("matplotlib", "networkx", "pandas", "pyarrow", "pyoxigraph", "fastapi", "httpx")
#: Jobs that a notebook must be able to do by one call.
JOBS = (
    *("convert", "split", "check", "align", "train", "train_embeddings", "complete_triple", "predict", "prelabel"),
    *("facts", "annotate", "evaluate", "compare", "calibrate", "constraints", "challenge", "error_report"),
    *("read_docs", "show", "to_frame", "to_networkx", "export", "build_graph", "query_graph"),
)


def code_cells(path: Path) -> list:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def calls(path: Path) -> Counter[str]:
    """How often each function of `sr` is called."""
    trees = [ast.parse(cell.source) for cell in code_cells(path)]
    names = [node.func for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return Counter(n.attr for n in names if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "sr")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path):
    for package in NEEDS:
        pytest.importorskip(package)
    ran = import_file("notebooks", ROOT / "scripts" / "notebooks.py").execute(path)
    errors = [o for cell in ran.cells for o in cell.get("outputs", ()) if o.output_type == "error"]
    stored = nbformat.read(path, as_version=4)
    assert not errors
    pairs = zip(ran.cells, stored.cells, strict=True)
    assert [new.source for new, old in pairs if bool(new.get("outputs")) != bool(old.get("outputs"))] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_stored(path):
    assert nbformat.validate(nbformat.read(path, as_version=4)) is None
    cells = code_cells(path)
    outputs = [output for cell in cells for output in cell.outputs]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert len(outputs) > 8 and not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    text = path.read_text(encoding="utf8")
    assert len(text) < 250_000
    assert not re.search(r"(?<![\w.:])/(?:tmp|root|home|work|Users|var)/", text)


def test_every_job_is_one_call():
    assert len(NOTEBOOKS) == 3
    called = sum(map(calls, NOTEBOOKS), Counter())
    assert set(JOBS) - set(called) == set()
    assert set(called) <= set(sr.__all__)

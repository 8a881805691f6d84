"""A pipeline that relates Ann to Acme, and can be made to fail, or to end its process, by what a text says."""

from __future__ import annotations

import json

import spacy
from spacy.util import import_file

CODE = '''
import os
import signal
import time
import warnings

from spacy.language import Language

from spacy_relx import Relation
from spacy_relx.errors import RelxWarning


@Language.component("relx_scale_test_works", assigns=["doc._.relations"], requires=["doc._.candidates"])
def works(doc):
    """Says of every candidate pair of a person and an organisation that the first works for the second."""
    time.sleep(float(os.environ.get("RELX_TEST_SECONDS", 0)))
    if "poison" in doc.text:
        raise RuntimeError("this text is poison")
    if "deadly" in doc.text:
        os.kill(os.getpid(), signal.SIGKILL)
    once = next((word.text for word in doc if word.text.startswith("/")), None)
    if once and not os.path.exists(once):  # ends the process that meets it first
        open(once, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if "warning" in doc.text:
        warnings.warn(RelxWarning("a warning of a component"))
    doc._.relations = [
        Relation(pair.head, "works_for", pair.tail, 0.5)
        for pair in doc._.candidates
        if (pair.head.label, pair.tail.label) == ("PERSON", "ORG")
    ]
    return doc
'''
TEXT = "Ann works for Acme ."


def make_code(folder):
    """Write the component's file. RETURNS: its path."""
    path = folder / "code.py"
    path.write_text(CODE, encoding="utf8")
    return path


def make_pipeline(folder, code):
    """Save the pipeline. RETURNS: its folder."""
    import_file("relx_scale_test_code", code)
    nlp = spacy.blank("xx", meta={"name": "scale", "version": "1.2.3"})
    patterns = [("PERSON", "Ann"), ("ORG", "Acme"), ("ORG", "東京")]
    nlp.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": name} for label, name in patterns])
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relx_scale_test_works")
    path = folder / "pipeline"
    nlp.to_disk(path)
    return path


def write_texts(path, texts, **more):
    """Write JSON lines with ids t0, t1, ... RETURNS: the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf8") as stream:
        for number, text in enumerate(texts):
            stream.write(json.dumps({"id": f"t{number}", "text": text, **more}, ensure_ascii=False) + "\n")
    return path


def rows(folder):
    """All rows of a folder of Parquet files, in the order of the files' names."""
    import pyarrow.parquet as parquet

    return [row for path in sorted(folder.glob("*.parquet")) for row in parquet.read_table(path).to_pylist()]


def places(output):
    """(id, place) of all documents of an output."""
    return [(row["document"], row["place"]) for row in rows(output / "documents")]

"""Documents, a pipeline and a call of the commands."""

from __future__ import annotations

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.util import import_file
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.data.types import MENTIONS_KEY, Mention, Relation

CODE = '''
from spacy.language import Language
from spacy_relx import Relation


@Language.component("relx_cli_test_works", assigns=["doc._.relations"], requires=["doc._.candidates"])
def works(doc):
    """Says of every candidate pair of a person and an organisation that the first works for the second."""
    doc._.relations = [
        Relation(pair.head, "works_for", pair.tail, 0.5)
        for pair in doc._.candidates
        if (pair.head.label, pair.tail.label) == ("PERSON", "ORG")
    ]
    return doc
'''


ANN, ACME = Mention(0, 1, "PERSON"), Mention(3, 4, "ORG")


TEXT = "Ann works for Acme"


#: The record of `TEXT`.
MENTIONS = [
    {"text": "Ann", "start": 0, "end": 3, "label": "PERSON"},
    {"text": "Acme", "start": 14, "end": 18, "label": "ORG"},
]
EXPECTED = [{"head": 0, "label": "works_for", "tail": 1, "score": 0.5}]


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    path = tmp_path_factory.mktemp("code") / "code.py"
    path.write_text(CODE, encoding="utf8")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory, code):
    import_file("relx_cli_test_code", code)
    nlp = spacy.blank("xx")
    patterns = [("PERSON", "Ann"), ("ORG", "Acme"), ("ORG", "東京")]
    nlp.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": name} for label, name in patterns])
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relx_cli_test_works")
    path = tmp_path_factory.mktemp("model") / "pipeline"
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    vocab = spacy.blank("xx").vocab
    docs = []
    for lang, words, mentions in (("en", TEXT, (ANN, ACME)), ("de", "Bob bei Initech", (ANN, Mention(2, 3, "ORG")))):
        doc = Doc(vocab, words=words.split())
        doc.ents = [Span(doc, m.start, m.end, label=m.label) for m in mentions]
        doc.spans[MENTIONS_KEY] = list(doc.ents)
        doc._.relations = [Relation(mentions[0], "works_for", mentions[1])]
        doc._.lang = lang
        docs.append(doc)
    path = tmp_path_factory.mktemp("data") / "gold.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def invoke(*args, stdin=None, exit_code=0):
    """Run a command; a traceback, which no user should see, fails the test."""
    result = CliRunner().invoke(relx_app, [str(arg) for arg in args], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result

"""`relx kb triples` and `relx kb leakage`: annotated documents and a knowledge base."""

from __future__ import annotations

import pytest
import spacy
from spacy.tokens import DocBin
from support.bag import FACTS, make_bag, text_doc
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.data.extensions import set_relations
from spacy_relx.data.types import Mention, Relation
from spacy_relx.knowledge.from_docs import collect_triples, known_facts
from spacy_relx.knowledge.read import read_triples
from spacy_relx.knowledge.triples import KnowledgeBase

VOCAB = spacy.blank("xx").vocab
HEADER = "head\tlabel\ttail\n"
ROWS = [(head, label, tail) for head, tail, labels, *_ in FACTS for label in labels]


def bags(facts=FACTS):
    return [make_bag(VOCAB, *row) for row in facts]


def save(path, docs):
    DocBin(store_user_data=True, docs=docs).to_disk(path)
    return str(path)


def invoke(*args):
    return CliRunner().invoke(relx_app, [str(arg) for arg in args])


def collect(data, output, *options):
    return invoke("kb", "triples", data, "--output", output, *options)


def test_triples_of_bags_and_of_relations_between_linked_mentions():
    doc = text_doc(VOCAB, "Ann met Bob .", [(0, 1, "PERSON", "ann"), (2, 3, "PERSON", "bob")])
    ann, bob = Mention(0, 1, "PERSON", "ann"), Mention(2, 3, "PERSON", "bob")
    set_relations(doc, [Relation(ann, "met", bob), Relation(ann, "knows", Mention(2, 3, "PERSON"))])
    assert collect_triples([*bags(), doc, *bags()]) == ([*ROWS, ("ann", "met", "bob")], 0)


def test_excluded_pairs_are_left_out_in_both_directions():
    test = [make_bag(VOCAB, "acme", "ann", [], ["Acme|h met Ann|t"])]
    triples, left_out = collect_triples(bags(), test)
    assert triples == [row for row in ROWS if row != ("ann", "works_for", "acme")] and left_out == 1


def test_what_a_base_knows_of_the_test():
    kb = KnowledgeBase.from_rows([("acme", "employs", "ann"), ROWS[1]])
    found = known_facts(kb, bags(FACTS[:3]))
    assert (found.n_pairs, found.n_facts) == (3, 4)
    assert found.pairs == [("ann", "acme"), ("bob", "initech")] and found.facts == [ROWS[1]]
    assert found.entities == pytest.approx(4 / 6)


def test_commands(tmp_path):
    train, test, kb = (
        save(tmp_path / "train.spacy", bags()),
        save(tmp_path / "test.spacy", bags(FACTS[:2])),
        tmp_path / "kb.tsv",
    )
    leaky = collect(train, kb)
    assert leaky.exit_code == 0 and kb.read_text() == HEADER + "".join("\t".join(row) + "\n" for row in ROWS)
    assert "RX245" in invoke("data", "check", test, "--kb", kb).output
    assert collect(train, kb, "--exclude", test).exit_code == 0
    assert kb.read_text() == HEADER + "".join("\t".join(row) + "\n" for row in ROWS[3:])
    clean = invoke("data", "check", test, "--kb", kb)
    assert clean.exit_code == 0 and "RX245" not in clean.output and "facts that it has already: 0" in clean.output


def test_bad_input(tmp_path):
    train = save(tmp_path / "train.spacy", bags())
    assert "RX243" in collect(train, tmp_path / "kb.tsv", "--exclude", train).output
    assert "RX120" in collect(tmp_path / "no.spacy", tmp_path / "kb.tsv").output
    assert "RX189" in collect(train, train).output
    for name in ("a\tb", " a", "a\u2028 "):
        odd = save(tmp_path / "odd.spacy", [make_bag(VOCAB, name, "c", ["r"], ["A|h met C|t"])])
        assert "RX244" in collect(odd, tmp_path / "kb.tsv").output
    assert "RX368" in collect(train, tmp_path / "kb.nt").output
    assert not (tmp_path / "kb.tsv").exists() and not (tmp_path / "kb.nt").exists()


def test_triples_that_look_like_a_header_are_read_back(tmp_path):
    docs = save(tmp_path / "docs.spacy", [make_bag(VOCAB, "h", "t", ["r"], ["A|h met C|t"])])
    assert collect(docs, tmp_path / "kb.tsv").exit_code == 0
    base = read_triples(tmp_path / "kb.tsv")
    assert base.decode(base.triples) == [("h", "r", "t")]

"""`relx facts`: what a corpus says about each pair of entities, across its documents."""

from __future__ import annotations

import json

import numpy as np
import pytest
import spacy
import torch
from support.bag import FACTS, LABELS, facts_folder, make_nlp, text_doc
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.formats.instances import candidate_instances
from spacy_relx.knowledge.complex_network import ComplEx
from spacy_relx.knowledge.consistency import Consistency
from spacy_relx.knowledge.embeddings import KBEmbeddings
from spacy_relx.knowledge.read import read_triples
from spacy_relx.knowledge.triples import KnowledgeBase


def invoke(*args, exit_code=0):
    result = CliRunner().invoke(relx_app, ["facts", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return facts_folder(tmp_path_factory.mktemp("facts"))


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def test_facts_are_put_together_across_documents_and_files(folder, tmp_path):
    output = tmp_path / "facts.jsonl"
    result = invoke(
        folder / "pipeline", folder / "part0.spacy", folder / "part1.spacy", "--output", output, "--min-score", 0.3
    )
    facts = read(output)
    assert f"Saved {len(facts)} facts" in result.output
    found = {(fact["head"], fact["tail"]): fact for fact in facts if fact["label"] == "works_for"}
    fact = found["ann", "acme"]
    assert fact["sentences"] == 2 and (fact["head_text"], fact["tail_text"]) == ("Ann", "Acme")
    sources = {(each["source"], each["id"]) for each in fact["evidence"]}
    assert sources == {(str(folder / "part0.spacy"), "d0"), (str(folder / "part1.spacy"), "d0")}
    assert sum(each["weight"] for each in fact["evidence"]) == pytest.approx(1.0, abs=1e-4)
    for each in fact["evidence"]:
        for role in ("head", "tail"):
            mention = each[role]
            assert each["text"][mention["start"] : mention["end"]] == mention["text"]
    keys = [(fact["head"], fact["label"], fact["tail"]) for fact in facts]
    assert len(keys) == len(set(keys)), "each fact is there once, however many documents state it"


def test_settings_of_the_command(folder, tmp_path):
    output = tmp_path / "facts.jsonl"
    invoke(folder / "pipeline", folder / "part0.spacy", "--output", output, "--min-score", 0, "--max-evidence", 0)
    facts = read(output)
    assert facts and all(fact["evidence"] == [] and fact["head_text"] == fact["head"] for fact in facts)
    invoke(folder / "pipeline", folder / "part0.spacy", "--output", output, "--min-score", 1)
    assert read(output) == []


def test_facts_go_to_standard_output_without_a_file(folder):
    result = invoke(folder / "pipeline", folder / "part0.spacy", "--min-score", 0.3)
    assert all(json.loads(line)["head"] for line in result.stdout.splitlines() if line.startswith("{"))


def test_a_pipeline_without_a_fact_extractor_is_refused(tmp_path):
    spacy.blank("xx").to_disk(tmp_path / "blank")
    (tmp_path / "texts.txt").write_text("Ann met Bob.\n", encoding="utf8")
    assert "RX067" in invoke(tmp_path / "blank", tmp_path / "texts.txt", exit_code=1).output


def test_an_input_is_not_overwritten(folder):
    assert (
        "RX189"
        in invoke(folder / "pipeline", folder / "part0.spacy", "--output", folder / "part0.spacy", exit_code=1).output
    )


def test_the_pipeline_is_not_written_to(folder):
    config = (folder / "pipeline" / "config.cfg").read_bytes()
    for name in ("facts.jsonl", "config.cfg", "vocab/strings.json"):
        output = folder / "pipeline" / name
        assert "RX181" in invoke(folder / "pipeline", folder / "part0.spacy", "--output", output, exit_code=1).output
    assert (folder / "pipeline" / "config.cfg").read_bytes() == config
    assert not (folder / "pipeline" / "facts.jsonl").exists()


def test_candidate_instances_take_the_nearest_pair_of_each_sentence():
    nlp = make_nlp()
    words = "Ann saw that Ann met Bob . Bob left ."
    doc = text_doc(nlp.vocab, words, [(0, 1, "P", "a"), (3, 4, "P", "a"), (5, 6, "P", "b"), (7, 8, "P", "b")])
    nlp.get_pipe("entity_type_marker")(doc)
    found = [
        (i.head.kb_id, i.tail.kb_id, i.head.start, i.tail.start, i.sentence.text.strip())
        for i in candidate_instances(doc, "linked")
    ]
    assert found == [("a", "b", 3, 5, "Ann saw that Ann met Bob ."), ("b", "a", 5, 3, "Ann saw that Ann met Bob .")]


def test_candidate_instances_know_entities_by_their_text():
    nlp = make_nlp()
    doc = text_doc(
        nlp.vocab, "Ann met Bob . Bob met ANN .", [(0, 1, "P", ""), (2, 3, "P", ""), (4, 5, "P", ""), (6, 7, "P", "")]
    )
    nlp.get_pipe("entity_type_marker")(doc)
    found = [(i.head.kb_id, i.tail.kb_id, i.sentence.text.strip()) for i in candidate_instances(doc, "text")]
    assert sorted(found) == sorted(
        (h, t, s) for s in ("Ann met Bob .", "Bob met ANN .") for h, t in (("ann", "bob"), ("bob", "ann"))
    )
    assert list(candidate_instances(doc, "linked")) == []


def test_texts_without_linked_entities_are_not_a_silent_success(folder, tmp_path):
    (tmp_path / "texts.txt").write_text("Ann works for Acme.\n", encoding="utf8")
    nlp = spacy.load(folder / "pipeline")
    nlp.add_pipe("sentencizer", first=True)
    nlp.to_disk(tmp_path / "pipeline")
    assert "RX068" in invoke(tmp_path / "pipeline", tmp_path / "texts.txt").output


# How far a knowledge base supports the facts

MANY = ("--min-score", 0.001, "--max-evidence", 1)


@pytest.fixture(scope="module")
def base(folder):
    """Embeddings that have all entities but Rome, and triples: Ann works for Acme."""
    entities = sorted({name for head, tail, *_ in FACTS for name in (head, tail)} - {"rome"})
    vectors = ComplEx.random(len(entities), len(LABELS), 4, scale=1.0, generator=torch.Generator().manual_seed(0))
    ids = KnowledgeBase(entities, LABELS, np.zeros((0, 3), "int32"))
    KBEmbeddings(ids, vectors).save(folder / "embeddings")
    (folder / "kb.tsv").write_text("ann\tworks_for\tacme\n", encoding="utf8")
    return folder / "embeddings", folder / "kb.tsv"


def facts_of(folder, output, *options):
    result = invoke(folder / "pipeline", folder / "part0.spacy", "--output", output, *MANY, *options)
    return read(output), result.output


def triple(fact):
    return fact["head"], fact["label"], fact["tail"]


def test_facts_are_checked(folder, base, tmp_path):
    kb, known = base
    plain, _ = facts_of(folder, tmp_path / "plain.jsonl")
    facts, output = facts_of(folder, tmp_path / "all.jsonl", "--embeddings", kb, "--known", known)
    n = len(facts)
    assert [triple(fact) for fact in facts] == [triple(fact) for fact in plain] and n > 4
    assert not any(key in fact for fact in plain for key in ("kb_score", "known", "kb_rank"))
    wanted = Consistency(KBEmbeddings.load(kb), read_triples(known)).check([triple(fact) for fact in facts]).fields()
    for fact, row in zip(facts, wanted, strict=True):
        assert fact.get("kb_score") == (row["kb_score"] and pytest.approx(row["kb_score"], abs=1e-6))
        assert fact["known"] is row["known"] is (triple(fact) == ("ann", "works_for", "acme"))
        assert fact.get("kb_rank") == row["kb_rank"]
        assert ("kb_score" in fact) is ("rome" not in triple(fact))
    scored = sum("kb_score" in fact for fact in facts)
    assert 0 < scored < n
    assert f"Of {n} facts found, the knowledge base has 1, lacks {n - 1}, and gives {scored} a kb_score" in output


def test_facts_are_chosen(folder, base, tmp_path):
    kb, known = base
    facts, _ = facts_of(folder, tmp_path / "all.jsonl", "--embeddings", kb, "--known", known)
    new, output = facts_of(folder, tmp_path / "new.jsonl", "--known", known, "--new")
    assert [triple(fact) for fact in new] == [triple(fact) for fact in facts if not fact["known"]]
    assert not any("kb_score" in fact for fact in new) and f"Saved {len(new)} facts" in output
    scores = sorted(fact["kb_score"] for fact in facts if "kb_score" in fact)
    bar = scores[len(scores) // 2] - 1e-5  # what is written is rounded
    plausible, _ = facts_of(folder, tmp_path / "plausible.jsonl", "--embeddings", kb, "--min-kb-score", bar)
    assert [triple(fact) for fact in plausible] == [triple(fact) for fact in facts if fact.get("kb_score", -1) >= bar]
    assert 0 < len(plausible) < len(scores) and "known" not in plausible[0]
    both, _ = facts_of(
        folder, tmp_path / "2.jsonl", "--embeddings", kb, "--known", known, "--new", "--min-kb-score", bar
    )
    assert both == [fact for fact in facts if fact.get("kb_score", -1) >= bar and not fact["known"]]


def test_the_checker_of_the_pipeline(folder, base, tmp_path):
    """Is used as it is; the options stand in place of what it has."""
    nlp = spacy.load(folder / "pipeline")
    nlp.add_pipe("fact_checker", config={"embeddings": str(base[0]), "triples": str(base[1])})
    nlp.to_disk(tmp_path / "pipeline")
    args = (tmp_path / "pipeline", folder / "part0.spacy", *MANY, "--output")
    invoke(*args, tmp_path / "own.jsonl")
    facts = read(tmp_path / "own.jsonl")
    assert facts == facts_of(folder, tmp_path / "options.jsonl", "--embeddings", base[0], "--known", base[1])[0]
    other = tmp_path / "other.tsv"
    new = next(triple(fact) for fact in facts if not fact["known"])
    other.write_text("\t".join(new) + "\n", encoding="utf8")
    invoke(*args, tmp_path / "other.jsonl", "--known", other)
    again = read(tmp_path / "other.jsonl")
    assert [triple(fact) for fact in again if fact["known"]] == [new]
    assert [fact.get("kb_score") for fact in again] == [fact.get("kb_score") for fact in facts]


def test_what_cannot_be_chosen_is_said_first(folder, base, tmp_path):
    kb, known = base
    args = (folder / "pipeline", folder / "part0.spacy", "--output", tmp_path / "facts.jsonl")
    least = ["--min-kb-score", 0.1]
    for options in (["--new"], ["--new", "--embeddings", kb], least, [*least, "--known", known]):
        output = invoke(*args, *options, exit_code=1).output
        assert "RX251" in output and options[0] in output
    assert "RX250" in invoke(*args, "--embeddings", tmp_path / "nowhere", exit_code=1).output
    assert "RX205" in invoke(*args, "--embeddings", tmp_path, exit_code=1).output
    assert "RX189" in invoke(*args[:3], known, "--known", known, exit_code=1).output
    assert not (tmp_path / "facts.jsonl").exists()

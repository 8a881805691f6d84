"""`relx facts`: what a corpus says about each pair of entities, across its documents."""

from __future__ import annotations

import json

import pytest
import spacy
from bag_util import FACTS, make_nlp, text_doc, train
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.corpora.instances import candidate_instances


def invoke(*args, exit_code=0):
    result = CliRunner().invoke(relx_app, ["facts", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline, and two files of ordinary documents; each pair of `FACTS` has its sentences in both."""
    path = tmp_path_factory.mktemp("facts")
    nlp = make_nlp()
    train(nlp, steps=40)
    nlp.to_disk(path / "pipeline")
    bins = [DocBin(store_user_data=True), DocBin(store_user_data=True)]
    for number, (head, tail, _, sentences) in enumerate(FACTS):
        for i, sentence in enumerate(sentences):
            tokens = sentence.split()
            words = [token.removesuffix("|h").removesuffix("|t") for token in tokens]
            places = {token[-2:]: j + 1 for j, token in enumerate(tokens) if token.endswith(("|h", "|t"))}
            mentions = [(places["|h"], places["|h"] + 1, "", head), (places["|t"], places["|t"] + 1, "", tail)]
            doc = text_doc(nlp.vocab, " ".join(["Then", *words, "."]), [(s, e, "ENT", n) for s, e, _, n in mentions])
            doc.user_data["id"] = f"d{number}"
            bins[i % 2].add(doc)
    for i, docbin in enumerate(bins):
        docbin.to_disk(path / f"part{i}.spacy")
    return path


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

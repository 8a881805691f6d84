"""The front door: every job is one call of `spacy_relx`, and what it returns prints and shows itself."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys

import pytest
import spacy
import srsly
from spacy.tokens import Doc
from support.examples import SENTENCES, make_doc, triples

import spacy_relx as sr
from spacy_relx.data.relation_list import Relations
from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.formats.docbin import new_docbin, write_docbin
from spacy_relx.writers.reading import file_triples

WORDS, MENTIONS, RELATIONS = SENTENCES[6]  # Bob of Acme Rome met Ann: a nested mention, two relations


# The door


def test_every_name_is_found_after_every_module_was_imported():
    """The import of a module puts it into its package: no public name may be that of a module."""
    for module in pkgutil.walk_packages(sr.__path__, "spacy_relx."):
        if not module.name.endswith("__main__") and "spark" not in module.name and ".ray" not in module.name:
            importlib.import_module(module.name)
    names = [name for name in sr.__all__ if name != "__version__"]
    assert len(names) > 28
    assert not [name for name in names if inspect.ismodule(getattr(sr, name))]
    assert all(callable(getattr(sr, name)) and getattr(sr, name).__doc__ for name in names)
    assert not set(names) & {module.name for module in pkgutil.iter_modules(sr.__path__)}
    assert set(names) <= set(dir(sr))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        sr.nope  # noqa: B018


def test_importing_costs_nothing_but_spacy(run_python):
    probe = "import spacy, sys; before = set(sys.modules); import spacy_relx; print(*sorted(set(sys.modules) - before))"
    loaded = set(run_python(probe).split())
    assert "spacy_relx.registrations" in loaded
    heavy = ("torch", "transformers", "pandas", "matplotlib", "spacy_relx.library", "spacy_relx.formats")
    assert not [name for name in loaded if name.startswith((*heavy, "spacy_relx.evaluation", "spacy_relx.cli"))]


# Filters


@pytest.fixture
def doc():
    doc = make_doc(spacy.blank("en").vocab, WORDS, MENTIONS, RELATIONS)
    doc._.relations = [each | {"score": score} for each, score in zip(doc._.relations, (0.9, 0.4))]
    return doc


def test_filters(doc):
    works, based = doc._.relations
    found = doc._.relations
    assert found.of(doc[0:1]) == [works] and found.of(doc[2:4]) == [works, based]
    assert found.of(doc[3:4]) == [based] and found.of(doc[5:6]) == []
    assert found.of(doc[0:6]) == [works, based] and found.of(doc[2:6]) == [based]
    assert found.of({"start": 3, "end": 4}) == [based] == found.of(based.tail)
    assert found.with_label("based_in") == [based] and found.with_label("based_in", "works_for") == [works, based]
    assert found.with_label() == [] == found.with_label("nope")
    assert found.above(0.4) == [works] and found.above(0.39) == [works, based] and found.above(0.9) == []
    assert found.of(doc[2:4]).with_label("works_for").above(0.5) == [works]
    assert isinstance(found.above(0.5), Relations) and isinstance(found.above(0.5)[0], sr.Relation)


def test_what_was_picked_is_a_list_of_its_own(doc):
    picked = doc._.relations.above(0.0)
    picked.clear()
    assert len(doc._.relations) == 2


def test_filters_refuse_what_is_no_span(doc):
    with pytest.raises(RelxError, match="RX002"):
        doc._.relations.of("Bob")


def test_relations_of_a_span(doc):
    assert [r.label for r in doc[0:1]._.relations] == ["works_for"]
    assert [ent.text for ent in doc.ents if ent._.relations] == ["Bob", "Acme Rome"]
    with pytest.raises(RelxError, match="RX008"):
        doc[0:1]._.relations = []


# Scores


@pytest.fixture(scope="module")
def docs():
    vocab = spacy.blank("en").vocab
    docs = [make_doc(vocab, *sentence) for sentence in SENTENCES]
    for doc in docs:
        doc._.lang = "en"
    return docs


@pytest.fixture(scope="module")
def data(docs, tmp_path_factory):
    docbin = new_docbin()
    for doc in docs:
        docbin.add(doc)
    path = tmp_path_factory.mktemp("library") / "gold.spacy"
    write_docbin(docbin, path)
    return path


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("library") / "pipeline"
    trained.to_disk(path)
    return path


def shows(result):
    """What every result can do."""
    assert str(result).strip() and "<table>" in result._repr_html_()
    assert srsly.json_loads(srsly.json_dumps(result.to_dict()))
    return result


def test_evaluate(trained, folder, docs, data, tmp_path):
    scores = shows(sr.evaluate(trained, docs, gold_mentions=True))
    assert scores["gold_mentions_rel_micro_f"] == 1.0 and isinstance(scores, dict)
    other = sr.evaluate(folder, data, gold_mentions=True)
    speeds = {"seconds", "docs_per_s", "words_per_s", "pairs_per_s", "speed"}
    assert {k: v for k, v in other.items() if k not in speeds} == {k: v for k, v in scores.items() if k not in speeds}
    assert "Overall, given the gold mentions" in str(scores) and "works_for" in scores._repr_html_()
    scores.save(tmp_path / "scores.json")
    assert json.loads((tmp_path / "scores.json").read_text(encoding="utf8")) == scores


def test_scores_as_a_frame(trained, docs):
    pytest.importorskip("pandas")
    frame = sr.evaluate(trained, docs, gold_mentions=True).to_frame()
    assert list(frame.columns) == ["scored", "group", "name", "p", "r", "f", "gold", "predicted"]
    assert set(frame[frame.group == "label"].name) == {"works_for", "founder_of", "acquired", "based_in"}
    assert frame[frame.name == "micro"].gold.tolist() == [7]


def test_markup_in_tables_is_escaped():
    from spacy_relx.data.tables import Table, html_table

    table = html_table(Table("<b>", ["a&b"], [("<i>", "<script>")]))
    assert "<th>&lt;b&gt;</th><th>a&amp;b</th>" in table and "<script>" not in table and "<i>" not in table


def test_calibrate(folder, docs, data, tmp_path):
    settings = {"gold_mentions": True, "min_examples": 2}
    result = shows(sr.calibrate(folder, data, tmp_path / "calibrated", per="label", **settings))
    assert "Fitted to" in str(result) and result.to_dict()["method"] == "temperature"
    saved = spacy.load(tmp_path / "calibrated")
    assert saved.meta["calibration"]["relation_extractor"] == result.record
    nlp = spacy.load(folder)
    again = sr.calibrate(nlp, iter(docs), per=["label"], **settings)  # a stream is read twice, too
    assert again.record == result.record and again.nlp is nlp
    assert nlp.get_pipe("relation_extractor").thresholds == result.fitted.thresholds
    with pytest.raises(RelxError, match="RX320"):
        sr.calibrate(folder, data, tmp_path / "calibrated", **settings)


def test_error_report(trained, docs, tmp_path):
    changed = [doc.copy() for doc in docs]
    changed[0]._.relations = []
    changed[4]._.relations = [each | {"label": "sold"} for each in changed[4]._.relations]
    report = shows(sr.error_report(trained, changed, gold_mentions=True))
    rows = [row for row in report.to_dict()["relations"] if row["verdict"] != "right"]
    found = [(row["verdict"], row["head"], row["label"], row["tail"], row["other"]) for row in rows]
    assert found == [
        ("wrong", "Ann", "works_for", "Acme", ""),
        ("missed", "Acme", "sold", "Globex", "acquired"),
        ("wrong", "Acme", "acquired", "Globex", "sold"),
    ]
    assert report.counts == {"right": 5, "wrong": 2, "missed": 1}
    assert len(sr.error_report(trained, changed, gold_mentions=True, limit=2).docs) == 2
    report.save(tmp_path / "errors.html")
    assert "sold" in (tmp_path / "errors.html").read_text(encoding="utf8")
    with pytest.raises(RelxError, match="RX021"):
        sr.error_report(trained, changed, match="nope")


def test_challenge(trained, docs):
    report = shows(sr.challenge(trained, docs))
    assert report["n_relations"] == 7 and "Hard negatives" in str(report)
    with pytest.raises(RelxError, match="RX397"):
        sr.challenge(trained, docs, symmetric=["nope"])


def test_compare(trained, docs, tmp_path):
    right = sr.evaluate(trained, docs, gold_mentions=True)
    half = {**right, "gold_mentions_rel_micro_f": 0.5}
    right.save(tmp_path / "right.json")
    result = shows(sr.compare({"one": tmp_path / "right.json", "two": [right, half]}))
    cells = result.to_dict()["numbers"]
    assert cells["one"]["rel_micro_f"] == {"mean": 1.0, "sd": None, "n": 1}
    assert cells["two"]["rel_micro_f"] == {"mean": 0.75, "sd": pytest.approx(0.125**0.5), "n": 2}
    assert "75.0 ± 35.4" in str(result) and "works_for" in str(result) and "Facts" not in str(result)
    (tmp_path / "list.json").write_text("[]")
    for runs, code in (({}, "RX614"), ({"a": 1}, "RX614"), ({"a": []}, "RX614"), ({"a": [1]}, "RX614")):
        with pytest.raises(RelxError, match=code):
            sr.compare(runs)
    for name in ("none.json", "list.json"):
        with pytest.raises(RelxError, match="RX615"):
            sr.compare({"a": tmp_path / name})


@pytest.mark.parametrize("call", [sr.evaluate, sr.calibrate, sr.error_report, sr.challenge])
def test_pipelines_and_documents_of_no_use_are_named(call, trained):
    with pytest.raises(RelxError, match="RX610"):
        call(None, [])
    with pytest.raises(RelxError, match="RX611"):
        call(trained, ["a text"])
    with pytest.raises(RelxError, match="RX611"):
        call(trained, 3)


def test_documents_of_no_use_are_named_everywhere(tmp_path):
    (tmp_path / "kb.tsv").write_text("ann\tworks_for\tacme\n", encoding="utf8")
    with pytest.raises(RelxError, match="RX611"):
        sr.align(tmp_path / "kb.tsv", 3, tmp_path / "bags.spacy")
    with pytest.raises(RelxError, match="RX611"):
        sr.show(3)
    with pytest.raises(RelxError, match="RX611"):
        sr.read_docs([3])
    with pytest.raises(RelxError, match="RX544"):
        sr.export(3, tmp_path / "x.csv")


# Data


def test_convert_and_read(tmp_path):
    row = {"text": "Ann works for Acme", "lang": "en"}
    row["mentions"] = [{"start": 0, "end": 3, "label": "PERSON"}, {"start": 14, "end": 18, "label": "ORG"}]
    rows = [row | {"relations": [{"head": 0, "label": "works_for", "tail": 1}]}, {"text": "Anna singt", "lang": "de"}]
    srsly.write_jsonl(tmp_path / "my.jsonl", rows)
    report = sr.convert("auto", tmp_path / "my.jsonl", tmp_path / "my.spacy", model="blank:en")
    assert str(report) == report.summary() and report.records_written == 2
    found = sr.read_docs(tmp_path / "my.spacy")
    assert [triples(doc) for doc in found] == [{("Ann", "works_for", "Acme")}, set()]
    assert [doc.text for doc in sr.read_docs(tmp_path, langs=["de"])] == ["Anna singt"]
    nlp = spacy.blank("en")
    (doc,) = sr.read_docs(tmp_path / "my.spacy", model=nlp, limit=1)
    assert doc.vocab is nlp.vocab


def test_align(tmp_path):
    (tmp_path / "kb.tsv").write_text("ann\tworks_for\tacme\n", encoding="utf8")
    (tmp_path / "names.tsv").write_text("ann\tAnn\nacme\tAcme\nrome\tRome\n", encoding="utf8")
    texts = ["Ann works for Acme. Ann likes Rome.", "Ann left Acme."]
    report = sr.align(
        tmp_path / "kb.tsv", texts, tmp_path / "bags.spacy", aliases=tmp_path / "names.tsv", negatives=0, lang="en"
    )
    assert str(report) == report.summary()
    bag = next(doc for doc in sr.read_docs(tmp_path / "bags.spacy") if doc._.facts)
    assert bag.text.split(".")[:2] == ["Ann works for Acme", "Ann left Acme"] or len(list(bag.sents)) == 2
    with pytest.raises(RelxError, match="RX021"):
        sr.align(tmp_path / "kb.tsv", texts, tmp_path / "x.spacy", on_error="ignore")


def test_annotate_wants_a_pipeline_that_processes_can_load(trained, tmp_path):
    with pytest.raises(RelxError, match="RX613"):
        sr.annotate(trained, tmp_path / "texts.txt", tmp_path / "out")


def test_annotate(folder, data, tmp_path):
    pytest.importorskip("pyarrow")
    summary = sr.annotate(folder, data, tmp_path / "out", workers=0)
    assert (summary.documents, summary.triples) == (9, 7)
    assert len(list(file_triples([tmp_path / "out"]))) == 7


def test_train(data, tmp_path, capsys):
    config = spacy.blank("en").config.copy()
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relation_extractor")
    config = nlp.config.copy()
    reader = {"@readers": "spacy_relx.RelationCorpus.v1", "path": str(data)}
    config["corpora"] = {"train": reader, "dev": reader}
    overrides = {"training.max_steps": 2, "training.eval_frequency": 1}
    best = sr.train(config, tmp_path / "out", overrides=overrides)
    assert best.pipe_names == ["entity_type_marker", "relation_extractor"]
    assert (tmp_path / "out" / "model-best").is_dir() and best.get_pipe("relation_extractor").labels
    config.to_disk(tmp_path / "config.cfg")
    last = sr.train(tmp_path / "config.cfg", overrides=overrides)
    assert last.get_pipe("relation_extractor").labels == best.get_pipe("relation_extractor").labels


# Pictures and triples


def test_show(docs, data, tmp_path):
    picture = sr.show(docs[:2], title="Mine")
    html = picture._repr_html_()
    assert "<html" not in html and "Content-Security-Policy" not in html and "works_for" in html
    assert str(picture).splitlines()[:2] == ["en  Ann works for Acme in Rome ", "    Ann --works_for--> Acme  (1.00)"]
    picture.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf8")
    assert "<title>Mine</title>" in page and "Content-Security-Policy" in page
    assert sr.show(data, title="Mine")._repr_html_().count("<article") == 9
    sr.show(docs[0], style="arcs").save(tmp_path / "one.svg")
    assert (tmp_path / "one.svg").read_text(encoding="utf8").startswith("<svg")
    with pytest.raises(RelxError, match="RX368"):
        picture.save(tmp_path / "page.pdf")
    with pytest.raises(RelxError, match="RX611"):
        sr.show(["a text"])


def test_frames_of_docs_triples_and_files(docs, data, tmp_path):
    pytest.importorskip("pandas")
    frame = sr.to_frame(docs)
    assert list(zip(frame["head"], frame["label"], frame["tail"])) == [t for doc in docs for t in doc._.triples]
    assert frame["head_type"][0] == "PERSON" and frame["score"].min() == 1.0
    from_file = sr.to_frame(data)
    assert frame.drop(columns="doc").equals(from_file.drop(columns="doc"))
    sr.export(docs, tmp_path / "facts.jsonl", merge=False)
    assert set(sr.to_frame([tmp_path / "facts.jsonl"])["label"]) == set(frame["label"])
    assert list(sr.to_frame([]).columns) == list(frame.columns)


def test_graphs(docs):
    pytest.importorskip("networkx")
    graph = sr.to_networkx([*docs, docs[0]])
    names = {node: values["text"] for node, values in graph.nodes(data=True)}
    edges = {(names[a], label, names[b]): values for a, b, label, values in graph.edges(keys=True, data=True)}
    assert set(edges) == {t for doc in docs for t in doc._.triples}
    edge = edges["Ann", "works_for", "Acme"]
    assert edge["n"] == 2 and edge["score"] == 1.0 and edge["evidence"][0]["sentence"] == docs[0].text


@pytest.mark.parametrize("package, call", [("pandas", sr.to_frame), ("networkx", sr.to_networkx)])
def test_a_package_that_is_not_there_is_named(package, call, docs, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(RelxError, match=rf"RX005.*{package}.*frames"):
        call(docs)


def test_export_takes_files_too(docs, data, tmp_path):
    one, two = sr.export(docs, tmp_path / "a.csv"), sr.export(data, tmp_path / "b.csv", min_score=0.5)
    assert (one.triples, one.facts) == (two.triples, two.facts) == (7, 7)
    with pytest.warns(RelxWarning, match="RX336"):
        assert sr.export(data, tmp_path / "c.csv", min_score=1.0, what="facts").triples == 0


def test_types_of_the_door():
    assert sr.Fact("a", "b", "c").score == 1.0 and sr.Bag("a", "b").head == "a"
    assert issubclass(sr.RelxError, Exception) and issubclass(sr.RelxWarning, UserWarning)
    assert Doc.has_extension("relations")

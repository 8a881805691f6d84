"""Pages of whole corpora and of errors: their data, what they allow, and the commands that make them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64encode
from hashlib import sha256

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin
from support.viz import make
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.data.types import SUPPORT, Mention, Relation
from spacy_relx.evaluation import score_relations
from spacy_relx.evaluation.error_analysis import compare_doc as compare
from spacy_relx.viz import arcs_svg
from spacy_relx.viz.page import VERDICTS, corpus_page, errors_page
from spacy_relx.viz.page_data import PageDoc, PageRelation, json_block, page_data
from spacy_relx.writers import EntityMention, Triple, export

TEXT = "😀 Ann works for Acme. She lives in Leeds. The end."
DOC = PageDoc(
    "one",
    TEXT,
    "en",
    [(2, 5, "PERSON"), (16, 20, "ORG"), (35, 40, "LOC")],
    [
        PageRelation(0, "works_for", 1, 0.91234567, {"known": True, "kb_score": 0.5, "kb_rank": 3.0}),
        PageRelation(0, "lives_in", 2, 0.4),
    ],
)
PARTS = re.compile(
    r'Policy" content="(?P<policy>[^"]*)".*<style>(?P<style>.*)</style>.*'
    r'<script type="application/json" id="data">(?P<data>.*)</script>\n<script>(?P<script>.*)</script>',
    re.DOTALL,
)


def parts_of(html):
    return PARTS.search(html).groupdict()


def invoke(*args, stdin=None, exit_code=0):
    result = CliRunner().invoke(relx_app, [str(arg) for arg in args], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result


def data_of(path):
    return json.loads(parts_of(path.read_text(encoding="utf8"))["data"])


# Data


def test_page_data():
    data = page_data([DOC])
    (row,) = data["docs"]
    name, lang, rtl, text, mentions, relations = row
    assert (name, data["langs"][lang], rtl, text) == ("one", "en", 0, TEXT)
    units = text.encode("utf-16-le")
    cut = [(units[2 * start : 2 * end].decode("utf-16-le"), data["types"][kind]) for start, end, kind in mentions]
    assert cut == [("Ann", "PERSON"), ("Acme", "ORG"), ("Leeds", "LOC")]
    head, label, tail, score, start, end, *support = relations[0]
    assert (head, data["labels"][label], tail, score, support) == (0, "works_for", 1, 0.9123, [1, 0.5, 3.0])
    assert units[2 * start : 2 * end].decode("utf-16-le") == "😀 Ann works for Acme."
    start, end = relations[1][4:]
    assert units[2 * start : 2 * end].decode("utf-16-le") == "😀 Ann works for Acme. She lives in Leeds."
    assert len(data["slots"]) == 3


def test_all_fields_of_a_knowledge_base_are_there():
    values = {"kb_score": 0.5, "known": False, "kb_rank": 7.0}
    assert set(values) == set(SUPPORT)
    data = page_data([PageDoc("", "a b", "", [(0, 1, ""), (2, 3, "")], [PageRelation(0, "r", 1, 1.0, values)])])
    assert data["docs"][0][5][0][6:] == [0, 0.5, 7.0]


def test_known_sentences():
    doc = PageDoc("", "a b c d", "", [(2, 3, ""), (4, 5, "")], [PageRelation(0, "r", 1)], [(0, 1), (2, 5), (6, 7)])
    assert page_data([doc])["docs"][0][5][0][4:] == [2, 5]


def test_of_a_doc():
    doc = make("Ann works . Acme grows .", [(0, 1, "P"), (3, 4, "O")], [(0, "r", 1, 0.5)], "en")
    assert PageDoc.of(doc, "x").sentences is None
    doc[0].is_sent_start = doc[3].is_sent_start = True
    for i in (1, 2, 4, 5):
        doc[i].is_sent_start = False
    page = PageDoc.of(doc, "x")
    assert page.sentences == [(0, 11), (12, 24)] or page.sentences == [(0, 11), (12, 25)]
    assert page.mentions == [(0, 3, "P"), (12, 16, "O")] and page.relations == [PageRelation(0, "r", 1, 0.5)]


EVIL = ["</script><script>alert(1)</script>", "<!--", "\u2028", "\x00\x7f\ufffe", "\ud800", "&lt;", "]]>", '"\\']


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_becomes_markup(evil):
    doc = PageDoc(evil, f"{evil} b", evil, [(0, 1, evil), (1, 2, evil)], [PageRelation(0, evil, 1, 0.5, {}, "wrong")])
    for html in (corpus_page([doc], title=evil), errors_page([doc], title=evil, summary=evil)):
        html.encode("utf8")
        assert html.count("<script") == html.count("</script") == 2 and "<!--" not in html
        assert json.loads(parts_of(html)["data"])["docs"][0][3].endswith(" b")


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(), max_size=30))
def test_any_text_as_json(text):
    block = json_block([text])
    assert "<" not in block and block.encode("utf8")
    (read,) = json.loads(block)
    assert len(read) == len(text)


# What a page may do


@pytest.mark.parametrize("html", [corpus_page([DOC]), errors_page([])], ids=["corpus", "errors"])
def test_policy(html):
    parts = parts_of(html)
    assert parts["policy"].startswith("default-src 'none'; ") and "unsafe" not in parts["policy"]
    for name in ("style", "script"):
        checksum = b64encode(sha256(parts[name].encode("utf8")).digest()).decode("ascii")
        assert f"{name}-src 'sha256-{checksum}'" in parts["policy"]
    assert not re.search(r"https?:|url\(|@import|javascript:|\son\w+=|style=", html)
    for name in ("innerHTML", "outerHTML", "insertAdjacent", "eval(", "fetch(", "XMLHttp", "document.write"):
        assert name not in parts["script"]
    assert "textContent" in parts["script"]
    ids = set(re.findall(r' id="(\w+)"', html))
    asked = set(re.findall(r'\bat\("(\w+)"\)', parts["script"])) - {"confusion", "more"}
    assert asked <= ids | {"known", "verdict", "why"}


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_script_can_be_parsed(tmp_path):
    (tmp_path / "browse.js").write_text(parts_of(corpus_page([DOC]))["script"], encoding="utf8")
    subprocess.run(["node", "--check", str(tmp_path / "browse.js")], check=True, timeout=60)


def test_filters():
    assert 'id="known"' in corpus_page([DOC]) and 'id="verdict"' not in corpus_page([DOC])
    plain = PageDoc("", "a b", "", [(0, 1, ""), (2, 3, "")], [PageRelation(0, "r", 1)])
    assert 'id="known"' not in corpus_page([plain])
    assert all(f'id="{name}"' in errors_page([]) for name in ("verdict", "why", "confusion"))


def test_five_thousand_documents_are_small():
    html = corpus_page([DOC] * 5000)
    assert len(html) < 5000 * 2 * len(TEXT) * 2 and html.count("works_for") == 1


# Gold against predicted


MENTIONS = [(0, 1, "P"), (2, 3, "O"), (4, 5, "L")]
WORDS = "Ann and Acme in Leeds ."


def verdicts(gold, pred, mentions=MENTIONS, strict=False):
    reference = make(WORDS, MENTIONS, gold)
    predicted = make(WORDS, mentions, pred)
    page = compare(reference, predicted, "x", strict)
    spans = [WORDS[start:end] for start, end, _ in page.mentions]
    return {(spans[r.head], r.label, spans[r.tail], r.verdict): (r.other, r.why) for r in page.relations}, page


def test_right_missed_wrong():
    found, _ = verdicts(
        [(0, "works_for", 1, 1), (0, "lives_in", 2, 1), (1, "based_in", 2, 1)],
        [(0, "works_for", 1, 0.9), (0, "born_in", 2, 0.8), (2, "based_in", 1, 0.7), (0, "owns", 1, 0.6)],
    )
    assert found == {
        ("Ann", "works_for", "Acme", "right"): ("", ""),
        ("Ann", "lives_in", "Leeds", "missed"): ("born_in", "another relation"),
        ("Ann", "born_in", "Leeds", "wrong"): ("lives_in", "another relation"),
        ("Acme", "based_in", "Leeds", "missed"): ("", "turned around"),
        ("Leeds", "based_in", "Acme", "wrong"): ("", "turned around"),
        ("Ann", "owns", "Acme", "wrong"): ("", "no such relation in gold"),
    }


def test_wrong_mentions():
    found, page = verdicts([(0, "r", 1, 1)], [(0, "r", 1, 1)], [(0, 1, "P"), (2, 4, "O")])
    assert found == {
        ("Ann", "r", "Acme", "missed"): ("", "mention not found"),
        ("Ann", "r", "Acme in", "wrong"): ("", "mention not in gold"),
    }
    assert len(page.mentions) == 4


def test_types_count_when_strict():
    other = [(0, 1, "X"), *MENTIONS[1:]]
    assert [key[-1] for key in verdicts([(0, "r", 1, 1)], [(0, "r", 1, 1)], other)[0]] == ["right"]
    strict = verdicts([(0, "r", 1, 1)], [(0, "r", 1, 1)], other, strict=True)[0]
    assert sorted(key[-1] for key in strict) == ["missed", "wrong"]


def test_dropped_document():
    page = compare(make(WORDS, MENTIONS, [(0, "r", 1, 1)]), None, "x", False)
    assert [(r.verdict, r.why) for r in page.relations] == [("missed", "document dropped")]


RELATIONS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(0, 2), st.just(0.5)), max_size=8)


@settings(max_examples=60, deadline=None)
@given(RELATIONS, RELATIONS)
def test_counts_are_those_of_the_scorer(gold, pred):
    reference, predicted = make(WORDS, MENTIONS, gold), make(WORDS, MENTIONS, pred)
    page = compare(reference, predicted, "x", False)
    n = {name: sum(r.verdict == name for r in page.relations) for name in VERDICTS}
    example = spacy.training.Example(predicted, reference)
    scores = score_relations([example])
    assert (n["right"] + n["missed"], n["right"] + n["wrong"]) == (scores["rel_n_gold"], scores["rel_n_pred"])
    if scores["rel_n_gold"] and scores["rel_n_pred"]:
        assert n["right"] / scores["rel_n_gold"] == pytest.approx(scores["rel_micro_r"])
    pairs = [(r.head, r.label, r.tail) for r in page.relations if r.verdict == "missed" and r.other]
    echoes = [(r.head, r.other, r.tail) for r in page.relations if r.verdict == "wrong" and r.other]
    assert sorted(pairs) == sorted(echoes)  # each stands for one


# Commands


@pytest.fixture(scope="module")
def gold(tmp_path_factory):
    docs = [
        make("Ann works for Acme", [(0, 1, "PERSON"), (3, 4, "ORG")], [(0, "works_for", 1, 0.9)], "en", "first"),
        make("Bob bei Initech", [(0, 1, "PERSON"), (2, 3, "ORG")], [(0, "leads", 1, 0.7)], "de"),
    ]
    path = tmp_path_factory.mktemp("gold") / "gold.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def test_page_of_docs(gold, tmp_path):
    out = tmp_path / "page.html"
    result = invoke("show", gold, "-o", out, "--title", "A <title>", "--style", "browse")
    assert "2 documents, 2 triples" in result.stderr and "A &lt;title&gt;" in out.read_text(encoding="utf8")
    data = data_of(out)
    assert [doc[0].partition("~")[0] for doc in data["docs"]] == ["first", f"{gold.parent.name}/gold.spacy#2"]
    assert data["labels"] == ["works_for", "leads"]
    assert "--limit is 1" in invoke("show", gold, "-o", out, "--limit", 1, "--style", "browse").stderr
    assert len(data_of(out)["docs"]) == 1


def test_page_of_lines(tmp_path):
    ann = {"text": "Ann", "start": 0, "end": 3, "label": "PERSON"}
    acme = {"text": "Acme", "start": 14, "end": 18, "label": "ORG"}
    row = {"id": "p", "text": "Ann works for Acme", "lang": "en", "mentions": [ann, acme]}
    row["relations"] = [{"head": 0, "label": "works_for", "tail": 1, "score": 0.5, "known": True}]
    piece = {"id": "d", "text": "Ann owns Acme", "lang": "en", "head": {"start": 0, "end": 3}}
    piece.update(tail={"start": 9, "end": 13}, weight=1.0)
    fact = {"head": "Q1", "label": "owns", "tail": "Q2", "score": 0.8, "evidence": [piece]}
    fact2, bare = {**fact, "label": "leads"}, {**fact, "evidence": []}
    path, out = tmp_path / "rows.jsonl", tmp_path / "page.html"
    lines = [json.dumps(each) for each in (row, fact, fact2, bare)]
    path.write_text("\n".join(lines), encoding="utf8")
    result = invoke("show", path, "-o", out, "--style", "browse")
    data = data_of(out)
    assert [(doc[0], doc[3], len(doc[5])) for doc in data["docs"]] == [
        ("p", "Ann works for Acme", 1),
        ("d", "Ann owns Acme", 2),
    ]
    assert data["docs"][0][4] == [[0, 3, 0], [14, 18, 1]] and data["docs"][0][5][0][6] == 1
    assert "[RX365] 1 triples" in result.stderr
    assert len(data_of(out)["docs"]) == 2
    invoke("show", "-", "-o", out, "--style", "browse", stdin=lines[0])
    assert len(data_of(out)["docs"]) == 1
    path.write_text(f"{lines[0]}\n{{broken\n", encoding="utf8")
    assert "rows.jsonl:2" in invoke("show", path, "-o", out, "--style", "browse", exit_code=1).stderr
    assert "[RX348] 1 broken" in invoke("show", path, "-o", out, "--on-error", "skip", "--style", "browse").stderr


def fact_line(id, label="owns", text="Ann owns Acme"):
    piece = {"id": id, "text": text, "head": {"start": 0, "end": 3}, "tail": {"start": 9, "end": 13}}
    return json.dumps({"head": "Q1", "label": label, "tail": "Q2", "evidence": [piece]})


def test_documents_behind_the_limit_take_nothing_from_those_before(tmp_path, gold):
    path, out = tmp_path / "rows.jsonl", tmp_path / "page.html"
    lines = [fact_line("d1"), fact_line("d2"), fact_line("d3"), fact_line("d1", "leads")]
    path.write_text("\n".join(lines), encoding="utf8")
    for inputs, limit, sizes in (((path,), 1, [2]), ((path, gold), 3, [2, 1, 1]), ((gold, path), 1, [1])):
        result = invoke("show", *inputs, "-o", out, "--limit", limit, "--style", "browse")
        assert [len(doc[5]) for doc in data_of(out)["docs"]] == sizes
        assert f"--limit is {limit}" in result.stderr
    assert "--limit" not in invoke("show", path, "-o", out, "--limit", 3, "--style", "browse").stderr


def test_page_of_tables_and_folders(tmp_path, gold):
    pytest.importorskip("pyarrow")
    folder, out = tmp_path / "triples", tmp_path / "page.html"
    (folder / "sub").mkdir(parents=True)
    sentence = "Mr. Ann works for Acme."
    one, other = EntityMention("Ann", "PERSON", "", 4, 7), EntityMention("Acme", "ORG", "", 18, 22)
    made = [
        Triple(one, label, other, doc_id, sentence, 7, 30, "en", 0.5, known=True)
        for label, doc_id in (("works_for", "d1"), ("leads", "d1"), ("works_for", "d2"))
    ]
    export(made, folder / "a.parquet")
    invoke("show", folder / "a.parquet", "-o", out, "--style", "browse")
    data = data_of(out)
    assert [(doc[0], doc[3], len(doc[5])) for doc in data["docs"]] == [("d1", sentence, 2), ("d2", sentence, 1)]
    # the sentence is all of the evidence, whatever its marks look like
    assert all(row[4:7] == [0, len(sentence), 1] for doc in data["docs"] for row in doc[5])
    (folder / "b.jsonl").write_text(fact_line("d3"), encoding="utf8")
    (folder / "sub" / "gold.spacy").write_bytes(gold.read_bytes())
    (folder / "readme.md").touch()
    assert "[RX410] 1 of the files" in invoke("show", folder, "-o", out, "--style", "browse").stderr
    names = [doc[0].partition("~")[0] for doc in data_of(out)["docs"]]
    assert sorted(names) == ["d1", "d2", "d3", "first", "triples/sub/gold.spacy#2"]


@pytest.mark.parametrize("args", [("error-report", "no_model"), ("show",)])
def test_outputs_that_are_named_wrongly(gold, tmp_path, monkeypatch, args):
    monkeypatch.chdir(tmp_path)
    names = ("p.png", "p.pdf", "-", *(("p.svg",) if args[0] != "show" else ()))
    for name in names:
        assert "[RX368]" in invoke(*args, gold, "-o", name, exit_code=1).stderr
    assert not list(tmp_path.iterdir())


def test_page_of_nothing(tmp_path):
    path, out = tmp_path / "rows.jsonl", tmp_path / "page.html"
    path.write_text("", encoding="utf8")
    assert "[RX173]" in invoke("show", path, "-o", out, "--style", "browse", exit_code=1).stderr
    assert "[RX120]" in invoke("show", tmp_path / "no.jsonl", "-o", out, "--style", "browse", exit_code=1).stderr
    assert "[RX120]" in invoke("show", tmp_path / "no.txt", "-o", out, "--style", "browse", exit_code=1).stderr
    assert "[RX189]" in invoke("show", path, "-o", path, "--style", "browse", exit_code=1).stderr and not out.exists()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A pipeline that finds names, and relations of all pairs in both directions but those of Bob."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "code.py").write_text(CODE, encoding="utf8")
    spacy.util.import_file("relx_pages_test_code", folder / "code.py")
    nlp = spacy.blank("xx")
    nlp.add_pipe("entity_ruler").add_patterns(
        [{"label": "PERSON", "pattern": "Ann"}, {"label": "ORG", "pattern": "Acme"}]
    )
    nlp.add_pipe("entity_type_marker")
    nlp.add_pipe("relx_pages_test_works")
    nlp.to_disk(folder / "pipeline")
    return folder / "pipeline"


CODE = """
from spacy.language import Language
from spacy_relx import Relation


@Language.component("relx_pages_test_works", assigns=["doc._.relations"], requires=["doc._.candidates"])
def works(doc):
    doc._.relations = [Relation(pair.head, "works_for", pair.tail, 0.5) for pair in doc._.candidates]
    return doc
"""


def test_errors(model, gold, tmp_path):
    out = tmp_path / "errors.html"
    result = invoke("error-report", model, gold, "-o", out)
    assert "2 documents, 1 right, 1 missed, 1 wrong" in result.stderr
    html, data = out.read_text(encoding="utf8"), data_of(out)
    assert "pipeline: P 50.00, R 50.00, F 50.00; 1 right, 1 missed, 1 wrong" in html
    found = [
        (doc[0], data["labels"][r[1]], VERDICTS[r[9]], data["whys"][r[11]]) for doc in data["docs"] for r in doc[5]
    ]
    assert found == [
        ("first", "works_for", "right", ""),
        ("first", "works_for", "wrong", "no such relation in gold"),
        ("2", "leads", "missed", "mention not found"),
    ]
    assert "1 right, 1 missed, 3 wrong" in invoke("error-report", model, gold, "-o", out, "--gold-mentions").stderr
    assert "--limit is 1" in invoke("error-report", model, gold, "-o", out, "-n", 1).stderr
    scores = tmp_path / "scores.json"
    invoke("evaluate", model, gold, "--output", scores)
    assert json.loads(scores.read_text(encoding="utf8"))["rel_micro_f"] == pytest.approx(0.5)


def test_errors_of_nothing(model, tmp_path):
    empty = tmp_path / "empty.spacy"
    DocBin().to_disk(empty)
    assert "[RX173]" in invoke("error-report", model, empty, "-o", tmp_path / "x.html", exit_code=1).stderr
    assert (
        "[RX120]" in invoke("error-report", model, tmp_path / "no.spacy", "-o", tmp_path / "x.html", exit_code=1).stderr
    )


def test_show_arcs(gold, tmp_path):
    page, picture = tmp_path / "page.html", tmp_path / "picture.svg"
    invoke("show", gold, "-o", page, "--style", "arcs", "--width", 500)
    assert page.read_text(encoding="utf8").count('width="500"') == 2
    invoke("show", gold, "-o", picture)
    docs = list(DocBin(store_user_data=True).from_disk(gold).get_docs(spacy.blank("xx").vocab))
    docs[1].user_data["id"] = 2
    assert picture.read_text(encoding="utf8") == arcs_svg(docs, width=920)
    assert "[RX367]" in invoke("show", gold, "-o", picture, "--style", "rows", exit_code=1).stderr
    assert "[RX367]" in invoke("show", gold, "-o", page, "--width", 300, exit_code=1).stderr
    assert "[RX360]" in invoke("show", gold, "-o", picture, "--width", 3, exit_code=1).stderr


def test_relations_of_a_mention_that_no_group_holds():
    doc = make("Ann works for Acme")
    doc._.relations = [Relation(Mention(0, 1), "r", Mention(3, 4))]
    assert PageDoc.of(doc, "x").relations == [PageRelation(0, "r", 1)]

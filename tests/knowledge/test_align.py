"""Distant supervision from end to end: a knowledge base, names and texts in several languages become bags."""

from __future__ import annotations

import itertools
import json
import weakref
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, Span
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.errors import RelxError
from spacy_relx.formats.bag_files import read_bags
from spacy_relx.formats.bag_spool import BagSpool
from spacy_relx.formats.bags import bag_labels, bag_sentences
from spacy_relx.formats.docbin import new_docbin, write_docbin
from spacy_relx.knowledge import align as align_module
from spacy_relx.knowledge.aliases import Aliases, AliasMatcher
from spacy_relx.knowledge.align import align
from spacy_relx.knowledge.align_files import align_to_bags
from spacy_relx.knowledge.negatives import Instance, NegativeSpool
from spacy_relx.knowledge.triples import KnowledgeBase
from spacy_relx.library.corpora import sentence_nlp

KB = [
    ("acme", "based_in", "rome"),
    ("acme", "founded_by", "ann"),
    ("ann", "born_in", "rome"),
    ("ann", "lives_in", "rome"),
    ("globex", "based_in", "oslo"),
    ("bob", "born_in", "lima"),
]
ALIASES = [
    ("acme", "Acme", "ORG"),
    ("acme", "爱可美", "ORG", "zh"),
    ("rome", "Rome", "CITY", "en"),
    ("rome", "Rom", "CITY", "de"),
    ("rome", "罗马", "CITY", "zh"),
    ("ann", "Ann", "PERSON"),
    ("ann", "安恩", "PERSON", "zh"),
    ("globex", "Globex", "ORG"),
    ("oslo", "Oslo", "CITY"),
    ("bob", "Bob", "PERSON"),
    ("ghost", "Ghost", "PERSON"),
]
TEXTS = [
    ("Acme moved to Rome. Ann met Bob in Oslo.", "en"),
    ("Ann lebt in Rom, wo Acme sitzt.", "de"),
    ("安恩在罗马创立了爱可美。鲍勃不在。", "zh"),
    ("Globex is not in Rome, Rome is far from Globex, says Ghost.", "en"),
    ("Nothing here.", "en"),
]


@pytest.fixture(scope="module")
def nlp():
    return sentence_nlp()


@pytest.fixture(scope="module")
def kb():
    return KnowledgeBase.from_rows(KB)


@pytest.fixture(scope="module")
def matcher():
    return AliasMatcher(Aliases(ALIASES))


def raises(code):
    return pytest.raises(RelxError, match=rf"^\[{code}\]")


def make_docs(nlp, texts=TEXTS):
    for text, lang in texts:
        doc = nlp(text)
        doc._.lang = lang
        yield doc


def run(nlp, kb, docs, **options):
    """pair -> (labels, [(sentence, head, tail, language)]), and the report."""
    with BagSpool(nlp.vocab) as spool:
        report = align(kb, docs, spool, **options)
        return contents(spool.bags()), report


def contents(bags):
    found = {}
    for doc in bags:
        rows = []
        for sentence in bag_sentences(doc):
            part = Doc(doc.vocab, words=sentence.words, spaces=sentence.spaces)
            rows.append((part.text.strip(), sentence.head.text(part), sentence.tail.text(part), sentence.lang))
        found[doc._.bag.head, doc._.bag.tail] = (bag_labels(doc), rows)
    return found


def test_bags(nlp, kb, matcher):
    bags, report = run(nlp, kb, make_docs(nlp), matcher=matcher, negatives=0)
    german, chinese = TEXTS[1][0], "安恩在罗马创立了爱可美。"
    assert bags == {
        ("acme", "rome"): (
            ["based_in"],
            [
                ("Acme moved to Rome.", "Acme", "Rome", "en"),
                (german, "Acme", "Rom", "de"),
                (chinese, "爱可美", "罗马", "zh"),
            ],
        ),
        ("ann", "rome"): (["born_in", "lives_in"], [(german, "Ann", "Rom", "de"), (chinese, "安恩", "罗马", "zh")]),
        ("acme", "ann"): (["founded_by"], [(german, "Acme", "Ann", "de"), (chinese, "爱可美", "安恩", "zh")]),
    }
    assert (report.texts, report.sentences, report.mentions, report.linked) == (5, 7, 16, 15)
    # Acme-Rome, Ann-Rome, Acme-Ann: three sentences, two, two; the other way round as often.
    assert (report.related, report.reversed, report.unrelated) == (7, 7, 6 + 2)
    assert (report.bags, report.covered, report.triples, report.negatives) == (3, 4, 6, 0)
    assert report.facts == {"based_in": 1, "founded_by": 1, "born_in": 1, "lives_in": 1}
    assert report.instances == {"based_in": 3, "founded_by": 2, "born_in": 2, "lives_in": 2}
    assert "triples found      4 of 6 (66.7 %)" in report.summary()


def test_types_and_ids_of_mentions(nlp, kb, matcher):
    with BagSpool(nlp.vocab) as spool:
        align(kb, make_docs(nlp), spool, matcher=matcher)
        for doc in spool.bags():
            head, tail = list(doc.spans["mentions"])[:2]
            assert (head.kb_id_, tail.kb_id_) == (doc._.bag.head, doc._.bag.tail)
            assert head.label_ == {a[0]: a[2] for a in ALIASES}[head.kb_id_]
            assert all(fact.head == doc._.bag.head and fact.tail == doc._.bag.tail for fact in doc._.facts)


def test_negatives(nlp, kb, matcher):
    related = {(h, t) for h, _, t in KB}
    everything, report = run(nlp, kb, make_docs(nlp), matcher=matcher, negatives=100, max_negatives=0)
    unrelated = {pair for pair, (labels, _) in everything.items() if not labels}
    trio = [*itertools.permutations(["ann", "bob", "oslo"], 2), ("globex", "rome"), ("rome", "globex")]
    assert unrelated == set(trio)  # not with Ghost, whom the knowledge base does not know
    assert not unrelated & (related | {pair[::-1] for pair in related})
    assert (report.negatives, report.negatives_wanted) == (8, 300)
    chosen = []
    for seed in range(6):
        bags, report = run(nlp, kb, make_docs(nlp), matcher=matcher, negatives=1, max_negatives=0, seed=seed)
        drawn = {pair for pair, (labels, _) in bags.items() if not labels}
        assert len(drawn) == report.negatives == report.bags == 3 and drawn < unrelated
        assert all(bags[pair] == everything[pair] for pair in bags)
        chosen.append(drawn)
    assert len(set(map(frozenset, chosen))) > 1


def test_negatives_are_drawn_once_a_pair(nlp):
    """However often a pair is mentioned, its chance is the same, and all its sentences come with it."""
    kb = KnowledgeBase.from_rows([("a", "r", "b"), ("c", "r", "d"), ("e", "r", "f"), ("g", "r", "h")])
    matcher = AliasMatcher(Aliases((name, name.upper()) for name in "abcdefgh"))
    texts = [("A is with B.", "")] + [("A meets C.", "")] * 40 + [(f"E meets {x}.", "") for x in "ABCDGH"]
    texts = [(text.replace(".", f" {i} ."), "") for i, (text, _) in enumerate(texts)]
    often = 0
    for seed in range(40):
        bags, _ = run(nlp, kb, make_docs(nlp, texts), matcher=matcher, negatives=2, seed=seed)
        drawn = [pair for pair, (labels, _) in bags.items() if not labels]
        assert len(drawn) == 2
        often += sum(pair in drawn for pair in (("a", "c"), ("c", "a")))
        assert all(len(bags[pair][1]) == (40 if set(pair) == {"a", "c"} else 1) for pair in drawn)
    assert 1 <= often <= 30  # 2 of 14 pairs, 80 draws: 11.4 expected


def test_max_negatives_keeps_the_lowest(nlp):
    kb = KnowledgeBase.from_rows([("a", "r", "z"), *[(name, "r", name + "0") for name in "bcdef"]])
    matcher = AliasMatcher(Aliases((name, name.upper()) for name in "abcdefz"))
    texts = [("A is with Z here.", ""), ("B, C, D, E, F here.", "")]
    bags, _ = run(nlp, kb, make_docs(nlp, texts), matcher=matcher, negatives=4, max_negatives=0)
    capped, report = run(nlp, kb, make_docs(nlp, texts), matcher=matcher, negatives=4, max_negatives=4)
    assert bags == capped and report.negatives == 4
    fewer, report = run(nlp, kb, make_docs(nlp, texts), matcher=matcher, negatives=4, max_negatives=2)
    assert report.negatives == 2 and fewer.items() < bags.items()


def test_nearest_mentions(nlp, kb, matcher):
    texts = [("Rome is old, but Acme, Acme and Acme left Rome long ago, says Acme.", "en")]
    with BagSpool(nlp.vocab) as spool:
        align(kb, make_docs(nlp, texts), spool, matcher=matcher, negatives=0)
        (doc,) = spool.bags()
    head, tail = doc.spans["mentions"]
    assert [doc[i].text for i in range(head.start, tail.end)] == ["Acme", "left", "Rome"]


def test_two_entities_of_the_same_tokens_are_no_pair(nlp):
    kb = KnowledgeBase.from_rows([("a", "r", "b")])
    matcher = AliasMatcher(Aliases([("a", "Ax"), ("b", "Ax")]), ambiguous="all")
    assert run(nlp, kb, make_docs(nlp, [("Ax is here.", "")]), matcher=matcher)[0] == {}
    assert len(run(nlp, kb, make_docs(nlp, [("Ax is not Ax.", "")]), matcher=matcher)[0]) == 1


def test_links_that_are_there(nlp, kb):
    docs = list(make_docs(nlp, [("Ann likes Rome. Bob does", "en"), ("Bob", "en")]))
    spans = [Span(docs[0], 0, 1, "P", kb_id="ann"), Span(docs[0], 2, 3, "C", kb_id="rome"), docs[0][4:5]]
    docs[0].ents = spans[:2]
    docs[0].spans["mentions"] = spans
    bags, report = run(nlp, kb, docs)
    assert bags == {("ann", "rome"): (["born_in", "lives_in"], [("Ann likes Rome.", "Ann", "Rome", "en")])}
    assert (report.mentions, report.linked) == (3, 2)


def test_mentions_across_sentences(nlp, kb):
    doc = Doc(nlp.vocab, words=["Ann", "in", "Rome", "Rome"], sent_starts=[True, False, False, True])
    doc.spans["mentions"] = [Span(doc, 0, 1, "P", kb_id="ann"), Span(doc, 2, 4, "C", kb_id="rome")]
    bags, report = run(nlp, kb, [doc])
    assert bags == {} and report.crossing == 1


def test_crowded_sentences(nlp, kb, matcher, monkeypatch):
    monkeypatch.setattr(align_module, "MAX_MENTIONS", 2)
    bags, report = run(nlp, kb, make_docs(nlp, [("Ann, Acme, Rome.", "en")]), matcher=matcher, negatives=0)
    assert set(bags) == {("acme", "ann")} and report.crowded == 1


def test_docs_of_many_sentences_and_batches(nlp, kb, matcher, monkeypatch):
    """The same sentences in one Doc or in many, in batches of any size, give the same bags."""
    parts = [f"Acme number {i} is in Rome. Ann met Bob in Oslo {i} times." for i in range(30)]
    one, _ = run(nlp, kb, make_docs(nlp, [(" ".join(parts), "en")]), matcher=matcher)
    monkeypatch.setattr(align_module, "BATCH_DOCS", 4)
    many, report = run(nlp, kb, make_docs(nlp, [(part, "en") for part in parts]), matcher=matcher)
    assert one == many and len(one["acme", "rome"][1]) == 30 and report.texts == 30


def test_no_sentence_boundaries(kb, matcher):
    blank = spacy.blank("en")
    with raises("RX222"), BagSpool(blank.vocab) as spool:
        align(kb, [blank("Ann is in Rome.")], spool, matcher=matcher)


@pytest.mark.parametrize("setting", [{"negatives": -1}, {"negatives": float("nan")}, {"max_negatives": -1}])
def test_settings(nlp, kb, matcher, setting):
    with raises("RX021"):
        run(nlp, kb, [], matcher=matcher, **setting)


class Marker:
    """Something that dies with the Doc that has it."""


def test_docs_are_consumed_lazily(nlp, kb, matcher, monkeypatch):
    """Few Docs are alive at any time, whatever their number."""
    monkeypatch.setattr(align_module, "BATCH_DOCS", 8)
    alive, most = weakref.WeakSet(), 0
    words = ["Acme", "moved", "to", "Rome", "with", "Ann", "and", "Bob", "and", "Globex", "."]

    def docs(n):
        nonlocal most
        for _ in range(n):
            doc = Doc(nlp.vocab, words=words, sent_starts=[True] + [False] * 10)
            doc.user_data["marker"] = Marker()
            alive.add(doc.user_data["marker"])
            most = max(most, len(alive))
            yield doc

    _, report = run(nlp, kb, docs(400), matcher=matcher)
    assert report.texts == 400 and report.instances["based_in"] == 400
    assert most <= 3 * 8


def test_draws_the_lowest_hashes(nlp):
    with NegativeSpool(nlp.vocab) as spool:
        assert list(spool.take(spool.lowest(5))) == []
        for i, keys in enumerate([(7, 3), (3, 2**62), (5,)]):
            spool.add(nlp(f"Ann and Bob {i}"), [Instance(key, i, 1, 0, 1, 2, 3, 0, 0) for key in keys])
        assert (spool.lowest(0), spool.lowest(2), spool.lowest(9)) == ([], [3, 5], [3, 5, 7, 2**62])
        taken = [(doc.text, row.key, row.head) for doc, row in spool.take(spool.lowest(2))]
    assert taken == [("Ann and Bob 0", 3, 0), ("Ann and Bob 1", 3, 1), ("Ann and Bob 2", 5, 2)]


# Files


@pytest.fixture
def files(tmp_path):
    def write(name, lines):
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in lines), encoding="utf8")
        return str(path)

    pairs = [(f"p{i}", f"c{i}") for i in range(30)]
    rows = [*KB, *[(head, "born_in", tail) for head, tail in pairs]]
    names = [*ALIASES, *[(name, f"{name.upper()}x") for pair in pairs for name in pair]]
    texts = [*TEXTS, *[(f"{head.upper()}x is from {tail.upper()}x, not from C0x.", "en") for head, tail in pairs]]
    return {
        "kb": write("kb.tsv", ["head\tlabel\ttail", *["\t".join(row) for row in rows]]),
        "aliases": write("names.tsv", ["\t".join(row) for row in names]),
        "jsonl": write("texts.jsonl", [json.dumps({"text": t, "lang": lang}) for t, lang in texts]),
        "txt": write("more.txt", ["Bob was never in Lima, says Ann of Acme.", "", "Acme bought Globex."]),
        "out": str(tmp_path / "train.spacy"),
        "test": str(tmp_path / "test.spacy"),
    }


def invoke(*args):
    return CliRunner().invoke(relx_app, ["data", "align", *map(str, args)])


def written(files):
    return ["--output", files["out"], "--aliases", files["aliases"]]


def everything(files, *options):
    args = [
        files["kb"],
        files["jsonl"],
        files["txt"],
        "--output",
        files["out"],
        "--aliases",
        files["aliases"],
        "--test",
        files["test"],
    ]
    return invoke(*args, "--test-share", "0.3", "--negatives", "2", *options)


def load(path):
    return list(read_bags(path, spacy.blank("xx").vocab))


def test_command(files):
    result = everything(files)
    assert result.exit_code == 0, result.output
    train, test = load(files["out"]), load(files["test"])
    pairs = [{frozenset((doc._.bag.head, doc._.bag.tail)) for doc in docs} for docs in (train, test)]
    assert not pairs[0] & pairs[1] and len(test) > 5 and len(train) > len(test)
    labels = {(doc._.bag.head, doc._.bag.tail): bag_labels(doc) for doc in train + test}
    assert labels["ann", "rome"] == ["born_in", "lives_in"] and labels["p3", "c3"] == ["born_in"]
    known = {(head, tail) for head, _, tail in KB} | {(f"p{i}", f"c{i}") for i in range(30)}
    assert {pair for pair, found in labels.items() if found} <= known
    assert sum(not found for found in labels.values()) > 30
    assert {doc._.lang for doc in train + test} >= {"en", ""}
    for words in ("triples            36", "names              71, of 67 entities", "reversed pairs   0 of", "✔ Saved"):
        assert words in result.output
    assert "pairs            0 of" in result.output


def test_two_runs_are_the_same(files):
    assert everything(files).exit_code == 0
    first = [Path(files[name]).read_bytes() for name in ("out", "test")]
    assert everything(files).exit_code == 0
    assert [Path(files[name]).read_bytes() for name in ("out", "test")] == first
    # The order of triples and names numbers entities otherwise, and changes nothing.
    lines = Path(files["kb"]).read_text(encoding="utf8").splitlines()
    Path(files["kb"]).write_text("\n".join([lines[0], *lines[:0:-1]]), encoding="utf8")
    before = [{doc._.bag: bag_labels(doc) for doc in load(files[name])} for name in ("out", "test")]
    assert everything(files).exit_code == 0
    assert [{doc._.bag: bag_labels(doc) for doc in load(files[name])} for name in ("out", "test")] == before
    assert everything(files, "--seed", "1").exit_code == 0
    assert {doc._.bag: bag_labels(doc) for doc in load(files["out"])} != before[0]


def test_saved_knowledge_base_shards_and_splitting(files, tmp_path):
    KnowledgeBase.from_rows(KB).save(tmp_path / "kb")
    args = [
        tmp_path / "kb",
        files["jsonl"],
        "--output",
        tmp_path / "bags",
        "--aliases",
        files["aliases"],
        "--shard-size",
        "2",
    ]
    result = invoke(*args, "--max-sentences", "1", "--negatives", "0", "--reversed-negatives", "0")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "bags").iterdir())) == 4  # 7 sentences, each a bag
    assert [len(list(doc.sents)) for doc in load(tmp_path / "bags")] == [1] * 7


def test_spacy_files_with_links(files, tmp_path, nlp):
    docbin = new_docbin()
    doc = nlp.make_doc("Ann likes Rome.")
    doc.ents = [Span(doc, 0, 1, "P", kb_id="ann"), Span(doc, 2, 3, "C", kb_id="rome")]
    docbin.add(doc)
    write_docbin(docbin, tmp_path / "docs.spacy")
    result = invoke(
        files["kb"], tmp_path / "docs.spacy", "--output", files["out"], "--lang", "en", "--reversed-negatives", "0"
    )
    assert result.exit_code == 0, result.output
    (bag,) = load(files["out"])
    assert bag_labels(bag) == ["born_in", "lives_in"] and bag._.lang == "en"


def test_ignore_case_and_iris(files, tmp_path):
    (tmp_path / "kb.nt").write_text("<http://x/ann> <http://x/p#knows> <http://x/bob> .\n")
    (tmp_path / "texts.txt").write_text("ANN knows bob.\n")
    result = invoke(
        tmp_path / "kb.nt", tmp_path / "texts.txt", "--output", files["out"], "--aliases", files["aliases"], "--shorten"
    )
    assert result.exit_code == 1 and "RX142" in result.output
    args = [tmp_path / "kb.nt", tmp_path / "texts.txt", *written(files)]
    assert invoke(*args, "--shorten", "--ignore-case").exit_code == 0
    assert bag_labels(load(files["out"])[0]) == ["knows"]


def test_errors(files, tmp_path):
    def output(kb, texts, out, *args):
        result = invoke(kb, texts, "--output", out, *args)
        assert result.exit_code == 1 and "Traceback" not in result.output
        return result.output

    kb, texts, out, names = files["kb"], files["txt"], files["out"], files["aliases"]
    assert "RX142" in output(kb, texts, out) and "there are no mentions in the 2 texts" in output(kb, texts, out)
    (tmp_path / "empty.txt").write_text("\n \n")
    message = output(kb, tmp_path / "empty.txt", out, "--aliases", names)
    assert "RX142" in message and "there are no texts in the inputs" in message
    (tmp_path / "strange.txt").write_text("Nobody here.\n")
    assert "none of the names is found in the 1 texts" in output(kb, tmp_path / "strange.txt", out, "--aliases", names)
    (tmp_path / "ghost.txt").write_text("Ghost is here.\n")
    assert "none of the 1 mentions in 1 texts" in output(kb, tmp_path / "ghost.txt", out, "--aliases", names)
    assert "RX021" in output(kb, texts, out, "--aliases", names, "--test-share", "0.2")
    for read in (texts, kb):
        assert "RX145" in output(kb, texts, read, "--aliases", names)
    assert "RX042" in output(kb, texts, out, "--aliases", names, "--lang", "English")
    assert "RX120" in output(tmp_path / "none.tsv", texts, out, "--aliases", names)
    assert "RX120" in output(kb, texts, out, "--aliases", tmp_path / "none.tsv")
    (tmp_path / "other.tsv").write_text("bob\tknows\tglobex\n")
    assert "RX142" in output(tmp_path / "other.tsv", texts, out, "--aliases", names)
    with open(kb, "a", encoding="utf8") as stream:
        stream.write("ann\tborn_in\n")
    assert "kb.tsv, line 38:" in output(kb, texts, out, "--aliases", names)
    with open(names, "a", encoding="utf8") as stream:
        stream.write("ann\tAnn\tPERSON\tEnglish\n")
    assert "names.tsv, line 72:" in output(tmp_path / "other.tsv", texts, out, "--aliases", names)
    result = invoke(kb, files["jsonl"], "--output", out, "--aliases", names, "--on-error", "skip")
    assert result.exit_code == 0 and "broken 1" in result.output and "broken lines 1" in result.output


def test_draw_that_leaves_nothing(files, nlp, kb, matcher):
    texts = [("Acme moved to Rome.", "en")]
    with raises("RX142") as info:
        align_to_bags(kb, make_docs(nlp, texts), files["out"], nlp.vocab, matcher=matcher, test=files["test"])
    assert "--test-share" in str(info.value)

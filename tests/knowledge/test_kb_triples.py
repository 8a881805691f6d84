"""Knowledge bases: reading, looking up, saving and mapping, dividing triples."""

from __future__ import annotations

import bz2
import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.knowledge import read as read_module
from spacy_relx.knowledge.read import TripleReport, read_triples, shorten_ids
from spacy_relx.knowledge.split import relation_overlaps, split_triples, triple_leakage
from spacy_relx.knowledge.triples import KnowledgeBase

ROWS = [
    ("rome", "capital_of", "italy"),
    ("paris", "capital_of", "france"),
    ("paris", "city_in", "france"),
    ("lyon", "city_in", "france"),
    ("italy", "borders", "france"),
    ("france", "borders", "italy"),
]


@pytest.fixture
def kb():
    return KnowledgeBase.from_rows(ROWS)


def raises(code):
    return pytest.raises(RelxError, match=rf"^\[{code}\]")


def tsv(path, rows, end="\n"):
    path.write_bytes("".join("\t".join(row) + end for row in rows).encode())
    return path


# Look-ups


def test_numbers(kb):
    assert kb.entity_ids == ["rome", "italy", "paris", "france", "lyon"]
    assert kb.relation_ids == ["capital_of", "city_in", "borders"]
    assert kb.triples.dtype == np.int32 and kb.triples.shape == (6, 3)
    assert kb.decode(kb.triples) == ROWS and len(kb) == 6
    assert kb.encode([("rome", "borders", "nowhere")]).tolist() == [[0, 2, -1]]


def test_look_ups(kb):
    assert kb.relations("paris", "france") == ["capital_of", "city_in"]
    assert kb.relations("france", "paris") == kb.relations("nowhere", "paris") == []
    assert kb.tails("paris", "capital_of") == ["france"]
    assert kb.tails("paris", "eats") == kb.tails("nowhere", "borders") == []
    assert ("lyon", "city_in", "france") in kb and ("france", "city_in", "lyon") not in kb and "lyon" not in kb


def test_tails_keep_the_order_of_the_triples():
    kb = KnowledgeBase.from_rows([("a", "r", "c"), ("b", "r", "a"), ("a", "q", "b"), ("a", "r", "b")])
    assert kb.tails("a", "r") == ["c", "b"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=40), st.lists(st.tuples(*[st.integers(-1, 5)] * 3)))
def test_contains_is_what_a_set_says(rows, wanted):
    names = [str(i) for i in range(5)]
    kb = KnowledgeBase(names, names, np.array(rows, int).reshape(-1, 3))
    assert kb.triples.tolist() == [list(row) for row in dict.fromkeys(rows)]
    assert kb.duplicates == len(rows) - len(set(rows))
    wanted = wanted + rows
    assert kb.contains(np.array(wanted, int).reshape(-1, 3)).tolist() == [row in set(rows) for row in wanted]
    for head in range(5):
        for tail in range(5):
            found = kb.pair_relations(int(kb.find_pairs(np.array([[head, tail]]))[0]))
            assert found == sorted({r for h, r, t in rows if (h, t) == (head, tail)})


def test_numbers_too_large_for_one_key():
    """Where head, relation and tail do not fit one integer, rows are sorted by two keys, to the same end."""
    kb = KnowledgeBase.from_rows(ROWS * 2)
    order = kb.by_pair.tolist()
    other = kb.with_triples(kb.triples)
    other.__dict__.pop("by_pair", None)
    other.relation_ids = type("Long", (list,), {"__len__": lambda self: 2**60})(kb.relation_ids)
    assert other.by_pair.tolist() == order


@pytest.mark.parametrize(
    "entities, relations, triples, words",
    [
        (["a", "a"], ["r"], [[0, 0, 1]], "'a' is there twice"),
        (["a", ""], ["r"], [[0, 0, 1]], "entity 1: the id is empty"),
        (["a", 7.5], ["r"], [[0, 0, 1]], "entity 1: the id must be a string or a whole number, but is 7.5"),
        (["a", float("nan")], ["r"], [[0, 0, 1]], "but is nan"),
        (["a", True], ["r"], [[0, 0, 1]], "but is True"),
        (["a", None], ["r"], [[0, 0, 1]], "but is None"),
        (["a", "\ud83d"], ["r"], [[0, 0, 1]], "half of a character"),
        (["a", "b"], [["r"]], [[0, 0, 1]], "relation 0: the id"),
        (["a", "Z\u00fc", "Zu\u0308"], ["r"], [[0, 0, 1]], "is there twice"),
        (["a", "b\nc"], ["r"], [[0, 0, 1]], "line break"),
        (["a", "b"], ["r"], [[0, 0, 0], [0, 1, 1]], "row 1 of the triples is"),
        (["a", "b"], ["r"], [[0, 0, -1]], "row 0"),
        (["a", "b"], ["r"], [[0, 1]], "shape"),
        (["a", "b"], ["r"], [[0.5, 0, 1]], "integers"),
    ],
)
def test_what_is_no_knowledge_base(entities, relations, triples, words):
    with raises("RX206") as info:
        KnowledgeBase(entities, relations, np.array(triples))
    assert words in str(info.value)


# Columns


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("header", [[], [("head", "label", "tail")], [("Subject", "Predicate", "Object")]])
def test_read_columns(tmp_path, header, end):
    kb = read_triples(tsv(tmp_path / "kb.tsv", [*header, *ROWS], end))
    assert kb.decode(kb.triples) == ROWS


def test_a_first_line_that_is_no_header(tmp_path):
    kb = read_triples(tsv(tmp_path / "kb.tsv", [("head", "is_part_of", "body")]))
    assert kb.decode(kb.triples) == [("head", "is_part_of", "body")]


@pytest.mark.parametrize(
    "header, order",
    [
        ("subject\tobject\tpredicate", (0, 2, 1)),
        ("Tail\tRelation\tHead", (2, 1, 0)),
        ("rel\th\tt", (1, 0, 2)),
        ("source\ttarget\ttype", (0, 2, 1)),
        ("node1\tlabel\tnode2", (0, 1, 2)),
        (":START_ID\t:END_ID\t:TYPE", (0, 2, 1)),
        ('"Head ID"\t"Tail ID"\t"Relation"', (0, 2, 1)),
        ("id\thead\tnote\ttail\trelation", (None, 0, None, 2, 1)),
        ("subject_id\tsubject\tpredicate\tobject_id\tobject", (0, None, 1, 2, None)),
    ],
)
@pytest.mark.parametrize("chunk", [40, 1 << 22])
def test_columns_in_the_order_of_their_names(tmp_path, monkeypatch, header, order, chunk):
    monkeypatch.setattr(read_module, "CHUNK_BYTES", chunk)
    lines = ["\t".join("x" if place is None else row[place] for place in order) for row in ROWS]
    path, report = tmp_path / "kb.tsv", TripleReport("skip")
    path.write_text("\n".join([header, *lines, "\t".join("x" for _ in order) + "\tmore"]) + "\n", encoding="utf8")
    kb = read_triples(path, report=report)
    assert kb.decode(kb.triples) == ROWS and report.problem_counts == {"RX111": 1}


@pytest.mark.parametrize(
    "header, words",
    [
        ("head\trelation_name\ttail", "is the label"),
        ("head\trelation\tsomething", "is the tail"),
        ("x\tpredicate\tobject", "is the head"),
        ("head\thead\tlabel\ttail", "two columns are called 'head'"),
    ],
)
def test_names_of_columns_that_are_not_known(tmp_path, header, words):
    """Else a first line would become a triple, and columns would be read the wrong way, without a word."""
    path = tsv(tmp_path / "kb.tsv", [header.split("\t"), *ROWS])
    for on_error in ("raise", "skip"):
        with raises("RX582") as info:
            read_triples(path, on_error=on_error)
        assert "kb.tsv, line 1" in str(info.value) and words in str(info.value) and "predicate" in str(info.value)


def test_half_characters_in_ntriples(tmp_path):
    path = tmp_path / "kb.nt"
    path.write_text("<a> <r> <b> .\n<a> <r> <\\uD83D> .\n")
    with raises("RX202"):
        read_triples(path)
    assert len(read_triples(path, on_error="skip")) == 1


@pytest.mark.parametrize("pack, ending", [(gzip.compress, ".gz"), (bz2.compress, ".bz2")])
def test_read_packed(tmp_path, pack, ending):
    path = tmp_path / f"kb.txt{ending}"
    path.write_bytes(pack(tsv(tmp_path / "kb.tsv", ROWS).read_bytes()))
    assert len(read_triples(path)) == len(ROWS)
    path.write_bytes(path.read_bytes()[:-20])
    with raises("RX109"):
        read_triples(path)


def test_small_chunks_give_the_same(tmp_path, monkeypatch):
    rows = [(f"é{i % 7}", f"r{i % 3}", f"東{i % 11}") for i in range(200)]
    path = tsv(tmp_path / "kb.tsv", rows, "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().rstrip())
    whole, report = read_triples(path), TripleReport()
    monkeypatch.setattr(read_module, "CHUNK_BYTES", 50)
    parts = read_triples(path, report=report)
    assert whole.decode(whole.triples) == parts.decode(parts.triples) == list(dict.fromkeys(rows))
    assert whole.entity_ids == parts.entity_ids and whole.entity_ids[0] == "é0"
    assert (report.lines, report.triples, report.duplicates) == (200, len(set(rows)), 200 - len(set(rows)))


BROKEN = {
    2: (b"a\tr", "RX111", "2 columns"),
    3: (b"a\tr\tb\tc", "RX111", "4 columns"),
    5: (b"a\t \tb", "RX102", "label"),
    6: (b"a\tr\t", "RX102", "tail"),
    7: (b"a\tr\t\xff", "RX108", "invalid UTF-8"),
}


@pytest.mark.parametrize("line", BROKEN)
def test_broken_lines(tmp_path, line):
    data, code, words = BROKEN[line]
    lines = [b"x\tr\ty"] * 8
    lines[line - 1] = data
    path = tmp_path / "kb.tsv"
    path.write_bytes(b"\n".join(lines))
    with raises(code) as info:
        read_triples(path)
    assert f"kb.tsv, line {line}:" in str(info.value) and words in str(info.value)


def test_broken_lines_are_counted(tmp_path):
    lines = [BROKEN[i][0] if i in BROKEN else b" x\t r\ty " for i in range(9)]
    path = tmp_path / "kb.tsv"
    path.write_bytes(b"\n".join([*lines, b"", b"z\tr\ty"]))
    report = TripleReport("skip")
    kb = read_triples(path, report=report)
    assert kb.decode(kb.triples) == [("x", "r", "y"), ("z", "r", "y")]
    assert report.records_broken == len(BROKEN) and report.duplicates == 3
    assert [problem.line - 1 for problem in report.problems] == list(BROKEN)
    assert "broken 5" in report.summary() and "duplicates 3" in report.summary()


def test_no_file_and_no_triples(tmp_path):
    with raises("RX120"):
        read_triples(tmp_path / "none.tsv")
    with raises("RX204"):
        read_triples(tsv(tmp_path / "kb.tsv", [("head", "label", "tail")]))
    with raises("RX021"):
        read_triples(tsv(tmp_path / "kb.tsv", ROWS), on_error="ignore")


# N-Triples

NT = """<http://x.org/Rome> <http://x.org/p#capitalOf> <http://x.org/Italy> .
# a comment
<http://x.org/Rome> <http://x.org/p#name> "Rom \\"a\\" <http://x.org/a> ."@de .

<http://x.org/Z\\u00FCrich>\t<http://x.org/p#in> _:b1. # blank
_:b1 <http://x.org/p#age> "3"^^<http://www.w3.org/2001/XMLSchema#integer> .
"""


def test_read_ntriples(tmp_path):
    path = tmp_path / "kb.nt"
    path.write_text(NT, encoding="utf8")
    report = TripleReport()
    kb = read_triples(path, report=report)
    assert kb.decode(kb.triples) == [
        ("http://x.org/Rome", "http://x.org/p#capitalOf", "http://x.org/Italy"),
        ("http://x.org/Zürich", "http://x.org/p#in", "_:b1"),
    ]
    assert report.literals == 2 and report.lines == 4
    assert read_triples(path, shorten=True).entity_ids == ["Rome", "Italy", "Zürich", "_:b1"]


def test_plain_ntriples_are_read_as_others_are(tmp_path):
    """The quick way and the thorough one agree."""
    rows = [(f"http://x.org/e{i % 9}", f"http://x.org/p#r{i % 4}", f"http://x.org/ü{i % 5}") for i in range(50)]
    lines = "".join("<{}> <{}> <{}> .\n".format(*row) for row in rows)
    path = tmp_path / "kb.nt"
    read = []
    for text in (lines, lines + "# so that each line is looked at\n"):
        path.write_text(text, encoding="utf8")
        kb = read_triples(path)
        read.append(kb.decode(kb.triples))
    assert read[0] == read[1] == list(dict.fromkeys(rows))


@pytest.mark.parametrize(
    "line",
    [
        "<a> <b> .",
        "<a> <b> <c>",
        "<a> <b> <c> . <d>",
        "<a> <b> <c> <d> .",
        "<a b> <c> <d> .",
        "<a> <> <c> .",
        "<a> _:b <c> .",
        '"a" <b> <c> .',
        "<a> <b> <\\U00110000> .",
        "<a> <b> <c{> .",
        "a\tb\tc",
    ],
)
def test_broken_ntriples(tmp_path, line):
    path = tmp_path / "kb.nt"
    path.write_text("<a> <b> <c> .\n" + line + "\n<a> <b> <c> .\n", encoding="utf8")
    with raises("RX202") as info:
        read_triples(path)
    assert "kb.nt, line 2:" in str(info.value)
    assert read_triples(path, on_error="skip").duplicates == 1


def test_ntriples_with_compensating_faults(tmp_path):
    """Lines with one part too many and one too few: the sums are right, the lines are not."""
    path = tmp_path / "kb.nt"
    path.write_text("<a> <b> <c> <d> .\n<a> <b> .\n", encoding="utf8")
    with raises("RX202"):
        read_triples(path)


def test_shortening_never_makes_two_one(tmp_path):
    with pytest.warns(RelxWarning, match=r"^\[RX207\].*: 2 IRIs are not shortened.*http://y/Rome"):
        short = shorten_ids(["http://x/Rome", "http://y/Rome", "http://x/", "http://x#Rome", "urn:Rome"], tmp_path)
    assert short == ["Rome", "http://y/Rome", "http://x/", "http://x#Rome", "urn:Rome"]


# Saving


@pytest.mark.parametrize("mmap", [True, False])
def test_save_and_load(tmp_path, kb, mmap):
    kb.save(tmp_path / "saved")
    loaded = KnowledgeBase.load(tmp_path / "saved", mmap=mmap)
    assert isinstance(loaded.triples, np.memmap) == mmap
    assert loaded.entity_ids == kb.entity_ids and loaded.relation_ids == kb.relation_ids
    assert loaded.decode(loaded.triples) == ROWS and loaded.contains(kb.triples).all()
    assert loaded.relations("paris", "france") == ["capital_of", "city_in"]
    assert loaded.tails("lyon", "city_in") == ["france"]
    assert read_triples(tmp_path / "saved").decode(loaded.triples) == ROWS
    loaded.save(tmp_path / "again")
    names = ["entities.txt", "relations.txt", "triples.npy", "pairs.npy", "meta.json"]
    assert all((tmp_path / "again" / n).read_bytes() == (tmp_path / "saved" / n).read_bytes() for n in names)


def change_meta(**values):
    def change(folder):
        meta = json.loads((folder / "meta.json").read_text())
        (folder / "meta.json").write_text(json.dumps({**meta, **values}))

    return change


def change_array(name, make):
    def change(folder):
        np.save(folder / f"{name}.npy", make(np.load(folder / f"{name}.npy")), allow_pickle=True)

    return change


def cut_triples(folder):
    path = folder / "triples.npy"
    path.write_bytes(path.read_bytes()[:-4])


@pytest.mark.parametrize(
    "change, words",
    [
        (change_meta(version=2), "it has version 2"),
        (change_meta(format="other"), "does not say"),
        (change_meta(entities=4), "5 lines, but 4"),
        (lambda folder: (folder / "meta.json").unlink(), "meta.json"),
        (lambda folder: (folder / "meta.json").write_text("[1"), "meta.json"),
        (lambda folder: (folder / "relations.txt").write_bytes(b"a\nb\n"), "2 lines, but 3"),
        (lambda folder: (folder / "pairs.npy").unlink(), "pairs.npy"),
        (change_array("triples", lambda a: a[:-1]), "[5, 3], but int32 [6, 3]"),
        (change_array("triples", lambda a: a.astype("int64")), "int64 [6, 3], but int32"),
        (change_array("by_pair", lambda a: a.astype(object)), "by_pair.npy"),
        (cut_triples, "triples.npy"),
    ],
)
def test_broken_folders(tmp_path, kb, change, words):
    kb.save(tmp_path)
    change(tmp_path)
    with raises("RX205") as info:
        KnowledgeBase.load(tmp_path)
    assert words in str(info.value)


def test_numbers_are_checked_when_read_whole(tmp_path, kb):
    kb.save(tmp_path)
    change_array("triples", lambda a: a + 9)(tmp_path)
    with raises("RX205"):
        KnowledgeBase.load(tmp_path, mmap=False)


@pytest.mark.parametrize(
    "name, make",
    [
        ("by_pair", lambda a: a + 9),
        ("by_pair", lambda a: a - 1),
        ("by_pair", lambda a: a * 0),
        ("by_pair", lambda a: a[::-1]),
        ("pairs", lambda a: a[::-1]),
        ("pairs", lambda a: a + 1),
        ("pair_starts", lambda a: a[::-1]),
        ("pair_starts", lambda a: a + 1),
        ("pair_starts", lambda a: a * 0),
    ],
)
def test_sorted_copies_are_checked_when_read_whole(tmp_path, kb, name, make):
    """Look-ups take their numbers as places in other arrays."""
    kb.save(tmp_path)
    change_array(name, make)(tmp_path)
    with raises("RX205"):
        KnowledgeBase.load(tmp_path, mmap=False)


@pytest.mark.parametrize("rows", [[], [("a", "r", "b")]])
def test_small_ones_are_read_whole(tmp_path, rows):
    KnowledgeBase.from_rows(rows).save(tmp_path)
    assert len(KnowledgeBase.load(tmp_path, mmap=False)) == len(rows)


def test_folder_that_cannot_be_written(tmp_path, kb):
    (tmp_path / "file").write_text("")
    with raises("RX186"):
        kb.save(tmp_path / "file")


# Dividing


@pytest.fixture(scope="module")
def large():
    rng = np.random.default_rng(3)
    triples = np.stack([rng.integers(0, 60, 900), rng.integers(0, 6, 900), rng.integers(0, 60, 900)], axis=1)
    triples = np.concatenate([triples, [[60, 6, 61]]])  # these are in one triple alone
    return KnowledgeBase([f"e{i}" for i in range(62)], [f"r{i}" for i in range(7)], triples)


def test_split(large):
    parts = split_triples(large, valid=0.1, test=0.2, seed=1)
    n = len(large)
    assert [len(part) for part in parts[1:]] == [round(0.1 * n), round(0.2 * n)]
    together = np.concatenate([part.triples for part in parts])
    assert sorted(map(tuple, together)) == sorted(map(tuple, large.triples))
    train = parts[0].triples
    for part in parts[1:]:
        assert set(part.triples[:, [0, 2]].ravel()) <= set(train[:, [0, 2]].ravel())
        assert set(part.triples[:, 1]) <= set(train[:, 1])
    again = split_triples(large, valid=0.1, test=0.2, seed=1)
    assert all((one.triples == other.triples).all() for one, other in zip(parts, again))
    assert (split_triples(large, test=0.2, seed=2)[2].triples[:9] != parts[2].triples[:9]).any()


def test_split_without_cover_may_leave_something_out():
    kb = KnowledgeBase.from_rows([(f"a{i}", "r", f"b{i}") for i in range(20)])
    assert len(split_triples(kb, valid=0, test=0.5, cover=False)[2]) == 10
    with pytest.warns(RelxWarning, match=r"^\[RX209\] 10 triples were requested.* only 0 of 20"):
        train, _, test = split_triples(kb, valid=0, test=0.5)
    assert len(train) == 20 and not len(test)


@pytest.mark.parametrize("shares", [{"valid": 0.5, "test": 0.5}, {"test": -0.1}, {"valid": float("nan")}])
def test_split_settings(large, shares):
    with raises("RX021"):
        split_triples(large, **shares)


def test_leakage(kb):
    rows = [ROWS[0], ("france", "borders", "paris"), ("lyon", "capital_of", "france"), ("bonn", "city_in", "france")]
    test = KnowledgeBase.from_rows(rows)
    found = triple_leakage(kb, test)
    assert found.same.tolist() == [True, False, False, False]
    assert found.inverted.tolist() == [False, True, False, False]
    assert found.parallel.tolist() == [False, False, True, False]
    assert found.unknown.tolist() == [False, False, False, True]
    assert found.counts() == {"same": 1, "inverted": 1, "parallel": 1, "unknown": 1}
    parts = split_triples(kb, valid=0, test=0.5, cover=False)
    assert triple_leakage(parts[0], parts[2]).counts()["same"] == 0
    assert triple_leakage(kb, kb).counts() == {"same": 6, "inverted": 2, "parallel": 2, "unknown": 0}


def test_overlaps():
    rows = [(f"a{i}", "has_part", f"b{i}") for i in range(10)] + [(f"b{i}", "part_of", f"a{i}") for i in range(9)]
    rows += [(f"a{i}", "includes", f"b{i}") for i in range(8)] + [("a0", "near", "b0"), ("b0", "near", "a0")]
    found = {
        (each.relation, each.other, each.inverse, each.shared): (each.share, each.other_share)
        for each in relation_overlaps(KnowledgeBase.from_rows(rows), 0.8)
    }
    assert found == {
        ("has_part", "part_of", True, 9): (0.9, 1.0),
        ("has_part", "includes", False, 8): (0.8, 1.0),
        ("part_of", "includes", True, 8): (8 / 9, 1.0),
        ("near", "near", True, 2): (1.0, 1.0),
    }
    assert len(relation_overlaps(KnowledgeBase.from_rows(rows), 0.85)) == 3
    with raises("RX021"):
        relation_overlaps(KnowledgeBase.from_rows(rows), 0)


def test_overlaps_are_what_sets_say(large):
    pairs = {name: {(h, t) for h, r, t in large.decode(large.triples) if r == name} for name in large.relation_ids}
    for each in relation_overlaps(large, 0.01):
        other = {(t, h) for h, t in pairs[each.other]} if each.inverse else pairs[each.other]
        assert each.shared == len(pairs[each.relation] & other) > 0
    assert len(relation_overlaps(large, 0.01)) > 10


def test_published_triples(data_set):
    """Wikidata, real size: nothing is broken, and the parts that were published share no triple."""
    folder = data_set("kg_codex_m")
    train, test = read_triples(folder / "train.txt.gz"), read_triples(folder / "test.txt")
    assert len(train) == 185584 and not train.duplicates
    counts = triple_leakage(train, test).counts()
    assert counts["same"] == 0 and counts["unknown"] == 0

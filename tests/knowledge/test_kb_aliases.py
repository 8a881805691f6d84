"""Names of entities: reading tables of them, and finding them in texts of several scripts."""

from __future__ import annotations

import builtins
import random

import pytest
import spacy
from spacy.tokens import Doc

from spacy_relx.data.extensions import set_extensions
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import default_nlp
from spacy_relx.formats.records import Report
from spacy_relx.knowledge import read as read_module
from spacy_relx.knowledge.aliases import Aliases, AliasMatcher, read_aliases


@pytest.fixture(scope="module")
def nlp():
    set_extensions()
    return default_nlp()


def raises(code):
    return pytest.raises(RelxError, match=rf"^\[{code}\]")


def linked(matcher, doc):
    return [(mention.text(doc), mention.kb_id) for mention in matcher(doc)]


def table(aliases):
    """The rows of a table of names as they were given."""
    columns = (aliases.entities, aliases.labels, aliases.langs)
    names = (aliases.entity_ids, aliases.label_names, aliases.lang_names)
    rows = zip(*[[name[i] for i in column] for column, name in zip(columns, names)])
    return [(entity, text, label, lang) for (entity, label, lang), text in zip(rows, aliases.texts)]


# Reading


@pytest.mark.parametrize("header", ["", "id\tname\ttype\tlang\n", "Entity\tAlias\n"])
def test_read(tmp_path, header):
    path = tmp_path / "names.tsv"
    lines = ["Q1\tRoma \t\tit", "Q1\t New  York\tPLACE", "", "Q2\tAnn\tPERSON\tpt-BR", "Q1\tRome"]
    path.write_text(header + "\n".join(lines), encoding="utf8")
    aliases = read_aliases(path)
    assert table(aliases) == [
        ("Q1", "Roma", "", "it"),
        ("Q1", "New York", "PLACE", ""),
        ("Q2", "Ann", "PERSON", "pt-br"),
        ("Q1", "Rome", "", ""),
    ]
    assert len(aliases) == 4 and table(aliases) == table(Aliases(line.split("\t") for line in lines if line))


def test_regular_chunks_are_read_as_others_are(tmp_path, monkeypatch):
    rows = [(f"Q{i % 40}", f"Nâme {i} 東", ["", "T", "U"][i % 3], ["", "en"][i % 2]) for i in range(120)]
    path = tmp_path / "names.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf8")
    assert table(read_aliases(path)) == rows
    monkeypatch.setattr(read_module, "CHUNK_BYTES", 64)
    assert table(read_aliases(path)) == rows
    path.write_text("".join("\t".join(row) + "\r\n" for row in rows) + " Q1 \t x\n", encoding="utf8")
    assert table(read_aliases(path)) == [*rows, ("Q1", "x", "", "")]


@pytest.mark.parametrize(
    "line, code, words",
    [
        (b"Q1", "RX111", "1 columns"),
        (b"Q1\ta\tb\ten\te", "RX111", "5 columns"),
        (b"\ta", "RX102", "the entity id is empty"),
        (b"Q1\t \tb", "RX102", "the name is empty"),
        ("Q1\t\u3000".encode(), "RX102", "the name is empty"),
        (b"Q1\ta\tb\tEnglish", "RX102", "'English'"),
        (b"Q1\t\xfe", "RX108", "UTF-8"),
    ],
)
def test_broken_lines(tmp_path, line, code, words):
    path = tmp_path / "names.tsv"
    path.write_bytes(b"\n".join([b"Q1\ta\tb\ten", line, b"Q2\tc\tb\ten"]))
    with raises(code) as info:
        read_aliases(path)
    assert "names.tsv, line 2:" in str(info.value) and words in str(info.value)
    report = Report("skip")
    assert read_aliases(path, report=report).texts == ["a", "c"] and report.records_broken == 1


@pytest.mark.parametrize(
    "header, order",
    [
        ("name\tid", (1, 0)),
        ("Label\tQID\tType", (1, 0, 2)),
        ("lang\ttype\tentity\talias", (3, 2, 0, 1)),
        ("id\tname\tlabel", (0, 1, 2)),
        ("more\tentity_id\tsurface form\tlanguage", (None, 0, 1, 3)),
    ],
)
@pytest.mark.parametrize("chunk", [20, 1 << 22])
def test_columns_in_the_order_of_their_names(tmp_path, monkeypatch, header, order, chunk):
    monkeypatch.setattr(read_module, "CHUNK_BYTES", chunk)
    rows = [("Q1", "Roma", "CITY", "it"), ("Q2", "Ann", "PERSON", "en"), ("Q3", "Bob", "", "en")]
    lines = ["\t".join("x" if place is None else row[place] for place in order) for row in rows]
    (tmp_path / "names.tsv").write_text("\n".join([header, *lines]), encoding="utf8")
    wanted = [tuple(row[i] if i in order or i < 2 else "" for i in range(4)) for row in rows]
    assert table(read_aliases(tmp_path / "names.tsv")) == wanted


def test_names_of_columns_that_are_not_known(tmp_path):
    (tmp_path / "names.tsv").write_text("entity_id\tsomething\nQ1\ta\n")
    with raises("RX582") as info:
        read_aliases(tmp_path / "names.tsv")
    assert "names.tsv, line 1" in str(info.value) and "is the name" in str(info.value)
    (tmp_path / "names.tsv").write_text("Q1\tTitle\nQ2\tid\n")  # names of entities, not of columns
    assert read_aliases(tmp_path / "names.tsv").texts == ["Title", "id"]


def test_no_names(tmp_path):
    with raises("RX120"):
        read_aliases(tmp_path / "none.tsv")
    with raises("RX212"):
        read_aliases(tmp_path)
    (tmp_path / "names.tsv").write_text("id\tname\n")
    with raises("RX212"):
        read_aliases(tmp_path / "names.tsv")
    with raises("RX102"):
        Aliases([("Q1", "a"), ("", "b")])


# Finding

ALIASES = Aliases(
    [
        ("ny", "New York", "CITY"),
        ("york", "York"),
        ("nyu", "New York University", "ORG"),
        ("roma", "Roma", "CITY", "it"),
        ("roma_people", "Roma", "GROUP", "en"),
        ("beijing", "北京", "CITY"),
        ("pku", "北京大学", "ORG"),
        ("bangkok", "กรุงเทพ"),
        ("tokyo", "東京"),
        ("cairo", "القاهرة"),
        ("paris_fr", "Paris"),
        ("paris_tx", "Paris"),
        ("paris_fr", "Paris"),
    ]
)


@pytest.mark.parametrize("alignment", ["strict", "expand"])
@pytest.mark.parametrize(
    "text, wanted",
    [
        ("He left New York for New York University.", [("New York", "ny"), ("New York University", "nyu")]),
        ("New Yorkers know york, not Yorkshire", []),
        ("York (New York)", [("York", "york"), ("New York", "ny")]),
        ("我在北京大学，不在北京。", [("北京大学", "pku"), ("北京", "beijing")]),
        ("ฉันรักกรุงเทพมาก", [("กรุงเทพ", "bangkok")]),
        ("東京と北京へ", [("東京", "tokyo"), ("北京", "beijing")]),
        ("زار القاهرة أمس", [("القاهرة", "cairo")]),
        ("", []),
        ("   ", []),
    ],
)
def test_find(nlp, text, wanted, alignment):
    assert linked(AliasMatcher(ALIASES, alignment=alignment), nlp(text)) == wanted


def test_whitespace_of_any_kind(nlp):
    matcher = AliasMatcher(ALIASES)
    doc = nlp(" New \n York,New\tYork\u3000University  ")
    assert [m.kb_id for m in matcher(doc)] == ["ny", "nyu"]
    assert [m.kb_id for m in matcher(Doc(nlp.vocab, words=["New", "York"], spaces=[False, False]))] == ["york"]
    doc = nlp("a \n\n York \n b")
    assert [(m.start, m.end) for m in matcher(doc)] == [(2, 3)]  # without the tokens of blanks beside it


def test_types(nlp):
    labels = {m.kb_id: m.label for m in AliasMatcher(ALIASES)(nlp("York and New York"))}
    assert labels == {"york": "ENT", "ny": "CITY"}


def test_case(nlp):
    doc = nlp("in NEW york, İstanbul, STRASSE, ΝΆΞΟΣ")
    assert linked(AliasMatcher(ALIASES), doc) == []
    aliases = Aliases([*[("ny", "New York")], ("ist", "İSTANBUL"), ("str", "Strasse"), ("nax", "Νάξοσ")])
    for alignment in ("strict", "expand"):
        matcher = AliasMatcher(aliases, case=False, alignment=alignment)
        assert [m.kb_id for m in matcher(doc)] == ["ny", "ist", "str", "nax"]


@pytest.mark.parametrize(
    "ambiguous, wanted, left_out",
    [("skip", [], 1), ("first", ["paris_fr"], 0), ("all", ["paris_fr", "paris_tx"], 0)],
)
def test_ambiguous(nlp, ambiguous, wanted, left_out):
    matcher = AliasMatcher(ALIASES, ambiguous=ambiguous)
    mentions, n = matcher.match([nlp("in Paris")])
    assert [m.kb_id for m in mentions[0]] == wanted and n == left_out
    assert matcher.ambiguous_aliases == 2  # Paris, and Roma where the language is not known


def test_languages(nlp):
    matcher = AliasMatcher(ALIASES)
    found = {}
    for lang in ("it", "en", "en-GB", "de", ""):
        doc = nlp("Roma e York")
        doc._.lang = lang
        found[lang] = [m.kb_id for m in matcher(doc)]
    english = ["roma_people", "york"]
    assert found == {"it": ["roma", "york"], "en": english, "en-GB": english, "de": ["york"], "": ["york"]}


def test_an_ambiguous_name_hides_those_inside_it(nlp):
    aliases = Aliases([("a", "Paris Hilton"), ("b", "Paris Hilton"), ("c", "Paris")])
    assert AliasMatcher(aliases).match([nlp("Paris Hilton")]) == ([[]], 1)


def test_overlaps(nlp):
    doc = nlp("New York University")
    found = linked(AliasMatcher(ALIASES, overlaps=True), doc)
    assert found == [("New York", "ny"), ("New York University", "nyu"), ("York", "york")]
    aliases = Aliases([("ab", "a b"), ("bc", "b c")])
    assert linked(AliasMatcher(aliases), nlp("a b c")) == [("a b", "ab")]  # equally long: the first


def test_expand_takes_whole_tokens(nlp):
    """A tokenizer of words may cut elsewhere; in scripts with spaces a name never takes more than its own."""
    doc = Doc(nlp.vocab, words=["我", "爱北", "京城", "party", "x東京"], spaces=[False] * 5)
    aliases = Aliases([("beijing", "北京"), ("art", "art"), ("tokyo", "東京")])
    assert linked(AliasMatcher(aliases), doc) == []
    assert linked(AliasMatcher(aliases, alignment="expand"), doc) == [("爱北京城", "beijing")]


def test_characters_beyond_the_basic_plane(nlp):
    aliases = Aliases([("a", "𠮷野"), ("b", "York")])
    doc = nlp("😀😀 𠮷野 😀 York")
    for alignment in ("strict", "expand"):
        assert linked(AliasMatcher(aliases, alignment=alignment), doc) == [("𠮷野", "a"), ("York", "b")]


def test_batches_are_what_single_docs_are(nlp):
    """Random names and texts: the same as a search by hand, and no name across two Docs."""
    rng = random.Random(5)
    words = ["a", "b", "ab", "ba", "aab", "北", "京", "b-a", "abcdefghij", "abcdefghik"]
    names = sorted({" ".join(rng.choices(words, k=rng.randint(1, 4))) for _ in range(80)})
    matcher = AliasMatcher(Aliases((name, name) for name in names), overlaps=True)
    docs = [nlp(" ".join(rng.choices(words, k=rng.randint(0, 12)))) for _ in range(60)]
    for doc, mentions in zip(docs, matcher.match(docs)[0]):
        spans = [doc[i:j] for i in range(len(doc)) for j in range(i + 1, len(doc) + 1)]
        wanted = {(span.start, span.end, span.text) for span in spans if span.text in names}
        assert {(m.start, m.end, m.kb_id) for m in mentions} == wanted and len(mentions) == len(wanted)
    assert matcher.match([]) == ([], 0)


def test_tokens_of_any_pipeline_will_do():
    doc = spacy.blank("en")("Dr. O'Neil's car isn't in St. John's.")
    aliases = Aliases([("oneil", "O'Neil"), ("john", "St. John's"), ("not", "isn't")])
    assert linked(AliasMatcher(aliases), doc) == [("O'Neil", "oneil"), ("isn't", "not"), ("St. John's", "john")]


def test_settings():
    with raises("RX021"):
        AliasMatcher(ALIASES, ambiguous="none")
    with raises("RX021"):
        AliasMatcher(ALIASES, alignment="contract")


def test_missing_package(monkeypatch):
    real = builtins.__import__

    def fail(name, *args, **kwargs):
        if name == "ahocorasick_rs":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(__import__("sys").modules, "ahocorasick_rs", raising=False)
    monkeypatch.setattr(builtins, "__import__", fail)
    monkeypatch.setattr("importlib.import_module", fail)
    with raises("RX005") as info:
        AliasMatcher(ALIASES)
    assert "spacy-relx[kb]" in str(info.value)

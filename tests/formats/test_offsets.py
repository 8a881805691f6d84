"""What offsets count: line ends, UTF-16 units, byte order marks and others, in every stand-off format; and blanks at
the edges of mentions."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.formats import raises, read, relations, write
from support.uima_samples import HEADER, annotation, cas

from spacy_relx.data.types import MENTIONS_KEY, Mention
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import convert, default_nlp, records_to_docs
from spacy_relx.formats.importers._counting import (
    BREAKS,
    CHARACTERS,
    UNITS,
    UTF16,
    Convention,
    Countable,
    utf16_offsets,
)
from spacy_relx.formats.importers._offsets import choose, count_faults, settle
from spacy_relx.formats.records import Place, Record, Report
from spacy_relx.formats.texts import read_texts

PLACE = Place(Path("x"), 1)
#: By language: a text whose mentions stand behind line ends, the head and the tail.
TEXTS = {
    "en": ("A note.\nAda Brook\nruns Kestrel Mill, and well.\n", "Ada Brook", "Kestrel Mill"),
    "de": ("Notiz:\nIn der Mühle\nleitet Jörg Öhm das Werk.\n", "Jörg Öhm", "Werk"),
    "ru": ("Заметка.\nАнна Бурова\nживёт в Ольмске давно.\n", "Анна Бурова", "Ольмске"),
    "hi": ("टिप्पणी।\nरीता सेन\nकोमलपुर में रहती है।\n", "रीता सेन", "कोमलपुर"),
    "ar": ("ملاحظة.\nليلى نور\nتعمل في شركة الأفق.\n", "ليلى نور", "الأفق"),
    "ja": ("メモ。\n担当はエイダ・ブルック\nで、ケストレル社の人です。\n", "エイダ・ブルック", "ケストレル社"),
}


def width(text: str, place: int, convention: Convention) -> int:
    """What a convention counts for a character, the naive way."""
    character, before, after = text[place], text[place - 1 : place], text[place + 1 : place + 2]
    if character == "\r" and ((convention.breaks == "crlf_one" and after == "\n") or convention.breaks == "no_cr"):
        return 0
    if convention.breaks == "lf_two" and character == "\n" and before != "\r":
        return 2
    return {
        "characters": 1,
        "utf16": len(character.encode("utf-16-le")) // 2,
        "bytes": len(character.encode()),
    }[convention.unit]


def counted(text: str, part: str, convention: Convention = CHARACTERS, bom: bool = False) -> tuple[int, int]:
    """[start, end) of a part of a text, as a convention counts."""
    offsets = [len("\ufeff".encode()) if bom and convention.unit == "bytes" else int(bom)]
    for place in range(len(text)):
        offsets.append(offsets[-1] + width(text, place, convention))
    start = text.index(part)
    return offsets[start], offsets[start + len(part)]


def texts(record: Record) -> list[str]:
    return [(record.text or "")[mention.start : mention.end] for mention in record.mentions]


# counting

CONVENTIONS = [
    Convention(unit, breaks, bom)
    for unit in ("characters", "utf16", "bytes")
    for breaks in BREAKS
    for bom in ("counted", "ignored")
]


@settings(deadline=None)
@given(st.text(alphabet="aé你😀\r\n \u0085\u2028", max_size=20), st.sampled_from(CONVENTIONS), st.booleans(), st.data())
def test_counts_are_those_of_characters_one_by_one(text, convention, has_bom, data):
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    offsets = [(3 if convention.unit == "bytes" else 1) if has_bom and convention.bom == "counted" else 0]
    for place in range(len(text)):
        offsets.append(offsets[-1] + width(text, place, convention))
    countable = Countable(text, has_bom)
    assert countable.length(convention) == offsets[-1]
    ((start, end),) = countable.read([(offsets[first], offsets[last])], convention)
    # between CR and LF, where both are one, there are two places of one count
    assert (offsets[start], offsets[end]) == (offsets[first], offsets[last])
    assert start == max(i for i, n in enumerate(offsets) if n == offsets[first])


@pytest.mark.parametrize("span", [(0, 1), (1, 2), (0, 4), (-1, 0), (0, 1 << 70)])
def test_offsets_that_are_no_places(span):
    ((start, end),) = Countable("😀a").read([span], UTF16)
    assert min(start, end) < 0


@settings(deadline=None)
@given(st.text(alphabet="aé你😀𝔘 \n", max_size=30))
def test_utf16_offsets(text):
    assert utf16_offsets(text).tolist() == [len(text[:i].encode("utf-16-le")) // 2 for i in range(len(text) + 1)]


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("a\r\nb", 3),
        ("👩‍🔬 x", 3),
        ("👍🏽🇫🇷🇩🇪", 3),
        ("re\u0301sume\u0301", 6),
        ("कोमल", 3),
        ("\u1112\u1161\u11ab", 1),
        ("\u0301a", 2),
    ],
)
def test_grapheme_clusters(text, n):
    assert Countable(text).length(Convention("graphemes")) == n


# telling what is counted


@pytest.mark.parametrize("lang", TEXTS)
@pytest.mark.parametrize("breaks", ["kept", "crlf_one"])
@pytest.mark.parametrize("quoted", [False, True])
def test_line_ends_are_told_by_texts_or_by_words(lang, breaks, quoted):
    text, *parts = TEXTS[lang]
    text = text.replace("\n", "\r\n")
    convention = Convention("characters", breaks)
    spans = [[counted(text, part, convention)] for part in parts]
    choice = choose(text, spans, parts if quoted else [None, None], CHARACTERS, ("utf16",))
    assert [text[start:end] for [(start, end)] in choice.pieces] == parts
    assert choice.is_default == (breaks == "kept") and not choice.rivals


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("breaks", BREAKS)
def test_own_texts_tell_any_way_to_count(unit, breaks):
    """Nothing else is known: not the format's own way."""
    if unit == "graphemes" and breaks != "kept":
        return  # of which CR LF is one by itself
    text = "😀 Åsa\rmet रीता\r\nand\nJörg Öhm 👩‍🔬 in Ulm."
    parts = ["Åsa", "रीता", "Jörg Öhm", "Ulm"]
    countable = Countable(text)
    counts = countable.counts(Convention(unit, breaks))
    places = [(text.index(part), text.index(part) + len(part)) for part in parts]
    spans = [[pair if counts is None else (int(counts[pair[0]]), int(counts[pair[1]]))] for pair in places]
    choice = choose(text, spans, parts, CHARACTERS)
    assert [piece for [piece] in choice.pieces] == places


def test_mentions_that_cut_words_stay_where_the_format_puts_them():
    """Parts of words are marked on purpose, too: another reading must be far better."""
    text = "Die Ulmer Bäckerei\r\nund das Mühlenwerk der Öhmbank.\r\n"
    parts = ["Ulm", "Mühlen", "Öhm"]
    spans = [[counted(text, part)] for part in parts]
    choice = choose(text, spans, [None] * 3, CHARACTERS, ("utf16",))
    assert choice.is_default and [text[start:end] for [(start, end)] in choice.pieces] == parts


def test_faults():
    text = "Ann Bee\r\nमें Åsa"
    assert count_faults(text, [[(0, 3)], [(4, 7)], [(9, 12)]]) == 0
    assert count_faults(text, [[(1, 3)]]) == count_faults(text, [[(0, 2)]]) == 2
    assert count_faults(text, [[(0, 4)]]) == 1  # a blank at its end
    assert count_faults(text, [[(4, 8)]]) == 5  # half a line end
    assert count_faults(text, [[(9, 11)]]) == 2  # a letter without its mark
    assert count_faults(text, [[(4, 12)]]) == 1  # over a line end
    assert count_faults(text, [[(9, 99)]]) == count_faults(text, [[(3, 3)]]) == 4
    assert count_faults("乌尔姆", [[(1, 2)]]) == 0  # nothing tells where words end
    assert count_faults("ケストレル", [[(1, 2)]]) == 2


def test_two_other_ways_that_are_as_good(tmp_path):
    """What the format says halves a line end, and two other ways do not."""
    row = {"id": 1, "text": "😀😀\r\n甲乙丙丁", "label": [[5, 7, "X"]]}
    (record,), report = read("doccano", write(tmp_path / "x.jsonl", row))
    assert texts(record) == ["甲乙"] and report.problem_counts == {"RX571": 1}
    assert "'乙丙'" in report.problems[0].message


# every format

MARKS = {"from_name": "label", "to_name": "text", "type": "labels"}


def doccano(text: str, spans: list, parts: list) -> dict:
    entities = [{"id": i, "label": "X", "start_offset": s, "end_offset": e} for i, (s, e) in enumerate(spans)]
    return {"text": text, "entities": entities, "relations": [{"from_id": 0, "to_id": 1, "type": "r"}]}


def labelstudio(text: str, spans: list, parts: list) -> dict:
    values = [{"start": s, "end": e, "text": part, "labels": ["X"]} for (s, e), part in zip(spans, parts)]
    results = [{"id": f"m{i}", **MARKS, "value": value} for i, value in enumerate(values)]
    link = {"type": "relation", "from_id": "m0", "to_id": "m1", "direction": "right", "labels": ["r"]}
    return {"id": 1, "data": {"text": text}, "annotations": [{"id": 1, "result": [*results, link]}]}


def jsonl(text: str, spans: list, parts: list) -> dict:
    mentions = [{"start": s, "end": e, "label": "X"} for s, e in spans]
    return {"text": text, "mentions": mentions, "relations": [{"head": 0, "tail": 1, "label": "r"}]}


def quoted_jsonl(text: str, spans: list, parts: list) -> dict:
    row = jsonl(text, spans, parts)
    row["mentions"] = [{**mention, "text": part} for mention, part in zip(row["mentions"], parts)]
    return row


def opennre(text: str, spans: list, parts: list) -> dict:
    ends = [{"pos": list(span), "name": part} for span, part in zip(spans, parts)]
    return {"text": text, "h": ends[0], "t": ends[1], "relation": "r"}


def prodigy(text: str, spans: list, parts: list) -> dict:
    doc = default_nlp().make_doc(text)
    tokens = [
        {
            "text": token.text,
            "start": token.idx,
            "end": token.idx + len(token),
            "id": token.i,
            "ws": bool(token.whitespace_),
        }
        for token in doc
    ]
    rows = []
    for (start, end), part in zip(spans, parts):
        span = doc.char_span(text.index(part), text.index(part) + len(part))
        tokens_of = {"token_start": span.start, "token_end": span.end - 1}
        rows.append({"start": start, "end": end, **tokens_of, "label": "X"})
    link = {"head": rows[0]["token_end"], "child": rows[1]["token_end"], "label": "r"}
    link |= {"head_span": rows[0], "child_span": rows[1]}
    return {"text": text, "tokens": tokens, "spans": rows, "relations": [link]}


def inception(text: str, spans: list, parts: list) -> dict:
    found = [annotation(10 + i, "custom.Entity", s, e, label="X") for i, (s, e) in enumerate(spans)]
    ends = {"@Governor": 10, "@Dependent": 11}
    return cas(*found, annotation(30, "custom.Relation", 0, 0, label="r", **ends), text=text)


ROWS = {f.__name__: f for f in (doccano, labelstudio, jsonl, quoted_jsonl, opennre, prodigy, inception)}


def save(folder: Path, name: str, text: str, spans: list, parts: list) -> tuple[str, Path]:
    """RETURNS: the format and the file."""
    format = name.removeprefix("quoted_")
    if format == "brat":
        (folder / "a.txt").write_bytes(text.encode())
        lines = [f"T{i}\tX {s} {e}\t{part}" for i, ((s, e), part) in enumerate(zip(spans, parts), start=1)]
        return format, write(folder / "a.ann", *lines, "R1\tr Arg1:T1 Arg2:T2\t")
    row = ROWS[name](text, spans, parts)
    return format, write(folder / "x.json", [row] if format == "labelstudio" else row)


def shown(record: Record) -> list[tuple[str, str, str]]:
    if record.text is None or record.words is not None:
        (doc,) = records_to_docs([record], default_nlp(), Report())
        return list(doc._.triples)
    return relations(record)


NAMES = ["brat", *ROWS]
#: What the format itself says.
OWN = {"doccano": UTF16, "inception": UTF16}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lang", TEXTS)
@pytest.mark.parametrize("breaks", ["kept", "crlf_one"])
def test_line_ends_in_every_format(tmp_path, name, lang, breaks):
    text, *parts = TEXTS[lang]
    text = text.replace("\n", "\r\n")
    spans = [counted(text, part, Convention("characters", breaks)) for part in parts]
    format, path = save(tmp_path, name, text, spans, parts)
    (record,), report = read(format, path)
    assert shown(record) == [(parts[0], "r", parts[1])]
    assert report.problem_counts == ({} if breaks == "kept" else {"RX570": 1})
    if breaks != "kept":
        assert "CR LF as one" in report.problems[0].message and repr(parts[0]) in report.problems[0].message


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("unit", ["characters", "utf16"])
def test_emojis_before_the_mentions_in_every_format(tmp_path, name, unit):
    """JavaScript and Java count UTF-16 units, Python does not."""
    text, parts = "😀🎉 Zoë Öhm 😀 met Ann Bee in Ulm.", ["Zoë Öhm", "Ann Bee"]
    format, path = save(tmp_path, name, text, [counted(text, part, Convention(unit)) for part in parts], parts)
    (record,), report = read(format, path)
    assert shown(record) == [(parts[0], "r", parts[1])]
    assert report.problem_counts == ({} if unit == OWN.get(format, CHARACTERS).unit else {"RX570": 1})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("counts", [True, False])
def test_a_byte_order_mark_in_every_format(tmp_path, name, counts):
    """It is no part of the text, whether offsets count it or not."""
    text, parts = "Zoë Öhm met\nAnn Bee in Ulm.", ["Zoë Öhm", "Ann Bee"]
    if name == "prodigy":
        return  # which has its tokens from the text with the mark
    spans = [counted(text, part, bom=counts) for part in parts]
    format, path = save(tmp_path, name, "\ufeff" + text, spans, parts)
    (record,), report = read(format, path)
    assert record.text == text and shown(record) == [(parts[0], "r", parts[1])]
    assert report.problem_counts == ({} if counts else {"RX570": 1})
    if not counts:
        assert "not the byte order mark" in report.problems[0].message


@pytest.mark.parametrize("name", ["brat", "labelstudio", "quoted_jsonl", "opennre"])
@pytest.mark.parametrize("change", ["to_lf", "to_crlf", "to_cr", "lost_bom"])
def test_texts_that_were_saved_anew(tmp_path, name, change):
    """By git or an editor, which change line ends and byte order marks, and leave the offsets as they were."""
    text, *parts = TEXTS["de"]
    before, after = {
        "to_lf": (text.replace("\n", "\r\n"), text),
        "to_crlf": (text, text.replace("\n", "\r\n")),
        "to_cr": (text.replace("\n", "\r\n"), text.replace("\n", "\r")),
        "lost_bom": ("\ufeff" + text, text),
    }[change]
    spans = [(before.index(part), before.index(part) + len(part)) for part in parts]
    if change == "to_cr":  # no program is known to do that: the error names line ends
        format, path = save(tmp_path, name, after, spans, parts)
        if name != "opennre":
            assert "line ends" in raises("RX574", format, path)
        return
    format, path = save(tmp_path, name, after, spans, parts)
    (record,), report = read(format, path)
    assert shown(record) == [(parts[0], "r", parts[1])] and report.problem_counts == {"RX570": 1}


@pytest.mark.parametrize("name", NAMES)
def test_other_line_ends_count_as_any_character(tmp_path, name):
    """Lone CR, NEL, and the separators of lines and paragraphs, also behind a line of JSON or of brat."""
    parts = ["Zoë Öhm", "Ann Bee"]
    for mark in "\r\u0085\u2028\u2029\x0b":
        text = f"Notes:{mark}Zoë Öhm{mark}met{mark}Ann Bee."
        format, path = save(tmp_path, name, text, [counted(text, part) for part in parts], parts)
        (record,), report = read(format, path)
        assert shown(record) == [(parts[0], "r", parts[1])] and not report.problem_counts


def test_brat_mentions_in_pieces_and_over_lines(tmp_path):
    text = "In Ulm\r\nAnn\r\nBee and her\r\nsister Zoë met Bob.\r\n"
    lf = text.replace("\r\n", "\n")
    start, (first, _), (_, last) = lf.index("Ann"), counted(lf, "sister"), counted(lf, "Zoë")
    (tmp_path / "a.txt").write_bytes(text.encode())
    lines = [f"T1\tP {start} {start + 7}\tAnn Bee", f"T2\tP {start} {start + 7};{first} {last}\tAnn Bee sister Zoë"]
    (record,), report = read("brat", write(tmp_path / "a.ann", *lines))
    assert texts(record) == ["Ann\r\nBee", "Ann\r\nBee and her\r\nsister Zoë"]
    assert report.problem_counts == {"RX570": 1, "RX306": 1}


def test_brat_annotations_with_line_ends_of_old_macs(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"Ann met Bob.")
    (tmp_path / "a.ann").write_bytes(b"\xef\xbb\xbfT1\tP 0 3\tAnn\rT2\tP 8 11\tBob\rR1\tmet Arg1:T1 Arg2:T2\r")
    assert relations(read("brat", tmp_path / "a.ann")[0][0]) == [("Ann", "met", "Bob")]


def test_webanno_offsets_that_count_characters(tmp_path):
    lines = [*HEADER[:1], "#T_SP=custom.Entity|value", "", "", "#Text=😀 Ann met", "1-1\t0-1\t😀\t_\t"]
    lines += ["1-2\t2-5\tAnn\tPER\t", "1-3\t6-9\tmet\t_\t", "", "#Text=Zoë 😀.", "2-1\t10-13\tZoë\tPER\t"]
    lines += ["2-2\t14-15\t😀\t_\t", "2-3\t15-16\t.\t_\t"]
    (record,), report = read("webanno", write(tmp_path / "a.tsv", *lines))
    assert texts(record) == ["Ann", "Zoë"] and record.text == "😀 Ann met\nZoë 😀."
    assert report.problem_counts == {"RX570": 1}


def test_inception_tokens_tell_what_is_counted(tmp_path):
    text = "😀 Ann met Zoë."
    token = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token"
    words = [annotation(20 + i, token, *counted(text, part)) for i, part in enumerate(("😀", "Ann", "met", "Zoë", "."))]
    entity = annotation(40, "custom.Entity", *counted(text, "Ann"), label="PER")
    path = write(tmp_path / "x.json", cas(*words, entity, text=text))
    (record,), report = read("inception", path)
    assert texts(record) == ["Ann"] and report.problem_counts == {"RX570": 1}


# what nothing tells


def test_a_text_of_which_nothing_tells_is_noted(tmp_path):
    """Chinese has no blanks between words: both readings are as good."""
    text, parts = "艾达\r\n在乌尔姆\r\n工作很久", ["艾达", "乌尔姆"]
    spans = [counted(text, part, Convention("characters", "crlf_one")) for part in parts]
    path = write(tmp_path / "x.jsonl", doccano(text, spans, parts))
    (record,), report = read("doccano", path)
    assert texts(record) == ["艾达", "在乌尔"] and report.problem_counts == {"RX571": 1}
    message = report.problems[0].message
    assert "CR LF as two" in message and "CR LF as one" in message and "'乌尔姆'" in message
    assert "RX571" in convert("doccano", [path], tmp_path / "o.spacy").summary()


@pytest.mark.parametrize("breaks", ["kept", "crlf_one"])
@pytest.mark.parametrize("first", [True, False])
def test_the_other_texts_of_a_file_tell(tmp_path, breaks, first):
    """Also those that come later; the order stays."""
    convention = Convention("characters", breaks)
    rows = []
    for number, (text, *parts) in enumerate([("艾达\r\n在乌尔姆\r\n工作很久", "艾达", "乌尔姆")] * 3):
        rows.append(doccano(text, [counted(text, part, convention) for part in parts], parts) | {"id": number})
    text, *parts = TEXTS["en"]
    text = text.replace("\n", "\r\n")
    telling = doccano(text, [counted(text, part, convention) for part in parts], parts) | {"id": 9}
    rows = [telling, *rows] if first else [*rows, telling]
    records, report = read("doccano", write(tmp_path / "x.jsonl", *rows))
    assert [record.id for record in records] == [row["id"] for row in rows]
    assert sorted(map(texts, records)) == sorted([parts, *[["艾达", "乌尔姆"]] * 3])
    assert report.problem_counts == ({"RX570": 4} if breaks == "crlf_one" else {})


def test_waiting_texts_are_few(monkeypatch):
    monkeypatch.setattr("spacy_relx.formats.importers._offsets.MAX_WAITING", 2)
    seen = []

    def items():
        for number in range(5):
            seen.append(number)
            yield (
                PLACE,
                "",
                Record(PLACE, text="艾达\r\n在乌尔姆\r\n", mentions=[Mention(4, 7, "X")], quotes=[None], id=number),
            )

    stream = settle(items(), Report(), CHARACTERS)
    assert next(stream)[2].id == 0 and seen == [0, 1, 2]
    assert [record.id for _, _, record in stream] == [1, 2, 3, 4]


def test_errors_name_line_ends(tmp_path):
    """Some line ends of the text were changed, and others not: no way to count fits all."""
    annotated = "a\r\nb\nc\r\nd\nAnn Bee\r\nmet Zoë."
    text = annotated.replace("\r\n", "\n")
    parts = ["Ann Bee", "Zoë"]
    spans = [counted(annotated, part) for part in parts]
    for name in ("brat", "labelstudio", "quoted_jsonl"):
        message = raises("RX574", *save(tmp_path, name, text, spans, parts))
        assert "is -2 characters away" in message and "CR LF" in message
    raises("RX105", *save(tmp_path, "brat", "a\nAnn Bee met Bo", [(2, 9)], ["Zoë"]))  # which is nowhere


def test_offsets_beyond_every_number(tmp_path):
    raises("RX103", "jsonl", write(tmp_path / "x.jsonl", jsonl("Ann met Bob", [(0, 3), (8, 1 << 70)], ["", ""])))


@settings(deadline=None)
@given(st.text(alphabet="aé你😀\r\n .", max_size=25), st.integers(0, 99))
def test_whatever_the_offsets_mentions_lie_in_the_text(text, seed):
    rng = random.Random(seed)
    spans = [[tuple(sorted((rng.randrange(-1, 30), rng.randrange(30))))] for _ in range(rng.randrange(4))]
    for default in (CHARACTERS, UTF16):
        choice = choose(text, spans, [None] * len(spans), default, ("characters", "utf16", "graphemes"))
        for [(start, end)] in choice.pieces:
            assert (start < 0 or start <= len(text)) and (end < 0 or end <= len(text))
        if not choice.is_default:
            assert all(0 <= start < end for [(start, end)] in choice.pieces)


# blanks


@pytest.mark.parametrize("name", NAMES)
def test_blanks_at_the_edges_of_mentions(tmp_path, name):
    text, parts = "Then Zoë Öhm met\u00a0Ann Bee\u3000there.", ["Zoë Öhm", "Ann Bee"]
    marked = [" Zoë Öhm ", "\u00a0Ann Bee\u3000"]
    if name == "prodigy":
        return  # whose spans are of tokens
    format, path = save(tmp_path, name, text, [counted(text, part) for part in marked], marked)
    report = convert(format, [path], tmp_path / "o.spacy")
    assert (report.mentions_kept, report.mentions_trimmed, report.mentions_misaligned) == (2, 2, 0)
    assert report.problem_counts == {"RX572": 2} and "' Zoë Öhm '" in report.problems[0].message
    assert "mentions kept      2 (trimmed 2)" in report.summary() and report.relations_kept == 1
    from spacy.vocab import Vocab

    from spacy_relx.formats.docbin import read_docs

    (doc,) = read_docs(tmp_path / "o.spacy", Vocab())
    assert doc._.triples == [(parts[0], "r", parts[1])]


@pytest.mark.parametrize("alignment", ["strict", "expand", "contract"])
def test_blanks_of_no_width_and_tokens_of_blanks(alignment):
    nlp = default_nlp()
    in_text = Record(PLACE, text="a \u200bZoë\ufeff \n Bo", mentions=[Mention(1, 9, "P"), Mention(6, 8, "P")])
    words = ["a", "\n", "Zoë", " ", "Bo"]
    in_words = Record(PLACE, words=words, spaces=[False] * 5, mentions=[Mention(1, 4, "P"), Mention(3, 4, "P")])
    for record in (in_text, in_words):
        report = Report()
        (doc,) = records_to_docs([record], nlp, report, alignment)
        assert [span.text.strip("\u200b\ufeff") for span in doc.spans[MENTIONS_KEY]] == ["Zoë"]
        assert (report.mentions_trimmed, report.mentions_misaligned) == (1, 1)  # one is nothing but blanks
        assert report.problem_counts == {"RX572": 1, "RX110": 1}


# byte order marks in files


def test_joined_files_have_byte_order_marks_in_their_middle(tmp_path):
    row = json.dumps(jsonl("Ann met Bob", [(0, 3), (8, 11)], ["", ""]))
    path = tmp_path / "x.jsonl"
    path.write_bytes("\ufeff{0}\n\ufeff{0}\n".replace("{0}", row).encode())
    assert len(read("jsonl", path)[0]) == 2
    from spacy.vocab import Vocab

    assert [item.text for item in read_texts(str(path), Vocab())] == ["Ann met Bob"] * 2
    (tmp_path / "x.txt").write_bytes("\ufeffAnn\n\ufeffBob\n".encode())
    assert [item.text for item in read_texts(str(tmp_path / "x.txt"), Vocab())] == ["Ann", "Bob"]


def test_broken_records_of_stand_off_formats_are_left_out(tmp_path):
    rows = [jsonl("Ann met Bob", [(0, 3), (8, 11)], ["", ""]), jsonl("Ann met", [(0, 3), (8, 11)], ["", ""])]
    path = write(tmp_path / "x.jsonl", *rows)
    with pytest.raises(RelxError, match=r"RX103.*line 2"):
        read("jsonl", path)
    records, report = read("jsonl", path, "skip")
    assert len(records) == 1 and report.records_broken == 1


def test_no_kind_of_problem_hides_behind_another(tmp_path):
    """Reports keep and show a few problems only."""
    cut = {"text": "Annabel", "mentions": [{"start": 0, "end": 3}]}
    marked = {"text": "Ann met", "mentions": [{"start": 0, "end": 4}]}
    path = write(tmp_path / "x.jsonl", *[cut] * 200, marked)
    report = convert("jsonl", [path], tmp_path / "o.spacy")
    assert report.problem_counts == {"RX110": 200, "RX572": 1, "RX601": 1} and len(report.problems) == 102
    summary = report.summary(4)
    assert summary.count("[RX110]") == 2 and summary.count("[RX572]") == 1 and "202, 4 of them:" in summary

"""Records to Docs, files to .spacy files, and the command."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import spacy
import srsly
import srsly.msgpack
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.data.types import MENTIONS_KEY, Mention
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import convert, default_nlp, find_inputs, records_to_docs
from spacy_relx.formats.docbin import new_docbin, quick_msgpack, read_docs
from spacy_relx.formats.records import Place, Record, Report
from spacy_relx.formats.split import draw_share

PLACE = Place(Path("x.jsonl"), 3)


@pytest.fixture(scope="module")
def nlp():
    return default_nlp()


def docs_of(nlp, *records: Record, alignment: str = "strict", on_error: str = "raise") -> tuple[list[Doc], Report]:
    report = Report(on_error)
    return list(records_to_docs(records, nlp, report, alignment)), report


def row(text="Ann works for Acme.", **more) -> dict:
    return {
        "text": text,
        "mentions": [{"start": 0, "end": 3, "label": "PERSON"}, {"start": 14, "end": 18, "label": "ORG"}],
        "relations": [{"head": 0, "tail": 1, "label": "works_for"}],
        **more,
    }


def write(path: Path, *rows: dict | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows), encoding="utf8")
    return path


def load(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab))


# records to Docs


def test_a_text_record(nlp):
    record = Record(
        PLACE,
        text="Ann Bee works for Acme in Rome.",
        mentions=[Mention(0, 7, "PERSON", "Q1"), Mention(4, 7, "NAME"), Mention(18, 23, "ORG"), Mention(26, 30)],
        relations=[(0, 2, "works_for"), (3, 2, "has")],
        id="a1",
        lang="en",
        meta={"note": [1, {"b": None}]},
    )
    (doc,), report = docs_of(nlp, record)
    assert doc.text == record.text
    spans = [(s.text, s.label_, s.kb_id_) for s in doc.spans[MENTIONS_KEY]]
    # A blank at the edge goes, a missing type is ENT, since doc.ents would drop a span without a label.
    assert spans == [("Ann Bee", "PERSON", "Q1"), ("Bee", "NAME", ""), ("Acme", "ORG", ""), ("Rome", "ENT", "")]
    assert [(s.text, s.label_, s.kb_id_) for s in doc.ents] == [spans[0], *spans[2:]]
    assert doc._.triples == [("Ann Bee", "works_for", "Acme"), ("Rome", "has", "Acme")]
    assert doc._.lang == "en"
    assert doc.user_data["id"] == "a1"
    assert doc.user_data["meta"] == {"note": [1, {"b": None}]}
    assert (report.mentions_kept, report.relations_kept, report.records_written) == (4, 2, 1)


def test_a_record_of_words(nlp):
    record = Record(
        PLACE,
        words=["Ann", "met", "Bob", ".", "He", "left", "."],
        spaces=[True, True, False, True, True, False, False],
        mentions=[Mention(0, 1, "P"), Mention(2, 3, "P")],
        relations=[(1, 0, "met")],
        sent_starts=[0, 4],
    )
    (doc,), _ = docs_of(nlp, record)
    assert doc.text == "Ann met Bob. He left."
    assert [sent.text for sent in doc.sents] == ["Ann met Bob.", "He left."]
    assert doc._.triples == [("Bob", "met", "Ann")]
    assert doc._.lang == ""
    assert "id" not in doc.user_data


@pytest.mark.parametrize(
    ("alignment", "kept"), [("strict", ["Ann"]), ("expand", ["Ann", "Acmes"]), ("contract", ["Ann"])]
)
def test_misaligned_mentions(nlp, alignment, kept):
    record = Record(
        PLACE,
        text="Ann likes Acmes office",
        mentions=[Mention(0, 3, "P"), Mention(10, 14, "ORG")],
        relations=[(0, 1, "likes"), (0, 0, "self")],
    )
    (doc,), report = docs_of(nlp, record, alignment=alignment)
    assert [span.text for span in doc.spans[MENTIONS_KEY]] == kept
    assert report.mentions_misaligned == report.relations_dropped == 2 - len(kept)
    assert report.problem_counts["RX110"] == 2 - len(kept)
    assert report.problem_counts["RX113"] == 1
    if len(kept) == 1:
        problem = report.problems[0]
        assert (str(problem.file), problem.line) == ("x.jsonl", 3)
        assert "Acmes office" in problem.text
        assert "'Acme'" in problem.message
        assert "misaligned 1" in report.summary()


def test_contract_takes_the_whole_tokens_inside(nlp):
    record = Record(PLACE, text="the new Acmes office", mentions=[Mention(4, 12, "X")])
    (doc,), _ = docs_of(nlp, record, alignment="contract")
    assert [span.text for span in doc.ents] == ["new"]


def test_duplicates_are_merged_and_counted(nlp):
    twice = [Mention(0, 3, "P"), Mention(4, 7, "P"), Mention(0, 3, "P"), Mention(0, 3, "Q")]
    record = Record(PLACE, text="Ann Bob", mentions=twice, relations=[(0, 1, "r"), (2, 1, "r"), (3, 1, "r")])
    (doc,), report = docs_of(nlp, record)
    assert (report.mentions_kept, report.mentions_merged) == (3, 1)
    assert (report.relations_kept, report.relations_merged) == (2, 1)
    assert len(doc._.relations) == 2
    assert len(doc.ents) == 2


@pytest.mark.parametrize("change", [{"meta": {"big": 2**70}}, {"text": "lone \ud800 surrogate"}])
def test_what_no_doc_can_hold(nlp, change):
    record = Record(PLACE, **{"text": "fine", **change})
    with pytest.raises(RelxError, match=r"RX114.*x\.jsonl, line 3"):
        docs_of(nlp, record)
    docs, report = docs_of(nlp, record, Record(PLACE, text="good"), on_error="skip")
    assert [doc.text for doc in docs] == ["good"]
    assert (report.records_broken, report.records_written, report.records_found) == (1, 1, 2)


WORDS = st.lists(st.text("abÄ你я'-.", min_size=1, max_size=6), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(WORDS, st.data())
def test_nothing_is_lost_uncounted(words, data):
    """Whatever the offsets: kept, misaligned and merged add up, and every span is the text that was marked."""
    text = " ".join(words)
    offsets = st.integers(0, len(text))
    pairs = data.draw(st.lists(st.tuples(offsets, offsets).filter(lambda p: p[0] < p[1]), max_size=6))
    mentions = [Mention(start, end, "X") for start, end in pairs]
    n = len(mentions)
    links = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=5)) if n else []
    record = Record(PLACE, text=text, mentions=mentions, relations=[(h, t, "r") for h, t in links])
    (doc,), report = docs_of(DEFAULT, record)
    assert doc.text == text
    assert report.mentions_kept + report.mentions_misaligned + report.mentions_merged == n
    assert report.relations_kept + report.relations_dropped + report.relations_merged == len(links)
    marked = {text[start:end].strip() for start, end in pairs}
    assert {span.text for span in doc.spans[MENTIONS_KEY]} <= marked


DEFAULT = default_nlp()


# files


def test_convert_and_read_back(tmp_path):
    first = write(tmp_path / "a.jsonl", row(id="1", lang="fr"), row(id="2", meta={"k": [1]}))
    output = tmp_path / "new" / "out.spacy"
    report = convert("jsonl", [first], output, lang="en")
    assert (report.files, report.records_found, report.records_written, report.relations_kept) == (1, 2, 2, 2)
    assert report.outputs == {str(output): 2}
    docs = load(output)
    assert [doc._.lang for doc in docs] == ["fr", "en"]
    assert [doc.user_data["id"] for doc in docs] == ["1", "2"]
    assert docs[1].user_data["meta"] == {"k": (1,)}
    assert docs[0]._.triples == [("Ann", "works_for", "Acme")]
    assert [(e.text, e.label_) for e in docs[0].ents] == [("Ann", "PERSON"), ("Acme", "ORG")]
    assert not docs[0].has_annotation("SENT_START")
    assert [path.name for path in output.parent.iterdir()] == ["out.spacy"]


def test_folders_patterns_limits(tmp_path):
    write(tmp_path / "in" / "b.jsonl", row("Bob works for Acme."))
    write(tmp_path / "in" / "deep" / "a.jsonl", row())
    write(tmp_path / "in" / "note.md", "not data")
    write(tmp_path / "in" / ".hidden" / "x.jsonl", "not data")
    output = tmp_path / "out.spacy"
    convert("jsonl", [tmp_path / "in"], output, patterns=["*.jsonl"])
    assert [doc.text[:3] for doc in load(output)] == ["Bob", "Ann"]
    convert("jsonl", [tmp_path / "in"], output, patterns=["*.jsonl"], limit=1)
    assert len(load(output)) == 1
    with pytest.raises(RelxError, match=r"RX101.*note\.md"):
        convert("jsonl", [tmp_path / "in"], output)
    for inputs, patterns in (([tmp_path / "in"], ["*.x"]), ([], ["*"])):
        with pytest.raises(RelxError, match="RX119"):
            find_inputs(inputs, patterns)
    with pytest.raises(FileNotFoundError, match="RX120"):
        find_inputs([tmp_path / "none"], ["*"])


def test_broken_lines_stop_or_are_left_out(tmp_path):
    path = write(tmp_path / "a.jsonl", row(), "{broken", row())
    output = tmp_path / "out.spacy"
    with pytest.raises(RelxError, match=r"RX101.*a\.jsonl, line 2"):
        convert("jsonl", [path], output)
    assert not output.exists()
    report = convert("jsonl", [path], output, on_error="skip")
    assert (report.records_broken, len(load(output))) == (1, 2)


def test_nothing_to_write(tmp_path):
    output = write(tmp_path / "out.spacy", "old")
    with pytest.raises(RelxError, match=r"RX121[^|]*broken 1"):
        convert("jsonl", [write(tmp_path / "a.jsonl", "{")], output, on_error="skip")
    assert output.read_text() == "old\n"


def test_the_counts_add_up(tmp_path):
    """Lines broken in different ways, one of them only when its Doc is made, and answers that exclude themselves."""
    rows = [row(), "{", row(lang="English!!"), row("lone \ud800 surrogate", mentions=[], relations=[]), row(), row()]
    path = write(tmp_path / "a.jsonl", *rows)
    report = convert("jsonl", [path], tmp_path / "o.spacy", on_error="skip")
    assert (report.records_found, report.records_written, report.records_broken) == (6, 3, 3)
    assert report.problem_counts == {"RX101": 1, "RX102": 1, "RX114": 1}
    assert "records found      6 (broken 3)\nrecords written    3\n" in report.summary()
    answers = [{"tokens": [{"text": "a"}], "answer": answer} for answer in ("accept", "reject", "ignore", "maybe")]
    path = write(tmp_path / "p.jsonl", *answers)
    summary = convert("prodigy", [path], tmp_path / "o.spacy", on_error="skip").summary()
    assert "records found      4 (broken 1, skipped 2)\nrecords written    1\n" in summary


def test_outputs_that_cannot_be_meant(tmp_path):
    path = write(tmp_path / "a.jsonl", row())
    folder = tmp_path / "x.spacy"
    folder.mkdir()
    for output in (path, tmp_path / "b.jsonl", folder):
        with pytest.raises(RelxError, match="RX122"):
            convert("jsonl", [path], output)
    with pytest.raises(RelxError, match="RX122"):
        convert("jsonl", [path], tmp_path / "o.spacy", dev=tmp_path / "o.spacy")
    with pytest.raises(RelxError, match="RX186"):
        convert("jsonl", [path], path / "o.spacy")
    assert json.loads(path.read_text()) == row()


@pytest.mark.parametrize(
    "setting", [{"alignment": "lax"}, {"on_error": "x"}, {"limit": -1}, {"dev_share": 1.0}, {"split_by": "x"}]
)
def test_bad_settings(tmp_path, setting):
    with pytest.raises(RelxError, match="RX021"):
        convert("jsonl", [write(tmp_path / "a.jsonl", row())], tmp_path / "o.spacy", **setting)


def test_two_outputs_share_no_text(tmp_path):
    texts = [f"Ann works for Acme {i % 100}." for i in range(400)]
    path = write(tmp_path / "a.jsonl", *(row(text) for text in texts))
    train, dev = tmp_path / "train.spacy", tmp_path / "dev.spacy"
    report = convert("jsonl", [path], train, dev=dev, dev_share=0.3)
    assert sum(report.outputs.values()) == report.records_written == 400
    sides = [{doc.text for doc in load(file)} for file in (train, dev)]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == 100
    assert 15 <= len(sides[1]) <= 45
    convert("jsonl", [path], train, dev=dev, dev_share=0.3, seed=1)
    assert {doc.text for doc in load(dev)} != sides[1]
    convert("jsonl", [path], train, dev=dev, dev_share=0.3, seed=0)
    assert {doc.text for doc in load(dev)} == sides[1]


def test_translations_stay_together(tmp_path):
    rows = [{"id": f"s{i}", "lang": lang, "text": f"{lang} {i}"} for i in range(40) for lang in ("en", "de")]
    path = write(tmp_path / "a.jsonl", *(row(**{**r, "mentions": [], "relations": []}) for r in rows))
    train, dev = tmp_path / "train.spacy", tmp_path / "dev.spacy"
    convert("jsonl", [path], train, dev=dev, dev_share=0.3, split_by="id")
    sides = [{doc.user_data["id"] for doc in load(file)} for file in (train, dev)]
    assert len(load(train)) + len(load(dev)) == 80
    assert sides[0] and sides[1] and not sides[0] & sides[1]
    convert("jsonl", [path], train, dev=dev, dev_share=0.3, split_by="text")
    assert {doc.user_data["id"] for doc in load(train)} & {doc.user_data["id"] for doc in load(dev)}


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_few_documents_go_to_both_files(tmp_path, n, share):
    path = write(tmp_path / "a.jsonl", *(row(f"Ann works for Acme {i % n}.", meta={"k": [i]}) for i in range(2 * n)))
    train, dev = tmp_path / "train.spacy", tmp_path / "dev.spacy"
    report = convert("jsonl", [path], train, dev=dev, dev_share=share)
    docs = [load(train), load(dev)]
    assert min(map(len, docs)) >= 2 and sum(map(len, docs)) == 2 * n
    assert report.outputs == {str(train): len(docs[0]), str(dev): len(docs[1])}
    assert not {doc.text for doc in docs[0]} & {doc.text for doc in docs[1]}
    if share != 0.5:
        assert len(docs[share < 0.5]) == 2  # no more than one text moves
    every = sorted(docs[0] + docs[1], key=lambda doc: doc.user_data["meta"]["k"])
    assert [doc.user_data["meta"]["k"] for doc in every] == [(i,) for i in range(2 * n)]
    assert all(doc._.triples == [("Ann", "works_for", "Acme")] and len(doc.ents) == 2 for doc in every)


@pytest.mark.parametrize("share", [0.001, 0.999])
@pytest.mark.parametrize("n", [1, 3])
def test_one_text_cannot_be_divided(tmp_path, share, n):
    path = write(tmp_path / "a.jsonl", *[row()] * n)
    files = [tmp_path / name for name in ("train.spacy", "dev.spacy")]
    with pytest.raises(RelxError, match="RX560") as err:
        convert("jsonl", [path], files[0], dev=files[1], dev_share=share)
    message = str(err.value)
    assert all(str(file) in message and not file.exists() for file in files)
    assert ("only one document" if n == 1 else "all 3 documents have the same text") in message


@pytest.mark.parametrize("share, n_dev", [(0.1, 10), (0.249, 25), (0.9, 90)])
def test_the_second_file_has_the_share_that_was_asked_for(tmp_path, nlp, share, n_dev):
    """The number of documents, in their order, whatever the seed; and the files are what DocBins of them would be."""
    path = write(tmp_path / "a.jsonl", *(row(f"Ann works for Acme, said {i}.", meta={"k": i}) for i in range(100)))
    train, dev, whole = (tmp_path / f"{name}.spacy" for name in ("train", "dev", "all"))
    convert("jsonl", [path], whole, nlp=nlp)
    drawn = []
    for seed in range(2):
        report = convert("jsonl", [path], train, nlp=nlp, dev=dev, dev_share=share, seed=seed)
        assert report.outputs == {str(train): 100 - n_dev, str(dev): n_dev}
        drawn.append({doc.user_data["meta"]["k"] for doc in load(dev)})
    assert drawn[0] != drawn[1]
    for file, in_dev in ((train, False), (dev, True)):
        direct = new_docbin()
        for doc in load(whole):
            if (doc.user_data["meta"]["k"] in drawn[1]) == in_dev:
                direct.add(doc)
        assert file.read_bytes() == direct.to_bytes()


def test_the_draw_depends_neither_on_order_nor_on_the_machine(tmp_path):
    rows = [row(f"Ann works for Acme {i}.") for i in range(60)]
    train, dev = tmp_path / "train.spacy", tmp_path / "dev.spacy"

    def drawn(lines):
        convert("jsonl", [write(tmp_path / "a.jsonl", *lines)], train, dev=dev)
        return {int(doc.text[19:-1]) for doc in load(dev)}

    first = drawn(rows)
    assert drawn(rows[::-1]) == first == {8, 11, 36, 40, 41, 59}
    # two more documents take the place of two of those at most
    more = drawn([*rows, row("Ann works for Acme 60."), row("Ann works for Acme 61.")])
    assert len(more) == len(first) == 6 and len(more & first) >= 4


@given(st.lists(st.integers(0, 9), max_size=60), st.floats(0.001, 0.999))
def test_draw_share(keys, share):
    drawn = draw_share(keys, share)
    taken, left = ({key for key, side in zip(keys, drawn) if side is np.bool_(which)} for which in (True, False))
    assert len(drawn) == len(keys) and not taken & left
    if len(set(keys)) < 2:
        assert not drawn.any()
        return
    assert taken and left
    wanted = max(1, min(len(keys) - 1, int(share * len(keys) + 0.5)))
    sizes = Counter(keys)
    if min(sizes.values()) <= wanted:  # no group that was passed over would have found room
        assert drawn.sum() <= wanted
        assert all(sizes[key] > wanted - sum(sizes[k] for k in taken if k < key) for key in left)
    else:
        assert drawn.sum() == min(sizes.values())


@pytest.mark.parametrize("lang", ["klingon", "English!!", "e", "en-"])
def test_a_language_that_is_no_code(tmp_path, lang):
    with pytest.raises(RelxError, match=r"RX042.*--lang"):
        convert("jsonl", [write(tmp_path / "a.jsonl", row())], tmp_path / "o.spacy", lang=lang)


def test_another_tokenizer(tmp_path):
    path = write(tmp_path / "a.jsonl", {"text": "我在家", "mentions": [{"start": 0, "end": 1}]})
    output = tmp_path / "o.spacy"
    assert convert("jsonl", [path], output).mentions_kept == 1
    assert convert("jsonl", [path], output, nlp=spacy.blank("xx")).mentions_misaligned == 1


def test_the_shortcut_for_codecs_is_undone():
    registry = srsly.msgpack.msgpack_decoders
    with quick_msgpack():
        assert "get_all" in vars(registry)
        assert "numpy" in registry.get_all()
        with quick_msgpack():
            assert srsly.msgpack_loads(srsly.msgpack_dumps(np.arange(3))).tolist() == [0, 1, 2]
        assert "get_all" in vars(registry)
    assert "get_all" not in vars(registry)
    with pytest.raises(ZeroDivisionError), quick_msgpack():
        raise ZeroDivisionError
    assert "get_all" not in vars(registry)


def test_reading_in_chunks_gives_every_doc(tmp_path, nlp):
    docbin = new_docbin()
    for i in range(600):
        docbin.add(nlp.make_doc(str(i)))
    docbin.to_disk(tmp_path / "x.spacy")
    assert [doc.text for doc in read_docs(tmp_path / "x.spacy", nlp.vocab)] == [str(i) for i in range(600)]


# the command


def run(*arguments) -> tuple[int, str]:
    result = CliRunner().invoke(relx_app, ["data", "convert", *map(str, arguments)])
    return result.exit_code, result.output


def test_the_command(tmp_path):
    files = [write(tmp_path / f"{name}.jsonl", row(f"Ann works for Acme {name}.")) for name in "ab"]
    output = tmp_path / "o.spacy"
    code, text = run("jsonl", *files, "--output", output, "--lang", "en", "--limit", "5")
    assert code == 0
    assert "records written    2" in text
    assert f"Saved 2 documents to {output}" in text
    assert [doc._.lang for doc in load(output)] == ["en", "en"]


def test_the_command_fails_with_a_message(tmp_path):
    path = write(tmp_path / "a.jsonl", row(), "{")
    output = tmp_path / "o.spacy"
    for arguments, expected in (
        (("jsonl", path, "--output", output), "RX101"),
        (("nope", path, "--output", output), "RX100"),
        (("jsonl", path, "--output", path), "RX122"),
        (("jsonl", path, "--output", output, "--model", "blank:zzz"), "RX180"),
    ):
        code, text = run(*arguments)
        assert (code, expected in text) == (1, True), text
        assert "Traceback" not in text
    assert run("jsonl", path)[0] == 2
    code, text = run(
        "jsonl", path, "--output", output, "--on-error", "skip", "--model", "blank:en", "--alignment", "expand"
    )
    assert code == 0
    assert "broken 1" in text

"""`relx data convert auto`: the format told by the content."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from support.detect_samples import MARKED, SAMPLES, name_of, save
from support.format_samples import docbin
from support.formats import FORMATS
from support.tool_samples import ANN, TEXT
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import choose_inputs, convert

GIDS = "m.1\tm.2\tAnn_Bee\tUlm\t/r\tAnn_Bee lives in Ulm . ###END###\n"


def choose(*paths: Path) -> str:
    return choose_inputs("auto", paths)[0]


def test_there_is_a_sample_of_every_format():
    assert sorted([*SAMPLES, "gids", "nyt10", "rel_component", "spacy_llm"]) == FORMATS


@pytest.mark.parametrize("format", SAMPLES)
def test_a_format_is_known_by_its_content(tmp_path, format):
    path = save(tmp_path / name_of(format), SAMPLES[format])
    assert choose(path) == format
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert choose(path) == format


@pytest.mark.parametrize("format", [name for name in SAMPLES if name != "brat"])
def test_packed_files_and_long_ones(tmp_path, format, monkeypatch):
    path = tmp_path / "x.txt.gz"
    path.write_bytes(gzip.compress(save(tmp_path / "x", SAMPLES[format]).read_bytes()))
    assert choose(path) == format
    if format not in ("inception", "labelstudio", "docred", "spert", "tacred"):  # one thing must be there as a whole
        monkeypatch.setattr("spacy_relx.formats.importers.detect._BYTES", 1 << 16)
        assert choose(path) == format


def test_docbins(tmp_path):
    assert choose(docbin(tmp_path / "a.spacy", None, {(1, 4): {"met": 1.0}})) == "rel_component"
    assert choose(docbin(tmp_path / "b.spacy", [{"dep": 0, "dest": 1, "relation": "met"}])) == "spacy_llm"
    with pytest.raises(RelxError, match=r"RX300.*nothing to convert"):
        choose(docbin(tmp_path / "c.spacy", None))
    with pytest.raises(RelxError, match="RX132"):
        choose(save(tmp_path / "d.spacy", "no DocBin"))


def test_formats_that_look_alike(tmp_path):
    with pytest.raises(RelxError, match=r"RX300.*x\.txt.*gids or nyt10"):
        choose(save(tmp_path / "x.txt", GIDS * 3))


@pytest.mark.parametrize("content", ["Just text.\nAnd more.", "{}", '{"a": 1}', "\x00\x01\x02", "a\tb", '[{"a": 1}]'])
def test_what_is_of_no_format(tmp_path, content):
    with pytest.raises(RelxError, match=r"RX300.*x\.txt.*none of ace, brat.*webanno"):
        choose(save(tmp_path / "x.txt", content))


@pytest.mark.parametrize(
    "content, reason",
    [
        ("", "it is empty"),
        ("\ufeff \n", "it is empty"),
        ("[]", "JSON list"),
        ("[1, 2]", "JSON list"),
        ("[{", "JSON list"),
    ],
)
def test_files_that_hold_nothing(tmp_path, content, reason):
    with pytest.raises(RelxError, match=rf"RX300.*x\.json.*{reason}") as err:
        choose(save(tmp_path / "x.json", content))
    assert "webanno" not in str(err.value)


@pytest.mark.parametrize(
    "content, hint",
    [
        ('{"text": "Ann"}\n{"text": "Ann", "relatons": []}\n', "object 2 is nearest to jsonl, .*'relatons'"),
        ('{"txt": "Ann", "mentions": [], "relations": []}', "object 1 is nearest to jsonl, .*'txt'"),
        ('{"mentions": [], "relations": []}', "nearest to jsonl, .*not one of the keys 'text' and 'tokens'"),
        ('{"sentence": ["a"], "ner": [], "rel": []}', "nearest to crossre, .*'relations'"),
        ('[{"tokens": [], "entities": [], "relation": []}]', "nearest to spert, .*'relations'"),
    ],
)
def test_a_misspelt_key_is_named(tmp_path, content, hint):
    with pytest.raises(RelxError, match=rf"RX300.*none of ace.*{hint}"):
        choose(save(tmp_path / "x.json", content))


@pytest.mark.parametrize(
    "content",
    [
        f"# How to mark\n\nWrite {MARKED}\n\nThen save.\n",
        f'1\t"{MARKED}"\nThis is an example.\n',
        f"Met(e1,e2)\t{MARKED}\n" * 4,
        f"{MARKED}\nMet(e1,e2)\n",
    ],
)
def test_texts_that_quote_markers(tmp_path, content):
    with pytest.raises(RelxError, match=r"RX300"):
        choose(save(tmp_path / "x.md", content))


def test_a_damaged_list_is_known_by_the_objects_before(tmp_path):
    content = json.dumps(SAMPLES["spert"])
    assert choose(save(tmp_path / "x.json", content[:-20])) == "spert"
    with pytest.raises(RelxError, match=r"RX300.*no object can be read"):
        choose(save(tmp_path / "x.json", content.replace("[{", '[{"a": x}, {', 1)))


def test_settings_of_brat_are_no_data(tmp_path):
    with pytest.raises(RelxError, match=r"RX300.*annotation\.conf"):
        choose(save(tmp_path / "annotation.conf", "[entities]"))


def test_several_files(tmp_path):
    one, other = (save(tmp_path / "in" / name, SAMPLES["jsonl"]) for name in ("a.jsonl", "b.jsonl"))
    assert choose_inputs("auto", [tmp_path / "in"]) == ("jsonl", [one, other])
    save(tmp_path / "in" / "c.jsonl", SAMPLES["doccano"])
    with pytest.raises(RelxError, match=r"RX301.*a\.jsonl is jsonl; .*c\.jsonl is doccano"):
        choose(tmp_path / "in")
    with pytest.raises(RelxError, match="RX120"):
        choose(tmp_path / "none")


def test_a_brat_folder(tmp_path):
    for name, content in (("x.txt", TEXT), ("x.ann", ANN), ("y.txt", "Zoë"), ("y.ann", ""), ("annotation.conf", "[e]")):
        save(tmp_path / "in" / name, content)
    assert choose_inputs("auto", [tmp_path / "in"])[1] == [tmp_path / "in" / "x.ann", tmp_path / "in" / "y.ann"]
    report = convert("auto", [tmp_path / "in"], tmp_path / "x.spacy", alignment="expand")
    assert (report.records_written, report.relations_kept) == (2, 2)


def test_the_command_says_what_it_chose(tmp_path):
    path = save(tmp_path / "x.json", SAMPLES["spert"])
    result = CliRunner().invoke(relx_app, ["data", "convert", "auto", str(path), "--output", str(tmp_path / "o.spacy")])
    assert result.exit_code == 0 and "format             spert" in result.output
    result = CliRunner().invoke(
        relx_app, ["data", "convert", "auto", str(save(path, GIDS)), "--output", str(tmp_path / "o.spacy")]
    )
    assert result.exit_code == 1 and "RX300" in result.output

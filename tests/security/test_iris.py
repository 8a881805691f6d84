"""IRIs that every reader of RDF takes: no blank and nothing that cannot be seen is in them as it is."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import replace
from urllib.parse import unquote

import pytest

from spacy_relx.errors import RelxError
from spacy_relx.writers import Iris

UNSEEN = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if character.isspace() or unicodedata.bidirectional(character) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI"}
]
UNSEEN += ["\u200b", "\u2060", "\ufeff", "\u200e", "\u200f", "\u061c", "\xad"]


@pytest.mark.parametrize(
    "id", ["http://x.org/{}a", "http://x.org/a?b={}", "urn:x:a{}b", "http://x.org/#{}", "wd:Q{}", "{}"]
)
def test_blanks_are_encoded(id):
    iris = Iris(ids=["wd:=http://www.wikidata.org/entity/"], relations=["=http://x.org/r/"])
    for character in UNSEEN:
        name = id.format(f"1{character}2")
        for iri in (iris.entity(name), iris.relation(name), iris.own("document", name)):
            assert character not in iri and character in unquote(iri), hex(ord(character))
        with pytest.raises(RelxError, match="RX334"):
            Iris(base=f"http://x.org/{character}/")


def test_letters_of_all_scripts_stay():
    for name in (
        "http://x.org/é",
        "http://x.org/東京",
        "http://x.org/می\u200cخواهم",
        "http://x.org/क्\u200dष",
        "http://x.org/𝔘",
    ):
        assert Iris().entity(name) == name


def test_other_readers_take_what_is_written(tmp_path):
    ox = pytest.importorskip("pyoxigraph")
    rdflib = pytest.importorskip("rdflib")
    from support.export import odd_triples

    from spacy_relx.writers import export

    first = next(iter(odd_triples()))
    triples = [replace(first, label=f"http://x.org/a{character}b") for character in UNSEEN]
    export(triples, tmp_path / "x.nt", "ntriples")
    data = (tmp_path / "x.nt").read_bytes()
    assert len(list(ox.parse(data, format=ox.RdfFormat.N_TRIPLES))) == len(rdflib.Graph().parse(data=data, format="nt"))

"""The table of Wikidata's properties, and labels renamed by it."""

from __future__ import annotations

import pytest
import spacy
from support.formats import write

from spacy_relx.data.entity_types import target_names
from spacy_relx.data.extensions import get_relations
from spacy_relx.data.wikidata import wikidata_relations
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import convert
from spacy_relx.formats.docbin import read_docs
from spacy_relx.formats.labels import read_labels

RELATIONS = wikidata_relations()


def test_entries():
    birth = RELATIONS["P19"]
    assert birth[:5] == ("P19", "place of birth", ("PER",), ("LOC",), "") and birth.description
    assert RELATIONS["P26"].is_symmetric and not RELATIONS["P40"].is_symmetric
    names = [each.name for each in RELATIONS.values()]
    assert len(set(names)) == len(names) == len(RELATIONS)
    types = {kind for each in RELATIONS.values() for kind in (*each.head_types, *each.tail_types)}
    assert types == set(target_names("docred"))


def test_inverses_fit_each_other():
    for each in RELATIONS.values():
        if each.inverse:
            other = RELATIONS[each.inverse]
            for ends in ((other.head_types, each.tail_types), (other.tail_types, each.head_types)):
                assert all(ends) == any(ends) and (set(ends[0]) & set(ends[1]) or not any(ends))
            assert other.inverse in ("", each.id)


def test_the_names_are_those_of_the_table_for_labels():
    names = read_labels("assets/wikidata/properties.tsv")
    assert {key: RELATIONS[key].name for key in names if key in RELATIONS} == {
        key: name for key, name in names.items() if key in RELATIONS
    }


def test_ready_tables(tmp_path):
    row = {"text": "Ann Ulm", "mentions": [{"start": 0, "end": 3}, {"start": 4, "end": 7}]}
    for table, before, after in (("ids:names", "P19", "place of birth"), ("names:ids", "place of birth", "P19")):
        relations = [{"head": 0, "tail": 1, "label": label} for label in (before, "other")]
        path, output = write(tmp_path / "x.jsonl", {**row, "relations": relations}), tmp_path / "x.spacy"
        report = convert("jsonl", [path], output, labels=table)
        (doc,) = read_docs(output, spacy.blank("xx").vocab)
        assert [each.label for each in get_relations(doc)] == [after, "other"]
        assert "renamed 1" in str(report)
    with pytest.raises(RelxError, match="RX120"):
        convert("jsonl", [path], output, labels="ids:ids")

"""One word for one thing: docs/glossary.md names the words, and what it replaces stands nowhere that users see.

Looked at are parameters and fields of what is public, settings of configs, options of commands, columns of tables and
keys of JSON.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, get_args

import pytest
import spacy
import typer
from thinc.api import Config

import spacy_relx
from spacy_relx.cli import relx_app
from spacy_relx.data.types import Mention, Relation
from spacy_relx.formats.texts import OnError
from spacy_relx.run.serving.models import ExtractAnswer, Info
from spacy_relx.run.tables import DOCUMENT_COLUMNS, TRIPLE_COLUMNS
from spacy_relx.writers import TripleSpool
from spacy_relx.writers.from_docs import iter_triples
from spacy_relx.writers.predictions import doc_record
from spacy_relx.writers.tables import COLUMNS, fact_record

ROOT = Path(__file__).parents[1]
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| (.*?) ?\|$", (ROOT / "docs" / "glossary.md").read_text(encoding="utf8"), re.M)
#: Refused word -> the word of the glossary.
REFUSED = {word: row[0] for row in ROWS for word in re.findall(r"`(\w+)`", row[2])}
#: What is said as others say it: RDF's terms, the formats of others, the optimizers of torch.
OTHERS = (
    "spacy_relx.writers.rdf",
    "spacy_relx.writers.graph",
    "spacy_relx.writers.query",
    "spacy_relx.core.kernels",
    "spacy_relx.formats.importers",
    "spacy_relx.formats.annotation_tools",
)
#: Refused also as parts of names, such as "by_language".
PARTS = {"subject", "object", "predicate", "language", "languages", "confidence"}


def words(name: str) -> set[str]:
    """The refused words that a name is, or is made of."""
    name = name.lower().lstrip("-").replace("-", "_")
    return {word for word in REFUSED if word == name or (word in PARTS and word in name.split("_"))}


def found_in(names: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """names: (name, place). RETURNS: refused word -> places."""
    found: dict[str, set[str]] = {}
    for name, place in names:
        for word in words(name):
            found.setdefault(word, set()).add(place)
    return found


def check(found: dict[str, set[str]]) -> None:
    right = {**REFUSED, "head": "classifier"}
    wrong = sorted(f"{place}: say {right[word]}, not {word}" for word, places in found.items() for place in places)
    assert not wrong, "\n".join(wrong)


def public_names() -> Iterator[tuple[str, str]]:
    for info in walk_packages(spacy_relx.__path__, "spacy_relx."):
        if "._" in info.name or info.name.startswith(OTHERS):
            continue
        module = import_module(info.name)
        for name, value in vars(module).items():
            if not name.startswith("_") and getattr(value, "__module__", None) == info.name:
                yield from parameters(f"{info.name}.{name}", value)


def parameters(place: str, value: Any) -> Iterator[tuple[str, str]]:
    if inspect.isfunction(value):
        yield from ((name, place) for name in inspect.signature(value).parameters)
    elif inspect.isclass(value):
        yield from ((name, place) for name in getattr(value, "__annotations__", {}) if not name.startswith("_"))
        for name, member in vars(value).items():
            member = getattr(member, "__func__", member)
            if inspect.isfunction(member) and (not name.startswith("_") or name == "__init__"):
                yield from parameters(place, member)


def test_parameters_and_fields():
    check(found_in(public_names()))


def test_the_front_door():
    for name in spacy_relx.__all__:
        check(found_in([(name, name)]))


def keys_of(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        spacys = str(value.get("@readers", "")).startswith("spacy.")
        for key, each in value.items():
            if not spacys and key != "language_router":  # a component
                yield key, place
            yield from keys_of(each, place)
    elif isinstance(value, list):
        for each in value:
            yield from keys_of(each, place)


CONFIGS = sorted([*ROOT.glob("configs/*.cfg"), *ROOT.glob("projects/*/configs/*.cfg")])


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs(path):
    names = list(keys_of(dict(Config().from_disk(path, interpolate=False)), str(path.relative_to(ROOT))))
    check(found_in(names))
    check({"head": {place for name, place in names if name == "head"}})


def test_architectures_have_no_head():
    """A layer that scores labels is a classifier; a head is one of a pair."""
    names = [
        (name, f"{get.__module__}.{key}")
        for key, get in spacy.registry.architectures.get_all().items()
        if key.startswith("spacy_relx.")
        for name, _ in parameters(key, get)
    ]
    assert names
    check({"head": {place for name, place in names if name == "head"}})


def test_commands():
    names = []

    def walk(command: Any, place: str) -> None:
        for parameter in command.params:
            names.extend((name.lstrip("-"), place) for name in [parameter.name, *parameter.opts])
        for name, each in getattr(command, "commands", {}).items():
            names.append((name, place))
            walk(each, f"{place} {name}")

    walk(typer.main.get_command(relx_app), "relx")
    assert len(names) > 100
    assert get_args(OnError) == ("raise", "skip")
    check(found_in(names))


def test_tables_and_json(tmp_path):
    doc = spacy.blank("en")("Ann works for Acme")
    doc._.relations = [
        Relation(Mention(0, 1, "P", "Q1"), "works_for", Mention(3, 4, "O"), 0.5, kb_score=0.5, known=True)
    ]
    with TripleSpool() as spool:
        exported = [fact_record(fact) for fact in spool.add(iter_triples([doc])).facts()]
    values = {
        "the record": doc_record(doc, "a", facts=True),
        "relx export": exported,
        "CSV and Parquet": [COLUMNS, TRIPLE_COLUMNS, DOCUMENT_COLUMNS],
        "the service": [ExtractAnswer.model_json_schema(), Info.model_json_schema()],
        "Doc": [doc._.relations[0].to_dict()],
    }
    for place, value in values.items():
        names = list(keys_of(json.loads(json.dumps(value, default=str)), place))
        check(found_in(names))
        assert not {name for name, _ in names if re.fullmatch("relation(_.*)?", name)}, place


def test_the_glossary_is_read():
    """So that the tests above cannot pass by finding nothing."""
    assert len(ROWS) > 20 and REFUSED["languages"].startswith("`lang`") and REFUSED["max_length"] == "`max_tokens`"
    assert not {word for row in ROWS for word in re.findall(r"`(\w+)`", row[0])} & set(REFUSED)
    assert words("by_language") == {"language"} and words("subject_id") == {"subject"} and not words("max_tokens")
    assert words("max_length") == {"max_length"} and not words("nlp_max_length")

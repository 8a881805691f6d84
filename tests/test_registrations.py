"""Names in spaCy's registries: few of them are entry points, and looking one up walks through none."""

import configparser
import pkgutil
import re
from pathlib import Path

import catalogue
import pytest
import spacy
import srsly
from spacy.util import registry

from spacy_relx.formats.convert import convert
from spacy_relx.formats.docbin import read_docs
from spacy_relx.formats.importers import FORMATS, formats
from spacy_relx.registrations import REGISTERED, LazyRegistry, register
from spacy_relx.run.documents import Document
from spacy_relx.run.shard import ShardFiles
from spacy_relx.writers.writers import EXPORTS, exports

ROOT = Path(__file__).resolve().parent.parent
NAMES = [(kind, name) for kind, places in REGISTERED.items() for name in places]


@pytest.fixture
def walks(monkeypatch):
    """A list that grows by one whenever a registry walks through all entry points."""
    found = []
    walk = catalogue.Registry._get_entry_points
    monkeypatch.setattr(catalogue.Registry, "_get_entry_points", lambda self: (found.append(self), walk(self))[1])
    return found


# Names


def test_only_names_that_spacy_needs_first_are_entry_points():
    """Whatever spaCy looks up after it has loaded components belongs into `registrations`, see there."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf8")
    groups = dict(config["options.entry_points"])
    assert set(groups) == {"spacy_factories", "spacy_readers", "spacy_tokenizers", "spacy_languages", "spacy_cli"}
    assert sum(len(lines.strip().splitlines()) for lines in groups.values()) == 12


@pytest.mark.parametrize("kind, name", NAMES, ids=[name for _, name in NAMES])
def test_names_lead_to_functions(walks, kind, name):
    assert re.fullmatch(r"spacy_relx\.[A-Z]\w+\.v\d+", name)
    function = registry.get(kind, name)
    assert callable(function) and function is pkgutil.resolve_name(REGISTERED[kind][name])
    assert registry.has(kind, name) and not walks
    assert registry.find(kind, name)["module"].startswith("spacy_relx.")


@pytest.mark.parametrize("known, places", [(formats, FORMATS), (exports, EXPORTS)], ids=["formats", "exports"])
def test_names_of_formats(walks, known, places):
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) and callable(known.get(name)) for name in places)
    assert not walks and set(places) <= set(known.get_all())


def test_what_others_register_stays(monkeypatch):
    """In memory, as an entry point, and by a registry of theirs that was there before ours."""
    base = catalogue.Registry(("relx_test", "things"), entry_points=True)
    theirs = LazyRegistry(base, {"theirs": "json:dumps"})
    ours = LazyRegistry(theirs, {"ours": "json:loads"})
    ours.register("memory", func=len)
    assert base.get("memory") is ours.get("memory") is len
    assert {name: each.__name__ for name, each in ours.get_all().items()} == {
        "ours": "loads",
        "theirs": "dumps",
        "memory": "len",
    }
    assert "theirs" in ours and "other" not in ours
    with pytest.raises(catalogue.RegistryError, match="memory, ours, theirs"):
        ours.get("other")
    before = registry.architectures
    register()
    assert registry.architectures is before
    with pytest.raises(catalogue.RegistryError, match=r"(?s)E893.*spacy_relx\.HashBiGRU\.v1"):
        registry.get("architectures", "spacy_relx.Unknown.v1")
    assert registry.get("architectures", "spacy.Tok2Vec.v2") and registry.get("scorers", "spacy.tagger_scorer.v1")


FIRST = """
import spacy
import srsly
from spacy.util import load_config, load_model_from_config

def load():
    return load_model_from_config(load_config({path!r}), auto_fill=True)

nlp, again = load(), load()
assert nlp.config == again.config  # the first pipeline of the process knows no less than the second
assert nlp.config["corpora"]["train"]["max_tokens"] == 0 and nlp.config["components"]["relation_extractor"]["scorer"]
assert type(nlp.tokenizer).__name__ == "MultilingualTokenizer"
"""


def test_the_first_pipeline_of_a_process_is_filled(run_python):
    run_python(FIRST.format(path=str(ROOT / "configs" / "cpu.cfg")), timeout=240)


KNOWN = """
import sys
import spacy

spacy.blank("en")
assert "spacy_relx.core.classifiers" not in sys.modules
print(spacy.registry.architectures.get("spacy_relx.SoftmaxClassifier.v1").__name__)
"""


def test_names_are_known_with_any_pipeline(run_python):
    assert run_python(KNOWN, timeout=240).strip() == "SoftmaxClassifier"


# Records


def write_rows(path, n):
    mentions = [{"start": 0, "end": 3, "label": "PERSON"}]
    rows = [{"text": f"Ann met Bob {i}.", "id": str(i), "meta": {"a": i}, "mentions": mentions} for i in range(n)]
    srsly.write_jsonl(path, rows)
    return path


def count_walks(walks, work):
    """Walks of the work with few and with many records, when all has been looked up that is kept."""
    counts = []
    for n in (3, 3, 60):
        walks.clear()
        work(n)
        counts.append(len(walks))
    return counts[1:]


@pytest.mark.parametrize("dev", [False, True])
def test_converting_a_record_walks_through_no_entry_points(tmp_path, walks, dev):
    def work(n):
        path = write_rows(tmp_path / "a.jsonl", n)
        convert("jsonl", [path], tmp_path / "o.spacy", dev=tmp_path / "dev.spacy" if dev else None)

    few, many = count_walks(walks, work)
    assert few == many


def test_reading_a_document_walks_through_no_entry_points(tmp_path, walks):
    vocab = spacy.blank("xx").vocab

    def work(n):
        convert("jsonl", [write_rows(tmp_path / "a.jsonl", n)], tmp_path / "o.spacy")
        walks.clear()
        assert len(list(read_docs(tmp_path / "o.spacy", vocab))) == n

    few, many = count_walks(walks, work)
    assert few == many


def test_writing_a_document_walks_through_no_entry_points(tmp_path, walks):
    nlp = spacy.blank("xx")

    def work(n):
        with ShardFiles(tmp_path, "a", docs=True) as files:
            walks.clear()
            for i in range(n):
                files.write(Document(f"d{i}", f"a.txt:{i}", doc=nlp.make_doc("Ann met Bob.")))
            few = len(walks)
        walks[few:] = []

    few, many = count_walks(walks, work)
    assert few == many

"""Damaged and forged files of saved components: one coded error that names the file, never other answers."""

import gc
import json
import shutil

import numpy as np
import pytest
import spacy
import srsly
from support import saving as saving_util
from support.saving import COMPONENTS, FILES, answers, make_pipeline, resign

from spacy_relx.core.component.saving import CHECKSUMS
from spacy_relx.data.loading import load_pipeline
from spacy_relx.errors import RelxError

pytestmark = pytest.mark.filterwarnings("ignore::spacy_relx.errors.RelxWarning")
pytest.importorskip("spacy_transformers")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Name -> the folder of a saved pipeline, and what it answers."""
    made = {}

    def get(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            (folder / "sources").mkdir()
            nlp = make_pipeline(name, folder / "sources")
            nlp.to_disk(folder / "pipeline")
            shutil.rmtree(folder / "sources")  # a saved pipeline stands alone
            made[name] = folder / "pipeline", answers(nlp)
        return made[name]

    return get


@pytest.fixture(scope="module")
def load(saved):
    """(name of a component, its folder) -> the component, loaded from there; loading a whole pipeline takes longer."""
    made = {}

    def get(name, folder):
        if name not in made:
            made[name] = spacy.load(saved(name)[0]).get_pipe(name)
        return made[name].from_disk(folder, exclude=["vocab"])

    return get


@pytest.fixture
def copy(saved, tmp_path):
    """Name -> a copy of the pipeline to damage."""

    def get(name):
        return shutil.copytree(saved(name)[0], tmp_path / "copy")

    return get


def refused(code, folder, file, load=spacy.load):
    with pytest.raises(RelxError) as err:
        load(folder)
    assert err.value.code == code and str(file) in str(err.value), err.value
    assert gc.isenabled()


# As it was saved


@pytest.mark.parametrize("name", COMPONENTS)
def test_what_was_saved_answers_as_before(saved, name):
    folder, wanted = saved(name)
    nlp = spacy.load(folder)
    assert srsly.json_dumps(answers(nlp)) == srsly.json_dumps(wanted) and len(str(wanted)) > 20
    again = spacy.blank(nlp.lang).from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert srsly.json_dumps(answers(again)) == srsly.json_dumps(wanted)
    found = {path.relative_to(folder / name).as_posix() for path in (folder / name).rglob("*") if path.is_file()}
    assert set(COMPONENTS[name]) | {CHECKSUMS} <= found
    assert set(json.loads((folder / name / CHECKSUMS).read_text())["files"]) == found - {CHECKSUMS}


# Damage


def flip(position):
    def damage(path, other):
        data = bytearray(path.read_bytes())
        data[int(position * (len(data) - 1))] ^= 16
        path.write_bytes(data)

    return damage


def cut(path, other):
    path.write_bytes(path.read_bytes()[:-3])


def cut_half(path, other):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def longer(path, other):
    path.write_bytes(path.read_bytes() + b"\n1")


def rename(path, other):
    path.rename(path.with_name(f"{path.name}.bak"))


def exchange(path, other):
    path.write_bytes(other.read_bytes())


def folder_instead(path, other):
    path.unlink()
    path.mkdir()


def becomes(content):
    return lambda path, other: path.write_bytes(content)


DAMAGE = {
    "the first bit": flip(0),
    "a bit": flip(0.4),
    "another bit": flip(0.7),
    "the last bit": flip(1),
    "cut": cut,
    "half": cut_half,
    "longer": longer,
    "empty": becomes(b""),
    "missing": lambda path, other: path.unlink(),
    "renamed": rename,
    "exchanged": exchange,
    "a folder": folder_instead,
    "JSON: list": becomes(b"[]"),
    "JSON: null": becomes(b"null"),
    "JSON: object": becomes(b"{}"),
    "JSON: deep": becomes(b"[" * 100_000),
    "msgpack: garbage": becomes(b"\xc1\xff\x93"),
    "zeros": becomes(bytes(1000)),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name, file", FILES, ids=[f"{name}/{file}" for name, file in FILES])
def test_damage_is_named(copy, saved, load, name, file, damage):
    folder = copy(name)
    others = [(other, same) for other, same in FILES if (other, same) != (name, file) and same.endswith(file[-3:])]
    other, same = others[0] if others else ("entity_type_marker", "cfg")
    DAMAGE[damage](folder / name / file, saved(other)[0] / other / same)
    refused("RX591", folder / name, folder / name / file, lambda path: load(name, path))


@pytest.mark.parametrize("name", COMPONENTS)
def test_damage_in_a_pipeline_is_named(copy, name):
    folder = copy(name)
    cut(folder / name / COMPONENTS[name][-1], None)
    refused("RX591", folder, folder / name / COMPONENTS[name][-1])
    with pytest.raises(RelxError, match="RX591"):
        load_pipeline(str(folder))


def test_a_component_without_its_folder(copy):
    folder = copy("relation_extractor")
    shutil.rmtree(folder / "relation_extractor")
    refused("RX591", folder, folder / "relation_extractor" / CHECKSUMS)


def test_exchanged_folders_are_named(copy):
    """The marker's cfg would be one of a router that knows no language."""
    folder = copy("language_router")
    shutil.copytree(copy_of_marker(folder), folder / "language_router", dirs_exist_ok=True)
    refused("RX591", folder, folder / "language_router" / CHECKSUMS)


def copy_of_marker(folder):
    nlp = make_pipeline("entity_type_marker", folder)
    nlp.get_pipe("entity_type_marker").to_disk(folder / "marker")
    return folder / "marker"


@pytest.mark.parametrize("name", COMPONENTS)
@pytest.mark.parametrize("place", [0, 0.01, 0.3, 0.5, 0.9, 1])
def test_damaged_bytes(saved, name, place):
    folder, _ = saved(name)
    pipe = spacy.load(folder).get_pipe(name)
    data = bytearray(pipe.to_bytes(exclude=["vocab"]))
    pipe.from_bytes(bytes(data), exclude=["vocab"])
    data[int(place * (len(data) - 1))] ^= 16
    for part in (data, data[: int(place * len(data))], b"", b"\xc1", b"\x90"):
        with pytest.raises(RelxError, match=r"RX59[12]"):
            pipe.from_bytes(bytes(part), exclude=["vocab"])


# Files that somebody has changed together with their checksums


FORGED = {name: DAMAGE[name] for name in DAMAGE if name.startswith(("JSON", "msgpack", "empty", "zeros", "half"))}
OF_KNOWLEDGE = ("RX205", "RX205")


@pytest.mark.parametrize("damage", FORGED)
@pytest.mark.parametrize(
    "name, file", [row for row in FILES if row[1] != CHECKSUMS], ids=lambda value: value.replace("/", "-")
)
def test_forged_files_are_named(copy, load, name, file, damage):
    folder = copy(name)
    FORGED[damage](folder / name / file, None)
    resign(folder / name)
    with pytest.raises(RelxError) as err:
        load(name, folder / name)
    assert err.value.code in ("RX591", *OF_KNOWLEDGE), err.value
    assert (file if err.value.code == "RX591" else file.split("/")[-1]) in str(err.value) or file.startswith("triples")


def change_cfg(folder, change):
    cfg = srsly.read_json(folder / "cfg")
    change(cfg)
    srsly.write_json(folder / "cfg", cfg)
    resign(folder)


CFG = {
    "no labels": ("relation_extractor", lambda cfg: cfg.pop("labels")),
    "labels in a string": ("relation_extractor", lambda cfg: cfg.update(labels="abc")),
    "labels that are numbers": ("relation_extractor", lambda cfg: cfg.update(labels=[1, 2, 3, 4])),
    "a label twice": ("relation_extractor", lambda cfg: cfg.update(labels=[*cfg["labels"][:-1], cfg["labels"][0]])),
    "a type twice": ("joint_extractor", lambda cfg: cfg.update(types=["a", "a"])),
    "languages without lists": ("joint_extractor", lambda cfg: cfg.update(lang_labels={"de": None})),
    "relations of a language that are no labels": (
        "joint_extractor",
        lambda cfg: cfg.update(lang_labels={"de": ["none_of_them"]}),
    ),
    "types that are none": ("entity_type_marker", lambda cfg: cfg.update(labels=[None])),
    "languages in a string": ("language_router", lambda cfg: cfg.update(langs="de")),
    "paths that are none": ("fact_checker", lambda cfg: cfg.update(paths=[])),
    "a part that is none": ("fact_checker", lambda cfg: cfg.update(parts=["model"])),
}


@pytest.mark.parametrize("case", CFG)
def test_forged_settings_are_named(copy, case):
    name, change = CFG[case]
    folder = copy(name)
    change_cfg(folder / name, change)
    refused("RX591", folder, folder / name / "cfg")


def change_layer(folder, change):
    """Change what the first layer of a model has saved."""
    model = srsly.msgpack_loads((folder / "model").read_bytes())
    state = srsly.msgpack_loads(model["shims"][0][0])
    change(state)
    model["shims"][0][0] = srsly.msgpack_dumps(state)
    (folder / "model").write_bytes(srsly.msgpack_dumps(model))
    resign(folder)


LAYERS = {
    "a width in words": ("RX591", lambda state: state["sizes"].update(width="wide")),
    "a width below zero": ("RX591", lambda state: state["sizes"].update(width=-1)),
    "another width": ("RX051", lambda state: state["sizes"].update(width=4)),
    "no width": ("RX591", lambda state: state["sizes"].clear()),
    "half a marker": ("RX591", lambda state: state["task"].update(n_markers=1.5)),
    "labels that are numbers": ("RX591", lambda state: state["task"].update(labels=[1, 2])),
    "fewer labels": ("RX051", lambda state: state["task"]["labels"].pop()),
    "a task of another kind": ("RX591", lambda state: state["task"].update(more=1)),
    "no weights": ("RX591", lambda state: state.pop("weights")),
    "a weight less": ("RX051", lambda state: state["weights"].popitem()),
    "a transformer": ("RX051", lambda state: state.update(extra={"config": "{}"})),
}


@pytest.mark.parametrize("case", LAYERS)
def test_forged_layers_are_named(copy, case):
    code, change = LAYERS[case]
    folder = copy("relation_extractor")
    change_layer(folder / "relation_extractor", change)
    with pytest.raises(RelxError) as err:
        spacy.load(folder)
    assert err.value.code == code


LABELS = [
    ("relation_extractor", "labels"),
    ("joint_extractor", "labels"),
    ("joint_extractor", "types"),
    ("fact_extractor", "labels"),
    ("marked_extractor", "labels"),
]


@pytest.mark.parametrize("name, key", LABELS)
def test_labels_belong_to_the_weights(copy, name, key):
    """Also where the checksums are right: of a folder put together of two."""
    folder = copy(name)
    change_cfg(folder / name, lambda cfg: cfg[key].reverse())
    refused("RX591", folder, folder / name / "cfg")


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\x", ".", ""])
def test_checksums_name_no_other_files(copy, name):
    folder = copy("entity_type_marker")
    path = folder / "entity_type_marker" / CHECKSUMS
    sums = json.loads(path.read_text())["files"]
    document = saving_util.saving._document(None, {**sums, name: sums["cfg"]}, "EntityTypeMarker")
    path.write_text(json.dumps(document))
    refused("RX591", folder, path)


def test_names_of_a_knowledge_base_in_bytes(saved, tmp_path):
    checker = spacy.load(saved("fact_checker")[0]).get_pipe("fact_checker")
    for name in ("../meta.json", "/opt/meta.json", "..", "code.py"):
        parts = srsly.msgpack_loads(checker.to_bytes())
        parts["triples"][name] = parts["triples"].pop("meta.json")
        sums = parts["checksums"]["files"]
        sums[f"triples/{name}"] = sums.pop("triples/meta.json")
        parts["checksums"] = saving_util.saving._document(checker, sums)
        with pytest.raises(RelxError, match=r"RX59[12].*triples|RX591.*checksums"):
            checker.from_bytes(srsly.msgpack_dumps(parts))


# Numbers


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["relation_extractor", "joint_extractor", "fact_extractor", "marked_extractor"])
def test_weights_must_be_finite(saved, tmp_path, name, value):
    nlp = spacy.load(saved(name)[0])
    parameter = next(iter(nlp.get_pipe(name).model.shims[0].module.parameters()))
    parameter.data.view(-1)[-1] = value
    nlp.to_disk(tmp_path)
    with pytest.raises(RelxError, match=rf"RX594.*'{name}'.*: 1 of {parameter.numel()}"):
        spacy.load(tmp_path)


def test_weights_of_thinc_must_be_finite(tmp_path):
    from support.examples import make_examples
    from support.model import TOK2VEC, make_nlp, model_config
    from thinc.api import Config

    model = model_config()
    model["encoder"] = Config().from_str("[encoder]\n" + TOK2VEC)["encoder"]
    nlp = make_nlp(model)
    nlp.initialize(lambda: make_examples(nlp.vocab))
    nlp.to_disk(tmp_path / "good")
    spacy.load(tmp_path / "good")
    node = next(node for node in nlp.get_pipe("relation_extractor").model.walk() if "E" in node.param_names)
    node.get_param("E")[0, 0] = np.nan
    nlp.to_disk(tmp_path / "bad")
    with pytest.raises(RelxError, match=r"RX594.*: 1 of .*\.E'"):
        spacy.load(tmp_path / "bad")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["relation_extractor", "joint_extractor", "fact_extractor"])
def test_scores_that_are_not_finite_are_no_prediction(saved, name, value):
    """Weights that came to this while the pipeline was there, or vectors of another component."""
    folder, _ = saved(name)
    nlp = spacy.load(folder)
    extractor = nlp.get_pipe(name)
    predict = extractor.predict

    def broken(docs):
        found = predict(docs)
        for each in found:
            scores = each if isinstance(each, np.ndarray) else each.scores
            scores[:1] = value
        return found

    extractor.predict = broken
    with pytest.raises(RelxError, match=rf"RX595.*'{name}'"):
        answers(nlp)


def test_vectors_that_are_not_finite_are_no_prediction(saved):
    """No mention would be found."""
    nlp = spacy.load(saved("joint_extractor")[0])
    encoder = nlp.get_pipe("joint_extractor").model.layers[0]
    forward = encoder._func
    encoder._func = lambda *args, **settings: ([part * np.nan for part in forward(*args, **settings)[0]], None)
    with pytest.raises(RelxError, match="RX595"):
        answers(nlp)


# What is left out


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_damaged_component_can_be_left_out(copy, name):
    folder = copy(name)
    (folder / name / "cfg").write_bytes(b"")
    assert name not in spacy.load(folder, exclude=[name]).pipe_names


def test_files_can_be_left_out(saved, copy):
    folder = copy("relation_extractor")
    pipe = spacy.load(saved("relation_extractor")[0]).get_pipe("relation_extractor")
    (folder / "relation_extractor" / "cfg").write_bytes(b"")
    pipe.from_disk(folder / "relation_extractor", exclude=["cfg", "vocab"])
    pipe.to_disk(folder / "part", exclude=["model", "vocab"])
    pipe.from_disk(folder / "part", exclude=["model", "vocab"])
    with pytest.raises(RelxError, match=r"RX591.*model.*was not saved"):
        pipe.from_disk(folder / "part", exclude=["vocab"])


def test_a_component_by_itself(saved, tmp_path):
    """Its vocabulary lies in its folder, and is checked with it."""
    pipe = spacy.load(saved("relation_extractor")[0]).get_pipe("relation_extractor")
    pipe.to_disk(tmp_path / "part")
    pipe.from_disk(tmp_path / "part")
    strings = tmp_path / "part" / "vocab" / "strings.json"
    strings.write_bytes(strings.read_bytes() + b" ")
    with pytest.raises(RelxError, match=r"RX591.*strings"):
        pipe.from_disk(tmp_path / "part")
    pipe.from_disk(tmp_path / "part", exclude=["vocab"])


def test_saving_again_over_it(saved, copy):
    """What was not saved to its end has no checksums."""
    folder = copy("relation_extractor")
    nlp = spacy.load(folder)
    nlp.to_disk(folder)
    assert srsly.json_dumps(answers(spacy.load(folder))) == srsly.json_dumps(saved("relation_extractor")[1])
    pipe = nlp.get_pipe("relation_extractor")
    pipe.cfg["broken"] = object()
    with pytest.raises(TypeError):
        pipe.to_disk(folder / "relation_extractor", exclude=["vocab"])
    refused("RX591", folder, CHECKSUMS)


def test_subclasses_load_what_their_base_saved(saved):
    from spacy_relx.relations.entity_type_marker import EntityTypeMarker

    class Marker(EntityTypeMarker):
        pass

    nlp = spacy.load(saved("entity_type_marker")[0])
    marker = nlp.get_pipe("entity_type_marker")
    mine = Marker(generator=marker.generator).from_bytes(marker.to_bytes())
    assert mine.labels == marker.labels == marker.from_bytes(mine.to_bytes()).labels


# The parts of a pipeline that are spaCy's

BROKEN = {"empty": b"", "msgpack": b"\xc1", "open": b"[", "number": b"[nlp]\nlang = 1", "zeros": bytes(99)}


@pytest.mark.parametrize("content", BROKEN)
@pytest.mark.parametrize("file", ["config.cfg", "meta.json", "tokenizer", "vocab/strings.json"])
def test_commands_name_a_pipeline_that_spacy_cannot_load(copy, file, content):
    folder = copy("entity_type_marker")
    (folder / file).write_bytes(BROKEN[content])
    with pytest.raises(RelxError, match="RX180") as err:
        load_pipeline(str(folder))
    assert str(folder) in str(err.value)

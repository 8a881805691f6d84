"""The package as a whole: entry points, the direction of imports, error codes, what importing costs."""

import ast
import configparser
import importlib
import re
from importlib import metadata
from pathlib import Path

import pytest
import srsly

import spacy_relx
from spacy_relx.about import __version__
from spacy_relx.errors import MESSAGES, RelxWarning, warn

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "spacy_relx"
MODULES = sorted(PACKAGE.rglob("*.py"))


def read_setup():
    config = configparser.ConfigParser()
    config.optionxform = str  # names of functions have capitals
    config.read(ROOT / "setup.cfg", encoding="utf8")
    return config


def entry_points():
    for group, lines in read_setup()["options.entry_points"].items():
        for line in lines.strip().splitlines():
            name, _, target = line.partition("=")
            yield group.strip(), name.strip(), target.strip()


ENTRY_POINTS = list(entry_points())


# Entry points


@pytest.mark.parametrize("group, name, target", ENTRY_POINTS, ids=[name for _, name, _ in ENTRY_POINTS])
def test_entry_point_loads(group, name, target):
    module, _, attribute = target.partition(":")
    loaded = importlib.import_module(module)
    assert not attribute or callable(getattr(loaded, attribute))


def test_entry_points_are_installed():
    installed = {(point.group, point.name, point.value) for point in metadata.distribution("spacy-relx").entry_points}
    assert set(ENTRY_POINTS) <= installed, "setup.cfg has changed: install the package again"


def test_names():
    for group, name, _ in ENTRY_POINTS:
        if group in ("spacy_factories", "spacy_cli", "spacy_languages"):
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        else:
            assert re.fullmatch(r"spacy_relx\.[A-Z]\w+\.v\d+", name)
    names = [(group, name) for group, name, _ in ENTRY_POINTS]
    assert len(names) == len(set(names)) > 10


def test_version():
    assert spacy_relx.__version__ == __version__ == metadata.version("spacy-relx")
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_types_are_shipped():
    assert (PACKAGE / "py.typed").is_file()
    assert "py.typed" in read_setup()["options.package_data"]["spacy_relx"]


def test_every_folder_is_a_package():
    assert {path.parent for path in MODULES} == {path.parent for path in PACKAGE.rglob("__init__.py")}


# Imports point down only

#: Folder -> the folders that it may import from, besides itself and the modules of `GROUND`.
ROOMS = {
    "data": set(),
    "core": {"data"},
    "languages": {"data", "core"},
    "relations": {"data", "core"},
    "marked": {"data", "core", "languages", "relations"},
    "joint": {"data", "core", "relations"},
    "bags": {"data", "core", "relations", "marked"},
    "formats": {"data"},
    "knowledge": {"data", "core", "relations", "bags", "formats", "writers"},
    "evaluation": {"data", "formats", "viz"},
    "writers": {"data", "formats"},
    "viz": {"data"},
    "run": {"data", "formats", "writers"},
}
#: Module that stands in no folder -> what it may import.
GROUND = {
    "errors": set(),
    "about": set(),
    "registrations": set(),
}
#: Module of `data` -> those of `data`, and of `GROUND`, that it may import.
DATA = {
    "files": {"errors"},
    "outputs": {"errors", "files"},
    "places": {"errors"},
    "record": {"errors"},
    "mention": {"errors", "ids", "places", "record", "text_forms"},
    "types": {"errors", "places", "record", "mention", "text_forms"},
    "_compat": {"errors"},
    "spool": {"errors"},
    "text_forms": set(),
    "ids": {"text_forms"},
    "strict_json": {"errors", "text_forms"},
    "loading": {"about", "errors", "files", "types"},
    "entity_types": {"errors", "text_forms", "types"},
    "thresholds": {"errors", "text_forms"},
    "facts": {"errors", "places", "record", "mention", "text_forms", "types"},
    "annotated": {"errors", "record", "text_forms"},
    "wikidata": set(),
    "gold": {"annotated", "extensions", "places", "types"},
    "storage": {"annotated", "places", "types", "facts"},
    "relation_list": {"record", "mention", "types"},
    "extensions": {"annotated", "errors", "places", "record", "relation_list", "types", "facts", "storage"},
    "found": {"errors", "types", "facts", "storage", "extensions"},
    "sentences": {"errors", "extensions", "types"},
    "grouping": {"errors", "extensions", "sentences", "text_forms", "types"},
    "calibration": {"errors", "types"},
    "tables": {"_compat"},
    "tokenizer": {"errors", "types", "extensions", "_compat"},
}
TOP = {"cli", "library", "__main__", "__init__"}


def module_parts(path):
    return path.relative_to(PACKAGE).with_suffix("").parts


def imported(path):
    """(line, full name of the module) of every import in the file, those inside functions too."""
    package = ["spacy_relx", *module_parts(path)[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, node.module
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
            for alias in node.names:  # `from . import x` names modules, `from .x import y` what is in one
                yield node.lineno, ".".join(base if node.module else [*base, alias.name])


def allowed(here, there):
    """Whether a module of folder `here` may import from folder `there`."""
    if here in TOP or here == there:
        return True
    if here in GROUND:
        return there in GROUND[here]
    return there in GROUND or there in ROOMS[here]


def package_imports(path):
    """(line, parts of the module's name) of what a file imports from this package."""
    for line, name in imported(path):
        if name.split(".")[0] == "spacy_relx":
            yield line, [*name.split("."), "__init__"][1:]


def test_every_room_has_its_place():
    assert {module_parts(path)[0] for path in MODULES} <= set(ROOMS) | set(GROUND) | TOP
    assert {path.stem for path in (PACKAGE / "data").glob("*.py")} - {"__init__"} == set(DATA)


@pytest.mark.parametrize("path", MODULES, ids=["/".join(module_parts(path)) for path in MODULES])
def test_imports_point_down(path):
    here = module_parts(path)
    upward = [f"{path.name}:{line} {parts}" for line, parts in package_imports(path) if not allowed(here[0], parts[0])]
    assert not upward, f"{here[0]} may not import these"
    if here[0] == "data" and path.stem != "__init__":
        inside = {(parts[1] if parts[0] == "data" else parts[0]) for _, parts in package_imports(path)}
        assert inside <= DATA[path.stem] | {path.stem}


def test_the_law_sees_imports(tmp_path):
    """The reading of imports itself, so that the test above cannot pass by finding nothing."""
    names = {name for _, name in imported(PACKAGE / "languages" / "language_router.py")}
    assert {"spacy.language", "spacy_relx.errors", "spacy_relx.data.extensions", "spacy_relx.data.types"} <= names
    assert allowed("relations", "core") and allowed("marked", "relations") and allowed("cli", "relations")
    assert not allowed("core", "relations") and not allowed("relations", "marked") and not allowed("data", "core")
    assert not allowed("formats", "relations") and not allowed("viz", "evaluation") and not allowed("core", "cli")


#: The networks, which are plain PyTorch, with all that they are made of.
NETWORKS = [
    "bags/amnre",
    "bags/instance_network",
    "bags/network",
    "joint/pointers",
    "joint/span_triples",
    "knowledge/complex_network",
    "knowledge/hrere",
    "languages/network",
    "marked/network",
    "relations/hash_bigru",
    "relations/network",
]


def test_networks_know_nothing_of_spacy():
    waiting, seen = [PACKAGE / f"{name}.py" for name in NETWORKS], set()
    while waiting:
        path = waiting.pop()
        if path in seen or path.parent.name == "errors":
            continue
        seen.add(path)
        roots = {name.split(".")[0] for _, name in imported(path)}
        assert not roots & {"spacy", "thinc", "srsly"}, path
        for _, parts in package_imports(path):
            module = PACKAGE.joinpath(*[part for part in parts if part != "__init__"]).with_suffix(".py")
            waiting += [module] if module.exists() else []
    assert len(seen) > 25


# What importing costs

PROBE = """
import sys
import spacy
nlp = spacy.blank("en")
nlp("a b")._.relations  # the plugin is there
print(*sorted(sys.modules))
"""
#: What a pipeline does without until a component needs it.
HEAVY = ("spacy_relx.formats", "spacy_relx.evaluation", "spacy_relx.writers", "spacy_relx.viz", "spacy_relx.cli")


def test_blank_pipeline_loads_nothing_heavy(run_python):
    modules = set(run_python(PROBE).split())
    assert "spacy_relx.languages.language_router" in modules
    networks = ("network", "layer", "shim", "architecture")
    heavy = {name for name in modules if name.startswith(HEAVY)}
    heavy |= {name for name in modules if name.startswith("spacy_relx.") and name.endswith(networks)}
    assert not heavy


def test_factories_import_no_optional_package(run_python):
    """By themselves: other plugins that are installed import what they like for every pipeline."""
    modules = sorted({target.partition(":")[0] for group, _, target in ENTRY_POINTS if group == "spacy_factories"})
    source = f"import sys, {', '.join(modules)}\nprint(*sorted(sys.modules))"
    loaded = set(run_python(source).split())
    assert set(modules) <= loaded and len(modules) >= 3
    assert not loaded & {"transformers", "spacy_transformers", "py3langid", "sklearn", "matplotlib"}


def test_hugging_face_alone_is_enough():
    """spacy-transformers makes every process start seconds later: only those who want its listeners need it."""
    assert not [path.name for path in MODULES if "spacy_transformers" in path.read_text(encoding="utf8")]
    extras = read_setup()["options.extras_require"]
    assert "spacy-transformers" not in extras["transformers"] and "spacy-transformers" in extras["spacy-transformers"]


# What is written for others

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf8")


def test_contributing_names_files_that_exist():
    """Names in capitals stand for those that a reader makes; a name without a folder is beside what its row names."""
    names = set(
        re.findall(r"`((?:spacy_relx|tests|docs|configs|scripts|core|relations)/[a-z_/]+\.?[a-z]*)[:`]", CONTRIBUTING)
    )
    assert len(names) > 15
    assert not [name for name in names if not ((ROOT / name).exists() or (PACKAGE / name).exists())]
    commands = set(re.findall(r"^make ([\w-]+)", CONTRIBUTING, re.MULTILINE))
    assert {"test", "test-all", "check"} <= commands
    assert commands <= set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf8"), re.MULTILINE))
    assert all(f"`{folder}/`" in CONTRIBUTING for folder in [*ROOMS, "cli", "errors"])


def test_the_citation_is_of_this_version():
    citation = srsly.yaml_loads((ROOT / "CITATION.cff").read_text(encoding="utf8"))
    assert citation["version"] == __version__ and citation["cff-version"] == "1.2.0"
    assert citation["license"] == read_setup()["metadata"]["license"]
    assert citation["title"] and citation["message"] and citation["authors"]


# Error codes

CODE = re.compile(r"RX\d{3}")


def used_codes():
    """(code, place) of each string in the package that is a code, but for the table of messages."""
    for path in MODULES:
        if path.parent.name == "errors":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in ("RelxError", "RelxWarning", "warn"):
                    yield node.args[0].value, f"{path.name}:{node.lineno}"


def code_strings():
    """Codes that stand alone as a string anywhere in the package: those passed on by a helper as well."""
    for path in MODULES:
        if path.parent.name != "errors":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                    yield node.value, f"{path.name}:{node.lineno}"


def test_used_codes_have_messages():
    used = [*used_codes(), *code_strings()]
    assert len(used) > 10
    assert not [(code, place) for code, place in used if code not in MESSAGES]


def test_messages_are_used():
    assert set(MESSAGES) == {code for code, _ in code_strings()}


def test_messages_are_written_once():
    source = "".join(path.read_text(encoding="utf8") for path in (PACKAGE / "errors").glob("*.py"))
    keys = re.findall(r'^        "(RX\d{3})":', source, re.MULTILINE)
    assert len(keys) == len(set(keys)) == len(MESSAGES)


@pytest.mark.parametrize("code", sorted(MESSAGES))
def test_message(code):
    message = MESSAGES[code]
    assert CODE.fullmatch(code) and len(message) > 30 and message == message.strip()
    fields = set(re.findall(r"\{(\w+)[!:}]", message))
    assert message.format(**dict.fromkeys(fields, 1))


def call_fields(node):
    return None if any(word.arg is None for word in node.keywords) else {word.arg for word in node.keywords}


def test_calls_fill_their_messages():
    """Each call gives every field its message has: an error may not fail in saying what is wrong."""
    checked, wrong = 0, []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if name not in ("RelxError", "warn") or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            code, given = node.args[0].value, call_fields(node)
            if code not in MESSAGES or given is None:
                continue
            checked += 1
            missing = set(re.findall(r"\{(\w+)[^{}]*\}", MESSAGES[code])) - given
            if missing:
                wrong.append((f"{path.name}:{node.lineno}", code, missing))
    assert checked > 10 and not wrong


def test_warn():
    with pytest.warns(RelxWarning, match=r"^\[RX041\]"):
        warn("RX041", name="router", reason="so", default="en")


# Files

TEXT_FILES = {".py", ".md", ".cfg", ".toml", ".yml", ".yaml", ".html", ".jsonl", ".txt"}


def test_no_machine_paths():
    """Nothing in the repository names a folder of somebody's machine."""
    machine = re.compile(r"(?<![\w.:/<*])/(?:" + "|".join(["work", "home", "root", "tmp", "Users", "mnt"]) + r")/\w")
    folders = ("spacy_relx", "docs", "configs", "tests", "benchmarks", "scripts", "assets")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    paths = [path for path in [*paths, *ROOT.iterdir()] if path.is_file() and path.suffix in TEXT_FILES]
    assert len(paths) > 20
    found = [path.name for path in paths if machine.search(path.read_text(encoding="utf8", errors="replace"))]
    assert not found


def test_no_file_is_too_long():
    assert not [path.name for path in MODULES if len(path.read_text(encoding="utf8").splitlines()) > 450]

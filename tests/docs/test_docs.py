"""The documentation: every block is executed or checked, links lead somewhere, no page is lost or out of date."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from xml.etree import ElementTree

import catalogue
import pytest
import srsly
import typer
from spacy.util import import_file
from support.docs import ROOT, anchors, broken_links, given, page_name, pages, read_blocks, run_python
from support.docs_commands import Commands
from support.docs_folder import CLONE, DEMO, build_shelf, give, make_clone
from support.docs_page import PageRun, illustrates, notebook

from spacy_relx.about import __title__
from spacy_relx.cli import relx_app
from spacy_relx.errors import CATALOGUE, MESSAGES
from spacy_relx.registrations import ARCHITECTURES, CALLBACKS, MISC, SCHEDULES, SCORERS

pytestmark = pytest.mark.docs

#: Folders of pages whose commands are read by their parsers and not run: they need published data.
ONLY_READ = ("projects/", "benchmarks/")
#: Blocks that nothing checks, by page. Keep these few.
NOT_RUN = {"docs/export.md": 1, "docs/scale.md": 2, "docs/transformers.md": 1}
#: Packages without which a page cannot be executed.
NEEDS = {
    "docs/languages.md": ["py3langid"],
    "docs/export.md": ["pyarrow", "pyoxigraph", "rdflib"],
    "docs/scale.md": ["pyarrow"],
    "docs/serving.md": ["fastapi", "httpx"],
    "docs/transformers.md": ["spacy_transformers"],
}
PAGES = [page_name(path) for path in pages()]
BLOCKS = {page: read_blocks((ROOT / page).read_text(encoding="utf8")) for page in PAGES}
MADE = import_file("docs_pages", ROOT / "scripts" / "docs_pages.py")


def only_read(page):
    return lambda line: page.startswith(ONLY_READ)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    """A folder with small trained pipelines and data, copied for each page; and these pipelines by kind."""
    folder = tmp_path_factory.mktemp("docs") / "shelf"
    folder.mkdir()
    return folder, build_shelf(folder)


#: Pages that are read first: what their trainings train is what they go on with.
FIRST = ("README.md", "docs/start.md", "docs/training.md", "docs/spacy.md")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A clone of the repository, in which a page is executed."""
    folder = tmp_path / "page"
    make_clone(folder)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    notebook(monkeypatch)
    yield folder
    for name, module in list(sys.modules.items()):  # modules that a page has written
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    for key, function in list(catalogue.REGISTRY.items()):  # and what it has registered
        made_in = getattr(getattr(function, "__code__", None), "co_filename", "")
        if made_in.startswith((str(folder), "block at line")):
            del catalogue.REGISTRY[key]


@pytest.fixture
def run(shelf, folder):
    """(text, page) -> the page, executed from its first block to its last, and what is wrong.

    The folder has what a clone has, and what the page says is given. Texts of no page find all of the shelf there.
    """

    def run(text, page=""):
        give(shelf[0], folder, given(text) if page else everything(shelf[0]))
        make = {"demo": lambda: give(shelf[0], folder, DEMO)}
        stand_ins = {} if page in FIRST else shelf[1]
        commands = Commands(folder, stand_ins, only_read(page), lambda target: make.get(target, int)())
        page_run = PageRun(text, commands, folder)
        return page_run, page_run.run()

    return run


def everything(shelf):
    return sorted(path.name for path in shelf.iterdir() if path.name not in CLONE)


# blocks


@pytest.mark.filterwarnings("ignore:.*RX025")  # a spaCy recogniser finds more than the data of a page have
@pytest.mark.filterwarnings("ignore:.*RX502")  # texts of several sentences: what the message says is meant to be so
@pytest.mark.parametrize("page", [page for page in PAGES if BLOCKS[page]])
def test_blocks(page, run):
    for package in NEEDS.get(page, []):
        pytest.importorskip(package)
    page_run, wrong = run((ROOT / page).read_text(encoding="utf8"), page)
    assert not wrong, "\n\n".join([page, *wrong])
    assert sum(page_run.counts.values()) == len(BLOCKS[page])
    assert page_run.counts["not run"] == NOT_RUN.get(page, 0)


@pytest.mark.parametrize("page", [page for page in PAGES if BLOCKS[page]])
def test_what_is_given_is_used(page):
    """A page says what a reader has before its first block; the first pages need nothing but each other."""
    text = (ROOT / page).read_text(encoding="utf8")
    below = "\n".join(block.text + "training/pipeline" * illustrates(block) for block in BLOCKS[page])
    assert [name for name in given(text) if Path(name).name not in below] == []
    assert page not in ("README.md", "docs/start.md") or not given(text)


def test_what_is_not_run_is_little():
    reasons = [block.value for blocks in BLOCKS.values() for block in blocks if block.note == "not run"]
    assert len(reasons) == sum(NOT_RUN.values()) <= 5
    assert len(BLOCKS) > 20 and sum(map(len, BLOCKS.values())) > 100


#: name -> (a page, what is said about it)
WRONG = {
    "no language": ("```\nx = 1\n```", "no language"),
    "unknown language": ("```cobol\nx\n```", "this language"),
    "no reason": ("<!-- not run: because -->\n```python\nx\n```", "why"),
    "a command that is not run, and wrong": (
        "<!-- not run: needs a cluster -->\n```bash\npython -m spacy relx data convert --nope\n```",
        "No such option",
    ),
    "files that nothing has made": ("```text\ncorpus/nope.spacy   a file\n```", "nothing above has made"),
    "python that fails": ("```python\nraise ValueError('so')\n```", "so"),
    "a wrong value": ("```python\n1 + 1  # 3\n```", "it is 2, not 3"),
    "a wrong value that is printed": ("```python\nprint([1, 2])  # [1, 3]\n```", "not [1, 3]"),
    "an unknown option": (
        "```bash\npython -m spacy relx data convert jsonl my.jsonl --output a.spacy --nope\n```",
        "No such option",
    ),
    "a missing argument": ("```bash\npython -m spacy relx data convert jsonl\n```", "Missing argument"),
    "an unknown command": ("```bash\npython -m spacy relx nope\n```", "no such command"),
    "an unknown program": ("```bash\nnope -x\n```", "nope: No such file"),
    "a missing input": ("```bash\npython -m spacy relx data convert jsonl nope.jsonl --output a.spacy\n```", "RX120"),
    "an unset variable": ("```bash\npython -m spacy relx data convert jsonl $NOPE --output a.spacy\n```", "unbound"),
    "a missing config": ("```bash\npython -m spacy train configs/nope.cfg\n```", "does not exist"),
    "an unknown setting": (
        "```bash\npython -m spacy train configs/cpu.cfg --training.nope.x 1\n```",
        "training.nope.x",
    ),
    "an unknown option of spaCy": ("```bash\npython -m spacy convert a b --nope\n```", "No such option"),
    "an unknown script": ("```bash\npython benchmarks/nope.py\n```", "no such script"),
    "a script's unknown option": ("```bash\npython benchmarks/export.py --nope\n```", "unrecognized arguments"),
    "an unknown target": ("```bash\nmake nope\n```", "Makefile"),
    "an unknown extra": ('```bash\npip install -e ".[nope]"\n```', "setup.cfg"),
    "another version": ("```bash\npip install torch==1.0\n```", "constraints.txt"),
    "an unknown workflow": ("```bash\npython -m spacy project run nope .\n```", "project.yml"),
    "an unknown architecture": (
        '```ini\n[components.relation_extractor.model]\n@architectures = "nope"\n```',
        "Could not find function",
    ),
    "a component's unknown setting": ("```ini\n[components.entity_type_marker]\nnope = 1\n```", "unexpected argument"),
    "a reader's unknown setting": (
        '```ini\n[corpora.train]\n@readers = "spacy_relx.BagCorpus.v1"\npath = "x"\nnope = 1\n```',
        "unexpected argument",
    ),
    "an unknown setting of initialize": (
        "```ini\n[initialize.components.joint_extractor]\nnope = 1\n```",
        "initialization settings",
    ),
    "a section that nobody checks": ("```ini\n[nope]\nx = 1\n```", "nobody checks"),
    "data of no use": ("```json\n{}\n```", "say what this is"),
    "data that nothing reads": ("<!-- file: x.json -->\n```json\n{}\n```", "nothing below reads"),
    "broken JSON": ("<!-- feeds: jsonl -->\n```json\n{\n```", "JSONDecodeError"),
    "a line that an importer refuses": ('<!-- feeds: jsonl -->\n```json\n{"text": "a", "nope": 1}\n```', "RX102"),
    "an output that differs": ("<!-- output: texts.txt -->\n```text\nNobody wrote this.\n```", "not in the output"),
    "JSON that differs": ('<!-- output: relations.jsonl -->\n```json\n{"id": 1}\n```', "not in the output"),
    "triples that differ": ('```text\n"Ann works for Acme" -> (Acme, works_for, Ann)\n```', "has the triples"),
    "a diagram of nothing": ("```text\ndoc._.nope -> entity_nope\n```", "neither components nor"),
    "a container that installs nothing": ('```dockerfile\nRUN pip install "/src[nope]"\n```', "setup.cfg"),
    "a container that starts nothing": ('```dockerfile\nCMD ["python", "-m", "spacy", "nope"]\n```', "no such command"),
    "a directive that does not end": ("```nginx\nlocation / {\n  limit_req zone=x\n}\n```", "limit_req"),
    "rows of several widths": (
        "<!-- file: a.csv -->\n```csv\na,b\nc\n```\n```python\nopen('a.csv').close()\n```",
        "rows of [1, 2] columns",
    ),
}


@pytest.mark.parametrize(("text", "reason"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_block_is_found(text, reason, run):
    _, wrong = run(text)
    assert len(wrong) == 1 and reason in wrong[0]


def test_right_blocks_are_executed(run):
    text = (
        "```bash\nfor name in train dev; do\n"
        "  python -m spacy relx data convert jsonl my.jsonl -o $name.out.spacy\ndone\n```\n"
        "```python\nx = [1, 2.0, 3]\nx  # [1, 2.001, ...]\nprint(len(x))  # 3; so many\n```\n"
        '```ini\n[components.entity_type_marker]\nmarkers = "uniform"\n```\n'
    )
    page_run, wrong = run(text)
    assert not wrong and page_run.counts == {"executed": 3} and page_run.n_values == 2
    assert len(page_run.commands.ran) == 2 and (page_run.folder / "dev.out.spacy").is_file()


# links and pages


@pytest.mark.parametrize("page", PAGES)
def test_links(page):
    assert not broken_links(ROOT / page, set(MADE.PAGES))


def test_broken_links_are_found(tmp_path):
    page = tmp_path / "a.md"
    page.write_text("# One *two*\n[a](b.md) [b](#one-two) [c](#nope) [d](https://x.example)\n```text\n[e](f)\n```\n")
    assert broken_links(page, set()) == ["b.md", "#nope"]
    assert anchors("# Queries: relx graph\n## `a_b` & c\n") == {"queries-relx-graph"}


def nav_pages(nav):
    for item in nav:
        for value in item.values() if isinstance(item, dict) else [item]:
            yield from nav_pages(value) if isinstance(value, list) else [value]


def test_the_nav_has_every_page_once():
    listed = list(nav_pages(srsly.read_yaml(ROOT / "mkdocs.yml")["nav"]))
    there = [page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")]
    assert sorted(listed) == sorted([*there, *MADE.PAGES])


def test_pages_that_are_made():
    page = MADE.errors_page()
    assert set(re.findall(r"^## (RX\d+)$", page, re.MULTILINE)) == set(MESSAGES)
    shown = dict(re.findall(r"^## (RX\d+)\n\n`(\w+)`", page, re.MULTILINE))
    assert shown == {code: kind.__name__ for code, (kind, _) in CATALOGUE.items()}
    assert {name for name, _, _ in MADE.read_classes()} == {"RelxError", *shown.values()}
    assert "`MissingFileError` | `RelxError`, `FileNotFoundError` | A file or folder does not exist. |" in page
    assert MADE.changelog_page().startswith("# Changelog")


def test_the_site_builds(tmp_path):
    """Strictly, and without anything from elsewhere."""
    for package in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(package)
    args = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(args, cwd=ROOT, capture_output=True, encoding="utf8", timeout=120)
    assert done.returncode == 0, done.stderr
    sites = {path.relative_to(tmp_path).as_posix(): path.read_text("utf8") for path in tmp_path.rglob("*.html")}
    assert {"index.html", "errors.html", "api/types.html"} <= set(sites)
    loaded = re.compile(r"<(?:script|img|iframe)[^>]+src=.?https?:|<link[^>]+rel=.?(?:style|precon)[^>]+https?:")
    assert not [name for name, text in sites.items() if loaded.search(text)]
    assert "MarkedModel" in sites["api/models.html"] and "RX101" in sites["errors.html"]


# commands and functions


def commands(group, name="relx"):
    for part, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {part}")
        else:
            yield f"{name} {part}", command


def usage(name, command):
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    return " ".join([name, *(p.name.upper() + "..." * (p.nargs == -1) for p in arguments)])


COMMON = {"--help", "--code", "--gpu-id", "--on-error", "--batch-size"}


def test_the_command_line_is_listed_in_full():
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf8")
    rows = re.findall(r"^\| `(relx [^`]+)` \| .+ \| (.*?) *\|$", page, re.MULTILINE)
    there = dict(commands(typer.main.get_command(relx_app)))
    assert [row for row, _ in rows if len(rows) != len(set(rows))] == []
    assert {row for row, _ in rows} == {usage(name, command) for name, command in there.items()}
    for row, options in rows:
        (command,) = [command for name, command in there.items() if usage(name, command) == row]
        known = {max(p.opts, key=len) for p in command.params if p.param_type_name != "argument"}
        assert set(re.findall(r"--[\w-]+", options)) == known - COMMON, row
    for option in COMMON - {"--batch-size"}:
        assert f"`{option}" in page


def entry_points(group):
    config = ConfigParser()
    config.optionxform = str
    config.read(ROOT / "setup.cfg", encoding="utf8")
    return dict(line.split(" = ") for line in config["options.entry_points"][group].strip().splitlines())


def test_the_api_pages_name_what_exists():
    directives = {page: re.findall(r"^::: ([\w.]+)$", (ROOT / page).read_text("utf8"), re.M) for page in PAGES}
    assert sum(map(len, directives.values())) > 100
    for name in (name for names in directives.values() for name in names):
        module, _, attribute = name.rpartition(".")
        assert getattr(importlib.import_module(module), attribute).__doc__, name


def test_every_registered_function_has_its_page():
    models = (ROOT / "docs" / "api" / "models.md").read_text(encoding="utf8")
    for name, target in {**ARCHITECTURES, **MISC}.items():
        documented = target.replace(":", ".").removesuffix(".configure")  # the class says what its settings do
        assert f"### {name}\n\n::: {documented}\n" in models
    others = "".join((ROOT / page).read_text("utf8") for page in PAGES if page.startswith("docs/api"))
    groups = ("spacy_factories", "spacy_readers", "spacy_tokenizers", "spacy_languages")
    for names in (SCORERS, CALLBACKS, SCHEDULES, *map(entry_points, groups)):
        for target in names.values():
            assert f"::: {target.replace(':', '.')}\n" in others
    components = (ROOT / "docs" / "components.md").read_text(encoding="utf8")
    assert all(name in components for name in entry_points("spacy_factories"))


def test_the_papers_name_configs_that_exist():
    pages = [(ROOT / "docs" / name).read_text(encoding="utf8") for name in ("papers.md", "training.md")]
    names = set(re.findall(r"(?:projects/\w+/)?configs/\w+\.cfg", " ".join(pages)))
    assert len(names) > 12 and all((ROOT / name).is_file() for name in names)


def test_the_picture_is_well_formed():
    root = ElementTree.parse(ROOT / "docs" / "pipeline.svg").getroot()
    text = " ".join(root.itertext())
    assert all(
        name in text for name in ("entity_type_marker", "relation_extractor", "joint_extractor", "fact_extractor")
    )
    assert "href" not in (ROOT / "docs" / "pipeline.svg").read_text("utf8")


# spaCy Universe

#: https://github.com/explosion/spaCy/blob/master/website/UNIVERSE.md
CATEGORIES = {"pipeline", "training", "conversational", "research", "scientific", "visualizers", "apis", "nonpython"}
CATEGORIES |= {"standalone", "models", "biomedical", "books", "courses", "videos", "podcasts"}
FIELDS = {"id": str, "title": str, "slogan": str, "description": str, "github": str, "pip": str, "cran": str}
FIELDS |= {"code_example": list, "code_language": str, "url": str, "thumb": str, "image": str, "author": str}
FIELDS |= {"author_links": dict, "category": list, "tags": list, "spacy_version": int}


#: An installation by name, which no package index would answer: with an extra, or alone.
BY_NAME = re.compile(r"pip install (?:--?\S+ )*[\"']?spacy[-_]relx(?:\[\w+\])?(?![\w\[]| @ git)")


def test_nobody_is_told_to_install_what_no_index_has():
    assert all(BY_NAME.search(text) for text in ("pip install spacy-relx[kb]", "pip install -U 'spacy-relx'"))
    assert not BY_NAME.search('pip install "spacy-relx[kb] @ git+https://..."')
    texts = {page: (ROOT / page).read_text(encoding="utf8") for page in PAGES} | MESSAGES
    assert [name for name, text in texts.items() if BY_NAME.search(text)] == []


def test_the_universe_entry(shelf, folder):
    give(shelf[0], folder, DEMO)
    (entry,) = json.loads((ROOT / "universe.json").read_text(encoding="utf8"))["resources"]
    assert {"id", "title", "slogan", "description", "author", "category", "code_example"} <= set(entry)
    assert all(isinstance(value, FIELDS[name]) and value for name, value in entry.items())
    assert set(entry["category"]) <= CATEGORIES
    assert re.fullmatch(r"[\w.-]+", entry["id"]) and "://" not in entry.get("github", "")
    assert all(isinstance(line, str) and "\n" not in line for line in entry["code_example"])
    assert entry["title"] == __title__ and entry["author"] in (ROOT / "LICENSE").read_text(encoding="utf8")
    assert "pip" not in entry  # no package index has it yet
    assert run_python("\n".join(entry["code_example"]), "universe.json", {}) == 1

"""One page of the documentation, executed: each block by its language, in order, in one folder and one namespace."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import sys
import types
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import spacy
from spacy.schemas import validate_init_settings
from spacy.tokens import Doc, Span
from spacy.util import load_model_from_config, registry
from thinc.api import Config

from spacy_relx.formats.convert import convert
from support.docs import Block, installed_names, read_blocks, run_python, unknown_names
from support.docs_commands import PROGRAMS, Commands, Wrong, assignments, expand, read_spacy

#: Where an expected value of JSON is a score, any number will do.
SCORES = ("score", "kb_score", "kb_rank")
#: A text, and the triples that it has.
SHOWN = re.compile(r'"([^"]+)"\s+-> +(.+)')


def illustrates(block: Block) -> bool:
    return block.lang == "text" and not block.note and bool(SHOWN.search(block.text))


class PageRun:
    """The state of a page while its blocks are executed. counts: how many blocks were executed, parsed, not run."""

    def __init__(self, text: str, commands: Commands, folder: Path):
        self.text, self.commands, self.folder = text, commands, folder
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.before = ""  # variables of the shell
        self.counts: Counter[str] = Counter()
        self.output = ""  # what the last command or Python block printed
        self.n_values = 0

    def run(self) -> list[str]:
        """Execute all blocks. RETURNS: what is wrong, with lines of the page."""
        wrong = []
        blocks = read_blocks(self.text)
        # what a pipeline finds may be shown before it is made: an illustration
        first = [block for block in blocks if not illustrates(block)]
        for block in [*first, *filter(illustrates, blocks)]:
            try:
                self.counts[self.run_block(block)] += 1
            except (Exception, SystemExit) as err:  # whatever a block raises
                wrong.append(f"line {block.line} ({block.lang or 'no language'}): {type(err).__name__}: {err}")
        return wrong

    def run_block(self, block: Block) -> str:
        """Execute one. RETURNS: "executed", "compared", "parsed" or "not run"."""
        if not block.lang:
            raise Wrong("the block has no language")
        if block.note == "not run":
            self.read_only(block)
            return "not run"
        run = getattr(self, "run_" + block.lang, None)
        if run is None:
            raise Wrong("nobody knows how to check this language")
        if block.note == "file":
            self.write(block)
            if block.lang in ("python", "text"):
                return "executed"
        if block.note == "output" and block.lang not in ("json", "text"):
            self.compare_lines(block)
        return run(block)

    def read_only(self, block: Block) -> None:
        """What is not run must still be Python, and have options that exist. RAISES: Wrong."""
        if len(block.value.split()) < 2:
            raise Wrong("say why this is not run")
        if block.lang == "python":
            ast.parse(block.text)
        first = block.text.split()[0]
        if block.lang == "bash" and first in PROGRAMS:
            commands = Commands(self.folder, {}, lambda line: True)
            for call in expand(block.text, self.folder, self.before):
                commands(call.args)

    def write(self, block: Block) -> None:
        """The block as a file. RAISES: Wrong where nothing below reads it."""
        (self.folder / block.value).write_text(block.text, encoding="utf8")
        stem = block.value.removesuffix(".py")
        below = "\n".join(other.text for other in read_blocks(self.text) if other.line > block.line)
        if not re.search(rf"\b{re.escape(stem)}\b", below):
            raise Wrong(f"nothing below reads {block.value}")

    def compare_lines(self, block: Block) -> None:
        """Each line shown must be a line, or a part of one, of the file or of what was printed."""
        text = self.output if block.value == "-" else (self.folder / block.value).read_text(encoding="utf8")
        missing = [line for line in block.text.splitlines() if line.strip() not in ("", "...") and line not in text]
        if missing:
            raise Wrong(f"not in the output: {missing[0]!r}; that has:\n{text[:2000]}")

    # languages

    def run_python(self, block: Block) -> str:
        with redirect_stdout(io.StringIO()) as printed:
            self.n_values += run_python(installed_names(block.text), f"block at line {block.line}", self.namespace)
        self.output = printed.getvalue()
        return "executed"

    def run_bash(self, block: Block) -> str:
        calls = expand(installed_names(block.text), self.folder, self.before)
        self.before += assignments(block.text)
        self.commands.output = ""
        n_ran = len(self.commands.ran)
        for call in calls:
            self.commands(call.args)
        self.output = self.commands.output
        if not calls:
            raise Wrong("the block calls nothing")
        return "executed" if len(self.commands.ran) > n_ran else "parsed"

    def run_text(self, block: Block) -> str:
        """Printed output; or sentences and their triples; or files; or a diagram of components and attributes."""
        if block.note == "output":
            self.compare_lines(block)
            return "compared"
        shown = SHOWN.findall(block.text)
        nlp = spacy.load(self.folder / "training" / "pipeline") if shown else None
        for text, triples in shown:
            wanted = set(re.findall(r"\(([^,]+), (\w+), ([^)]+)\)", triples))
            if set(nlp(text)._.triples) != wanted:
                raise Wrong(f"{text!r} has the triples {nlp(text)._.triples}")
        if shown:
            return "compared"
        if "/" in block.text.split()[0]:
            return self.files(block)
        unknown = unknown_names(block.text, known_name)
        if unknown:
            raise Wrong(f"neither components nor attributes: {unknown}")
        return "parsed"

    def files(self, block: Block) -> str:
        """A line a file: what commands above have made, but for lines that say `with --option`."""
        lines = [line.split(maxsplit=1) for line in block.text.splitlines()]
        missing = [
            name for name, *more in lines if "with --" not in " ".join(more) and not (self.folder / name).exists()
        ]
        if missing:
            raise Wrong(f"nothing above has made {missing}")
        return "compared"

    def run_ini(self, block: Block) -> str:
        check_config(installed_names(block.text))
        return "executed"

    def run_json(self, block: Block) -> str:
        """A value, or lines of values: a file, what an importer reads, or output."""
        values = json_values(block.text)
        if block.note == "feeds":
            feed(block, self.folder)
            return "executed"
        if block.note == "output" or (not block.note and self.output):  # right below a command: what it printed
            text = self.output if block.value in ("-", "") else (self.folder / block.value).read_text(encoding="utf8")
            made = json_values(text)
            for value in values:
                if not any(same_json(value, other) for other in made):
                    raise Wrong(f"not in the output: {json.dumps(value)}; that has:\n{text[:2000]}")
            return "compared"
        return self.data(block)

    run_jsonl = run_json

    def data(self, block: Block) -> str:
        if block.note == "file":
            return "executed"
        if block.note != "output":
            raise Wrong("say what this is: <!-- file: -->, <!-- output: --> or <!-- feeds: -->")
        return "compared"

    def run_tsv(self, block: Block) -> str:
        widths = {len(row) for row in csv.reader(io.StringIO(block.text), delimiter="\t", quoting=csv.QUOTE_NONE)}
        if min(widths) < 2:
            raise Wrong("no columns")
        return self.data(block)

    def run_csv(self, block: Block) -> str:
        widths = {len(row) for row in csv.reader(io.StringIO(block.text))}
        if len(widths) != 1:
            raise Wrong(f"rows of {sorted(widths)} columns")
        return self.data(block)

    def run_turtle(self, block: Block) -> str:
        """The block, under the prefixes of the output that it is from."""
        rdflib = pytest.importorskip("rdflib")
        lines = (self.folder / block.value).read_text(encoding="utf8").splitlines()
        prefixes = "\n".join(line for line in lines if line.startswith("@prefix"))
        rdflib.Graph().parse(data=prefixes + "\n" + block.text, format="turtle")
        return self.data(block)

    def run_ntriples(self, block: Block) -> str:
        pytest.importorskip("rdflib").Graph().parse(data=block.text, format="nt")
        return self.data(block)

    def run_jsonld(self, block: Block) -> str:
        """A part of a list, which may end in the list's comma."""
        graph = pytest.importorskip("rdflib").Graph().parse(data=block.text.strip().rstrip(","), format="json-ld")
        if not len(graph):
            raise Wrong("no triples")
        return self.data(block)

    def run_xml(self, block: Block) -> str:
        ElementTree.fromstring(block.text)
        return self.data(block)

    def run_dockerfile(self, block: Block) -> str:
        """What it installs and what it starts."""
        text = block.text.replace("\\\n", " ")
        words = {line.split()[0] for line in text.splitlines() if line.strip()}
        if unknown := words - {"FROM", "COPY", "RUN", "USER", "ENV", "CMD", "EXPOSE", "WORKDIR"}:
            raise Wrong(f"no instructions of a Dockerfile: {sorted(unknown)}")
        for script in re.findall(r"^RUN (.+)$", text, re.MULTILINE):
            for call in expand(script, self.folder):
                self.commands(call.args)
        for command in re.findall(r"^CMD (.+)$", text, re.MULTILINE):
            read_spacy(json.loads(command)[3:])
        return "parsed"

    def run_nginx(self, block: Block) -> str:
        """Directives end in a semicolon, blocks are closed."""
        lines = [re.sub(r"\s*#.*", "", line).strip() for line in block.text.splitlines()]
        wrong = [line for line in lines if line and not line.endswith((";", "{", "}"))]
        if wrong or block.text.count("{") != block.text.count("}"):
            raise Wrong(f"no directives of nginx: {wrong}")
        return "parsed"

    def run_sparql(self, block: Block) -> str:
        """Asked of the graph that a command above has built. RAISES: Wrong where it finds nothing."""
        graph = pytest.importorskip("spacy_relx.writers.query")
        if not graph.query_graph(self.folder / "graph", block.text).rows:
            raise Wrong("the query finds nothing")
        return "executed"


def known_name(name: str) -> bool:
    if "._." in name:
        owner = Doc if name.startswith("doc") else Span
        return owner.has_extension(name.rpartition(".")[2])
    return name in registry.factories or name in ("kb_score", "kb_rank")


def json_values(text: str) -> list[Any]:
    """One value, or a value a line. RAISES: ValueError."""
    try:
        value = json.loads(text)
        return value if isinstance(value, list) else [value]
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def same_json(shown: Any, made: Any, key: str = "") -> bool:
    if isinstance(shown, dict):
        return (
            isinstance(made, dict) and set(shown) == set(made) and all(same_json(shown[k], made[k], k) for k in shown)
        )
    if isinstance(shown, list):
        return isinstance(made, list) and len(shown) == len(made) and all(map(same_json, shown, made))
    if key in SCORES:
        return isinstance(made, float)
    return shown == made


def feed(block: Block, folder: Path) -> None:
    """Give lines to an importer. RAISES: Wrong where it has a problem with one."""
    path = folder / "fed.jsonl"
    path.write_text(block.text, encoding="utf8")
    report = convert(block.value, [path], folder / "fed.spacy")
    n_lines = len(block.text.strip().splitlines())
    if report.records_written != n_lines or report.problems or report.relations_kept < n_lines:
        raise Wrong(f"{report.records_written} of {n_lines} lines were kept; problems: {report.problems}")


def check_config(text: str) -> None:
    """Build what a part of a config describes: components with unknown settings or functions fail, and so do readers.

    RAISES: whatever spaCy raises.
    """
    sections = re.findall(r"^\[([\w.]+)\]", text, re.MULTILINE)
    parents = {".".join(name.split(".")[:n]) for name in sections for n in range(1, name.count(".") + 1)}
    parents -= set(sections)
    above = "".join(f"[{name}]\n\n" for name in sorted(parents))
    given = Config().from_str('[paths]\ntrain = "train.spacy"\ndev = "dev.spacy"\n\n' + above + text, interpolate=True)
    components = given.get("components", {})
    for name, settings in components.items():
        if "source" not in settings:
            settings.setdefault("factory", name)
    if "nlp" in given or components:
        config = spacy.blank("xx").config.copy()
        config["nlp"].update(given.get("nlp", {}), pipeline=list(components))
        config["components"] = components
        config["initialize"].update({k: v for k, v in given.get("initialize", {}).items() if k != "components"})
        nlp = load_model_from_config(config, auto_fill=True)
        if "before_init" in given.get("initialize", {}):
            with nlp.select_pipes(disable=nlp.pipe_names):
                nlp.initialize()
    for section in given.get("corpora", {}).values():
        registry.resolve({"reader": section}, validate=True)
    for name, settings in given.get("initialize", {}).get("components", {}).items():
        pipe = spacy.blank("xx").add_pipe(name)
        validate_init_settings(pipe.initialize, settings, section=f"components.{name}", name=name)
    known = {"paths", "nlp", "components", "corpora", "initialize"}
    if set(given) - known or len(given) == 1:
        raise Wrong(f"nobody checks the sections {sorted(set(given) - known)}")


def notebook(patch: pytest.MonkeyPatch) -> None:
    """Stand in for IPython's display, which shows what it is given, where it is not installed."""
    try:
        import IPython.display  # noqa: F401
    except ImportError:
        display = types.ModuleType("IPython.display")
        display.HTML = display.SVG = str
        patch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
        patch.setitem(sys.modules, "IPython.display", display)

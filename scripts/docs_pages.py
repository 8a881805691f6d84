"""Pages of the site that are made from other files: errors, the changelog, the pages of projects/ and benchmarks/.

MkDocs calls `on_files` and `on_page_markdown` (`hooks` in mkdocs.yml). Nothing is written into docs/, so no page can be
out of date.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ERRORS = ROOT / "spacy_relx" / "errors"


def read_messages(source: str) -> list[tuple[str, str, str]]:
    """(code, class, message) of each entry of the table MESSAGES in the source of a module."""
    (table,) = [
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "MESSAGES"
    ]
    return [
        (ast.literal_eval(code), kind.id, ast.literal_eval(message))
        for kind, entries in zip(table.keys, table.values)
        for code, message in zip(entries.keys, entries.values)
    ]


def read_areas() -> dict[str, list[tuple[str, str, str]]]:
    """Area (the first line of its module) -> its (code, class, message)."""
    sources = [path.read_text(encoding="utf8") for path in sorted(ERRORS.glob("*.py"))]
    areas = [source for source in sources if re.search(r"^MESSAGES: Messages = ", source, re.MULTILINE)]
    return {(ast.get_docstring(ast.parse(source)) or "").rstrip("."): read_messages(source) for source in areas}


def read_classes() -> list[tuple[str, str, str]]:
    """(name, bases, first line of the docstring) of each class of errors and warnings."""
    classes = ast.parse((ERRORS / "classes.py").read_text(encoding="utf8")).body
    return [
        (
            node.name,
            ", ".join(f"`{ast.unparse(base)}`" for base in node.bases),
            (ast.get_docstring(node) or "").splitlines()[0],
        )
        for node in classes
        if isinstance(node, ast.ClassDef)
    ]


def _first_line(node: ast.ClassDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]


def errors_page() -> str:
    """All errors and warnings, each with a heading of its own, so that a code can be searched and linked."""
    rows = [(code, area, kind, text) for area, found in read_areas().items() for code, kind, text in found]
    parts = [
        "# Errors and warnings\n",
        "Every error and warning has a code, `RX` and three digits, in the attribute `code`. Each error is of one of "
        "the classes below, all of them in `spacy_relx.errors`; `except RelxError` catches them all. Text in braces is "
        "filled in when the message is shown.\n",
        "| class | is a | meaning |\n|---|---|---|",
        *(f"| `{name}` | {bases} | {meaning} |" for name, bases, meaning in read_classes()),
        "",
    ]
    parts += [
        f"## {code}\n\n`{kind}` · *{area}*\n\n    {' '.join(text.split())}\n" for code, area, kind, text in sorted(rows)
    ]
    return "\n".join(parts)


def changelog_page() -> str:
    """CHANGELOG.md as it is."""
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf8")


PAGES = {"errors.md": errors_page, "changelog.md": changelog_page}
#: Page of the site -> README.md that it shows. Only other pages link to these; the navigation does not list them.
READMES = {f"projects/{path.parent.name}.md": path for path in sorted((ROOT / "projects").glob("*/README.md"))}
READMES["projects/benchmarks.md"] = ROOT / "benchmarks" / "README.md"


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to those of docs/, and the pictures of the projects."""
    from mkdocs.structure.files import File

    for name, make in PAGES.items():
        files.append(File.generated(config, name, content=make()))
    for name, path in READMES.items():
        files.append(File.generated(config, name, content=path.read_text(encoding="utf8")))
        for picture in sorted([*path.parent.glob("*.svg"), *path.parent.glob("*.png")]):
            files.append(File.generated(config, f"projects/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Links between docs/, projects/ and benchmarks/, which are right in the repository, made right for the site."""
    inside = page.file.src_uri in READMES
    folder = "" if inside else "projects/"
    markdown = markdown.replace("[`project.yml`](project.yml)", "`project.yml`")  # which the site does not show
    markdown = re.sub(r"^# Weasel Project: .*$", "## The project file", markdown, flags=re.MULTILINE)
    markdown = re.sub(r"\]\((?:\.\./)+(?:projects/)?(\w+)/README\.md", rf"]({folder}\1.md", markdown)
    return re.sub(r"\]\((?:\.\./)+docs/", "](../", markdown) if inside else markdown

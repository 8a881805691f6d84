"""Pages of the site that are made from other files: the errors from `spacy_relx/errors.py`, the changelog.

MkDocs calls `on_files` (`hooks` in mkdocs.yml). Nothing is written into docs/, so no page can be out of date.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
GROUP = re.compile(r"^ {4}# \d{3}[\d, -]*: (.+)$")


def read_messages(source: str) -> list[tuple[str, str, str]]:
    """(group, code, message) of each entry of MESSAGES, in the order of their codes. group: the comment above them."""
    lines = source.splitlines()
    groups = {number: match[1] for number, line in enumerate(lines, 1) if (match := GROUP.match(line))}
    (table,) = [
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "MESSAGES"
    ]
    rows = []
    for key, value in zip(table.keys, table.values):
        group = groups[max(number for number in groups if number < key.lineno)]
        rows.append((group, ast.literal_eval(key), ast.literal_eval(value)))
    return sorted(rows, key=lambda row: row[1])


def errors_page() -> str:
    """All errors and warnings, each with a heading of its own, so that a code can be searched and linked."""
    source = (ROOT / "spacy_relx" / "errors.py").read_text(encoding="utf8")
    parts = [
        "# Errors and warnings\n",
        "Every error and warning has a code, `RX` and three digits. Errors are `spacy_relx.RelxError`, a `ValueError` "
        "with the attribute `code`; warnings are `spacy_relx.errors.RelxWarning`. What is in braces is filled in.\n",
    ]
    parts += [
        f"## {code}\n\n*{group}*\n\n    {' '.join(text.split())}\n" for group, code, text in read_messages(source)
    ]
    return "\n".join(parts)


def changelog_page() -> str:
    """CHANGELOG.md as it is."""
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf8")


PAGES = {"errors.md": errors_page, "changelog.md": changelog_page}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to those of docs/."""
    from mkdocs.structure.files import File

    for name, make in PAGES.items():
        files.append(File.generated(config, name, content=make()))
    return files

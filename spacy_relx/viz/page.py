"""Pages of whole corpora, and of what a pipeline got right and wrong: one file each, with all data and a small script.

Rows are made when they come into sight, so that thousands of documents open at once. A Content-Security-Policy allows
the page its own style and script, by their checksums, and nothing from the network.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path

from ..data.files import write_whole
from ..errors import RelxError
from ._page_style import page_style
from ._text import count, safe
from .page_data import PageDoc, json_block, page_data

#: What a relation of an error page may be.
VERDICTS = ("right", "missed", "wrong")


def corpus_page(docs: Iterable[PageDoc], *, title: str = "Relations") -> str:
    """A page to look through the triples of many documents: filters by relation, language, score and text, and each
    triple with its evidence sentence.

    Returns:
        HTML; nothing in the documents can become markup.
    """
    found = list(docs)
    data = page_data(found)
    known = any(len(row) > 6 and row[6] is not None for doc in data["docs"] for row in doc[5])
    n_triples = sum(len(doc.relations) for doc in found)
    filters = [_select("view", "Show", [("triples", "Triples"), ("documents", "Documents")]), *_common()]
    if known:
        filters.append(_select("known", "Knowledge base", [("", "all"), ("1", "known"), ("0", "new")]))
    summary = f"{count(len(found), 'document')}, {count(n_triples, 'triple')}"
    return _page(title, summary, filters, "", json_block(data))


def errors_page(docs: Iterable[PageDoc], *, title: str = "Errors", summary: str = "") -> str:
    """A page of relations that are right, missed or wrong, with filters by that, by relation and by reason, and a table
    of which relations were taken for which.

    Args:
        docs: Their relations have verdicts (`VERDICTS`).
        summary: A line below the title.

    Returns:
        HTML; nothing in the documents can become markup.
    """
    data = page_data(list(docs), VERDICTS)
    filters = [
        _select("view", "Show", [("triples", "Relations"), ("documents", "Documents")]),
        _select("verdict", "Kind", [("", "all")]),
        _select("why", "Reason", [("", "all")]),
        *_common(),
    ]
    table = (
        '<details class="relx-table" open>\n<summary>Confusion of relations</summary>\n'
        '<table id="confusion"></table><p class="relx-sum" id="more"></p>\n</details>\n'
    )
    return _page(title, summary, filters, table, json_block(data))


def write_page(path: str | Path, text: str) -> None:
    """Write a page or a picture, whole or not at all. RAISES: RelxError RX186 where that cannot be done."""
    try:
        write_whole(Path(path), text.encode("utf8"))
    except OSError as err:
        raise RelxError("RX186", path=path, reason=f"{err.strerror or err}.") from err


def _common() -> list[str]:
    return [
        _select("label", "Relation", [("", "all")]),
        _select("lang", "Language", [("", "all")]),
        '<label><span>Score at least <span id="least">0.00</span></span>'
        '<input id="score" type="range" min="0" max="1" step="0.01" value="0" autocomplete="off"></label>',
        '<label>Text<input id="text" type="search" autocomplete="off"></label>',
    ]


def _select(name: str, label: str, options: list[tuple[str, str]]) -> str:
    items = "".join(f'<option value="{value}">{text}</option>' for value, text in options)
    return f'<label>{label}<select id="{name}" autocomplete="off">{items}</select></label>'


def _page(title: str, summary: str, filters: list[str], table: str, block: str) -> str:
    style, script = page_style(), _script()
    policy = f"default-src 'none'; style-src {_checksum(style)}; script-src {_checksum(script)}; base-uri 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}; form-action \'none\'">\n'
        f'<title>{safe(title)}</title>\n<style>{style}</style>\n</head>\n<body class="relx">\n'
        f'<div class="relx-browse">\n<header>\n<h1>{safe(title)}</h1>\n<p class="relx-sum">{safe(summary)}</p>\n'
        f'<div class="relx-filters" role="search">\n{chr(10).join(filters)}\n'
        '<p class="relx-count" id="count" role="status"></p>\n</div>\n</header>\n'
        f"<noscript><p>The rows of this page are made by its script, which the browser does not run.</p></noscript>\n"
        f'{table}<main class="relx-split">\n<div class="relx-list" id="list" tabindex="-1">'
        '<div class="relx-space" id="space"></div></div>\n<section class="relx-detail" id="detail" aria-live="polite">'
        '<p class="relx-sum">Choose a row to see its document.</p></section>\n</main>\n</div>\n'
        f'<script type="application/json" id="data">{block}</script>\n<script>{script}</script>\n</body>\n</html>\n'
    )


@cache
def _script() -> str:
    return Path(__file__).with_name("browse.js").read_text(encoding="utf8")


def _checksum(text: str) -> str:
    """How a Content-Security-Policy names an element's text."""
    return f"'sha256-{b64encode(sha256(text.encode('utf8')).digest()).decode('ascii')}'"

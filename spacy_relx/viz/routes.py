"""Which sub-modules each language takes, as a heatmap (Wang et al. 2023, figure 8), in SVG without fonts or network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ._text import safe

_CELL, _LEFT, _TOP, _GAP, _RIGHT = 46, 150, 64, 4, 90
_INK, _SOFT = "#1b1f24", "#57606a"
_LOW, _HIGH = (247, 250, 252), (0, 82, 136)
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif"


def routes_svg(rows: Mapping[str, Sequence[float]], notes: Mapping[str, str], *, title: str = "") -> str:
    """A heatmap: a row for each language, a column for each sub-module, the darker the more of it.

    rows: weights in [0, 1], as many for each. notes: a short text behind each row. RETURNS: SVG; all texts escaped.
    """
    n_columns = max((len(weights) for weights in rows.values()), default=0)
    width = _LEFT + n_columns * (_CELL + _GAP) + _RIGHT
    height = _TOP + len(rows) * (30 + _GAP) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{safe(title)}" font-family="{_FONT}" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        _text(16, 26, title, _INK, size=15, weight=600),
    ]
    for column in range(n_columns):
        parts.append(_text(_x(column) + _CELL / 2, _TOP - 10, str(column + 1), _SOFT, anchor="middle"))
    for row, (name, weights) in enumerate(rows.items()):
        y = _TOP + row * (30 + _GAP)
        parts.append(_text(_LEFT - 12, y + 20, name, _INK, anchor="end"))
        for column, weight in enumerate(weights):
            parts.append(f'<rect x="{_x(column)}" y="{y}" width="{_CELL}" height="30" rx="3" fill="{_shade(weight)}"/>')
            if weight >= 0.005:
                ink = "#fff" if weight > 0.5 else _INK
                parts.append(_text(_x(column) + _CELL / 2, y + 20, f"{weight:.2f}", ink, anchor="middle"))
        parts.append(_text(_x(n_columns) + 8, y + 20, notes.get(name, ""), _SOFT))
    return "\n".join([*parts, "</svg>", ""])


def _x(column: int) -> int:
    return _LEFT + column * (_CELL + _GAP)


def _shade(weight: float) -> str:
    share = min(max(weight, 0.0), 1.0) ** 0.7  # small weights can be told from none
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(_LOW, _HIGH))


def _text(
    x: float, y: float, text: str, colour: str, *, anchor: str = "start", size: int = 13, weight: int = 400
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}">'
        f"{safe(text)}</text>"
    )

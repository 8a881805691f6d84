"""Tables of numbers: as text for the terminal, as Markdown, as HTML for notebooks, and as data frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ._compat import optional_import

if TYPE_CHECKING:
    import pandas

_SPACING = 3

#: Columns of tables about ranked facts: heading -> key of the scores.
FACT_NUMBERS = {
    "AP": "fact_ap",
    "AUC": "fact_auc",
    "max F": "fact_max_f",
    **{f"P@{n}": f"fact_p_at_{n}" for n in (100, 200, 300)},
    **{f"P at R {n}": f"fact_p_at_recall_{n}" for n in (10, 20, 30, 40, 50)},
}


class Table(NamedTuple):
    """Rows of cells, the first of each its name. title: the head of the names' column. columns: the other heads."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


#: Rows of tables that have one for each relation or language.
ROWS = 20


def largest_first(groups: Mapping[str, Any], size: Callable[[Any], int]) -> list[tuple[str, Any]]:
    """(name, group) in the order of their sizes; by name among equals."""
    return sorted(groups.items(), key=lambda item: (-size(item[1]), item[0]))


def shortened(table: Table, limit: int) -> Table:
    """The first rows of a table, and one that says how many more there are.

    Args:
        table: With the most important rows first.
        limit: Rows to keep, 0 for all.
    """
    n_more = len(table.rows) - limit
    if not limit or n_more <= 0:
        return table
    rest = (f"… {n_more} more (--rows 0: all)", *[""] * len(table.columns))
    return table._replace(rows=[*table.rows[:limit], rest])


def text_table(table: Table, width: int | None = None) -> str:
    """The table, names to the left and numbers to the right; one that is wider than `width` goes on below itself."""
    from wasabi.tables import table as render

    parts = []
    for part in [table] if width is None else _blocks(table, width):
        aligns: list[Literal["l", "r", "c"]] = ["l"]
        aligns.extend("r" for _ in part.columns)
        header = (part.title, *part.columns)
        parts.append(render(part.rows, header=header, divider=True, aligns=aligns, max_col=60, spacing=_SPACING))
    return "".join(parts)


def markdown_table(table: Table) -> str:
    """The same as a Markdown table."""
    lines = [(table.title, *table.columns), ("---", *("---:" for _ in table.columns)), *table.rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction in percent, "-" for None."""
    return "-" if value is None else f"{100 * value:.{digits}f}"


def cell_text(cell: Mapping[str, Any] | None) -> str:
    """A mean of fractions with its standard deviation, in percent; "-" for None."""
    if cell is None:
        return "-"
    return percent(cell["mean"], 1) + (f" ± {percent(cell['sd'], 1)}" if cell["sd"] is not None else "")


def _blocks(table: Table, width: int) -> list[Table]:
    """Cut a table into as few as fit the width, each with the names and a like share of the columns."""
    sizes = [max(map(len, column)) for column in zip((table.title, *table.columns), *table.rows)]
    ends = _ends(sizes, width)
    while width > 0 and len(narrower := _ends(sizes, width - 1)) == len(ends):
        ends, width = narrower, width - 1
    return [
        Table(table.title, table.columns[start:end], [(row[0], *row[start + 1 : end + 1]) for row in table.rows])
        for start, end in zip([0, *ends], ends)
    ]


def _ends(sizes: Sequence[int], width: int) -> list[int]:
    """Where to cut the columns, to have as many as fit, at least one, between a cut and the next."""
    ends: list[int] = []
    used = 0
    for column, size in enumerate(sizes[1:]):
        used += _SPACING + size
        if column and sizes[0] + used > width:
            ends.append(column)
            used = _SPACING + size
    return [*ends, len(sizes) - 1]


def html_table(table: Table) -> str:
    """The table as HTML, without a style of its own: notebooks have one. All cells are escaped."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in (table.title, *table.columns))
    rows = "".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>\n"
        for row in table.rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"


def data_frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> pandas.DataFrame:
    """Rows as a pandas DataFrame.

    Args:
        rows: A mapping for each row.
        columns: Names of the columns, which an empty frame has as well. None: the keys of the rows.

    Raises:
        RelxError: RX005 where pandas is not installed.
    """
    pandas = optional_import("pandas", extra="frames", purpose="data frames")
    return pandas.DataFrame(list(rows), columns=None if columns is None else list(columns))


class Shown:
    """A result that can be read: printed as text, and shown by a notebook as HTML.

    A subclass gives its `tables`, and a closing `note` where there is something to say that no table has.
    """

    def tables(self, rows: int = ROWS) -> list[Table]:
        """The tables.

        Args:
            rows: The most rows of a table of relations or languages; 0 for all.
        """
        raise NotImplementedError

    def note(self) -> str:
        """What stands below the tables."""
        return ""

    def to_text(self, rows: int = ROWS, width: int | None = None) -> str:
        """The tables and the note as text.

        Args:
            rows: As for `tables`.
            width: Characters of a line; tables that are wider go on below themselves. None for no limit.
        """
        tables = [text_table(table, width) for table in self.tables(rows)]
        return "\n".join([*tables, *filter(None, [self.note()])])

    def to_markdown(self, rows: int = ROWS) -> str:
        """The tables as Markdown.

        Args:
            rows: As for `tables`.
        """
        return "\n".join(map(markdown_table, self.tables(rows)))

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        note = self.note()
        return "".join(map(html_table, self.tables())) + (f"<pre>{escape(note)}</pre>\n" if note else "")

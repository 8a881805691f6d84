"""Runs side by side: the scores of several models, each the mean over its seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any, Literal

from ..data.tables import FACT_NUMBERS, ROWS, Shown, Table, cell_text, data_frame, largest_first, shortened
from .given import without_prefix
from .transfer import TransferReport, transfer_report, write_report

if TYPE_CHECKING:
    import pandas

    from .curve_runs import Curves

#: Heading -> key of the scores, of relations.
RELATION_NUMBERS = {
    "P": "rel_micro_p",
    "R": "rel_micro_r",
    "F": "rel_micro_f",
    "macro F": "rel_macro_f",
}
#: Which F1 of a language.
Metric = Literal["micro", "macro"]
#: {"mean", "sd", "n"} of a number over the runs of one name; sd is None for one run.
Cell = dict[str, Any]


@dataclass(repr=False)
class Comparison(Shown):
    """What `compare_runs` returns: the numbers of each name, as means over its runs. It prints as tables, in percent.

    Attributes:
        runs: Name -> numbers of runs.
        numbers: Name -> key of the scores -> {"mean", "sd", "n"}.
        labels: Name -> relation -> the same of its F1.
        langs: Name -> language -> the same of its micro F1.
        scores: Name -> the scores of its runs.
        files: Name -> the files that they were read from.
    """

    runs: dict[str, int]
    numbers: dict[str, dict[str, Cell]]
    labels: dict[str, dict[str, Cell]]
    langs: dict[str, dict[str, Cell]]
    scores: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Comparison({', '.join(self.runs)})"

    def tables(self, rows: int = ROWS) -> list[Table]:
        several = any(n > 1 for n in self.runs.values())
        tables = []
        for title, columns in (("Relations", RELATION_NUMBERS), ("Facts", FACT_NUMBERS)):
            scored = {name: n for name, n in self.runs.items() if self.numbers[name].keys() & set(columns.values())}
            lines = [
                (name, *(cell_text(self.numbers[name].get(key)) for key in columns.values()), *[str(n)] * several)
                for name, n in scored.items()
            ]
            tables.append(Table(title, [*columns, *["runs"] * several], lines))
        for title, groups in (("F1 per relation", self.labels), ("F1 per language", self.langs)):
            found = {group for cells in groups.values() for group in cells}
            by_group = {group: [groups[name].get(group) for name in self.runs] for group in found}
            lines = [(group, *map(cell_text, cells)) for group, cells in largest_first(by_group, _support)]
            tables.append(shortened(Table(title, list(self.runs), lines), rows))
        return [table for table in tables if table.rows]

    def to_dict(self) -> dict[str, Any]:
        """All numbers, and the files they are of, ready for JSON."""
        numbers = {"runs": self.runs, "numbers": self.numbers, "labels": self.labels, "langs": self.langs}
        return {**numbers, "files": self.files}

    def transfer(
        self, *, metric: Metric = "micro", langs: Sequence[str] | None = None, types: bool = False
    ) -> TransferReport:
        """How models of one language do on others. The name of each is the language that it was trained on, or another
        name, such as joint, for several.

        Args:
            metric: The F1 over all relations ("micro"), or the mean of the labels' ("macro").
            langs: The languages to test on, in this order; None for all.
            types: Whether the tables show the F1 of each relation, too.

        Raises:
            RelxError: RX615 for scores without languages, RX178 for an unknown language or metric.
        """
        runs = ((name, scores) for name, group in self.scores.items() for scores in group)
        report = TransferReport({**transfer_report(runs, metric=metric, langs=langs), "files": self.files})
        report.types = types
        report.check()
        return report

    def curves(self, *, title: str = "", recall_max: float = 1.0) -> Curves:
        """Precision-recall curves of facts: of several runs the mean, in a band of one standard deviation.

        Args:
            title: The title of the picture.
            recall_max: The recall up to which is drawn.

        Raises:
            RelxError: RX615 for scores without a curve, RX197 for one without points or another recall_max.

        Warns:
            RX196: Where runs are of different numbers of gold facts.
        """
        from .curve_runs import Curves

        return Curves(self.scores, self.files, title, recall_max)

    def save(self, path: str | Path, *, curves: Curves | None = None) -> None:
        """Write the numbers to a JSON file, with those of curves where these are given.

        Raises:
            RelxError: RX186 where it cannot be written.
        """
        write_report(path, self.to_dict(), curves)

    def to_frame(self) -> pandas.DataFrame:
        """The numbers as a data frame, as fractions.

        Returns:
            The columns name, group ("overall", "label" or "lang"), number (key of the scores, relation or language),
            mean, sd, n.

        Raises:
            RelxError: RX005 where pandas is not installed.
        """
        rows = [
            {"name": name, "group": group, "number": number, **{key: cell[key] for key in ("mean", "sd", "n")}}
            for group, found in (("overall", self.numbers), ("label", self.labels), ("lang", self.langs))
            for name, cells in found.items()
            for number, cell in cells.items()
        ]
        return data_frame(rows, ("name", "group", "number", "mean", "sd", "n"))


def _support(cells: Iterable[Cell | None]) -> int:
    return max(cell.get("support", 0) for cell in cells if cell is not None)


def compare_runs(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], files: Mapping[str, Sequence[str]] | None = None
) -> Comparison:
    """Put the scores of several models side by side.

    Args:
        runs: Name of a model -> the scores of its runs, as `evaluate` returns them.
        files: Name of a model -> the files of these scores, as far as they are of files.

    Returns:
        The means and sample standard deviations over the runs of each name. A number that a run lacks is left out.
    """
    plain = {name: [without_prefix(scores) for scores in group] for name, group in runs.items()}
    keys = [*RELATION_NUMBERS.values(), *FACT_NUMBERS.values()]
    return Comparison(
        {name: len(group) for name, group in plain.items()},
        {name: _cells(group, lambda scores: {key: scores.get(key) for key in keys}) for name, group in plain.items()},
        {name: _tables(group, "rel_per_type") for name, group in plain.items()},
        {name: _tables(group, "rel_per_lang") for name, group in plain.items()},
        {name: [dict(scores) for scores in group] for name, group in runs.items()},
        {name: list(group) for name, group in (files or {}).items()},
    )


def _tables(group: Sequence[Mapping[str, Any]], key: str) -> dict[str, Cell]:
    """The cells of a table of F1s, with how many gold relations they are about."""
    tables = [scores.get(key) or {} for scores in group]
    cells = _cells(tables, lambda table: {name: row["f"] for name, row in table.items()})
    return {
        name: {**cell, "support": max(t[name]["support"] for t in tables if name in t)} for name, cell in cells.items()
    }


def _cells(
    group: Sequence[Mapping[str, Any]], numbers_of: Callable[[Mapping[str, Any]], Mapping[str, float | None]]
) -> dict[str, Cell]:
    found: dict[str, list[float]] = {}
    for scores in group:
        for key, value in numbers_of(scores).items():
            if value is not None:
                found.setdefault(key, []).append(value)
    return {
        key: {"mean": mean(values), "sd": stdev(values) if len(values) > 1 else None, "n": len(values)}
        for key, values in found.items()
        if len(values) == len(group)
    }

"""The scores of an evaluation as tables to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.outputs import write_output
from ..data.strict_json import dump_json
from ..data.tables import FACT_NUMBERS, ROWS, Shown, Table, data_frame, largest_first, percent, shortened
from ..viz.charts import check_chart, draw_reliability, picture
from ..viz.page import write_page
from .given import without_prefix

if TYPE_CHECKING:
    import pandas

#: Levels of reliability, by the names that they have in tables and pictures.
RELIABILITY = {"predicted": "predicted relations", "pairs": "all pairs"}


class Scores(dict[str, Any], Shown):
    """What `evaluate` returns: a dict of scores that prints as tables, in percent."""

    def tables(self, rows: int = ROWS) -> list[Table]:
        scores = without_prefix(self)
        return [
            *(_relation_tables(scores, rows) if _has_relations(scores) else ()),
            *(_fact_tables(scores, rows) if _has_facts(scores) else ()),
            *([_unknown_types(scores)] if scores["unknown_types"] else ()),
        ]

    def note(self) -> str:
        scores = without_prefix(self)
        return _counts(scores, _has_relations(scores), _has_facts(scores))

    def to_dict(self) -> dict[str, Any]:
        """The scores as a plain dict, ready for JSON."""
        return dict(self)

    def save(self, path: str | Path) -> None:
        """Write the scores to a JSON file, as `relx evaluate --output` does.

        Raises:
            RelxError: RX186 where it cannot be written.
        """
        write_page(path, dump_json(dict(self), indent=2) + "\n")

    def save_reliability(self, path: str | Path) -> None:
        """Write a reliability diagram of the scores: .svg, .png or .pdf.

        Raises:
            RelxError: RX393 where there is nothing to draw, RX186 where it cannot be written.
        """
        levels = without_prefix(self)["rel_reliability"]
        named = {name: levels[key] for key, name in RELIABILITY.items() if levels[key] is not None}
        check_chart(Path(path), "a picture of reliability")
        write_output(Path(path), picture(draw_reliability(named), Path(path).suffix))

    def to_frame(self) -> pandas.DataFrame:
        """Precision, recall and F1 as a data frame, as fractions.

        Returns:
            The columns scored ("relations" or "facts"), group ("overall", "label" or "lang"), name, p, r, f, gold,
            predicted. Numbers that were not counted are missing.

        Raises:
            RelxError: RX005 where pandas is not installed.
        """
        return data_frame(self._rows(), ("scored", "group", "name", "p", "r", "f", "gold", "predicted"))

    def _rows(self) -> Iterator[dict[str, Any]]:
        scores = without_prefix(self)
        for scored, key in (("relations", "rel"), ("facts", "fact")):
            if f"{key}_micro_f" not in scores:
                continue
            for name in ("micro", "macro"):
                numbers = {part: scores.get(f"{key}_{name}_{part}") for part in "prf"}
                counts = {"gold": scores[f"{key}_n_gold"], "predicted": scores[f"{key}_n_pred"]}
                yield {"scored": scored, "group": "overall", "name": name, **numbers, **counts}
            for group, table in (("label", "per_type"), ("lang", "per_lang")):
                for name, row in _by_support(scores.get(f"{key}_{table}") or {}):
                    numbers = {part: row[part] for part in "prf"}
                    counts = {"gold": row["support"], "predicted": row.get("n_pred")}
                    yield {"scored": scored, "group": group, "name": name, **numbers, **counts}


def _has_facts(scores: Mapping[str, Any]) -> bool:
    return "fact_n_gold" in scores


def _has_relations(scores: Mapping[str, Any]) -> bool:
    return bool(scores["rel_n_gold"] or scores["rel_n_pred"] or not _has_facts(scores))


def _relation_tables(scores: dict[str, Any], limit: int) -> Iterator[Table]:
    """Scores of relations: overall, per relation, per language."""
    names = {
        "micro": "rel_micro",
        "macro": "rel_macro",
        "micro, boundary": "rel_boundary_micro",
        "micro, strict": "rel_strict_micro",
    }
    overall: list[tuple[str, ...]] = [
        (title, *(percent(scores[f"{key}_{part}"]) for part in "prf")) for title, key in names.items()
    ]
    if scores.get("mention_micro_f") is not None:
        overall.append(("mentions", *(percent(scores[f"mention_micro_{part}"]) for part in "prf")))
    if "semeval_macro_f" in scores:
        overall.append(("SemEval-2010 macro", "", "", percent(scores["semeval_macro_f"])))
    overall.append(("micro, with no-relation", "", "", percent(scores["rel_micro_f_na"])))
    overall.append(("macro, with no-relation", "", "", percent(scores["rel_macro_f_na"])))
    title = "Overall, given the gold mentions" if scores["gold_mentions"] else "Overall"
    yield Table(title, ("P", "R", "F"), overall)
    if len(scores["components"]) > 1:
        rows = [(name, *(percent(scores[f"rel_{name}_{part}"]) for part in "prf")) for name in scores["components"]]
        yield Table("Per component", ("P", "R", "F"), rows)
    if scores["rel_n_pred"]:
        row = (str(scores["rel_n_reversed"]), percent(scores["rel_reversed_rate"]))
        yield Table("Direction", ("reversed", "% of predicted"), [("relations", *row)])
    if scores["rel_per_type"]:
        rows = [(*_row(label, row), str(row["n_pred"])) for label, row in _by_support(scores["rel_per_type"])]
        yield shortened(Table("Per relation", ("P", "R", "F", "gold", "predicted"), rows), limit)
    if scores["rel_per_lang"]:
        rows = [(*_row(lang, row), percent(row["macro_f"])) for lang, row in _by_support(scores["rel_per_lang"])]
        yield shortened(Table("Per language", ("P", "R", "F", "gold", "macro F"), rows), limit)
    levels = {RELIABILITY[key]: row for key, row in scores["rel_reliability"].items() if row is not None and row["n"]}
    if levels:
        parts = ("mean_score", "share_right", "ece", "ece_adaptive", "brier")
        rows = []
        for name, level in levels.items():
            langs = level["per_lang"] if len(level["per_lang"]) > 1 else {}
            for title, row in {name: level, **{f"  {lang}": row for lang, row in langs.items()}}.items():
                rows.append((title, str(row["n"]), *(percent(row[part]) for part in parts)))
        yield Table("Reliability", ("n", "mean score", "right", "ECE", "adaptive", "Brier"), rows)
    if scores.get("one_triple_per_lang"):
        parts = ("triple", "relation", "entities", "head", "tail")
        langs = scores["one_triple_per_lang"]
        rows = [(lang, *(percent(row[name]) for name in parts), str(row["support"])) for lang, row in langs.items()]
        total = (percent(scores[f"one_triple_{part}f"]) for part in ("", "relation_", "entities_", "head_", "tail_"))
        rows.append(("all", *total, str(sum(row["support"] for row in langs.values()))))
        yield Table("One triple a sentence, F", (*parts, "gold"), rows)


def _fact_tables(scores: dict[str, Any], limit: int) -> Iterator[Table]:
    """Scores of facts: the ranking, at the threshold, per relation, per language."""
    numbers = [percent(scores[key]) for key in FACT_NUMBERS.values()]
    yield Table("Facts", list(FACT_NUMBERS), [("ranked", *numbers)])
    micro = [percent(scores[f"fact_micro_{part}"]) for part in "prf"]
    rows = [("micro", *micro), ("macro", "", "", percent(scores["fact_macro_f"]))]
    yield Table("At the threshold", ("P", "R", "F"), rows)
    counts = [str(scores[f"fact_n_{name}"]) for name in ("asked_reversed", "reversed")]
    direction = ("facts", *counts, percent(scores["fact_reversed_rate"]))
    yield Table("Direction", ("asked both ways", "reversed", "% of predicted"), [direction])
    if scores["fact_per_type"]:
        rows = [
            (*_row(label, row), str(row["n_pred"]), percent(row["ap"]), percent(row["max_f"]), str(row["n_reversed"]))
            for label, row in _by_support(scores["fact_per_type"])
        ]
        columns = ("P", "R", "F", "gold", "predicted", "AP", "max F", "reversed")
        yield shortened(Table("Facts per relation", columns, rows), limit)
    if scores["fact_per_lang"]:
        rows = [
            (*_row(lang, row), percent(row["ap"]), str(row["n_bags"]))
            for lang, row in _by_support(scores["fact_per_lang"])
        ]
        yield shortened(Table("Facts per language", ("P", "R", "F", "gold", "AP", "pairs"), rows), limit)


def _by_support(groups: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Groups of which there is anything to say, those with most gold first."""
    return [
        (name, row)
        for name, row in largest_first(groups, lambda row: row["support"])
        if row["support"] or row.get("n_pred", 1)
    ]


def _unknown_types(scores: dict[str, Any]) -> Table:
    n = scores["n_mentions"]
    rows = [(name or "(none)", str(count), percent(count / n, 1)) for name, count in scores["unknown_types"].items()]
    return Table("Entity types unknown in training", ("mentions", "% of all"), rows)


def _row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    return name, percent(row["p"]), percent(row["r"]), percent(row["f"]), str(row["support"])


def _candidates(scores: dict[str, Any]) -> str:
    """How many pairs were proposed, where a component proposes any."""
    return "" if scores["rel_uncovered"] is None else f", {scores['n_candidates']} candidate pairs"


def _counts(scores: dict[str, Any], has_relations: bool, has_facts: bool) -> str:
    lines = []
    if has_relations:
        uncovered = scores["rel_uncovered"]
        covered = "" if uncovered is None else f" ({uncovered} of the gold ones without a candidate pair)"
        unknown = {"relations": scores["rel_n_unknown"], "mentions": scores.get("mention_n_unknown")}
        lines += [
            f"{n} more predicted {what} are not covered by the annotation: neither right nor wrong"
            for what, n in unknown.items()
            if n
        ]
        lines.append(
            f"{scores['rel_n_gold']} gold and {scores['rel_n_pred']} predicted relations{covered} in "
            f"{scores['n_docs']} documents{_candidates(scores)}"
        )
    if has_facts:
        threshold = scores["fact_max_f_threshold"]
        best = "" if threshold is None else f"; F is best with the threshold {threshold:.4g}"
        lines.append(
            f"{scores['fact_n_gold']} gold and {scores['fact_n_pred']} predicted facts among {scores['fact_n_bags']} "
            f"pairs of entities in {scores['n_docs']} documents, {scores['fact_n_items']} items ranked{best}"
        )
        if scores["fact_n_gold"] and not scores["fact_n_asked_reversed"]:
            lines.append("No gold fact is asked the other way round: these data do not test direction (docs/bags.md).")
    pairs = f"{scores['pairs_per_s']:.0f} pairs/s, " if scores["n_candidates"] else ""
    lines.append(f"{scores['docs_per_s']:.1f} documents/s, {pairs}{scores['words_per_s']:.0f} words/s")
    return "\n".join(lines)

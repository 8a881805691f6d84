"""Transfer between languages: F1 of models trained on one language and tested on others, over several seeds.

The scores are those of Ni et al. 2020, "Cross-Lingual Relation Extraction with Transformers", sections 4.4 and 4.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from ..data.outputs import write_output
from ..data.strict_json import dump_json
from ..data.tables import ROWS, Shown, Table, cell_text, percent
from ..errors import RelxError, warn
from .given import without_prefix
from .scorer import UNKNOWN_LANG

if TYPE_CHECKING:
    from .curve_runs import Curves

#: Name of a metric -> its key in `rel_per_lang`.
METRICS = {"micro": "f", "macro": "macro_f"}
#: {"mean", "sd", "n"} of one F1 over the runs of a source.
Cell = dict[str, Any]
#: The shape of a source that names one language: two letters, perhaps a script and a region ("pt-BR", "zh-Hant"). Three
#: letters would be "all" and "mix", too, and small ones behind the hyphen would be the "en-de" of a model of two.
_ONE_LANGUAGE = re.compile(r"[A-Za-z]{2}(?:[-_][A-Z][a-z]{3})?(?:[-_][A-Z]{2})?")


class TransferReport(dict[str, Any], Shown):
    """What `Comparison.transfer` returns: the dict of `transfer_report`, which prints as tables, in percent."""

    #: Whether the tables show the F1 of each relation, too.
    types = False

    def to_dict(self) -> dict[str, Any]:
        """The report as a plain dict, ready for JSON."""
        return dict(self)

    def save(self, path: str | Path, *, curves: Curves | None = None) -> None:
        """Write the report to a JSON file, with the numbers of curves where these are given.

        Raises:
            RelxError: RX186 where it cannot be written.
        """
        write_report(path, self.to_dict(), curves)

    def check(self) -> None:
        """Make sure that there is what the tables are to show.

        Raises:
            RelxError: RX178 where types are asked for and no run has scores of them.
        """
        if self.types and not self._labels():
            raise _cannot(
                "no run has scores of each relation by language. Make the metrics files anew with relx evaluate."
            )

    def tables(self, rows: int = ROWS) -> list[Table]:
        """F1s, normalised F1s, joint models against monolingual ones, and the F1 of each relation if asked for."""
        tables = [self._f1_table()]
        if any(lang != source for source, row in self["normalized"].items() for lang in row):
            lines = [
                (source, *(percent(row.get(lang), 1) for lang in self["supervised"]))
                for source, row in self["normalized"].items()
            ]
            tables.append(Table("% of supervised", self["supervised"], lines))
        tables.extend(_joint_table(source, row) for source, row in self["joint"].items())
        if self.types:
            columns = self._columns()
            lines = [(label, *(cell_text(row.get(label)) for row in columns.values())) for label in self._labels()]
            tables.append(Table("F1 per relation", list(columns), lines))
        return tables

    def _f1_table(self) -> Table:
        """f(s, t), average and rho; with the number of runs where one has several."""
        runs = {source: max((cell["n"] for cell in row.values()), default=0) for source, row in self["f"].items()}
        several = any(n > 1 for n in runs.values())
        lines = []
        for source, row in self["f"].items():
            means = percent(self["average"][source], 1), percent(self["rho"][source], 1)
            cells = (cell_text(row.get(lang)) for lang in self["langs"])
            lines.append((source, *cells, *means, *[str(runs[source])] * several))
        return Table(f"{self['metric']} F1", [*self["langs"], "Average", "rho", *["runs"] * several], lines)

    def _columns(self) -> dict[str, dict[str, Cell]]:
        """Sources side by side, each with all its targets."""
        return {f"{source}→{lang}": row for source, langs in self["per_type"].items() for lang, row in langs.items()}

    def _labels(self) -> list[str]:
        return sorted({label for row in self._columns().values() for label in row})


def _joint_table(source: str, comparison: dict[str, Any]) -> Table:
    columns = [*comparison["langs"].values(), comparison["average"]]
    rows = [
        ("monolingual", *(percent(column["monolingual"], 1) for column in columns)),
        (source, *(percent(column["joint"], 1) for column in columns)),
        ("difference", *(f"{round(100 * column['difference'], 1) + 0.0:+}" for column in columns)),
    ]
    return Table(f"{source} against monolingual", [*comparison["langs"], "Average"], rows)


def write_report(path: str | Path, report: Mapping[str, Any], curves: Curves | None) -> None:
    """Write the numbers of a comparison, and those of its curves, as JSON. RAISES: RelxError RX186."""
    both = {**report, **({} if curves is None else {"curves": curves.to_dict()})}
    write_output(Path(path), dump_json(both, indent=2) + "\n")


def transfer_report(
    runs: Iterable[tuple[str, Mapping[str, Any]]], *, metric: str = "micro", langs: Sequence[str] | None = None
) -> dict[str, Any]:
    """Compare models by what they were trained on (their source) and the languages they are tested on (the targets).

    f(s, t) is the mean F1 of source s on target t over its runs. RETURNS, ready for JSON:
    metric      as given.
    langs       the targets with an F1 in some run: first those that are sources, in order of `runs`, then the others,
                sorted. Or as asked for.
    f           {source: {target: {mean, sd, n}}}: f(s, t), sample standard deviation (None for one run), runs.
    normalized  {source: {target: f(s, t) / f(t, t)}}, for the targets in `supervised`.
    supervised  the set L: the targets t that are themselves a source, with an f(t, t) above 0.
    average     {source: mean of f(s, t) over all targets but s}.
    rho         {source: transfer efficiency}: mean of f(s, t) / f(t, t) over all t in L but s (eq. 9).
    per_type    {source: {target: {label: {mean, sd, n}}}}: F1 of the labels that occur in gold; {} without
                `rel_per_lang_type`, which older metrics files lack.
    joint       {source: {"langs": {target: row}, "average": row}}, row: {monolingual: f(t, t), joint: f(s, t),
                difference}; for the sources that were trained on several languages, and the targets that have both.

    What no run has measured is absent, never 0. An average or rho is None where one of its targets is missing, since
    means over different languages cannot be compared; name the languages to have it over fewer.

    Args:
        runs: (name of the source, scores) of each evaluated model; scores as `evaluate` or `score_relations` return
            them, of given mentions or of those that the pipeline found. Runs of one source differ in their seed only. A
            source that was trained on one language bears its name ("en"), as `rel_per_lang` has it; a source of any
            other name ("joint", "en+de") counts as trained on several, but not one that looks like the code of a
            language that was not tested ("nl", "pt-BR").
        metric: "micro" or "macro", which F1 of a language.
        langs: Report on these targets only, in this order. "unknown", the Docs without a language, is no part of the
            set L and of averages unless it is named here.

    Raises:
        RelxError: RX615 (scores without `rel_per_lang`, or with no F1 in it), RX178 (no run, unknown metric, no
            language or one without scores asked for, a source that is a target but for its spelling: "EN").

    Warns:
        RelxWarning: RX179 where runs differ in how or on what they were scored.
    """
    if metric not in METRICS:
        raise _cannot(f"the metric {metric!r} is not known. Choose {' or '.join(map(repr, METRICS))}.")
    sources: dict[str, list[Mapping[str, Any]]] = {}
    for number, (source, scores) in enumerate(runs, start=1):
        check_scores(scores, f"run {number}, of the source '{source}'")
        sources.setdefault(source, []).append(without_prefix(scores))
    if not sources:
        raise _cannot("there are no runs.")
    _check_alike(sources)
    key = METRICS[metric]
    measured = {
        source: _cells({lang: row[key] for lang, row in scores["rel_per_lang"].items()} for scores in group)
        for source, group in sources.items()
    }
    tested = {lang for row in measured.values() for lang in row}
    _check_names(sources, tested)
    targets = _targets(tested, list(sources), langs)
    averaged = [lang for lang in targets if lang != UNKNOWN_LANG or langs is not None]
    f = {source: {lang: row[lang] for lang in targets if lang in row} for source, row in measured.items()}
    means = {source: {lang: cell["mean"] for lang, cell in row.items()} for source, row in f.items()}
    supervised = [lang for lang in averaged if means.get(lang, {}).get(lang)]
    normalized = {
        source: {lang: row[lang] / means[lang][lang] for lang in supervised if lang in row}
        for source, row in means.items()
    }
    several = [source for source in sources if source not in tested and not _ONE_LANGUAGE.fullmatch(source)]
    joint = {source: _against_monolingual(means, source, averaged) for source in several}
    return {
        "metric": metric,
        "langs": targets,
        "f": f,
        "normalized": normalized,
        "supervised": supervised,
        "average": {source: _mean_of_others(row, source, averaged) for source, row in means.items()},
        "rho": {source: _mean_of_others(row, source, supervised) for source, row in normalized.items()},
        "per_type": {source: _per_type(group, targets) for source, group in sources.items()},
        "joint": {source: comparison for source, comparison in joint.items() if comparison["langs"]},
    }


def check_scores(scores: Any, where: str) -> None:
    """Make sure that scores have F1s by language. where: names them in the message. RAISES: RelxError RX615."""
    scores = without_prefix(scores) if isinstance(scores, Mapping) else {}
    if "rel_per_lang" not in scores:
        raise RelxError("RX615", where=where, reason="there is no 'rel_per_lang'.")
    table = scores["rel_per_lang"]
    if table is None:
        raise RelxError("RX615", where=where, reason="the documents had no gold relations.")
    types = scores.get("rel_per_lang_type") or {}
    if not _is_table(table, *METRICS.values()):
        raise RelxError("RX615", where=where, reason="'rel_per_lang' is not a table of F1s.")
    if all(row[key] is None for row in table.values() for key in METRICS.values()):
        raise RelxError("RX615", where=where, reason="'rel_per_lang' has no F1 of any language.")
    if not (isinstance(types, Mapping) and all(_is_table(rows, "f") for rows in types.values())):
        raise RelxError("RX615", where=where, reason="'rel_per_lang_type' is not a table of F1s.")


def _is_table(table: Any, *keys: str) -> bool:
    """Whether this is {name: row}, each row with its support and an F1, or None, for every key."""
    return isinstance(table, Mapping) and all(
        isinstance(row, Mapping)
        and type(row.get("support")) is int
        and all(key in row and _is_f1(row[key]) for key in keys)
        for row in table.values()
    )


def _is_f1(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and 0 <= value <= 1)  # JSON's true is an int to isinstance


def _check_alike(sources: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """WARNS: RX179, once, where the runs say that they differ in settings or in the gold relations of a language."""
    seen: dict[str, tuple[Any, str]] = {}
    for source, group in sources.items():
        for scores in group:
            facts = {name: scores[name] for name in ("match", "gold_mentions") if name in scores}
            for lang, row in scores["rel_per_lang"].items():
                if row["support"]:
                    facts[f"the number of gold relations of '{lang}'"] = row["support"]
            for name, value in facts.items():
                first, other = seen.setdefault(name, (value, source))
                if first != value:
                    warn("RX179", name=name, one=first, first=other, other=value, second=source)
                    return


def _check_names(sources: Iterable[str], tested: Iterable[str]) -> None:
    """RAISES: RelxError RX178 for a source that is a tested language in another spelling: it would have no f(t, t)."""
    known = {lang.lower().replace("_", "-"): lang for lang in tested}
    for source in sources:
        lang = known.get(source.lower().replace("_", "-"), source)
        if lang != source:
            raise _cannot(f"the source '{source}' is the language '{lang}' of the test data. Write it so.")


def _targets(tested: set[str], sources: Sequence[str], langs: Sequence[str] | None) -> list[str]:
    if langs is None:
        own = [source for source in sources if source in tested]
        return own + sorted(tested.difference(own))
    if not langs:
        raise _cannot("no language is named.")
    for lang in langs:
        if lang not in tested:
            known = ", ".join(sorted(tested)) or "none"
            raise _cannot(f"no run has scores of the language '{lang}'. Languages: {known}.")
    return list(dict.fromkeys(langs))


def _cells(tables: Iterable[Mapping[str, float | None]]) -> dict[str, Cell]:
    """{name: F1 or None} of each run -> {name: mean, standard deviation and number of the F1s there are}."""
    values: dict[str, list[float]] = {}
    for table in tables:
        for name, value in table.items():
            if value is not None:
                values.setdefault(name, []).append(value)
    return {
        name: {"mean": fmean(row), "sd": stdev(row) if len(row) > 1 else None, "n": len(row)}
        for name, row in values.items()
    }


def _per_type(group: Sequence[Mapping[str, Any]], targets: Iterable[str]) -> dict[str, dict[str, Cell]]:
    """{target: {label: cell}} of one source; labels that were only predicted have no F1 worth the name."""
    tables = [scores.get("rel_per_lang_type") or {} for scores in group]
    out = {}
    for lang in targets:
        rows = [table.get(lang, {}) for table in tables]
        cells = _cells({label: row["f"] for label, row in labels.items() if row["support"]} for labels in rows)
        if cells:
            out[lang] = dict(sorted(cells.items()))
    return out


def _mean_of_others(row: Mapping[str, float], source: str, targets: Iterable[str]) -> float | None:
    """Mean over the targets other than the source itself; None without any, or where one is missing."""
    values = [row.get(lang) for lang in targets if lang != source]
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _against_monolingual(
    means: Mapping[str, Mapping[str, float]], source: str, targets: Iterable[str]
) -> dict[str, Any]:
    both = [lang for lang in targets if lang in means[source] and lang in means.get(lang, {})]
    rows = {lang: _comparison(means[lang][lang], means[source][lang]) for lang in both}
    if not both:
        return {"langs": {}, "average": None}
    names = ("monolingual", "joint")
    return {"langs": rows, "average": _comparison(*(fmean(row[name] for row in rows.values()) for name in names))}


def _comparison(monolingual: float, joint: float) -> dict[str, float]:
    return {"monolingual": monolingual, "joint": joint, "difference": joint - monolingual}


def _cannot(reason: str) -> RelxError:
    return RelxError("RX178", reason=reason)

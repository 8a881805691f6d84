"""`relx evaluate`: scores of a pipeline on gold documents, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..data.strict_json import dump_json
from ..errors import RelxError
from ._app import (
    BatchOpt,
    CodeOpt,
    GpuOpt,
    ModelArg,
    RowsOpt,
    SymmetricOpt,
    import_code,
    load_pipeline,
    progress,
    read_docs,
    relx_app,
    report_errors,
    split_names,
    use_gpu,
)
from ._output import check_output, write_output
from ._tables import FACT_NUMBERS, ROWS, Table, largest_first, percent, shortened, text_table


class Match(str, Enum):
    """What must agree besides the label: both mentions, and their types too."""

    boundary = "boundary"
    strict = "strict"


#: Levels of reliability, by the names that they have in tables and pictures.
RELIABILITY = {"predicted": "predicted relations", "pairs": "all pairs"}
GoldMentionsOpt = Annotated[bool, typer.Option("--gold-mentions", help="Give the pipeline the gold mentions")]
MATCH_OPTION = typer.Option("--match", "-m", help="strict: the types of the mentions must agree too")


@relx_app.command("evaluate")
@report_errors
def evaluate_cli(
    model: ModelArg,
    data: Annotated[Path, typer.Argument(help="Gold documents: a .spacy file, or a folder of such")],
    gold_mentions: GoldMentionsOpt = False,
    match: Annotated[Match, MATCH_OPTION] = Match.boundary,
    scheme: Annotated[
        str | None,
        typer.Option(
            "--scheme", help="A published score to add: semeval2010 ((9+1)-way macro-F1), one_triple (as SMiLER)"
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file for the scores")] = None,
    across_docs: Annotated[
        bool, typer.Option("--across-docs", help="Facts: the same pair of entities in several documents is one pair")
    ] = False,
    symmetric: SymmetricOpt = "",
    reliability: Annotated[
        Path | None, typer.Option("--reliability", help="SVG file for a reliability diagram of the scores")
    ] = None,
    retokenize: Annotated[
        bool, typer.Option("--retokenize", help="Use the pipeline's own tokens, not the gold ones")
    ] = False,
    rows: RowsOpt = ROWS,
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Score the relations that a pipeline finds: overall, per relation, per language. A gold relation whose mentions the
    pipeline does not find counts as a miss; with --gold-mentions the mentions are given and relations alone are scored.

    Facts are scored too, where the pipeline finds facts. Documents that are bags always come with their mentions.
    """
    check_output(output, data, code, model=model)
    if reliability is not None and reliability.suffix.lower() != ".svg":
        raise RelxError("RX368", path=reliability, kind="a picture of reliability", known=".svg")
    check_output(reliability, data, code, output, model=model)
    use_gpu(gpu)
    import_code(code)
    settings: dict[str, Any] = {"retokenize": retokenize, "batch_size": batch_size, "scheme": scheme}
    settings.update(across_docs=across_docs, symmetric=split_names(symmetric))
    scores = score_pipeline(model, data, gold_mentions=gold_mentions, match=match, **settings)
    typer.echo(report(scores, rows))
    if output is not None:
        write_output(output, dump_json(scores, indent=2) + "\n")
        typer.secho(f"✔ Saved to {output}", fg="green")
    if reliability is not None:
        from ..evaluation.given import without_prefix
        from ..viz import reliability_svg

        levels = without_prefix(scores)["rel_reliability"]
        named = {name: levels[key] for key, name in RELIABILITY.items() if levels[key] is not None}
        write_output(reliability, reliability_svg(named))
        typer.secho(f"✔ Saved to {reliability}", fg="green")


def score_pipeline(model: str, data: Path, *, gold_mentions: bool, match: Match, **settings: Any) -> dict[str, Any]:
    """Load a pipeline and evaluate it on gold documents, with a progress bar.

    **settings: others of `evaluation.evaluate`. RETURNS: its scores, and how they were made: match, gold_mentions (true
    for bags, too, which always come with their mentions).
    RAISES: RelxError RX173 where there are no documents, and those of `load_pipeline` and `read_docs`.
    """
    from ..evaluation import evaluate

    nlp = load_pipeline(model)
    docs = progress(read_docs(data, nlp.vocab))
    scores = evaluate(nlp, docs, gold_mentions=gold_mentions, match=match.value, **settings)
    if not scores["n_docs"]:
        raise RelxError("RX173", where=data)
    return {"match": match.value, **scores}


def report(scores: dict[str, Any], rows: int = ROWS) -> str:
    """The scores as text, in percent: of relations (unless there are only facts), of facts, counts and speed.

    rows: that tables have at most which have one for each relation or language, those with most gold first; 0 for all.
    """
    from ..evaluation.given import without_prefix

    scores = without_prefix(scores)
    has_facts = "fact_n_gold" in scores
    has_relations = scores["rel_n_gold"] or scores["rel_n_pred"] or not has_facts
    tables = [
        *(_relation_tables(scores, rows) if has_relations else ()),
        *(_fact_tables(scores, rows) if has_facts else ()),
    ]
    unknown = [_unknown_types(scores)] if scores["unknown_types"] else []
    return "\n".join([*map(text_table, [*tables, *unknown]), _counts(scores, has_relations, has_facts)])


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

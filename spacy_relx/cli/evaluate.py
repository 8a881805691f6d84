"""`relx evaluate`: scores of a pipeline on gold documents, as tables and as JSON."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..errors import RelxError
from ._app import (
    BatchOpt,
    CodeOpt,
    GpuOpt,
    ModelArg,
    import_code,
    load_pipeline,
    progress,
    read_docs,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import check_output, write_output


class Match(str, Enum):
    """What must agree besides the label: both mentions, and their types too."""

    boundary = "boundary"
    strict = "strict"


@relx_app.command("evaluate")
@report_errors
def evaluate_cli(
    model: ModelArg,
    data: Annotated[Path, typer.Argument(help="Gold documents: a .spacy file, or a folder of such")],
    gold_entities: Annotated[bool, typer.Option("--gold-entities", help="Give the pipeline the gold mentions")] = False,
    match: Annotated[
        Match, typer.Option("--match", "-m", help="strict: the types of the mentions must agree too")
    ] = Match.boundary,
    scheme: Annotated[
        str | None, typer.Option("--scheme", help="An official score to add: semeval2010 ((9+1)-way macro-F1)")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file for the scores")] = None,
    retokenize: Annotated[
        bool, typer.Option("--retokenize", help="Use the pipeline's own tokens, not the gold ones")
    ] = False,
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Score the relations that a pipeline finds: overall, per relation, per language. A gold relation whose mentions the
    pipeline does not find counts as a miss; with --gold-entities the mentions are given and relations alone are scored.
    """
    from ..evaluation import evaluate

    check_output(output, data, code)
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    scores = evaluate(
        nlp,
        progress(read_docs(data, nlp.vocab)),
        gold_entities=gold_entities,
        match=match.value,
        retokenize=retokenize,
        batch_size=batch_size,
        scheme=scheme,
    )
    if not scores["n_docs"]:
        raise RelxError("RX173", where=data)
    typer.echo(report(scores))
    if output is not None:
        settings = {"match": match.value, "gold_entities": gold_entities}
        write_output(output, json.dumps({**settings, **scores}, indent=2, ensure_ascii=False) + "\n")
        typer.secho(f"✔ Saved to {output}", fg="green")


def report(scores: dict[str, Any]) -> str:
    """The scores as text: overall, per relation, per language (in percent), counts and speed."""
    names = {
        "micro": "rel_micro",
        "macro": "rel_macro",
        "micro, boundary": "rel_boundary_micro",
        "micro, strict": "rel_strict_micro",
    }
    overall: list[tuple[str, ...]] = [
        (title, *(_percent(scores[f"{key}_{part}"]) for part in "prf")) for title, key in names.items()
    ]
    if "semeval_macro_f" in scores:
        overall.append(("SemEval-2010 macro", "", "", _percent(scores["semeval_macro_f"])))
    overall.append(("micro, with no-relation", "", "", _percent(scores["rel_micro_f_na"])))
    overall.append(("macro, with no-relation", "", "", _percent(scores["rel_macro_f_na"])))
    parts = [_table("Overall", ("P", "R", "F"), overall)]
    if scores["rel_per_type"]:
        rows = [_row(label, row) for label, row in scores["rel_per_type"].items()]
        parts.append(_table("Per relation", ("P", "R", "F", "gold"), rows))
    if scores["rel_per_lang"]:
        rows = [(*_row(lang, row), _percent(row["macro_f"])) for lang, row in scores["rel_per_lang"].items()]
        parts.append(_table("Per language", ("P", "R", "F", "gold", "macro F"), rows))
    parts.append(_counts(scores))
    return "\n".join(parts)


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    from wasabi import table

    aligns: list[Literal["l", "r", "c"]] = ["l"]
    aligns.extend("r" for _ in columns)
    return table(rows, header=(title, *columns), divider=True, aligns=aligns, max_col=60)


def _row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    return name, _percent(row["p"]), _percent(row["r"]), _percent(row["f"]), str(row["support"])


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _counts(scores: dict[str, Any]) -> str:
    uncovered = scores["rel_uncovered"]
    covered = "" if uncovered is None else f" ({uncovered} of the gold ones without a candidate pair)"
    return (
        f"{scores['rel_n_gold']} gold and {scores['rel_n_pred']} predicted relations{covered} in {scores['n_docs']} "
        f"documents, {scores['n_candidates']} candidate pairs\n"
        f"{scores['docs_per_s']:.1f} documents/s, {scores['pairs_per_s']:.0f} pairs/s, "
        f"{scores['words_per_s']:.0f} words/s"
    )

"""`relx evaluate`: scores of a pipeline on gold documents, as tables and as JSON."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

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
from ._tables import Table, percent, text_table


class Match(str, Enum):
    """What must agree besides the label: both mentions, and their types too."""

    boundary = "boundary"
    strict = "strict"


GoldEntitiesOpt = Annotated[bool, typer.Option("--gold-entities", help="Give the pipeline the gold mentions")]
MATCH_OPTION = typer.Option("--match", "-m", help="strict: the types of the mentions must agree too")


@relx_app.command("evaluate")
@report_errors
def evaluate_cli(
    model: ModelArg,
    data: Annotated[Path, typer.Argument(help="Gold documents: a .spacy file, or a folder of such")],
    gold_entities: GoldEntitiesOpt = False,
    match: Annotated[Match, MATCH_OPTION] = Match.boundary,
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
    check_output(output, data, code)
    use_gpu(gpu)
    import_code(code)
    settings: dict[str, Any] = {"retokenize": retokenize, "batch_size": batch_size, "scheme": scheme}
    scores = score_pipeline(model, data, gold_entities=gold_entities, match=match, **settings)
    typer.echo(report(scores))
    if output is not None:
        write_output(output, json.dumps(scores, indent=2, ensure_ascii=False) + "\n")
        typer.secho(f"✔ Saved to {output}", fg="green")


def score_pipeline(model: str, data: Path, *, gold_entities: bool, match: Match, **settings: Any) -> dict[str, Any]:
    """Load a pipeline and evaluate it on gold documents, with a progress bar.

    **settings: others of `evaluation.evaluate`. RETURNS: its scores, and how they were made: match, gold_entities.
    RAISES: RelxError RX173 where there are no documents, and those of `load_pipeline` and `read_docs`.
    """
    from ..evaluation import evaluate

    nlp = load_pipeline(model)
    docs = progress(read_docs(data, nlp.vocab))
    scores = evaluate(nlp, docs, gold_entities=gold_entities, match=match.value, **settings)
    if not scores["n_docs"]:
        raise RelxError("RX173", where=data)
    return {"match": match.value, "gold_entities": gold_entities, **scores}


def report(scores: dict[str, Any]) -> str:
    """The scores as text: overall, per relation, per language (in percent), counts and speed."""
    names = {
        "micro": "rel_micro",
        "macro": "rel_macro",
        "micro, boundary": "rel_boundary_micro",
        "micro, strict": "rel_strict_micro",
    }
    overall: list[tuple[str, ...]] = [
        (title, *(percent(scores[f"{key}_{part}"]) for part in "prf")) for title, key in names.items()
    ]
    if "semeval_macro_f" in scores:
        overall.append(("SemEval-2010 macro", "", "", percent(scores["semeval_macro_f"])))
    overall.append(("micro, with no-relation", "", "", percent(scores["rel_micro_f_na"])))
    overall.append(("macro, with no-relation", "", "", percent(scores["rel_macro_f_na"])))
    parts = [text_table(Table("Overall", ("P", "R", "F"), overall))]
    if scores["rel_per_type"]:
        rows = [_row(label, row) for label, row in scores["rel_per_type"].items()]
        parts.append(text_table(Table("Per relation", ("P", "R", "F", "gold"), rows)))
    if scores["rel_per_lang"]:
        rows = [(*_row(lang, row), percent(row["macro_f"])) for lang, row in scores["rel_per_lang"].items()]
        parts.append(text_table(Table("Per language", ("P", "R", "F", "gold", "macro F"), rows)))
    parts.append(_counts(scores))
    return "\n".join(parts)


def _row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    return name, percent(row["p"]), percent(row["r"]), percent(row["f"]), str(row["support"])


def _counts(scores: dict[str, Any]) -> str:
    uncovered = scores["rel_uncovered"]
    covered = "" if uncovered is None else f" ({uncovered} of the gold ones without a candidate pair)"
    return (
        f"{scores['rel_n_gold']} gold and {scores['rel_n_pred']} predicted relations{covered} in {scores['n_docs']} "
        f"documents, {scores['n_candidates']} candidate pairs\n"
        f"{scores['docs_per_s']:.1f} documents/s, {scores['pairs_per_s']:.0f} pairs/s, "
        f"{scores['words_per_s']:.0f} words/s"
    )

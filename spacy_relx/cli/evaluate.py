"""`relx evaluate`: scores of a pipeline on gold documents, as tables and as JSON."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from ..evaluation.report import Scores
from ..data.tables import ROWS


class Match(str, Enum):
    """What must agree besides the label: both mentions, and their types too."""

    boundary = "boundary"
    strict = "strict"


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
        Path | None,
        typer.Option("--reliability", help="Reliability diagram of the scores: .svg, .png or .pdf"),
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
    if reliability is not None:
        from ..viz.charts import check_chart

        check_chart(reliability, "a picture of reliability")
    check_output(reliability, data, code, output, model=model)
    use_gpu(gpu)
    import_code(code)
    settings: dict[str, Any] = {"retokenize": retokenize, "batch_size": batch_size, "scheme": scheme}
    settings.update(across_docs=across_docs, symmetric=split_names(symmetric))
    scores = score_pipeline(model, data, gold_mentions=gold_mentions, match=match, **settings)
    typer.echo(scores.to_text(rows))
    if output is not None:
        write_output(output, dump_json(scores, indent=2) + "\n")
        typer.secho(f"✔ Saved to {output}", fg="green")
    if reliability is not None:
        from ..evaluation.given import without_prefix
        from ..evaluation.report import RELIABILITY
        from ..viz import draw_reliability, picture

        levels = without_prefix(scores)["rel_reliability"]
        named = {name: levels[key] for key, name in RELIABILITY.items() if levels[key] is not None}
        write_output(reliability, picture(draw_reliability(named), reliability.suffix))
        typer.secho(f"✔ Saved to {reliability}", fg="green")


def score_pipeline(model: str, data: Path, *, gold_mentions: bool, match: Match, **settings: Any) -> Scores:
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
    return scores

"""The call that compares runs: compare."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import Any, Literal, Union

from spacy.language import Language
from typing_extensions import TypeAlias

from ..data.files import same_file
from ..data.outputs import check_output
from ..errors import RelxError, sentence
from ..evaluation.comparison import Comparison, compare_runs
from ..formats.records import load_json
from ..viz.charts import check_chart
from .inputs import Docs, Progress, silent
from .scoring import evaluate

#: Scores; the metrics file that has them, or a pattern of such; or a pipeline, or its folder.
Run: TypeAlias = Union[Mapping[str, Any], str, Path, Language]
Match = Literal["boundary", "strict"]


def compare(
    runs: Mapping[str, Run | Iterable[Run]] | Iterable[tuple[str, Run]],
    *,
    test: Docs | None = None,
    gold_mentions: bool = False,
    match: Match | None = None,
    batch_size: int | None = None,
    code: str | Path | None = None,
    gpu_id: int = -1,
    progress: Progress = silent,
) -> Comparison:
    """Compare models by their scores: overall, per relation, per language.

    Args:
        runs: Name of a model -> its scores; or the metrics file that `relx evaluate --output` or `Scores.save` wrote,
            or a pattern with wildcards of several; or a pipeline or its folder; or a list of these, which are seeds of
            one model, and of which the mean is taken. Also pairs of a name and one of these.
        test: Gold documents to evaluate pipelines on.
        gold_mentions: Whether to give the gold mentions to pipelines.
        match: "boundary", or "strict": the types of the mentions must agree too.
        batch_size: Texts that a pipeline takes at a time.
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.
        progress: Shows how far the documents are read.

    Returns:
        Means and standard deviations, which print as tables. Its methods `transfer` and `curves` show the same runs as
        models of languages, and as precision-recall curves of facts.

    Raises:
        RelxError: RX614 for anything else, RX615 for a file that cannot be read, RX178 for what does not go together.
    """
    groups = _groups(runs)
    everything = [run for group in groups.values() for run in group]
    pipelines = [run for run in everything if _is_pipeline(run)]
    if pipelines and test is None:
        raise RelxError("RX178", reason="there are pipelines, but no documents to evaluate them on. Give 'test'.")
    if not pipelines:
        given = {"test": test is not None, "gold_mentions": gold_mentions, "batch_size": batch_size, "code": code}
        _check_unused({**given, "gpu_id": gpu_id >= 0})
    read = {run: _read(run) for run in everything if isinstance(run, Path) and not run.is_dir()}
    known = {**{str(path): scores for path, scores in read.items()}}
    known.update({f"run {n}": run for n, run in enumerate(everything, start=1) if isinstance(run, Mapping)})
    if match is not None:
        _check_match(match, known, alone=not pipelines)

    def scores_of(run: Any) -> Mapping[str, Any]:
        if isinstance(run, Mapping):
            return run
        if run in read:
            return read[run]
        how: dict[str, Any] = {"gold_mentions": gold_mentions, "match": match or "boundary", "batch_size": batch_size}
        scores = evaluate(run, test, code=code, gpu_id=gpu_id, progress=progress, **how)  # type: ignore[arg-type]
        gc.collect()  # parts of a pipeline may refer to it: the next is not to be loaded beside this one
        return scores

    scored = {name: [scores_of(run) for run in group] for name, group in groups.items()}
    return compare_runs(scored, {name: [_name(run) for run in group] for name, group in groups.items()})


def named_runs(args: Iterable[str]) -> list[tuple[str, Path]]:
    """The runs that NAME=PATH means, each with its name.

    Raises:
        RelxError: RX176 for what is no NAME=PATH, or has no such file.
    """
    found = []
    for arg in args:
        name, equals, path = arg.partition("=")
        if not (name.strip() and equals and path):
            raise RelxError("RX176", arg=arg, reason="it is not NAME=PATH.")
        paths, reason = _paths(path)
        if reason:
            raise RelxError("RX176", arg=arg, reason=reason)
        found += [(name.strip(), run) for run in paths]
    return found


def check_comparison(
    outputs: Sequence[Path | None],
    runs: Iterable[tuple[str, Path]],
    inputs: Iterable[Path | None],
    options: Mapping[str, Any],
    *,
    transfer: bool,
    curves: bool,
) -> None:
    """Make sure that the outputs of a comparison can be written, and that no option would do nothing.

    Args:
        outputs: The files of the numbers, of the tables and of the picture.
        runs: The runs; all files of a pipeline are inputs.
        inputs: Other inputs.
        options: The options of the views, with their values.
        transfer: Whether the transfer between languages is shown.
        curves: Whether curves are drawn.

    Raises:
        RelxError: RX651 for an option of a view that was not asked for, RX186 and RX189 for outputs, RX368 for the
            picture.
    """
    for view, asked, names in (
        ("--transfer", transfer, ("--metric", "--langs", "--types")),
        ("--curves", curves, ("--title", "--recall-max")),
    ):
        given = [name for name in names if options[name] not in (None, "") and options[name] is not False]
        if given and not asked:
            raise RelxError("RX651", options=", ".join(given), view=view)
    files = [file for _, path in runs for file in (path.rglob("*") if path.is_dir() else [path])]
    for number, output in enumerate(outputs):
        check_output(output, *files, *inputs)
        if output is not None and any(other is not None and same_file(output, other) for other in outputs[:number]):
            raise RelxError("RX186", path=output, reason="it is the place of another output.")
    if outputs[-1] is not None:
        check_chart(outputs[-1], "a picture of curves")


def _groups(runs: Any) -> dict[str, list[Run]]:
    """The runs of each name, each file once. RAISES: RelxError RX614, RX615, RX178 for a metrics file of two names."""
    if isinstance(runs, (str, Path)) or not isinstance(runs, Iterable):
        raise RelxError("RX614", value=runs)
    groups: dict[str, dict[Any, Run]] = {}
    owners: dict[Path, str] = {}
    for name, given in runs.items() if isinstance(runs, Mapping) else runs:
        group = groups.setdefault(str(name), {})
        for run in _runs(given):
            file = run.resolve() if isinstance(run, Path) else None
            group.setdefault(file or id(run), run)
            if file is not None and file.is_file() and owners.setdefault(file, str(name)) != str(name):
                both = f"'{owners[file]}' and '{name}'"
                raise RelxError("RX178", reason=f"the metrics file {run} is given for two names, {both}.")
        if not group:
            raise RelxError("RX614", value=given)
    if not groups:
        raise RelxError("RX614", value=runs)
    return {name: list(group.values()) for name, group in groups.items()}


def _runs(given: Any) -> Iterator[Run]:
    single = isinstance(given, (Mapping, str, Path, Language))
    if not single and not isinstance(given, Iterable):
        raise RelxError("RX614", value=given)
    for run in [given] if single else given:
        if isinstance(run, (str, Path)):
            paths, reason = _paths(run)
            if reason:
                raise RelxError("RX615", where=run, reason=reason)
            yield from paths
        elif isinstance(run, (Mapping, Language)):
            yield run
        else:
            raise RelxError("RX614", value=run)


def _paths(given: str | Path) -> tuple[list[Path], str]:
    """Metrics files and folders of pipelines, and why they are none, "" where they are."""
    paths = [Path(given)] if Path(given).exists() else sorted(map(Path, glob(str(given), recursive=True)))
    wrong = [path for path in paths if path.is_dir() and not (path / "config.cfg").exists()]
    if wrong:
        return [], f"the folder {wrong[0]} has no config.cfg, so it is no pipeline."
    return paths, "" if paths else "there is no such file or folder."


def _is_pipeline(run: Run) -> bool:
    return isinstance(run, Language) or (isinstance(run, Path) and run.is_dir())


def _name(run: Run) -> str:
    return str(run) if isinstance(run, Path) else "scores" if isinstance(run, Mapping) else "pipeline"


def _read(path: Path) -> Mapping[str, Any]:
    """The scores in a metrics file. RAISES: RelxError RX615."""
    try:
        scores = load_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as err:  # not UTF-8 and not JSON are ValueErrors
        raise RelxError("RX615", where=path, reason=sentence(err)) from err
    if not isinstance(scores, dict):
        raise RelxError("RX615", where=path, reason="it is no object of scores.")
    return scores


def _check_unused(options: Mapping[str, Any]) -> None:
    """RAISES: RelxError RX178 for an option that is for pipelines, where there are none."""
    unused = " and ".join(f"'{name}'" for name, value in options.items() if value)
    if unused:
        reason = f"all runs are scores already: {unused} would do nothing. Leave it out."
        raise RelxError("RX178", reason=reason)


def _check_match(match: str, files: Mapping[str, Mapping[str, Any]], *, alone: bool) -> None:
    """RAISES: RelxError RX178 for scores of another match; without pipelines, for those that do not say theirs."""
    for where, scores in files.items():
        own = scores.get("match")
        if own != match and (alone or own is not None):
            said = "does not say which" if own is None else f"was scored with match = {own}"
            reason = f"'match' is {match}, but the metrics file {where} {said}. Files cannot be scored anew."
            raise RelxError("RX178", reason=reason)

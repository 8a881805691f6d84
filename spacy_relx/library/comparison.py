"""The call that compares runs: compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Union

from typing_extensions import TypeAlias

from ..errors import RelxError, sentence
from ..evaluation.comparison import Comparison, compare_runs
from ..formats.records import load_json

#: Scores, or the metrics file that has them.
Run: TypeAlias = Union[Mapping[str, Any], str, Path]


def compare(runs: Mapping[str, Run | Iterable[Run]]) -> Comparison:
    """Compare models by their scores: overall, per relation, per language.

    Args:
        runs: Name of a model -> its scores, or the metrics file that `relx evaluate --output` or `Scores.save` wrote;
            or a list of these, which are seeds of one model, and of which the mean is taken.

    Returns:
        Means and standard deviations, which print as tables.

    Raises:
        RelxError: RX614 for anything else, RX615 for a file that cannot be read.
    """
    if not isinstance(runs, Mapping) or not runs:
        raise RelxError("RX614", value=runs)
    groups = {}
    for name, given in runs.items():
        group = [given] if isinstance(given, (Mapping, str, Path)) else given
        if not isinstance(group, Iterable):
            raise RelxError("RX614", value=given)
        groups[str(name)] = [_scores(run) for run in group]
        if not groups[str(name)]:
            raise RelxError("RX614", value=given)
    return compare_runs(groups)


def _scores(run: Any) -> Mapping[str, Any]:
    if isinstance(run, Mapping):
        return run
    if not isinstance(run, (str, Path)):
        raise RelxError("RX614", value=run)
    try:
        scores = load_json(Path(run).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as err:  # not UTF-8 and not JSON are ValueErrors
        raise RelxError("RX615", where=run, reason=sentence(err)) from err
    if not isinstance(scores, dict):
        raise RelxError("RX615", where=run, reason="it is no object of scores.")
    return scores

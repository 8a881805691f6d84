"""Which scores `spacy train` chooses the best model by: those that the pipeline's evaluation gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from spacy.language import Language
from spacy.training import Example

from ..extensions import GoldMentions, get_bag, get_gold_mentions

_PREFIX = "gold_mentions_"


def weigh_scores(nlp: Language | None, get_examples: Callable[[], Iterable[Example]], family: str) -> None:
    """Move the weights of scores, under [training.score_weights] of the pipeline's config, to those that are measured.

    A corpus gives the gold mentions to a pipeline without a component that finds mentions. Its scores are then named
    `gold_mentions_rel_micro_f`, else `rel_micro_f`, and the other never comes. The default weights of a component
    cannot know which. So the weights of the other become those of the one, unless it has weights of its own.

    Args:
        nlp: The pipeline; None changes nothing.
        get_examples: The training data.
        family: What the plain names of the scores begin with, "rel_" or "fact_".
    """
    first = next(iter(get_examples()), None)
    known = None if first is None else get_gold_mentions(first.predicted)
    if nlp is None or first is None or known is None or (family == "fact_" and get_bag(first.predicted) is not None):
        return
    to, of = (_PREFIX, "") if known is GoldMentions.GIVEN else ("", _PREFIX)
    weights = nlp.config["training"]["score_weights"]
    others = {key: weight for key, weight in weights.items() if key.startswith(of + family)}
    if not any(weight for key, weight in weights.items() if key.startswith(to + family)):
        moved = {to + key.removeprefix(of): weight for key, weight in others.items() if weight is not None}
        weights.update(moved)
    # A key that stays is in meta.json, as 0. Those that a component names by default come back with their weight.
    named = {key for name in nlp.component_names for key in nlp.get_pipe_meta(name).default_score_weights or ()}
    for key in others:
        if key in named:
            weights[key] = None
        else:
            del weights[key]

"""Which scores `spacy train` chooses the best model by: those that the pipeline's evaluation gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from spacy.language import Language
from spacy.tokens import Doc

from ...data.extensions import GoldMentions, get_bag, get_gold_mentions

_PREFIX = "gold_mentions_"


def weigh_scores(nlp: Language | None, docs: Iterable[Doc], family: str) -> Iterator[Doc]:
    """Move the weights of scores, under [training.score_weights] of the pipeline's config, to those that are measured.

    A corpus gives the gold mentions to a pipeline without a component that finds mentions. Its scores are then named
    `gold_mentions_rel_micro_f`, else `rel_micro_f`, and the other never comes. The default weights of a component
    cannot know which. So the weights of the other become those of the one, unless it has weights of its own.

    Args:
        nlp: The pipeline; None changes nothing.
        docs: The predicted Docs of the training data. The first says what the corpus gives.
        family: What the plain names of the scores begin with, "rel_" or "fact_".

    Returns:
        The same Docs.
    """
    stream = iter(docs)
    first = list(islice(stream, 1))
    if nlp is not None and first and not (family == "fact_" and get_bag(first[0]) is not None):
        _move(nlp, get_gold_mentions(first[0]), family)
    return chain(first, stream)


def _move(nlp: Language, known: GoldMentions | None, family: str) -> None:
    """known: what the corpus says of the mentions of the Docs; None for a corpus that says nothing."""
    if known is None:
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

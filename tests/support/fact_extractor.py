"""A small fact extractor that has learned."""

from __future__ import annotations

from support.bag import (
    bag_docs,
    make_nlp,
    train,
)


def trained_nlp():
    """A pipeline with a small fact extractor that knows the bags of `bag_util` by heart."""
    nlp = make_nlp()
    losses = train(nlp)
    assert losses[-1] < 0.1 < losses[0]
    return nlp


def scores(nlp, docs=None):
    return [doc._.fact_scores.scores for doc in nlp.pipe(docs or bag_docs(nlp))]

"""Registered heads. Each function returns what makes the head once its sizes are known: (width, n_labels) -> module."""

from __future__ import annotations

from functools import partial
from typing import Callable

from ..errors import RelxError
from ..nn.heads import Head, MultiLabelHead, SoftmaxHead

HeadFactory = Callable[[int, int], Head]


def _check(no_relation_weight: float, negative_ratio: float | None) -> None:
    if no_relation_weight <= 0:
        raise RelxError("RX021", name="no_relation_weight", value=no_relation_weight, need="more than 0")
    if negative_ratio is not None and negative_ratio <= 0:
        raise RelxError("RX021", name="negative_ratio", value=negative_ratio, need="more than 0, or null for all pairs")


def make_softmax_head(
    no_relation_weight: float = 1.0, negative_ratio: float | None = None, label_smoothing: float = 0.0
) -> HeadFactory:
    """`spacy_relx.SoftmaxHead.v1`: at most one label a pair. See `nn.heads.SoftmaxHead` for the settings.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    _check(no_relation_weight, negative_ratio)
    if not 0 <= label_smoothing < 1:
        raise RelxError("RX021", name="label_smoothing", value=label_smoothing, need="in [0, 1)")
    return partial(
        SoftmaxHead,
        no_relation_weight=no_relation_weight,
        negative_ratio=negative_ratio,
        label_smoothing=label_smoothing,
    )


def make_multilabel_head(
    no_relation_weight: float = 1.0, negative_ratio: float | None = None, positive_weight: float = 1.0
) -> HeadFactory:
    """`spacy_relx.MultiLabelHead.v1`: any number of labels a pair. See `nn.heads.MultiLabelHead` for the settings."""
    _check(no_relation_weight, negative_ratio)
    if positive_weight <= 0:
        raise RelxError("RX021", name="positive_weight", value=positive_weight, need="more than 0")
    return partial(
        MultiLabelHead,
        no_relation_weight=no_relation_weight,
        negative_ratio=negative_ratio,
        positive_weight=positive_weight,
    )

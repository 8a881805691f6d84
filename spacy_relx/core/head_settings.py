"""Registered heads. Each function returns what makes the head once its sizes are known: (width, n_labels) -> module."""

from __future__ import annotations

from functools import partial
from typing import Callable

from .checks import check_positive, check_probability
from .heads import Head, MultiLabelHead, SoftmaxHead

HeadFactory = Callable[[int, int], Head]


def make_softmax_head(
    no_relation_weight: float = 1.0, negative_ratio: float | None = None, label_smoothing: float = 0.0
) -> HeadFactory:
    """`spacy_relx.SoftmaxHead.v1`: at most one label a pair. See `nn.heads.SoftmaxHead` for the settings.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_positive(no_relation_weight=no_relation_weight, negative_ratio=negative_ratio)
    check_probability(label_smoothing=label_smoothing)
    return partial(
        SoftmaxHead,
        no_relation_weight=no_relation_weight,
        negative_ratio=negative_ratio,
        label_smoothing=label_smoothing,
    )


def make_multilabel_head(
    no_relation_weight: float = 1.0, negative_ratio: float | None = None, positive_weight: float = 1.0
) -> HeadFactory:
    """`spacy_relx.MultiLabelHead.v1`: any number of labels a pair. See `nn.heads.MultiLabelHead` for the settings.

    RAISES: RelxError RX021 for settings that make no sense.
    """
    check_positive(
        no_relation_weight=no_relation_weight, negative_ratio=negative_ratio, positive_weight=positive_weight
    )
    return partial(
        MultiLabelHead,
        no_relation_weight=no_relation_weight,
        negative_ratio=negative_ratio,
        positive_weight=positive_weight,
    )

"""Registered poolings. Each function returns what makes one: width of the transformer -> module."""

from __future__ import annotations

from typing import Callable

from .pooling import EntityEnds, EntityMax, EntityPooling, EntityStart, SentenceStart

PoolingFactory = Callable[[int], EntityPooling]


def make_entity_start() -> PoolingFactory:
    """`spacy_relx.EntityStart.v1`: each entity's opening marker (ES, Ni et al. 2020, eq. 5)."""
    return EntityStart


def make_entity_ends() -> PoolingFactory:
    """`spacy_relx.EntityEnds.v1`: each entity's opening and closing marker, side by side."""
    return EntityEnds


def make_entity_max() -> PoolingFactory:
    """`spacy_relx.EntityMax.v1`: maximum over each entity's markers and tokens (EMP, Ni et al. 2020, eq. 6)."""
    return EntityMax


def make_sentence_start() -> PoolingFactory:
    """`spacy_relx.SentenceStart.v1`: the text's first token (SS, Ni et al. 2020, eq. 4), or a pair's copy of it;
    for the modes "single" and "packed"."""
    return SentenceStart

"""Which sub-modules of a model languages take."""

from __future__ import annotations

import torch

from .switcher import Switcher
from .task import AnyModel, layers_of

#: How languages come to their sub-modules: trained, or each its own.
ROUTINGS = ("learned", "one_to_one")


def tells_langs(model: AnyModel) -> bool:
    """Whether a layer of a model tells languages apart."""
    return any(layer.tells_langs for _, layer in layers_of(model))


def known_langs(model: AnyModel) -> list[str] | None:
    """The languages of the first trained layer that tells them apart; None where there is none."""
    return next((list(layer.task.langs) for _, layer in layers_of(model) if layer.tells_langs and layer.is_built), None)


def switcher_of(model: AnyModel) -> Switcher | None:
    """The first switcher in a model that is built."""
    found = (layer.switcher for _, layer in layers_of(model) if layer.is_built)
    return next((switcher for switcher in found if switcher is not None), None)


def route_table(model: AnyModel) -> dict[str, list[float]]:
    """How much of each sub-module each language takes in prediction, of the first switcher in a model; under "" what
    languages that are not known take. Empty where there is no switcher."""
    for _, layer in layers_of(model):
        switcher = layer.switcher if layer.is_built else None
        if switcher is not None:
            switcher.eval()
            with torch.inference_mode():
                rows = switcher.routes().cpu().tolist()
            return dict(zip([*layer.task.langs, ""], rows))
    return {}

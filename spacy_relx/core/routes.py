"""Which sub-modules of a model languages take."""

from __future__ import annotations

from typing import Any

import torch
from thinc.api import Model

#: How languages come to their sub-modules: trained, or each its own.
ROUTINGS = ("learned", "one_to_one")


def language_shims(model: Model) -> list[Any]:
    """The shims in a model that know of languages, if any: `sizes` has them, `module.switcher` may switch by them."""
    return [shim for node in model.walk() for shim in node.shims if getattr(shim, "sizes", None) is not None]


def route_table(model: Model) -> dict[str, list[float]]:
    """How much of each sub-module each language takes in prediction, of the first switcher in a model; under "" what
    languages that are not known take. Empty where there is no switcher."""
    for shim in language_shims(model):
        switcher = shim.module.switcher if shim.is_built else None
        if switcher is not None:
            switcher.eval()
            with torch.inference_mode():
                rows = switcher.routes().cpu().tolist()
            return dict(zip([*shim.sizes["languages"], ""], rows))
    return {}

"""thinc layer around `nn.language_layers.LanguageLayers`: an encoder whose token vectors know of languages."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Union, cast

import numpy as np
import srsly
import torch
from spacy.tokens import Doc
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import Floats2d

from ..core.parts import part_codes, part_lengths, route_rows, warn_of_unrouted
from ..core.shim import TorchShim
from ..data.extensions import get_routes
from ..errors import RelxError
from .network import LanguageLayers, is_trained

#: (width, languages, languages that were there before, sub-modules that these may use) -> the network.
Build = Callable[[int, list[str], int, Union[int, list[int]]], LanguageLayers]


class LanguageShim(TorchShim):
    """A `TorchShim` that also keeps the languages, from which it builds itself anew.

    sizes: width, languages, n_old and old_modules as in `LanguageSwitcher`.
    """

    def __init__(self, make: Build) -> None:
        super().__init__()
        self.make = make
        self.warned = False
        self.sizes: dict[str, Any] = {"width": 0, "languages": [], "n_old": 0, "old_modules": 0}

    def build_from(self, sizes: dict[str, Any]) -> None:
        self.sizes = {**self.sizes, **sizes}
        self.build(self.make(*(self.sizes[name] for name in ("width", "languages", "n_old", "old_modules"))))

    def to_bytes(self) -> bytes:
        return srsly.msgpack_dumps({"sizes": self.sizes, "weights": self.weights()} if self.is_built else {})

    def from_bytes(self, bytes_data: bytes) -> LanguageShim:
        """Build the network from what was saved. RAISES: RelxError RX051 when the weights do not fit it."""
        state = srsly.msgpack_loads(bytes_data)
        if state:
            if set(state) != {"sizes", "weights"}:
                raise RelxError("RX051", name="languages", found="missing", wanted="saved with the weights", count=1)
            self.build_from(state["sizes"])
            self.load_weights(state["weights"])
        return self


def shim_of(model: Model) -> LanguageShim:
    return cast(LanguageShim, model.shims[0])


def make_language_layer(
    encoder: Model[list[Doc], list[Floats2d]], build: Build, max_length: int
) -> Model[list[Doc], list[Floats2d]]:
    """encoder: Docs -> token vectors. build: makes the network. max_length: tokens of a sentence, see `part_lengths`.

    The languages are to be set as `shim_of(model).sizes` before it is initialised.
    """
    return Model(
        "language_encoder",
        partial(forward, max_length),
        init=init,
        layers=[encoder],
        shims=[LanguageShim(build)],
        dims={"nO": encoder.maybe_get_dim("nO")},
        attrs={"by_rule": False},
    )


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    encoder = model.layers[0]
    encoder.initialize(X=X)
    model.set_dim("nO", encoder.get_dim("nO"), force=True)
    shim_of(model).build_from({"width": encoder.get_dim("nO")})


def forward(max_length: int, model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    """RETURNS: for each Doc float32, *Shape:* (n_tokens, width), and the backward pass.

    An encoder that training does not move runs as in prediction, and gets no gradient.
    """
    shim, encoder = shim_of(model), model.layers[0]
    learns = is_train and _learns(encoder)
    vectors, backprop_encoder = encoder(docs, learns)
    counts = model.ops.asarray1i([len(doc) for doc in docs])
    parts = [part_lengths(doc, max_length, model.attrs["by_rule"]) for doc in docs]
    tokens = xp2torch(model.ops.flatten(vectors), requires_grad=learns, device=shim.device)
    shim.module.train(is_train)
    with torch.set_grad_enabled(is_train):
        output = shim.module(tokens, *_places(docs, parts, shim)) if len(tokens) else tokens

    def backprop(grads: list[Floats2d]) -> list[Doc]:
        if output.requires_grad:
            torch.autograd.backward(output, xp2torch(model.ops.flatten(grads), device=output.device))
        if learns:
            gradient = tokens.grad if tokens.grad is not None else torch.zeros_like(tokens)
            backprop_encoder(model.ops.unflatten(torch2xp(gradient, ops=model.ops), counts))
        return docs

    flat: Any = torch2xp(output.detach(), ops=model.ops)
    return model.ops.unflatten(flat, counts), backprop


def _learns(encoder: Model) -> bool:
    """Whether training moves the encoder: thinc's own parameters it always does, listeners pass the gradient on."""
    modules = [shim.module for node in encoder.walk() for shim in node.shims if isinstance(shim, TorchShim)]
    return not modules or any(map(is_trained, modules)) or any(node.param_names for node in encoder.walk())


def _places(
    docs: list[Doc], parts: list[np.ndarray], shim: LanguageShim
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What `LanguageLayers` reads beside the tokens. parts: lengths of the Docs' parts."""
    lengths, langs, routes = np.concatenate(parts), part_codes(docs, parts), part_codes(docs, parts, get_routes)
    known = shim.sizes["languages"]
    rows = route_rows(routes, known)
    if not shim.warned and shim.module.switcher is not None and (rows == len(known)).any():
        shim.warned = warn_of_unrouted(docs, known)
    numbers: dict[str, int] = {}
    ids = torch.tensor([numbers.setdefault(lang, len(numbers)) for lang in langs])
    tokens = torch.from_numpy(np.repeat(rows, lengths)).to(shim.device)
    return torch.from_numpy(lengths), ids, tokens

"""One thinc layer around every torch network: Docs -> batch -> network -> token vectors, predictions or a loss.

A `Layer` is what stands between Docs and a network. It builds the network from its task and sizes, makes batches of
Docs, and knows what to save; `TorchShim` holds it in a thinc `Model`, steps its optimizer and saves its weights.
A `TokenLayer` is an encoder, Docs -> token vectors. A `TaskLayer` is the model of a component: Docs and targets -> a
loss, Docs -> predictions. Both may stand above an encoder: a layer of ours, spaCy's, or a listener.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import Floats2d
from torch import Tensor, nn
from typing_extensions import Self

from ..errors import RelxError
from .docs_to_batch import DocBatch, sub_batches
from .shim import TorchShim
from .switcher import Switcher
from .task import AnyModel, Task, layer_of

NetworkT = TypeVar("NetworkT", bound=nn.Module)
TargetsT = TypeVar("TargetsT")
PredictionT = TypeVar("PredictionT")
#: An encoder: Docs -> for each float32, *Shape:* (n_tokens, width).
Encoder = Model[list[Doc], list[Floats2d]]
#: A component's model: (Docs, targets) -> loss, (Docs, None) or Docs -> a prediction for each Doc.
TaskModel = AnyModel


class Layer(ABC, Generic[NetworkT]):
    """What makes a thinc layer of a torch network.

    Settings are set when it is made and come from the config; what `task`, `sizes` and `extra_state` hold is saved.

    Attributes:
        name: Name of the thinc model, and of the parameters in `[initialize]` patterns.
        needs_all_docs: Whether it is initialised with all training Docs; else a few show it its sizes.
        tells_langs: Whether its network knows of languages (`Task.langs`).
        task: What it is for.
        sizes: Further sizes of the network, plain data.
    """

    name: ClassVar[str]
    needs_all_docs: ClassVar[bool] = False
    tells_langs: bool = False

    def __init__(self) -> None:
        self.task = Task()
        self.sizes: dict[str, Any] = {}
        self._network: NetworkT | None = None

    @property
    def package_extra(self) -> str:
        """The extra of this package that it needs, "" for none; asked when it is initialised."""
        return ""

    @property
    def is_built(self) -> bool:
        """Whether there is a network."""
        return self._network is not None

    @property
    def network(self) -> NetworkT:
        """The network.

        Raises:
            RelxError: RX050 before it is built.
        """
        if self._network is None:
            raise RelxError("RX050")
        return self._network

    def set_network(self, network: NetworkT | None) -> None:
        """Take the network that the shim holds."""
        self._network = network

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        tensor = next(self.network.parameters(), None)
        return torch.device("cpu") if tensor is None else tensor.device

    @property
    def switcher(self) -> Switcher | None:
        """The network's switcher of sub-modules by language, if it has one."""
        return None

    @property
    def width_out(self) -> int | None:
        """The thinc dimension nO: width of the token vectors, or number of labels; None before it is known."""
        return None

    def measure(self, docs: Iterable[Doc] | None) -> None:
        """Find the sizes that only data or pre-trained weights tell. Called once, before the network is first built.

        Args:
            docs: Training Docs: all of them, if `needs_all_docs`; None where there are none.
        """
        return None

    @abstractmethod
    def build(self) -> NetworkT:
        """Make the network, from the settings, the task, the sizes, and what `restore` got."""

    def start(self) -> None:
        """Set first values that `build` does not know. Called once, when the network is new; not after loading."""
        return None

    def extra_state(self) -> dict[str, Any] | None:
        """What `build` needs of a saved pipeline besides, as values that msgpack can write; None for nothing."""
        return None

    def restore(self, task: Mapping[str, Any], sizes: Mapping[str, Any], extra: Mapping[str, Any] | None) -> None:
        """Take what was saved, before the network is built.

        Raises:
            RelxError: RX051 where something is missing, or was saved by a layer of another kind.
            ValueError: For a task that cannot be.
        """
        if extra is not None:
            raise RelxError("RX051", name="transformer", found="saved with the weights", wanted="absent", count=1)
        self.task, self.sizes = Task.from_dict(task), dict(sizes)

    def further_gradients(self) -> Iterator[None]:
        """After the step of an update: backpropagate one more loss before each item, to be stepped on by itself."""
        return iter(())

    def copy(self) -> Self:
        """A copy with sizes of its own, and without a network."""
        copied = copy.copy(self)
        copied.sizes, copied._network = copy.deepcopy(self.sizes), None
        return copied

    def initialize(self, model: AnyModel, X: Any = None) -> None:
        """Initialise the encoder, then build the network.

        Args:
            model: The thinc model of this layer.
            X: What it would read, for sizes.
        """
        docs, _ = docs_and_targets(X) if X is not None else (None, None)
        if model.layers:
            encoder = model.layers[0]
            encoder.initialize(X=docs)
            self.sizes["width"] = int(encoder.get_dim("nO"))
        self.measure(docs)
        shim_of(model).build()
        self.start()
        set_width_out(model, self)


AnyLayer = Layer[Any]


def make_model(layer: AnyLayer, encoder: Encoder | None = None) -> AnyModel:
    """The thinc model of a layer.

    Args:
        layer: The layer.
        encoder: The encoder below it, if it has one.
    """
    model: AnyModel = Model(
        layer.name,
        _forward,
        init=_init,
        layers=[] if encoder is None else [encoder],
        refs={} if encoder is None else {"tok2vec": encoder},  # the name by which spaCy finds listeners
        shims=[TorchShim(layer)],
        dims={"nO": None},
    )
    set_width_out(model, layer)
    return model


def shim_of(model: AnyModel) -> TorchShim:
    """The shim of the thinc model of a layer."""
    return cast(TorchShim, model.shims[0])


def set_width_out(model: AnyModel, layer: AnyLayer) -> None:
    """Set the dimension nO as far as it is known."""
    if layer.width_out is not None:
        model.set_dim("nO", layer.width_out, force=True)


def _init(model: AnyModel, X: Any = None, Y: Any = None) -> None:
    layer_of(model).initialize(model, X)


def _forward(model: AnyModel, inputs: Any, is_train: bool) -> tuple[Any, Callable[[Any], Any]]:
    layer = layer_of(model)
    if isinstance(layer, TokenLayer):
        return layer.forward(model, inputs, is_train)
    if isinstance(layer, TaskLayer):
        return layer.forward(model, inputs, is_train)
    raise TypeError(f"{type(layer).__name__} is no TokenLayer and no TaskLayer")


def docs_and_targets(inputs: Any) -> tuple[Any, Any]:
    """What a component's model reads, taken apart.

    Args:
        inputs: (Docs, targets or None), as our components give it; or Docs alone, as thinc's and spaCy's own tools do
            (`spacy debug model`).

    Returns:
        The Docs, and the targets, None for a prediction.
    """
    return inputs if isinstance(inputs, tuple) else (inputs, None)


def encode(model: AnyModel, docs: list[Doc], device: torch.device, is_train: bool) -> tuple[Tensor, Callable[[], None]]:
    """Token vectors of the encoder below a layer.

    Args:
        model: The thinc model of the layer.
        docs: Docs.
        device: Where the vectors are wanted.
        is_train: Whether a gradient is to reach the encoder.

    Returns:
        float32, *Shape:* (n_tokens, width), of all Docs; and the backward pass, to be called when the vectors have
        their gradient.
    """
    encoder = model.layers[0]
    vectors, backprop = encoder(docs, is_train)
    tokens = xp2torch(model.ops.flatten(vectors), requires_grad=is_train, device=device)

    def send() -> None:
        gradient = tokens.grad if tokens.grad is not None else torch.zeros_like(tokens)
        lengths = model.ops.asarray1i([len(doc) for doc in docs])
        backprop(model.ops.unflatten(torch2xp(gradient, ops=model.ops), lengths))

    return tokens, send


class TokenLayer(Layer[NetworkT]):
    """An encoder: Docs -> token vectors."""

    @abstractmethod
    def vectors(self, docs: list[Doc], tokens: Tensor | None) -> Tensor:
        """The token vectors.

        Args:
            docs: Docs.
            tokens: Those of the encoder below, *Shape:* (n_tokens, width); None without one.

        Returns:
            float32, *Shape:* (n_tokens, width_out), of all Docs.
        """

    def learns(self, model: AnyModel) -> bool:
        """Whether training has to reach the encoder below."""
        return True

    def forward(
        self, model: AnyModel, docs: list[Doc], is_train: bool
    ) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
        """For each Doc float32, *Shape:* (n_tokens, width_out), and the backward pass."""
        network, tokens, send = self.network.train(is_train), None, None
        learns = is_train and self.learns(model)
        if model.layers:
            tokens, send = encode(model, docs, self.device, learns)
        with torch.set_grad_enabled(is_train):
            vectors = self.vectors(docs, tokens)
        del network
        lengths = model.ops.asarray1i([len(doc) for doc in docs])
        flat: Any = torch2xp(vectors.detach(), ops=model.ops)

        def backprop(grads: list[Floats2d]) -> list[Doc]:
            if vectors.requires_grad:
                torch.autograd.backward(vectors, xp2torch(model.ops.flatten(grads), device=vectors.device))
            if learns and send is not None:
                send()
            return docs

        return model.ops.unflatten(flat, lengths), backprop


class TaskLayer(Layer[NetworkT], Generic[NetworkT, TargetsT, PredictionT]):
    """The model of a component: Docs -> a loss to backpropagate, or a prediction for each.

    Args:
        marker_dropout: Probability that all types of a Doc, and again that a single mention's type, are hidden in
            training. It teaches the uniform marker, to which types fall back that training never showed.
    """

    def __init__(self, marker_dropout: float = 0.0) -> None:
        super().__init__()
        self.marker_dropout = marker_dropout

    @property
    def width_out(self) -> int | None:
        return self.task.n_labels or None

    @abstractmethod
    def loss(self, docs: DocBatch, targets: TargetsT, tokens: Tensor | None) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            docs: Docs.
            targets: What is to be predicted, as the component gives it.
            tokens: Token vectors of the encoder below, *Shape:* (n_tokens, width); None without one.
        """

    @abstractmethod
    def predict(self, model: TaskModel, docs: Sequence[Doc]) -> list[PredictionT]:
        """A prediction for each Doc, in their order."""

    def forward(
        self, model: TaskModel, inputs: Any, is_train: bool
    ) -> tuple[float | list[PredictionT], Callable[[float], Sequence[Doc]]]:
        """(Docs, targets) -> (loss, backprop), to be called with 1.0; (Docs, None) -> predictions."""
        docs, targets = docs_and_targets(inputs)
        if targets is None:
            return self.predict(model, list(docs)), lambda _: docs
        batch = DocBatch(docs, hide_types=self.marker_dropout if is_train else 0.0)
        self.network.train(is_train)
        tokens, send = encode(model, batch, self.device, is_train) if model.layers else (None, None)
        with torch.set_grad_enabled(is_train):
            loss = self.loss(batch, targets, tokens)

        def backprop(factor: float) -> Sequence[Doc]:
            if loss.requires_grad:
                (loss * factor).backward()
            if send is not None:
                send()
            return docs

        return float(loss.detach()), backprop


def given(tokens: Tensor | None) -> Tensor:
    """Token vectors of the encoder below.

    Raises:
        TypeError: For a layer without one.
    """
    if tokens is None:
        raise TypeError("the layer stands above no encoder")
    return tokens


class TokenTaskLayer(TaskLayer[NetworkT, TargetsT, PredictionT]):
    """The model of a component above an encoder.

    Args:
        batch_tokens: Tokens that are encoded at once in prediction; a longer Doc is read alone.
        marker_dropout: As of `TaskLayer`.
    """

    def __init__(self, batch_tokens: int, marker_dropout: float = 0.0) -> None:
        super().__init__(marker_dropout)
        self.batch_tokens = batch_tokens

    @abstractmethod
    def nothing(self) -> PredictionT:
        """The prediction for a Doc that need not be read."""

    @abstractmethod
    def is_read(self, docs: DocBatch) -> list[bool]:
        """Which of the Docs have anything to predict."""

    @abstractmethod
    def answers(self, docs: DocBatch, tokens: Tensor) -> list[PredictionT]:
        """Predictions for Docs that are read together.

        Args:
            docs: Docs.
            tokens: float32, *Shape:* (n_tokens, width), of all Docs.
        """

    def predict(self, model: TaskModel, docs: Sequence[Doc]) -> list[PredictionT]:
        """A prediction for each Doc, in their order. They are read in sub-batches of about `batch_tokens` tokens,
        sorted by length; those with nothing to predict not at all."""
        batch = DocBatch(docs)
        found = [self.nothing()] * len(batch)
        used = np.flatnonzero(self.is_read(batch))
        lengths = np.array([len(docs[i]) for i in used.tolist()], dtype="int64")
        self.network.eval()
        for rows in sub_batches(lengths, self.batch_tokens):
            part = batch.take(used[rows])
            vectors = model.layers[0].predict(part)
            with torch.inference_mode():
                tokens = xp2torch(model.ops.flatten(vectors), device=self.device)
                for i, answer in zip(used[rows].tolist(), self.answers(part, tokens)):
                    found[i] = answer
        return found

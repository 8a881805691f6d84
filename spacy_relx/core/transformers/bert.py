"""BERT and its kin as one module: what it is made of, and its passes over texts that are laid end to end.

The layers are those of Devlin et al. 2019, also in RoBERTa, XLM-R, CamemBERT and ELECTRA. Weights come from Hugging
Face files under other names, see `from_hugging_face`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Self

from ..kernels.flat_transformer import Layout, attend, padded_states
from .batch import MarkedBatch
from .frozen import StateCache

#: Types of Hugging Face models whose layers are those of BERT -> whether positions count from behind the padding's id.
BERT_LIKE = {"bert": False, "electra": False, "roberta": True, "xlm-roberta": True, "camembert": True}
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": nn.functional.gelu,
    "gelu_new": partial(nn.functional.gelu, approximate="tanh"),
    "gelu_pytorch_tanh": partial(nn.functional.gelu, approximate="tanh"),
    "relu": nn.functional.relu,
}
#: The largest sizes that a configuration may name: far above any model in use, so that no file can ask for all memory.
_LARGEST = {
    "vocab_size": 2**22,
    "hidden_size": 2**13,
    "embedding_size": 2**13,
    "num_hidden_layers": 2**7,
    "num_attention_heads": 2**7,
    "intermediate_size": 2**15,
    "max_position_embeddings": 2**16,
    "type_vocab_size": 2**8,
}


@dataclass(frozen=True)
class BertConfig:
    """Sizes and settings, by their names in Hugging Face's config.json; nothing else of it is read.

    Args:
        embedding_size: Width of the embeddings; ELECTRA projects narrower ones to `hidden_size`.
        pad_token_id: Id of padding, behind which RoBERTa and its kin begin to count positions.
    """

    model_type: str
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    embedding_size: int = 0
    type_vocab_size: int = 2
    pad_token_id: int = 0
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    layer_norm_eps: float = 1e-12

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """Take what is known of a configuration.

        Raises:
            ValueError: For settings that are missing, of another type, or out of range.
        """
        known = {name: settings[name] for name in cls.__dataclass_fields__ if settings.get(name) is not None}
        known.setdefault("embedding_size", known.get("hidden_size"))
        try:
            config = cls(**known)
        except TypeError as err:
            raise ValueError(str(err).partition(" ")[2]) from err
        for name, most in _LARGEST.items():
            value = getattr(config, name)
            if type(value) is not int or not 1 <= value <= most:
                raise ValueError(f"'{name}' is {value!r}, but must be a whole number from 1 to {most:,}")
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "layer_norm_eps"):
            value = getattr(config, name)
            if type(value) not in (int, float) or not 0 <= value < 1:
                raise ValueError(f"'{name}' is {value!r}, but must be in [0, 1)")
        if type(config.pad_token_id) is not int or not 0 <= config.pad_token_id < config.max_position_embeddings:
            raise ValueError(f"'pad_token_id' is {config.pad_token_id!r}, but must be the id of a piece")
        if config.hidden_size % config.num_attention_heads:
            raise ValueError("'hidden_size' must be a multiple of 'num_attention_heads'")
        return config

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON."""
        return asdict(self)

    @property
    def position_offset(self) -> int:
        """The position of a text's first token."""
        return self.pad_token_id + 1 if BERT_LIKE[self.model_type] else 0


def is_bert_like(settings: Mapping[str, Any]) -> bool:
    """Whether a Hugging Face configuration is that of a model that `BertModel` computes."""
    return (
        settings.get("model_type") in BERT_LIKE
        and settings.get("position_embedding_type", "absolute") == "absolute"
        and settings.get("hidden_act", "gelu") in _ACTIVATIONS
        and not settings.get("is_decoder")
    )


class BertEmbeddings(nn.Module):
    """Words, positions and the type of a text's tokens, which is 0."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.words: nn.Module = nn.Embedding(config.vocab_size, config.embedding_size)
        self.positions = nn.Embedding(config.max_position_embeddings, config.embedding_size)
        self.types = nn.Embedding(config.type_vocab_size, config.embedding_size)
        self.norm = nn.LayerNorm(config.embedding_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, words: Tensor, positions: Tensor) -> Tensor:
        """words: float, *Shape:* (n, width). positions: int64 (n,). RETURNS: as words."""
        embedded: Tensor = self.dropout(self.norm(words + self.types.weight[0] + self.positions(positions)))
        return embedded


class BertLayer(nn.Module):
    """Attention and feed-forward, each with a residual and a norm behind it."""

    def __init__(self, config: BertConfig):
        super().__init__()
        width, eps = config.hidden_size, config.layer_norm_eps
        self.heads = config.num_attention_heads
        self.query, self.key, self.value, self.merge = (nn.Linear(width, width) for _ in range(4))
        self.merge_norm = nn.LayerNorm(width, eps=eps)
        self.up = nn.Linear(width, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, width)
        self.norm = nn.LayerNorm(width, eps=eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.attention_dropout = config.attention_probs_dropout_prob
        self.activation = _ACTIVATIONS[config.hidden_act]

    def attend(self, hidden: Tensor, layout: Layout) -> Tensor:
        """*Shape:* (rows, width): what each row gathers from the rows it sees."""
        projected = [self.query(hidden), self.key(hidden), self.value(hidden)]
        return attend(projected, self.heads, layout, self.attention_dropout if self.training else 0.0)

    def forward(self, context: Tensor, hidden: Tensor) -> Tensor:
        """What `attend` gave for some rows, and these rows -> their states. *Shape:* (rows, width), all three."""
        hidden = self.merge_norm(hidden + self.dropout(self.merge(context)))
        states: Tensor = self.norm(hidden + self.dropout(self.down(self.activation(self.up(hidden)))))
        return states


class BertModel(nn.Module):
    """An encoder without a head, without first values: its weights are loaded.

    Args:
        config: Sizes and settings.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        with torch.device("meta"):  # drawing first values takes longer than reading saved ones
            self.embeddings = BertEmbeddings(config)
            narrow = config.embedding_size != config.hidden_size
            self.embeddings_project = nn.Linear(config.embedding_size, config.hidden_size) if narrow else None
            self.layers = nn.ModuleList(BertLayer(config) for _ in range(config.num_hidden_layers))
        self.to_empty(device="cpu")
        self.mix: nn.Parameter | None = None
        self.n_frozen = 0
        self.cache = StateCache(0)

    def get_input_embeddings(self) -> nn.Module:
        """The table of words."""
        return self.embeddings.words

    def set_input_embeddings(self, words: nn.Module) -> None:
        """Put another module in the place of the table of words."""
        self.embeddings.words = words

    def mix_layers(self, n: int) -> None:
        """Let `forward` give a mean of the n highest layers' states, whose weights are learned and begin alike (Peters
        et al. 2018, eq. 1). 0: the last layer's states alone."""
        self.mix = nn.Parameter(self.embeddings.norm.weight.new_zeros(n)) if n else None
        if self.mix is not None:
            self.mix.lr_scale = 1.0  # type: ignore[attr-defined]

    def freeze(self, n_layers: int, cache_mb: int) -> None:
        """Compute the embeddings and the lowest layers without dropout, and keep their states of texts in training.

        Args:
            n_layers: Number of layers; 0: nothing is kept, the embeddings either.
            cache_mb: Memory for the states.
        """
        self.n_frozen = n_layers
        self.cache = StateCache(cache_mb)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of training, in which what is frozen is evaluated."""
        super().train(mode)
        if self.n_frozen:
            for part in self._frozen_parts():
                part.eval()
        return self

    def _frozen_parts(self) -> list[nn.Module]:
        below = [self.embeddings, self.embeddings_project, *self.layers[: self.n_frozen]]
        return [part for part in below if part is not None]

    def forward(self, batch: MarkedBatch, needed: Tensor | None = None, words: Tensor | None = None) -> Tensor:
        """States of the last layer, or of several as `mix_layers` has it.

        Args:
            batch: Texts, and markers beside them.
            needed: int64, the rows that will be read; the others stay zero, which spares them the last feed-forward.
                None: all.
            words: Word embeddings of all rows, *Shape:* (n_rows + n_groups * size, embedding width), in the place of
                this module's own.

        Returns:
            *Shape:* (n_rows + n_groups * size, width).
        """
        layout = Layout.of(batch)
        n_mixed = 1 if self.mix is None else len(self.mix)
        hidden, n_done = self._lowest(batch, words, len(self.layers) - n_mixed)
        below = []
        layers: list[Any] = list(self.layers)
        *lower, top = layers
        for n, layer in enumerate(lower[n_done:], start=n_done):
            hidden = layer(layer.attend(hidden, layout), hidden)
            if n >= len(layers) - n_mixed:
                below.append(hidden)
        context = top.attend(hidden, layout)
        if needed is None:
            return self._mixed([*below, top(context, hidden)])
        needed = torch.unique(needed)
        picked = [rows.index_select(0, needed) for rows in (context, hidden, *below)]
        states = self._mixed([*picked[2:], top(*picked[:2])])
        return states.new_zeros(len(hidden), states.shape[1]).index_copy(0, needed, states)

    def _mixed(self, states: list[Tensor]) -> Tensor:
        if self.mix is None:
            return states[-1]
        return torch.einsum("l,lrw->rw", torch.softmax(self.mix, dim=0).to(states[0].dtype), torch.stack(states))

    def _lowest(self, batch: MarkedBatch, words: Tensor | None, most: int) -> tuple[Tensor, int]:
        """States before the first layer that is trained, or of some layer below it, and the number of layers that have
        been computed, at most `most`."""
        n = min(self.n_frozen, most)
        if not (self.training and n and self.cache.megabytes) or words is not None or len(batch.group_ids):
            return self._embed(batch, words), 0
        weights = [p for part in self._frozen_parts() for p in part.parameters()]
        if any(weight.requires_grad for weight in weights):  # markers are read with the words, and trained
            return self._embed(batch, words), 0

        def compute(part: MarkedBatch) -> Tensor:
            hidden, own = self._embed(part, None), Layout.of(part)
            layers: list[Any] = list(self.layers)
            for layer in layers[:n]:
                hidden = layer(layer.attend(hidden, own), hidden)
            return hidden

        return self.cache.states(batch, weights, compute), n

    def _embed(self, batch: MarkedBatch, words: Tensor | None) -> Tensor:
        places = torch.arange(len(batch.ids), device=batch.ids.device)
        places = places - torch.repeat_interleave(batch.text_starts(), batch.lengths)
        positions = torch.cat([places, places[batch.group_rows.flatten()]]) + self.config.position_offset
        if words is None:
            words = self.get_input_embeddings()(torch.cat([batch.ids, batch.group_ids.flatten()]))
        hidden: Tensor = self.embeddings(words, positions)
        project: nn.Module | None = self.embeddings_project
        return hidden if project is None else project(hidden)


#: Names in Hugging Face's files -> names in `BertModel`, in this order.
_NAMES = (
    (r"\.gamma$", ".weight"),
    (r"\.beta$", ".bias"),
    (r"^encoder\.layer\.", "layers."),
    (r"^embeddings\.(word|position|token_type)_embeddings", r"embeddings.\1s"),
    (r"^embeddings\.token_types", "embeddings.types"),
    (r"\.attention\.self\.", "."),
    (r"\.attention\.output\.dense", ".merge"),
    (r"\.attention\.output\.LayerNorm", ".merge_norm"),
    (r"\.intermediate\.dense", ".up"),
    (r"\.output\.dense", ".down"),
    (r"\.output\.LayerNorm|\.LayerNorm", ".norm"),
)
WORDS = "embeddings.word_embeddings.weight"


def own_name(name: str) -> str:
    """The name in `BertModel` of what Hugging Face calls so."""
    for pattern, ours in _NAMES:
        name = re.sub(pattern, ours, name)
    return name


def encoder_prefix(names: Iterable[str]) -> str:
    """What stands before the names of an encoder's weights in a model with a head.

    Raises:
        ValueError: Where there is no encoder among them.
    """
    for name in names:
        if name.endswith(WORDS):
            return name.removesuffix(WORDS)
    raise ValueError(f"its weights have no '{WORDS}'")


def from_hugging_face(config: BertConfig, weights: Mapping[str, Tensor]) -> BertModel:
    """The model with weights as Hugging Face names them, whatever head they were saved with.

    Raises:
        ValueError: For weights that are missing or of another shape.
    """
    prefix = encoder_prefix(weights)
    named = {own_name(name.removeprefix(prefix)): value for name, value in weights.items() if name.startswith(prefix)}
    module = BertModel(config)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            found = named.get(name)
            if found is None or found.shape != parameter.shape:
                shape = "missing" if found is None else tuple(found.shape)
                raise ValueError(f"its weights '{name}' are {shape}, but must be {tuple(parameter.shape)}")
            parameter.copy_(found)
    return module


def token_states(
    transformer: nn.Module, batch: MarkedBatch, pad_id: int, needed: Tensor | None = None, words: Tensor | None = None
) -> Tensor:
    """States of the last layer of any encoder.

    Args:
        transformer: A `BertModel`, or an encoder of transformers, for which markers must stand in the texts.
        batch: Texts, and markers beside them.
        pad_id: Id of padding, for those of transformers.
        needed: As of `BertModel.forward`; encoders of transformers compute all rows.
        words: As of `BertModel.forward`.
    """
    if isinstance(transformer, BertModel):
        states: Tensor = transformer(batch, needed, words)
        return states
    return padded_states(transformer, batch, pad_id, words)

"""Encoders that are given by name or folder, and in a saved pipeline: configuration and tokenizer as JSON, weights as
arrays. BERT and its kin are ours to compute (`bert`); other kinds are transformers', an extra of this package."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Annotated, Any

from safetensors import SafetensorError
from thinc.util import get_torch_default_device
from tokenizers import Tokenizer
from torch import nn

from ...data._compat import optional_import
from ...errors import RelxError, sentence
from ..settings import Count, CountOrZero, Positive, Probability, Range, Share, architecture
from ..storage import Storage
from .bert import BertConfig, BertModel, from_hugging_face, is_bert_like
from .sources import CONFIG, TOKENIZER_CONFIG, parse_tokenizer, read_settings, read_tokenizer, read_weights, refused
from .subwords import Subwords
from .walls import check_settings

#: Names that configurations have for the probability of dropout, in states and in attention.
_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout")
_Subwords = Annotated[int, Range("32 or more", least=32)]


@architecture
@dataclass(frozen=True, kw_only=True)
class TransformerSource:
    """`spacy_relx.Transformer.v1`: a pre-trained encoder, loaded when the pipeline is initialised.

    A trained pipeline holds its own copy and does not look for `name` again.

    Args:
        name: Name of a model of the Hugging Face hub, or a folder in its format (config.json, tokenizer.json,
            model.safetensors). Types bert, roberta, xlm-roberta, camembert and electra need nothing else; others need
            the extra "transformers".
        max_subwords: Subwords of a text, special tokens and markers counted; null: as many as the model has positions.
        stride: Subwords between the beginnings of windows over longer Docs, at most half of a window; null: half.
        dropout: Dropout in the transformer; null: as the model was saved.
        lr_scale: The top layer's share of the learning rate (the classifier's is 1).
        layer_decay: Each layer's share of the learning rate of the layer above.
        freeze_embeddings: Whether words and positions stay as they are; markers are trained all the same.
        freeze_layers: Number of the lowest layers that stay as they are, too. With `freeze_embeddings`, they and the
            embeddings have no dropout, and where no markers are read, what they say of each text of a training is
            computed once.
        cache_mb: Memory for that, in MB; 0: it is computed each time.
        layers: Number of the lowest layers to keep, for speed; null: all.
        layer_mix: Number of the highest layers whose states are added by learned weights; 0: the last layer's alone.
        storage: How a saved pipeline keeps the transformer: "fp32" as it is, "fp16", or "int8" (a fourth of the size).
    """

    name: str
    max_subwords: _Subwords | None = None
    stride: Count | None = None
    dropout: Probability | None = None
    lr_scale: Positive = 1.0
    layer_decay: Share = 1.0
    freeze_embeddings: bool = False
    freeze_layers: CountOrZero = 0
    cache_mb: CountOrZero = 1024
    layers: Count | None = None
    layer_mix: CountOrZero = 0
    storage: Storage = "fp32"


@dataclass
class LoadedTransformer:
    """An encoder without a head, and its tokenizer.

    Args:
        module: A `BertModel`, or an encoder of transformers.
        subwords: Its tokenizer.
        has_weights: Whether the module came with its weights. Those of a saved pipeline follow when it is built.
    """

    module: Any
    subwords: Subwords
    has_weights: bool = True

    @property
    def config(self) -> Any:
        return self.module.config

    @property
    def flat(self) -> bool:
        """Whether it is BERT-like, so that texts need no padding."""
        return isinstance(self.module, BertModel)

    @property
    def package_extra(self) -> str:
        """The extra of this package that it needs, "" for none."""
        return "" if self.flat else "transformers"

    @property
    def width(self) -> int:
        """Width of its states."""
        return int(self.config.hidden_size)

    def to_dict(self) -> dict[str, Any]:
        """JSON: no code, and no word of where it came from."""
        config = self.config.to_dict()
        if not self.flat:
            config = {key: value for key, value in config.items() if key not in ("_name_or_path", "name_or_path")}
        return {"config": json.dumps(config), "tokenizer": self.subwords.tokenizer.to_str()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LoadedTransformer:
        """An encoder without weights: whatever is in memory stands for them. No file and no network is asked.

        Args:
            data: What `to_dict` gave.

        Raises:
            RelxError: RX005 without an extra that it needs, RX080 for settings that make no encoder, RX597 for those
                that name code.
        """
        name = "of the saved pipeline"
        try:
            config = json.loads(data["config"])
        except (TypeError, ValueError, RecursionError) as err:
            raise refused(name, CONFIG, f"it is no JSON ({err})") from err
        if not isinstance(config, dict):
            raise refused(name, CONFIG, "it is no JSON object")
        try:
            subwords = Subwords(parse_tokenizer(data["tokenizer"]), config.get("pad_token_id"))
            if is_bert_like(config):
                return cls(BertModel(_checked(BertConfig.from_dict(config), subwords)), subwords, has_weights=False)
        except ValueError as err:
            raise RelxError("RX080", name=name, reason=sentence(err).rstrip(".")) from err
        hf = _hugging_face()
        check_settings(name, config)
        kind = config.pop("model_type")
        try:
            with _no_random_weights():  # drawing weights takes longer than reading the saved ones
                module = hf.AutoModel.from_config(hf.AutoConfig.for_model(kind, **config), trust_remote_code=False)
        except Exception as err:  # whatever settings of another form make of transformers' many classes
            raise RelxError("RX080", name=name, reason=sentence(f"{type(err).__name__}: {err}").rstrip(".")) from err
        return cls(module, subwords, has_weights=False)


def _checked(config: BertConfig, subwords: Subwords) -> BertConfig:
    pieces = subwords.tokenizer.get_vocab_size()
    if pieces > config.vocab_size:
        raise ValueError(f"the tokenizer has {pieces:,} pieces, but the table of words {config.vocab_size:,} rows")
    return config


def _hugging_face() -> Any:
    """Hugging Face's library. RAISES: RelxError RX005."""
    return optional_import("transformers", extra="transformers", purpose="transformers of this type")


def _no_random_weights() -> AbstractContextManager[None]:
    """In this context transformers' modules are built without first values, in versions that can."""
    modeling = importlib.import_module("transformers.modeling_utils")
    return getattr(modeling, "no_init_weights", nullcontext)()


def load_transformer(source: TransformerSource) -> LoadedTransformer:
    """Load a pre-trained encoder and its tokenizer.

    Models that need code of their own are refused, see `walls`; PyTorch files are read as weights only.

    Raises:
        RelxError: RX005 without an extra that it needs, RX080 where it cannot be loaded, RX084 where it has not the
            layers that are to be kept, RX597 where it needs code of its own.
    """
    name = repr(source.name)
    try:
        settings = read_settings(source.name)
        module: Any
        if is_bert_like(settings):
            config = BertConfig.from_dict(settings)
            if source.layers is not None:
                config = replace(config, num_hidden_layers=min(config.num_hidden_layers, source.layers))
            if source.dropout is not None:
                rate = source.dropout
                config = replace(config, hidden_dropout_prob=rate, attention_probs_dropout_prob=rate)
            subwords = Subwords(_tokenizer(source.name, settings), config.pad_token_id)
            module = from_hugging_face(_checked(config, subwords), read_weights(source.name))
        else:
            module = _load_other(source, settings)
            subwords = Subwords(_tokenizer(source.name, settings), module.config.pad_token_id)
    except RelxError:
        raise
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as err:
        raise RelxError("RX080", name=name, reason=sentence(err).rstrip(".")) from err
    module = module.float().to(get_torch_default_device())
    _keep_layers(module, source.layers)
    return LoadedTransformer(module, subwords)


def _load_other(source: TransformerSource, settings: Mapping[str, Any]) -> Any:
    hf = _hugging_face()
    check_settings(repr(source.name), settings)
    config = hf.AutoConfig.from_pretrained(source.name, return_dict=True, trust_remote_code=False)
    if source.dropout is not None:
        config.update({each: source.dropout for each in _DROPOUTS if hasattr(config, each)})
    return hf.AutoModel.from_pretrained(source.name, config=config, weights_only=True, trust_remote_code=False)


def _tokenizer(source: str, settings: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer in tokenizer.json, or what transformers makes of the files of an older model."""
    found = read_tokenizer(source)
    if found is not None:
        return found
    hf = _hugging_face()
    check_settings(repr(source), settings, read_settings(source, TOKENIZER_CONFIG))
    tokenizer = hf.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise ValueError("it has no tokenizer.json, and its tokenizer cannot be written as one")
    return parse_tokenizer(tokenizer.backend_tokenizer.to_str())


def text_limit(loaded: LoadedTransformer) -> int:
    """Subwords that a text may have, special tokens counted: as many as there are positions."""
    offset = loaded.config.position_offset if loaded.flat else 0
    return int(getattr(loaded.config, "max_position_embeddings", 512)) - offset


def text_length(loaded: LoadedTransformer, source: TransformerSource) -> int:
    """Subwords that a text may have, special tokens counted: `source.max_subwords`, or the transformer's limit.

    RAISES: RelxError RX021 for more than that.
    """
    limit = text_limit(loaded)
    length = source.max_subwords or limit
    if length > limit:
        raise RelxError("RX021", name="max_subwords", value=length, need=f"at most {limit} for this transformer")
    return length


def set_training(module: Any, source: TransformerSource, new: nn.Module) -> None:
    """Freeze what is to stay, and give each parameter its share of the learning rate as attribute `lr_scale`, and its
    form in a saved pipeline as `storage`.

    The top layer has `source.lr_scale`, each layer below `layer_decay` times that of the one above. Below all layers
    are the embeddings, and with them ELECTRA's projection of theirs and DeBERTa's relative positions: these are read by
    all layers, but are the embeddings of its positions. new: a module whose parameters are trained at the top layer's
    rate and never frozen.

    RAISES: RelxError RX084 when layers are asked for that the model does not have, RX704 for layers to mix that it does
    not have, RX051 when it is that of a saved pipeline and has not `source.layers`.
    """
    layers = _layers(module)
    if source.layers not in (None, len(layers)):
        raise RelxError("RX051", name="layers", found=len(layers), wanted=source.layers, count=1)
    if (source.layer_decay != 1.0 and not layers) or source.freeze_layers > len(layers):
        raise RelxError("RX084", kind=module.config.model_type, layers=len(layers), wanted=source.freeze_layers)
    if source.layer_mix > len(layers) or (source.layer_mix and not isinstance(module, BertModel)):
        raise RelxError("RX704", kind=module.config.model_type, layers=len(layers), wanted=source.layer_mix)
    depth = {id(p): n for n, layer in enumerate(layers, start=1) for p in layer.parameters()}
    below = {id(p) for part in _below_layers(module) for p in part.parameters()}
    kept = {id(p) for p in new.parameters()}
    for parameter in module.parameters():
        key = id(parameter)
        level = 0 if key in below and key not in kept else depth.get(key, len(layers))
        parameter.storage = source.storage
        parameter.lr_scale = source.lr_scale * source.layer_decay ** (len(layers) - level)
        frozen = 0 < depth.get(key, 0) <= source.freeze_layers
        frozen |= source.freeze_embeddings and key in below and key not in kept
        parameter.requires_grad_(not frozen)
    if isinstance(module, BertModel):
        module.freeze(source.freeze_layers if source.freeze_embeddings else 0, source.cache_mb)
        module.mix_layers(source.layer_mix)


def _below_layers(module: Any) -> list[nn.Module]:
    parts = [getattr(module, "embeddings", module.get_input_embeddings()), getattr(module, "embeddings_project", None)]
    encoder: Any = getattr(module, "encoder", None)
    if hasattr(encoder, "rel_embeddings"):  # elsewhere, an encoder's LayerNorm is the one above its layers
        parts += [encoder.rel_embeddings, getattr(encoder, "LayerNorm", None)]
    return [part for part in parts if part is not None]


def _keep_layers(module: Any, n: int | None) -> None:
    """Cut off the layers above the n lowest ones; None keeps all. The configuration says so, for reloading."""
    layers = _layers(module)
    if n is None:
        return
    if n > len(layers):
        raise RelxError("RX084", kind=module.config.model_type, layers=len(layers), wanted=n)
    stack: Any = _layer_stack(module)
    del stack[n:]
    if not isinstance(module, BertModel):
        module.config.num_hidden_layers = n


def _layers(module: Any) -> list[nn.Module]:
    return list(_layer_stack(module) or [])


def _layer_stack(module: Any) -> nn.ModuleList | None:
    for path in (("layers",), ("encoder", "layer"), ("transformer", "layer")):
        found = module
        for name in path:
            found = getattr(found, name, None)
        if isinstance(found, nn.ModuleList):
            return found
    return None

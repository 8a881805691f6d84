"""Loading transformers from Hugging Face, and keeping them in a pipeline: configuration and tokenizer files as they
are, weights as arrays."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from thinc.api import get_torch_default_device
from torch import nn

from ...data._compat import optional_import
from ...errors import RelxError, sentence
from ..kernels.flat_transformer import is_bert_like, position_offset
from ..settings import Count, CountOrZero, Positive, Probability, Range, Share, architecture
from .subwords import Subwords
from .walls import check_archive, check_files, check_settings, read_named_settings, write_archive

#: Names that configurations have for the probability of dropout, in states and in attention.
_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout")
#: How transformers reads a model: never code; and of a saved pipeline nothing that is not in it.
_DATA: dict[str, Any] = {"trust_remote_code": False}
_LOCAL_DATA: dict[str, Any] = {**_DATA, "local_files_only": True}
_Subwords = Annotated[int, Range("32 or more", least=32)]


@architecture
@dataclass(frozen=True, kw_only=True)
class TransformerSource:
    """`spacy_relx.Transformer.v1`: an encoder of Hugging Face, loaded when the pipeline is initialised.

    A trained pipeline holds its own copy and does not look for `name` again.

    Args:
        name: Name of a model of the hub, or a folder.
        max_subwords: Subwords of a text, special tokens and markers counted; null: as many as the model has positions.
        stride: Subwords between the beginnings of windows over longer Docs, at most half of a window; null: half.
        dropout: Dropout in the transformer; null: as the model was saved.
        lr_scale: The top layer's share of the learning rate (the classifier's is 1).
        layer_decay: Each layer's share of the learning rate of the layer above.
        freeze_embeddings: Whether words and positions stay as they are; markers are trained all the same.
        freeze_layers: Number of the lowest layers that stay as they are, too.
        use_fast: Whether to use the tokenizer in Rust, where there is one.
        layers: Number of the lowest layers to keep, for speed; null: all.
    """

    name: str
    max_subwords: _Subwords | None = None
    stride: Count | None = None
    dropout: Probability | None = None
    lr_scale: Positive = 1.0
    layer_decay: Share = 1.0
    freeze_embeddings: bool = False
    freeze_layers: CountOrZero = 0
    use_fast: bool = True
    layers: Count | None = None


@dataclass
class LoadedTransformer:
    """A transformer without its head, its tokenizer, and the files that make the tokenizer anew.

    has_weights: whether the module came with its weights. Those of a saved pipeline follow when it is built.
    """

    module: Any
    subwords: Subwords
    files: Mapping[str, bytes]
    use_fast: bool
    has_weights: bool = True

    @property
    def config(self) -> Any:
        return self.module.config

    @property
    def flat(self) -> bool:
        """Whether it is BERT-like, so that texts need no padding."""
        return is_bert_like(self.config)

    @property
    def width(self) -> int:
        """Width of its states."""
        return int(self.config.hidden_size)

    def to_dict(self) -> dict[str, Any]:
        """JSON and bytes: no code, and no word of where it came from."""
        config = json.dumps(_portable(self.config.to_dict()))
        return {"config": config, "tokenizer": dict(self.files), "use_fast": self.use_fast}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LoadedTransformer:
        """Without weights: whatever is in memory stands for them. Needs no network and not the folder it came from.

        Nothing but data is read: see `transformer_walls`. RAISES: RelxError RX005, RX080, RX597.
        """
        hf, name = _hugging_face(), "of the saved pipeline"
        files = check_archive(name, data["config"], data["tokenizer"])
        use_fast = bool(data["use_fast"])
        with TemporaryDirectory() as folder:
            write_archive(folder, data["config"], files)
            try:
                config = hf.AutoConfig.from_pretrained(folder, **_LOCAL_DATA)
                tokenizer = hf.AutoTokenizer.from_pretrained(folder, use_fast=use_fast, **_LOCAL_DATA)
                with _no_random_weights():  # drawing weights takes longer than reading the saved ones
                    module = hf.AutoModel.from_config(config, trust_remote_code=False)
            except Exception as err:  # whatever settings of another form make of transformers' many classes
                raise RelxError("RX080", name=name, reason=sentence(f"{type(err).__name__}: {err}")) from err
            return cls(_without_pooler(module), Subwords(tokenizer), files, use_fast, has_weights=False)


def _hugging_face() -> Any:
    """Hugging Face's library. RAISES: RelxError RX005."""
    return optional_import("transformers", extra="transformers", purpose="pre-trained transformers")


def _no_random_weights() -> AbstractContextManager[None]:
    """In this context transformers' modules are built without first values, in versions that can."""
    modeling = importlib.import_module("transformers.modeling_utils")
    return getattr(modeling, "no_init_weights", nullcontext)()


def load_transformer(source: TransformerSource) -> LoadedTransformer:
    """Load the pre-trained model and its tokenizer.

    Models that need code of their own are refused, see `transformer_walls`; PyTorch files are read as weights only.
    RAISES: RelxError RX005, RX080 when that cannot be done, RX084 when it has not the layers that are to be kept, RX597
    for a model that needs code of its own, RX597 for a tokenizer that could not be saved.
    """
    hf, name = _hugging_face(), repr(source.name)
    try:
        found, tokenizer_settings = read_named_settings(source.name)
        check_settings(name, found, tokenizer_settings, saved=False)
        tokenizer = hf.AutoTokenizer.from_pretrained(source.name, use_fast=source.use_fast, **_DATA)
        config = hf.AutoConfig.from_pretrained(source.name, return_dict=True, **_DATA)
        if source.dropout is not None:
            config.update({each: source.dropout for each in _DROPOUTS if hasattr(config, each)})
        module = hf.AutoModel.from_pretrained(source.name, config=config, weights_only=True, **_DATA)
    except RelxError:
        raise
    except (OSError, ValueError, TypeError, KeyError) as err:
        raise RelxError("RX080", name=name, reason=err) from err
    files = _tokenizer_files(tokenizer)
    check_files(name, files)
    module = _without_pooler(module.float().to(get_torch_default_device()))
    _keep_layers(module, source.layers)
    return LoadedTransformer(module, Subwords(tokenizer), files, bool(tokenizer.is_fast))


def _without_pooler(module: Any) -> Any:
    """The pooler, a layer over the first token that was trained for another task, is never used here."""
    if is_bert_like(module.config) and getattr(module, "pooler", None) is not None:
        module.pooler = None
    return module


def _tokenizer_files(tokenizer: Any) -> dict[str, bytes]:
    """Read at once, while the files that some tokenizers copy are still there."""
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.is_file()}
    name = "tokenizer_config.json"
    if name in files:
        files[name] = json.dumps(_portable(json.loads(files[name])), ensure_ascii=False).encode("utf8")
    return files


def _portable(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without the names of the folders and files it came from."""
    left_out = ("_name_or_path", "name_or_path")
    return {key: value for key, value in config.items() if key not in left_out and not key.endswith("_file")}


def text_limit(loaded: LoadedTransformer) -> int:
    """Subwords that a text may have, special tokens counted: as many as there are positions."""
    return int(getattr(loaded.config, "max_position_embeddings", 512)) - position_offset(loaded.module)


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
    """Freeze what is to stay, and give each parameter its share of the learning rate as attribute `lr_scale`.

    The top layer has `source.lr_scale`, each layer below `layer_decay` times that of the one above. Below all layers
    are the embeddings, and with them ELECTRA's projection of theirs and DeBERTa's relative positions: these are read by
    all layers, but are the embeddings of its positions. new: a module whose parameters are trained at the top layer's
    rate and never frozen.

    RAISES: RelxError RX084 when layers are asked for that the model does not have, RX051 when it is that of a saved
    pipeline and has not `source.layers`.
    """
    layers = _layers(module)
    if source.layers not in (None, len(layers)):
        raise RelxError("RX051", name="layers", found=len(layers), wanted=source.layers, count=1)
    if (source.layer_decay != 1.0 and not layers) or source.freeze_layers > len(layers):
        raise RelxError("RX084", kind=module.config.model_type, layers=len(layers), wanted=source.freeze_layers)
    depth = {id(p): n for n, layer in enumerate(layers, start=1) for p in layer.parameters()}
    below = {id(p) for part in _below_layers(module) for p in part.parameters()}
    kept = {id(p) for p in new.parameters()}
    for parameter in module.parameters():
        key = id(parameter)
        level = 0 if key in below and key not in kept else depth.get(key, len(layers))
        parameter.lr_scale = source.lr_scale * source.layer_decay ** (len(layers) - level)
        frozen = 0 < depth.get(key, 0) <= source.freeze_layers
        frozen |= source.freeze_embeddings and key in below and key not in kept
        parameter.requires_grad_(not frozen)


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
    module.config.num_hidden_layers = n


def _layers(module: Any) -> list[nn.Module]:
    return list(_layer_stack(module) or [])


def _layer_stack(module: Any) -> nn.ModuleList | None:
    for path in (("encoder", "layer"), ("transformer", "layer")):
        found = module
        for name in path:
            found = getattr(found, name, None)
        if isinstance(found, nn.ModuleList):
            return found
    return None

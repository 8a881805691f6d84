"""The relation extractor's model over marked texts: a transformer, a pooling, a pair representation and a head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from thinc.api import Model

from ..core.checks import check_at_least, check_one_of, check_probability
from ..core.head_settings import HeadFactory
from ..core.kernels.flat_transformer import BERT_LIKE
from ..core.parts import CONTEXTS
from ..core.precision import PRECISIONS
from ..core.transformers.loading import LoadedTransformer, TransformerSource, set_training, text_length
from ..errors import RelxError
from ..languages.architecture import SwitcherFactory
from .layer import MarkedSettings, make_marked_layer
from .marker_embedding import MarkerEmbedding
from .marking import MODES, ROLES, Marking, count_marker_rows, marker_rows, start_markers
from .mention_pairs_settings import MentionPairFactory
from .network import MarkedNetwork
from .pooling_settings import PoolingFactory


def build_marked_model(
    transformer: TransformerSource,
    pooling: PoolingFactory,
    pairs: MentionPairFactory,
    head: HeadFactory,
    mode: str = "packed",
    inference_mode: str | None = None,
    inline: bool = True,
    roles: str | None = None,
    batch_tokens: int = 4096,
    batch_pairs: int = 8192,
    precision: str = "fp32",
    marker_dropout: float = 0.0,
    switcher: SwitcherFactory | None = None,
    context: str | None = None,
) -> Model:
    """`spacy_relx.MarkedModel.v1`: texts in which mentions are marked -> transformer -> entity vectors -> pair vectors
    -> labels (Ni et al. 2020). Whether markers are typed or uniform is a setting of the `entity_type_marker`.

    transformer: `spacy_relx.Transformer.v1`. pooling: for instance `spacy_relx.EntityStart.v1`. pairs:
    `spacy_relx.ConcatPairs.v1` or `spacy_relx.MentionPairs.v1`. head: `spacy_relx.SoftmaxHead.v1` or
    `spacy_relx.MultiLabelHead.v1`.

    mode: "single", one marked text for each pair, as in the paper; "packed", the text once and beside it the markers of
    all pairs, at the positions of their mentions, so that they see the text and each other and no other pair; or
    "shared", one pair of markers for each mention, for all its pairs. inference_mode: "single" or "packed" in
    prediction for a model trained in the other; null: as in training. inline: shared markers stand in the text; false,
    in mode "shared" only: beside it. roles: which markers tell head from tail: "uniform" (the paper: typed ones do
    not), "all", "none"; null: "all" where the pooling shows no direction, else "uniform". Both directions of a pair
    whose markers do not are read as one.

    batch_tokens: subwords and markers that are worked on at once, in training and prediction; batch_pairs: pairs that
    are scored at once. They bound memory and change no score. precision: "bf16" runs the transformer in bfloat16,
    "auto" does so where the device computes it in hardware.
    marker_dropout: probability that all types of a Doc, and again that a single mention's type, are hidden in training,
    which is what teaches the uniform markers that unknown types fall back to. switcher: null, or
    `spacy_relx.LanguageSwitcher.v1`, which refines the entity vectors by their language. context: what is read at once,
    each "sentence" by itself (for a pair across sentences all from the first to the last) or the whole "document", in
    windows; null: as in training, sentences where the training Docs were single sentences.

    RAISES: RelxError RX021 for settings that make no sense, RX081 for such that do not go together.
    """
    of_sentence = pooling(1).of_sentence
    if roles is None:
        roles = "all" if of_sentence else "uniform"
    predicted = mode if inference_mode is None else inference_mode
    check_one_of(MODES, mode=mode, inference_mode=predicted)
    check_one_of(ROLES, roles=roles)
    check_one_of(PRECISIONS, precision=precision)
    check_one_of(CONTEXTS, context=context)
    check_at_least(1, batch_tokens=batch_tokens, batch_pairs=batch_pairs)
    check_probability(marker_dropout=marker_dropout)
    modes = {mode, predicted}
    problem = _problem(modes, inline, roles, of_sentence)
    if problem:
        raise RelxError("RX081", problem=problem)
    parts = MarkedParts(
        transformer=transformer,
        pooling=pooling,
        pairs=pairs,
        head=head,
        roles=roles,
        inline=inline,
        of_sentence=of_sentence,
        beside="packed" in modes or ("shared" in modes and not inline),
        precision=precision,
        batch_pairs=batch_pairs,
        switcher=switcher,
    )
    return make_marked_layer(
        transformer,
        parts.build_network,
        parts.make_marking,
        partial(_start_markers, roles),
        MarkedSettings(mode, predicted, batch_tokens, marker_dropout, context),
        has_switcher=switcher is not None,
    )


def _problem(modes: set[str], inline: bool, roles: str, of_sentence: bool) -> str:
    """Why these settings do not go together, "" if they do."""
    if "shared" in modes and len(modes) > 1:
        return "mode 'shared' has other markers than 'single' and 'packed' to train"
    if of_sentence and "shared" in modes:
        return "spacy_relx.SentenceStart.v1 gives all pairs of a text one vector in mode 'shared'"
    if of_sentence and roles == "none":
        return "spacy_relx.SentenceStart.v1 gives both directions of a pair one vector with roles = 'none'"
    if not inline and "shared" not in modes:
        return "inline = false is about mode 'shared'; 'single' always has its markers in the text, 'packed' beside it"
    return ""


@dataclass(frozen=True)
class MarkedParts:
    """What a config composes; network and marking are made of it when the transformer is there and sizes are known.

    roles: as in `marker_rows`. inline: as in `Marking`. of_sentence: as in `EntityPooling`. beside: whether some mode
    has markers beside the text. The rest is as in `build_marked_model`.
    """

    transformer: TransformerSource
    pooling: PoolingFactory
    pairs: MentionPairFactory
    head: HeadFactory
    roles: str
    inline: bool
    of_sentence: bool
    beside: bool
    precision: str
    batch_pairs: int
    switcher: SwitcherFactory | None = None

    def build_network(
        self, loaded: LoadedTransformer, n_markers: int, n_labels: int, sizes: dict[str, Any] | None = None
    ) -> MarkedNetwork:
        """RAISES: RelxError RX082 for markers beside the text that the transformer cannot have; RX051, RX084 for other
        layers than it has."""
        if self.beside and not loaded.flat:
            raise RelxError("RX082", kind=loaded.config.model_type, known=", ".join(sorted(BERT_LIKE)))
        module, width = loaded.module, int(loaded.config.hidden_size)
        embedding = MarkerEmbedding(module.get_input_embeddings(), count_marker_rows(n_markers, self.roles))
        if loaded.has_weights:
            embedding.start()
        module.set_input_embeddings(embedding)
        set_training(module, self.transformer, new=embedding.markers)
        pooling = self.pooling(width)
        pairs = self.pairs(pooling, width, n_markers)
        return MarkedNetwork(
            module,
            pooling,
            pairs,
            self.head(pairs.width_out, n_labels),
            flat=loaded.flat,
            pad_id=loaded.subwords.pad_id,
            precision=self.precision,
            batch_pairs=self.batch_pairs,
            switcher=None if self.switcher is None else self.switcher(pooling.width_out, **(sizes or {})),
        )

    def make_marking(self, mode: str, loaded: LoadedTransformer, n_markers: int) -> Marking:
        """RAISES: RelxError RX021 for a max_length or stride that the transformer cannot have."""
        length = text_length(loaded, self.transformer)
        subwords = loaded.subwords
        # pairs are given the same windows in "packed" as in "single", where four markers stand in the text
        room = length - len(subwords.prefix) - len(subwords.suffix) - (0 if mode == "shared" else 4)
        stride = self.transformer.stride or room // 2
        if stride > room // 2:
            raise RelxError("RX021", name="stride", value=stride, need=f"at most {room // 2}, half of a window")
        ids = marker_rows(n_markers, self.roles) + loaded.module.get_input_embeddings().first_id
        return Marking(mode, self.inline, self.roles, room, stride, ids, subwords, self.of_sentence)


def _start_markers(roles: str, network: MarkedNetwork, loaded: LoadedTransformer, names: Sequence[str]) -> None:
    start_markers(network.transformer.get_input_embeddings(), loaded.subwords, roles, names)

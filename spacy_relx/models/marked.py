"""The relation extractor's model over marked texts: a transformer, a pooling, a pair representation and a head."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from thinc.api import Model

from ..errors import RelxError
from ..layers.marked import MarkedSettings, make_marked_layer
from ..layers.marking import MENTION, MODES, ROLES, TAIL, Marking, count_marker_rows, marker_rows
from ..layers.transformer import LoadedTransformer, TransformerSource, set_training, text_limit
from ..nn.flat_transformer import BERT_LIKE
from ..nn.marked import MarkedNetwork
from ..nn.marking import MarkerEmbedding
from .heads import HeadFactory
from .mention_pairs import MentionPairFactory
from .pooling import PoolingFactory

PRECISIONS = ("fp32", "bf16", "auto")


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
) -> Model:
    """`spacy_relx.MarkedModel.v1`: texts in which mentions are marked -> transformer -> entity vectors -> pair vectors
    -> labels (Ni et al. 2020). Whether markers are typed or uniform is a setting of the `entity_type_marker`.

    transformer: `spacy_relx.Transformer.v1`. pooling: for instance `spacy_relx.EntityStart.v1`. pairs:
    `spacy_relx.ConcatPairs.v1` or `spacy_relx.MentionPairs.v1`. head: `spacy_relx.SoftmaxHead.v1` or
    `spacy_relx.MultiLabelHead.v1`.

    mode: "single", one marked text for each pair, as in the paper; "packed", the text once and beside it the markers of
    all pairs, at the positions of their mentions, so that they see the text and each other and no other pair; or
    "shared", one pair of markers for each mention, for all its pairs. inference_mode: "single" or "packed" in
    prediction for a model trained in the other; null: as in training. inline: shared markers stand in the text, or
    beside it. roles: which markers tell head from tail: "uniform" (the paper), "all", "none"; null: "all" where the
    pooling shows no direction, else "uniform". Both directions of a pair whose markers do not are read as one.

    batch_tokens: subwords and markers that are worked on at once, in training and prediction; batch_pairs: pairs that
    are scored at once. They bound memory and change no score. precision: "bf16" runs the transformer in bfloat16,
    "auto" does so where the device computes it in hardware.
    marker_dropout: probability that all types of a Doc, and again that a single mention's type, are hidden in training,
    which is what teaches the uniform markers that unknown types fall back to.

    RAISES: RelxError RX021 for settings that make no sense, RX081 for such that do not go together.
    """
    of_sentence = pooling(1).of_sentence
    roles = roles or ("all" if of_sentence else "uniform")
    predicted = inference_mode or mode
    for name, value, known in (
        ("mode", mode, MODES),
        ("inference_mode", predicted, MODES),
        ("roles", roles, ROLES),
        ("precision", precision, PRECISIONS),
    ):
        if value not in known:
            raise RelxError("RX021", name=name, value=value, need="one of " + ", ".join(known))
    for name, number in {"batch_tokens": batch_tokens, "batch_pairs": batch_pairs}.items():
        if number < 1:
            raise RelxError("RX021", name=name, value=number, need="1 or more")
    if not 0 <= marker_dropout < 1:
        raise RelxError("RX021", name="marker_dropout", value=marker_dropout, need="in [0, 1)")
    modes = {mode, predicted}
    if "shared" in modes and len(modes) > 1:
        raise RelxError("RX081", problem="mode 'shared' has other markers than 'single' and 'packed' to train")
    if of_sentence and "shared" in modes:
        problem = "spacy_relx.SentenceStart.v1 gives all pairs of a text one vector in mode 'shared'"
        raise RelxError("RX081", problem=problem)
    beside = "packed" in modes or ("shared" in modes and not inline)
    return make_marked_layer(
        transformer,
        partial(_build_network, transformer, pooling, pairs, head, roles, beside, precision, batch_pairs),
        partial(_make_marking, transformer, inline, roles, of_sentence),
        partial(_start_markers, roles),
        MarkedSettings(mode, predicted, batch_tokens, batch_pairs, marker_dropout),
    )


def _build_network(
    source: TransformerSource,
    pooling: PoolingFactory,
    pairs: MentionPairFactory,
    head: HeadFactory,
    roles: str,
    beside: bool,
    precision: str,
    chunk: int,
    loaded: LoadedTransformer,
    n_markers: int,
    n_labels: int,
) -> MarkedNetwork:
    if beside and not loaded.flat:
        raise RelxError("RX082", kind=loaded.config.model_type, known=", ".join(sorted(BERT_LIKE)))
    module, width = loaded.module, int(loaded.config.hidden_size)
    embedding = MarkerEmbedding(module.get_input_embeddings(), count_marker_rows(n_markers, roles))
    module.set_input_embeddings(embedding)
    set_training(module, source, new=embedding.markers)
    pooled = pooling(width)
    features = pairs(pooled, width, n_markers)
    return MarkedNetwork(
        module,
        pooled,
        features,
        head(features.width_out, n_labels),
        flat=loaded.flat,
        pad_id=loaded.subwords.pad_id,
        precision=precision,
        chunk=chunk,
    )


def _make_marking(
    source: TransformerSource,
    inline: bool,
    roles: str,
    of_sentence: bool,
    mode: str,
    loaded: LoadedTransformer,
    n_markers: int,
) -> Marking:
    """RAISES: RelxError RX021 for a max_length or stride that the transformer cannot have."""
    limit = text_limit(loaded)
    length = source.max_length or limit
    if length > limit:
        raise RelxError("RX021", name="max_length", value=length, need=f"at most {limit} for this transformer")
    subwords = loaded.subwords
    # pairs are given the same windows in "packed" as in "single", where four markers stand in the text
    room = length - len(subwords.prefix) - len(subwords.suffix) - (0 if mode == "shared" else 4)
    stride = source.stride or room // 2
    if stride > room // 2:
        raise RelxError("RX021", name="stride", value=stride, need=f"at most {room // 2}, half of a window")
    ids = marker_rows(n_markers, roles) + loaded.module.get_input_embeddings().first_id
    return Marking(mode, inline, roles, room, stride, ids, subwords, of_sentence)


def _start_markers(roles: str, network: MarkedNetwork, loaded: LoadedTransformer, names: Sequence[str]) -> None:
    """Typed markers begin as the mean of the words in their type's name, where it has any."""
    embedding = network.transformer.get_input_embeddings()
    rows = marker_rows(len(names) + 1, roles)
    for name, row in zip(names, rows[1:]):
        pieces = loaded.subwords.pieces(name.replace("_", " ").replace("-", " "))
        if pieces:
            for place in {int(row[TAIL, 0]), int(row[MENTION, 0])}:
                embedding.start_from(place, pieces)

"""Instances as subwords with markers around head and tail, and the transformer that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from spacy.tokens import Doc

from ..core.docs_to_batch import offsets
from ..core.settings import architecture
from ..core.transformers.loading import (
    LoadedTransformer,
    TransformerSource,
    load_transformer,
    set_training,
    text_length,
)
from ..errors import RelxError, warn
from ..marked.marking import HEAD, TAIL, Marking, Roles, count_marker_rows, marker_rows, start_markers
from ..marked.pair_texts import framed, insert_markers
from .instance_batch import InstanceBatch
from .instance_text import InstanceText
from .instances import Instances, cut_windows
from .transformer_instances import SubwordEmbedding


@architecture
@dataclass(kw_only=True)
class MarkedSubwords(InstanceText[SubwordEmbedding]):
    """`spacy_relx.MarkedSubwords.v1`: the subwords of a transformer, with marker tokens around head and tail.

    It stands in the place of `spacy_relx.WordTable.v1`, with `spacy_relx.TransformerEncoder.v1` above it.

    Args:
        transformer: `spacy_relx.Transformer.v1`, whose stride is left at null: one text around head and tail is read.
        markers: "typed", which name the entity types that the entity_type_marker gives, or "uniform".
        roles: Which markers tell head from tail: "uniform" (Ni et al. 2020: typed ones do not), "all", or "none".
    """

    transformer: TransformerSource
    markers: Literal["typed", "uniform"] = "typed"
    roles: Roles = "uniform"

    def __post_init__(self) -> None:
        if self.transformer.stride is not None:
            need = "null for spacy_relx.MarkedSubwords.v1, which reads one text around head and tail"
            raise RelxError("RX021", name="stride", value=self.transformer.stride, need=need)
        self.typed = self.markers == "typed"
        self._loaded: LoadedTransformer | None = None

    def prepare(self, docs: Iterable[Doc]) -> int:
        """Load the transformer; the Docs are not looked at."""
        self._loaded = load_transformer(self.transformer)
        self.package_extra = self._loaded.package_extra
        return int(self._loaded.module.get_input_embeddings().num_embeddings)

    def saved(self, module: SubwordEmbedding) -> dict[str, Any]:
        return module.loaded.to_dict()

    def restore(self, saved: Mapping[str, Any] | None) -> None:
        if saved is None:
            raise RelxError("RX051", name="transformer", found="missing", wanted="saved with the weights", count=1)
        self._loaded = LoadedTransformer.from_dict(saved)
        self.package_extra = self._loaded.package_extra

    def build(self, n_words: int) -> SubwordEmbedding:
        """RAISES: RelxError RX050 before the transformer is loaded, RX051, RX084 for other layers or another vocabulary
        than it has, RX021 for max_subwords that it cannot have."""
        if self._loaded is None:
            raise RelxError("RX050")
        loaded, self._loaded = self._loaded, None
        found = int(loaded.module.get_input_embeddings().num_embeddings)
        if found != n_words:
            raise RelxError("RX051", name="vocabulary", found=found, wanted=n_words, count=1)
        text_length(loaded, self.transformer)
        set_training(loaded.module, self.transformer, new=torch.nn.Module())
        directed = self.roles == "all" or (self.roles == "uniform" and not self.typed)
        return SubwordEmbedding(
            loaded, partial(_count_rows, self.typed, self.roles), self.transformer.lr_scale, directed
        )

    def start(self, module: SubwordEmbedding, entity_types: Sequence[str]) -> None:
        """Typed markers begin at their types' names. RAISES: RelxError RX021 for an encoder that adds no markers."""
        marking = self._marking(module)
        if self.typed:
            start_markers(module.markers, marking.subwords, self.roles, entity_types)

    def batch(
        self, docs: Sequence[Doc], instances: Instances, langs: np.ndarray, module: SubwordEmbedding
    ) -> InstanceBatch:
        """One text for each instance. Where the transformer's positions do not suffice for all subwords of its window,
        those around both mentions; if these are too far apart, as many around each of the two, and a separator.

        An instance's mentions begin with their opening marker and end with their closing one. WARNS: RX083.
        """
        marking = self._marking(module)
        if not len(instances):
            none = np.zeros(0)
            return _tensors(none, none, none, np.zeros((0, 2, 2)), np.zeros((0, 2)), none)
        words, windows, spans = find_subwords(docs, instances, marking)
        parts, spans, n_clipped = excerpts(windows, spans, marking.room)
        if n_clipped:
            limit = mention_limit(marking.room)
            warn("RX083", count=n_clipped, limit=limit, text=docs[int(instances.docs[0])].text[:60])
        texts = framed(parts, words, marking)
        markers = marking.known(instances.markers).astype("int64")
        ids, lengths, places = insert_markers(
            texts, np.arange(len(parts)), spans + len(marking.prefix), marking.ids[markers, [HEAD, TAIL]]
        )
        mentions = np.stack([places[:, :2], places[:, 2:] + 1], axis=2)
        return _tensors(ids, np.cumsum(lengths) - lengths, lengths, mentions, markers, langs)

    def _marking(self, module: SubwordEmbedding) -> Marking:
        if module.n_markers is None:
            need = "spacy_relx.TransformerEncoder.v1, which adds the markers of spacy_relx.MarkedSubwords.v1"
            raise RelxError("RX021", name="encoder", value="another", need=need)
        loaded: LoadedTransformer = module.loaded
        n_markers = module.n_markers if self.typed else 1
        ids = marker_rows(n_markers, self.roles) + module.markers.first_id
        subwords = loaded.subwords
        room = text_length(loaded, self.transformer) - len(subwords.prefix) - len(subwords.suffix) - 4
        return Marking("single", True, self.roles, room, room // 2, ids, subwords)


def _count_rows(typed: bool, roles: Roles, n_markers: int) -> int:
    return count_marker_rows(n_markers if typed else 1, roles)


def _tensors(
    tokens: np.ndarray,
    starts: np.ndarray,
    lengths: np.ndarray,
    mentions: np.ndarray,
    markers: np.ndarray,
    langs: np.ndarray,
) -> InstanceBatch:
    arrays = (tokens, starts, lengths, mentions, markers, langs)
    return InstanceBatch(*(torch.from_numpy(np.ascontiguousarray(array, dtype="int64")) for array in arrays))


def find_subwords(
    docs: Sequence[Doc], instances: Instances, marking: Marking
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """The subwords of the instances' Docs, and where in all of these, one Doc behind the other, windows, (n, 2), and
    mentions, (n, 2, 2), begin and end. A mention that has none (all space) gets its neighbour, in the window or not."""
    used, owners = np.unique(instances.docs, return_inverse=True)
    order = np.argsort(owners, kind="stable")
    breaks = np.split(instances.mentions[order], np.cumsum(np.bincount(owners))[:-1])
    parts = marking.subwords([docs[i] for i in used.tolist()], None, [part.ravel() for part in breaks])
    first = offsets([len(part.ids) for part in parts])
    base = offsets([len(part.starts) for part in parts])[owners]
    opened = np.concatenate([part.starts + start for part, start in zip(parts, first)])
    closed = np.concatenate([part.ends + start for part, start in zip(parts, first)])
    starts = np.minimum(opened[base[:, None] + instances.mentions[:, :, 0]], (first[owners + 1] - 1)[:, None])
    ends = np.maximum(closed[base[:, None] + instances.mentions[:, :, 1] - 1], starts + 1)
    low = np.minimum(opened[base + instances.windows[:, 0]], starts.min(axis=1))
    high = np.maximum(closed[base + instances.windows[:, 1] - 1], ends.max(axis=1))
    return [part.ids for part in parts], np.stack([low, high], axis=1), np.stack([starts, ends], axis=2)


def mention_limit(room: int) -> int:
    """Subwords up to which a mention is marked, where texts have to be cut to `room` subwords and into two parts."""
    half = (room - 1) // 2
    return half - half // 2


def excerpts(windows: np.ndarray, spans: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray, int]:
    """What is read of windows that may be longer than `room`: one part around both mentions, or where these are too far
    apart two parts, each around one of them.

    windows: int64 (n, 2). spans: (n, 2, 2), head and tail in them. RETURNS: (n, 2, 2), start and length of the first
    part and of the second, which is empty or has a separator before it; the spans in the text made of them; and how
    many mentions of those too far apart were clipped to `mention_limit`.
    """
    starts, ends = spans[:, :, 0], spans[:, :, 1]
    wide = ends.max(axis=1) - starts.min(axis=1) > room
    limit = mention_limit(room)
    n_clipped = int((wide[:, None] & (ends - starts > limit)).sum())
    ends = np.where(wide[:, None], np.minimum(ends, starts + limit), ends)
    spans = np.stack([starts, ends], axis=2)
    far = ends.max(axis=1) - starts.min(axis=1) > room
    late = np.where(starts[:, 0] <= starts[:, 1], 1, 0)
    rows, half = np.arange(len(spans)), (room - 1) // 2
    one = cut_windows(windows, spans, room)
    early_part = cut_windows(windows, spans[rows, 1 - late][:, None], half)
    late_part = cut_windows(windows, spans[rows, late][:, None], half)
    first = np.where(far[:, None], early_part, one)
    second = np.where(far[:, None], late_part, 0)
    parts = np.stack([first, second], axis=1)
    sizes = parts[:, :, 1] - parts[:, :, 0]
    in_second = far[:, None] & (np.arange(2) == late[:, None])
    shifts = np.where(in_second, sizes[:, :1] + 1 - second[:, :1], -first[:, :1])
    return np.stack([parts[:, :, 0], sizes], axis=2), spans + shifts[:, :, None], n_clipped

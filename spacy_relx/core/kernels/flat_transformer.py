"""Attention over texts that are laid end to end, with markers beside the texts, for BERT-like encoders.

Padding is only made for attention, all else works on rows that are really there. Markers beside a text attend to it and
to their own group, while the text attends to itself only (Zhong & Chen 2021, section 3.3; Ye et al. 2022, section 3.2).
So the text is computed once for all its pairs, a pair's states depend on no other pair, and the cost is
length^2 + markers * (length + group size), where a mask over text and markers together costs (length + markers)^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..transformers.batch import MarkedBatch, padded_rows


@dataclass(frozen=True)
class Table:
    """Rows that follow each other, as a padded table.

    index: int64 (n, longest), the row that stands at each place, counted from the first; some row where none does.
    keys: (n, 1, 1, longest) bool, which places are rows; None if all are. places: int64, the places that are rows.
    """

    index: Tensor
    keys: Tensor | None
    places: Tensor

    @classmethod
    def of(cls, lengths: Tensor) -> Table:
        index, mask = padded_rows(lengths)
        keys = None if bool(mask.all()) else mask[:, None, None]
        return cls(index, keys, mask.flatten().nonzero().squeeze(1))

    def pick(self, rows: Tensor, heads: int) -> Tensor:
        """*Shape:* (n_rows, width) -> (n, heads, longest, depth)."""
        if self.keys is not None:
            rows = rows.index_select(0, self.index.flatten())  # its gradient is far faster than that of rows[index]
        return rows.view(*self.index.shape, heads, rows.shape[1] // heads).transpose(1, 2)

    def put(self, context: Tensor) -> Tensor:
        """*Shape:* (n, heads, longest, depth) -> (n_rows, width)."""
        rows = context.transpose(1, 2).flatten(0, 1).flatten(1)
        return rows if self.keys is None else rows.index_select(0, self.places)


@dataclass(frozen=True)
class Layout:
    """How rows are cut for attention: into parts of texts that follow each other and are of about one length.

    texts, groups: of each part, its texts and the markers beside them. sizes: rows of each table, first of all texts,
    then of all groups. group_size: markers of a group.
    """

    texts: list[Table]
    groups: list[Table]
    sizes: list[int]
    group_size: int

    @classmethod
    def of(cls, batch: MarkedBatch) -> Layout:
        size = batch.group_ids.shape[1]
        group_sizes = batch.group_counts * size
        counts = similar_runs(batch.lengths.tolist(), group_sizes.tolist())
        texts, groups = batch.lengths.split(counts), group_sizes.split(counts)
        beside = len(batch.group_ids) > 0
        return cls(
            [Table.of(part) for part in texts],
            [Table.of(part) for part in groups] if beside else [],
            [int(part.sum()) for part in (*texts, *(groups if beside else ()))],
            size,
        )


def similar_runs(lengths: list[int], group_sizes: list[int] | None = None) -> list[int]:
    """How many texts, in turn, make a part, so that neither they nor the markers beside them are padded by much.

    group_sizes: rows of the markers beside each text; None for no such markers.
    """
    counts: list[int] = []
    low, high = (0, 0), (0, 0)
    for sizes in zip(lengths, group_sizes or [0] * len(lengths)):
        least = min(low[0], sizes[0]), min(low[1], sizes[1])
        most = max(high[0], sizes[0]), max(high[1], sizes[1])
        if counts and all(b <= 1.5 * a + 8 for a, b in zip(least, most)):
            counts[-1] += 1
            low, high = least, most
        else:
            counts.append(1)
            low = high = sizes
    return counts


def attend(projected: Sequence[Tensor], heads: int, layout: Layout, dropout: float) -> Tensor:
    """What each row gathers from the rows it sees.

    Args:
        projected: Queries, keys and values, *Shape:* (rows, width) each.
        heads: Number of attention heads.
        layout: Of the rows.
        dropout: Of the attention's weights; 0 outside of training.

    Returns:
        *Shape:* (rows, width).
    """
    # cut once: the gradient of each slice of the whole would be as large as the whole
    parts = [part.split(layout.sizes) for part in projected]
    n = len(layout.texts)
    contexts, beside = [], []
    for i, table in enumerate(layout.texts):
        queries, keys, values = (table.pick(rows[i], heads) for rows in parts)
        context = nn.functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=table.keys, dropout_p=dropout
        )
        contexts.append(table.put(context))
        group = layout.groups[i] if layout.groups else None
        if group is not None and group.index.numel():
            queries, *own = (group.pick(rows[n + i], heads) for rows in parts)
            context = _attend_beside(queries, own, [keys, values], table.keys, layout.group_size, dropout)
            beside.append(group.put(context))
    return torch.cat([*contexts, *beside])


def _attend_beside(
    query: Tensor, own: list[Tensor], text: list[Tensor], is_text: Tensor | None, size: int, dropout: float
) -> Tensor:
    """Markers beside the texts: one softmax over the text and their own group.

    query: *Shape:* (texts, heads, markers, depth). own: keys and values of the markers, as query. text: those of the
    texts, *Shape:* (texts, heads, longest, depth). is_text: as `Table.keys`. size: of a group. RETURNS: as query.
    """
    query = query * query.shape[-1] ** -0.5
    # as groups: (texts, heads, groups, size, depth)
    own_query, own_key, own_value = (rows.unflatten(2, (-1, size)) for rows in (query, *own))
    to_text = query @ text[0].transpose(-1, -2)
    if is_text is not None:
        to_text = to_text.masked_fill_(~is_text, -torch.inf)
    to_own = (own_query @ own_key.transpose(-1, -2)).flatten(2, 3)
    scores = torch.cat([to_text, to_own], dim=-1)
    weights = nn.functional.dropout(torch.softmax(scores, dim=-1).to(own[1].dtype), dropout, training=dropout > 0)
    text_weights, own_weights = weights.split([to_text.shape[-1], size], dim=-1)
    return text_weights @ text[1] + (own_weights.unflatten(2, (-1, size)) @ own_value).flatten(2, 3)


def padded_states(transformer: Any, batch: MarkedBatch, pad_id: int, words: Tensor | None = None) -> Tensor:
    """States of the last layer of any encoder of Hugging Face, by its own forward pass.

    Args:
        transformer: The encoder, without its head.
        batch: Texts; markers must stand in them.
        pad_id: Id of padding.
        words: Word embeddings of all rows, *Shape:* (n_rows, width), in the place of the encoder's own; None for these.

    Returns:
        *Shape:* (n_rows, width).
    """
    index, mask = padded_rows(batch.lengths)
    given: dict[str, Tensor]
    if words is None:
        given = {"input_ids": torch.where(mask, batch.ids[index], pad_id)}
    else:
        given = {"inputs_embeds": words.index_select(0, index.flatten()).view(*index.shape, -1)}
    return transformer(**given, attention_mask=mask.long()).last_hidden_state[mask]

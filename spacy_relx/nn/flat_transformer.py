"""BERT-like encoders over texts that are laid end to end, with markers beside the texts.

Padding is only made for attention, all else works on rows that are really there. Markers beside a text attend to it and
to their own group, while the text attends to itself only (Zhong & Chen 2021, section 3.3; Ye et al. 2022, section 3.2).
So the text is computed once for all its pairs, a pair's states depend on no other pair, and the cost is
length^2 + markers * (length + group size), where a mask over text and markers together costs (length + markers)^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .marked_batch import MarkedBatch, padded_rows

#: Types of Hugging Face models whose layers are those of BERT.
BERT_LIKE = frozenset({"bert", "roberta", "xlm-roberta", "camembert", "electra"})


def is_bert_like(config: Any) -> bool:
    """Whether `flat_states` can run a model of this configuration."""
    absolute = getattr(config, "position_embedding_type", "absolute") == "absolute"
    return config.model_type in BERT_LIKE and absolute and not config.is_decoder


def position_offset(transformer: nn.Module) -> int:
    """The position id of a text's first token: RoBERTa and its kin count from behind the padding's id."""
    padding = getattr(getattr(transformer, "embeddings", None), "padding_idx", None)
    return 0 if padding is None else int(padding) + 1


@dataclass(frozen=True)
class Part:
    """Texts of about one length, whose attention is computed at once.

    texts: (n, longest) rows of the texts, some row where there is none. keys: (n, 1, 1, longest) bool, which are rows
    at all; None if all are. groups: (n, most markers of a text), the same for markers beside the texts; None for none.
    text_places, group_places: which entries of the two tables are rows.
    """

    texts: Tensor
    keys: Tensor | None
    text_places: Tensor
    groups: Tensor | None
    group_places: Tensor | None


@dataclass(frozen=True)
class Layout:
    """Where rows go in the padded tables of attention. order: puts what the parts give, in turn, in the rows' order.
    size: of a group of markers."""

    parts: list[Part]
    order: Tensor
    size: int

    @classmethod
    def of(cls, batch: MarkedBatch) -> Layout:
        size = batch.group_ids.shape[1]
        text_starts, group_sizes = batch.text_starts(), batch.group_counts * size
        group_starts = len(batch.ids) + group_sizes.cumsum(0) - group_sizes
        parts, rows = [], []
        for texts in _similar(batch.lengths + group_sizes):
            table, keys, places = _table(text_starts[texts], batch.lengths[texts])
            groups = group_places = None
            rows.append(table.flatten()[places])
            if len(batch.group_ids):
                groups, _, group_places = _table(group_starts[texts], group_sizes[texts])
                rows.append(groups.flatten()[group_places])
            parts.append(Part(table, keys, places, groups, group_places))
        return cls(parts, torch.cat(rows).argsort(), size)


def _similar(sizes: Tensor) -> list[Tensor]:
    """Rows of the sizes in parts, so that little is padded: attention costs the square of what the longest has."""
    ordered, order = sizes.sort()
    parts, first = [], 0
    values = ordered.tolist()
    for i, value in enumerate(values):
        if value > 1.3 * values[first] + 8:
            parts.append(order[first:i])
            first = i
    return [*parts, order[first:]]


def _table(starts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
    """Ranges of rows as a padded table, its mask as keys of attention, and the places that are rows."""
    table, mask = padded_rows(lengths)
    shift = (starts - (lengths.cumsum(0) - lengths)).unsqueeze(1)
    keys = None if bool(mask.all()) else mask[:, None, None]
    return torch.where(mask, table + shift, 0), keys, mask.flatten().nonzero().squeeze(1)


def flat_states(transformer: Any, batch: MarkedBatch, needed: Tensor | None = None) -> Tensor:
    """States of the last layer. transformer: a BERT-like model (`is_bert_like`) of Hugging Face, without its head.

    needed: the rows that will be read; the others stay zero, which spares them the last feed-forward. None: all.
    RETURNS: *Shape:* (n_rows + n_groups * size, width).
    """
    hidden = _embed(transformer, batch)
    layout = Layout.of(batch)
    layers = list(transformer.encoder.layer)
    for layer in layers[:-1]:
        hidden = _feed_forward(layer, _attend(layer.attention.self, hidden, layout), hidden)
    context = _attend(layers[-1].attention.self, hidden, layout)
    if needed is None:
        return _feed_forward(layers[-1], context, hidden)
    needed = torch.unique(needed)
    states = _feed_forward(layers[-1], context.index_select(0, needed), hidden.index_select(0, needed))
    return states.new_zeros(len(hidden), states.shape[1]).index_copy(0, needed, states)


def _embed(transformer: Any, batch: MarkedBatch) -> Tensor:
    places = torch.arange(len(batch.ids), device=batch.ids.device)
    places = places - torch.repeat_interleave(batch.text_starts(), batch.lengths)
    positions = torch.cat([places, places[batch.group_rows.flatten()]]) + position_offset(transformer)
    ids = torch.cat([batch.ids, batch.group_ids.flatten()])
    # types are passed because the ones that models keep end where their positions do
    hidden = transformer.embeddings(
        input_ids=ids[None], position_ids=positions[None], token_type_ids=torch.zeros_like(ids)[None]
    )[0]
    project = getattr(transformer, "embeddings_project", None)  # ELECTRA's embeddings may be narrower
    return hidden if project is None else project(hidden)


def _feed_forward(layer: Any, context: Tensor, hidden: Tensor) -> Tensor:
    return layer.feed_forward_chunk(layer.attention.output(context, hidden))


def _attend(attention: Any, hidden: Tensor, layout: Layout) -> Tensor:
    """*Shape:* (rows, width): what each row gathers from the rows it sees."""
    heads = attention.num_attention_heads
    query, key, value = (part(hidden) for part in (attention.query, attention.key, attention.value))
    dropout = attention.dropout.p if attention.training else 0.0
    contexts = []
    for part in layout.parts:
        queries, keys, values = (_pick(rows, part.texts, heads) for rows in (query, key, value))
        context = nn.functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=part.keys, dropout_p=dropout
        )
        contexts.append(_put(context, part.text_places))
        if part.groups is not None and part.group_places is not None:
            queries, *own = (_pick(rows, part.groups, heads) for rows in (query, key, value))
            context = _attend_beside(queries, own, [keys, values], part.keys, layout.size, dropout)
            contexts.append(_put(context, part.group_places))
    return torch.cat(contexts).index_select(0, layout.order)


def _pick(rows: Tensor, table: Tensor, heads: int) -> Tensor:
    """Rows into a padded table, *Shape:* (texts, heads, longest, depth)."""
    picked = rows.index_select(0, table.flatten())  # its gradient is far faster than that of rows[table]
    return picked.view(*table.shape, heads, -1).transpose(1, 2)


def _put(context: Tensor, places: Tensor) -> Tensor:
    """The entries of a padded table that are rows, *Shape:* (n, width)."""
    return context.transpose(1, 2).flatten(0, 1).flatten(1).index_select(0, places)


def _attend_beside(
    query: Tensor, own: list[Tensor], text: list[Tensor], is_text: Tensor | None, size: int, dropout: float
) -> Tensor:
    """Markers beside the texts: one softmax over the text and their own group.

    query: *Shape:* (texts, heads, markers, depth). own: keys and values of the markers, as query. text: those of the
    texts, *Shape:* (texts, heads, longest, depth). is_text: as `Part.keys`. size: of a group. RETURNS: as query.
    """
    query = query * query.shape[-1] ** -0.5
    # as groups: (texts, heads, groups, size, depth)
    own_query, own_key, own_value = (rows.unflatten(2, (-1, size)) for rows in (query, *own))
    to_text = query @ text[0].transpose(-1, -2)
    if is_text is not None:
        to_text = to_text.masked_fill(~is_text, -torch.inf)
    to_own = (own_query @ own_key.transpose(-1, -2)).flatten(2, 3)
    scores = torch.cat([to_text, to_own], dim=-1)
    weights = nn.functional.dropout(torch.softmax(scores, dim=-1).to(own[1].dtype), dropout, training=dropout > 0)
    text_weights, own_weights = weights.split([to_text.shape[-1], size], dim=-1)
    return text_weights @ text[1] + (own_weights.unflatten(2, (-1, size)) @ own_value).flatten(2, 3)


def padded_states(transformer: Any, batch: MarkedBatch, pad_id: int) -> Tensor:
    """The same for any encoder of Hugging Face, by its own forward pass; markers must stand in the text.

    RETURNS: *Shape:* (n_rows, width).
    """
    index, mask = padded_rows(batch.lengths)
    ids = torch.where(mask, batch.ids[index], pad_id)
    return transformer(input_ids=ids, attention_mask=mask.long()).last_hidden_state[mask]

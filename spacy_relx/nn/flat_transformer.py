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
class Layout:
    """Where the rows go in the padded tables of attention.

    texts, text_mask: (n_texts, longest). keys: (n_texts, 1, 1, longest) bool, or None where no text is padded.
    groups, group_mask: (n_texts, most markers of a text), None where no text has markers beside it. size: of a group.
    """

    texts: Tensor
    text_mask: Tensor
    keys: Tensor | None
    groups: Tensor | None
    group_mask: Tensor | None
    size: int

    @classmethod
    def of(cls, batch: MarkedBatch) -> Layout:
        texts, mask = padded_rows(batch.lengths)
        keys = None if texts.numel() == len(batch.ids) else mask[:, None, None]
        size = batch.group_ids.shape[1]
        if not len(batch.group_ids):
            return cls(texts, mask, keys, None, None, size)
        groups, group_mask = padded_rows(batch.group_counts * size)
        return cls(texts, mask, keys, groups + len(batch.ids), group_mask, size)


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
    states = _feed_forward(layers[-1], context[needed], hidden[needed])
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
    query, key, value = (
        part(hidden).view(len(hidden), heads, -1) for part in (attention.query, attention.key, attention.value)
    )
    dropout = attention.dropout.p if attention.training else 0.0
    text_keys, text_values = (rows[layout.texts].transpose(1, 2) for rows in (key, value))
    context = nn.functional.scaled_dot_product_attention(
        query[layout.texts].transpose(1, 2), text_keys, text_values, attn_mask=layout.keys, dropout_p=dropout
    )
    context = context.transpose(1, 2)[layout.text_mask]
    if layout.groups is not None:
        beside = _attend_beside(query, key, value, text_keys, text_values, layout, dropout)
        context = torch.cat([context, beside])
    return context.flatten(1)


def _attend_beside(
    query: Tensor, key: Tensor, value: Tensor, text_keys: Tensor, text_values: Tensor, layout: Layout, dropout: float
) -> Tensor:
    """Markers beside the texts: one softmax over the text and their own group.

    query, key, value: *Shape:* (rows, heads, depth). text_keys, text_values: *Shape:* (texts, heads, longest, depth).
    RETURNS: *Shape:* (marker rows, heads, depth).
    """
    # (texts, heads, markers, depth), and the same as groups: (texts, heads, groups, size, depth)
    query, key, value = (rows[layout.groups].transpose(1, 2) for rows in (query, key, value))
    query = query * query.shape[-1] ** -0.5
    grouped = [rows.unflatten(2, (-1, layout.size)) for rows in (query, key, value)]
    to_text = query @ text_keys.transpose(-1, -2)
    if layout.keys is not None:
        to_text = to_text.masked_fill(~layout.keys, -torch.inf)
    to_group = (grouped[0] @ grouped[1].transpose(-1, -2)).flatten(2, 3)
    scores = torch.cat([to_text, to_group], dim=-1)
    weights = nn.functional.dropout(torch.softmax(scores, dim=-1).to(value.dtype), dropout, training=dropout > 0)
    from_text, from_group = weights.split([to_text.shape[-1], layout.size], dim=-1)
    own = (from_group.unflatten(2, (-1, layout.size)) @ grouped[2]).flatten(2, 3)
    return (from_text @ text_values + own).transpose(1, 2)[layout.group_mask]


def padded_states(transformer: Any, batch: MarkedBatch, pad_id: int) -> Tensor:
    """The same for any encoder of Hugging Face, by its own forward pass; markers must stand in the text.

    RETURNS: *Shape:* (n_rows, width).
    """
    index, mask = padded_rows(batch.lengths)
    ids = torch.where(mask, batch.ids[index], pad_id)
    return transformer(input_ids=ids, attention_mask=mask.long()).last_hidden_state[mask]

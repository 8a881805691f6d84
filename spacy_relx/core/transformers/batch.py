"""What a batch of marked texts looks like to a network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..pair_batch import Batch


def padded_rows(lengths: Tensor, starts: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Parts as rows of a padded table.

    lengths: *Shape:* (n,), int64. starts: where each begins, the same shape; None: they lie end to end.
    RETURNS: (int64 index of the rows, 0 where there is none; bool mask of those that are), both *Shape:* (n, longest).
    """
    longest = int(lengths.max()) if len(lengths) else 0
    places = torch.arange(longest, device=lengths.device)
    mask = places < lengths.unsqueeze(1)
    if starts is None:
        starts = lengths.cumsum(0) - lengths
    return torch.where(mask, starts.unsqueeze(1) + places, 0), mask


@dataclass(frozen=True)
class MarkedBatch(Batch):
    """Marked texts, laid end to end as rows. Rows below n_rows are the texts', then follow those of `group_ids`.

    ids: (n_rows,) subwords, markers that stand in the text and special tokens.
    lengths: (n_texts,) rows of each text.
    group_ids: (n_groups, size) markers beside the text: they see the text and their own group, the text does not see
        them. In the order of the texts.
    group_rows: (n_groups, size) the row of the text whose position each of them takes.
    group_counts: (n_texts,) groups of each text.
    opens, closes: (n_entities,) rows of the opening and the closing marker.
    spans: (n_entities, 2) first row and end (exclusive) of what they mark.
    texts: (n_entities,) the text of each.
    sentences: (n_entities,) the row that stands for the sentence as the entity's pair marks it: its text's first, or
        one beside the text.
    markers: (n_entities,) row of the entity's type in the marker vocabulary, 0 is the uniform marker.
    pairs: (n_pairs, 2) rows of the entities: head, tail.
    langs: (n_entities,) row of the language whose route each takes, see `LanguageSwitcher`; None where nobody asks.
    All int64.
    """

    ids: Tensor
    lengths: Tensor
    group_ids: Tensor
    group_rows: Tensor
    group_counts: Tensor
    opens: Tensor
    closes: Tensor
    spans: Tensor
    texts: Tensor
    sentences: Tensor
    markers: Tensor
    pairs: Tensor
    langs: Tensor | None = None

    def text_starts(self) -> Tensor:
        """int64 (n_texts,): the first row of each text."""
        return self.lengths.cumsum(0) - self.lengths

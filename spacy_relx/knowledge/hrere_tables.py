"""`spacy_relx.ComplExKnowledge.v1`: embeddings of a knowledge base, as a network wants them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from spacy.strings import get_string_id

from ..core.settings import Positive, architecture
from ..errors import RelxError
from .embeddings import KBEmbeddings
from .hrere import Knowledge, KnowledgeTables, MakeKnowledge, Tune


@architecture
def make_complex_knowledge(
    *,
    path: Path | None,
    tune: Tune = "all",
    lr_scale: Positive = 0.02,
    missing: Literal["error", "random"] = "error",
) -> MakeKnowledge:
    """`spacy_relx.ComplExKnowledge.v1`: ComplEx embeddings to start from.

    Args:
        path: Folder of embeddings from `relx kb train`. It is read when the model is initialised, and saved with it: a
            trained pipeline does not need it. Its relations must have the names that the facts have.
        tune: What training changes: "all" vectors, those of "relations", or "none".
        lr_scale: Learning rate of the vectors, times the common one.
        missing: Whether relations of the facts that the knowledge base lacks are an "error" (RX240), or begin with
            "random" vectors, as no-relation always does.

    Returns:
        What makes the knowledge of a network. When the model is initialised, a missing path is RX242, and files that
        are broken are RX205.
    """
    return partial(Knowledge, source=partial(read_tables, path, missing), tune=tune, lr_scale=lr_scale)


def read_tables(path: Path | None, missing: str, labels: Sequence[str]) -> KnowledgeTables:
    """Embeddings as a network wants them: entities by the hashes of their ids, relations by the facts' labels.

    Vectors that have to be drawn are as large as those that there are. RAISES: RelxError RX242, RX205, RX240.
    """
    if path is None:
        raise RelxError("RX242")
    embeddings = KBEmbeddings.load(path, mmap=False)
    ids, model = embeddings.ids, embeddings.model
    lacking = [label for label in labels if label not in ids.relation_index]
    if lacking and missing == "error":
        known = ", ".join(ids.relation_ids[:20])
        raise RelxError("RX240", path=path, lacking=", ".join(lacking), n=len(ids.relation_ids), known=known)
    entities, known_relations = model.entities.detach(), model.relations.detach()[: model.n_relations]
    hashes = np.array([get_string_id(name) for name in ids.entity_ids], dtype="uint64").view("int64")
    order = np.argsort(hashes)
    scale = float(known_relations.std(correction=0)) if len(known_relations) else 1.0
    relations = torch.randn(len(labels) + 1, entities.shape[1]) * scale
    for row, label in enumerate(labels, start=1):
        if label in ids.relation_index:
            relations[row] = known_relations[ids.relation_index[label]]
    return KnowledgeTables(torch.from_numpy(hashes[order]), entities[torch.from_numpy(order)].clone(), relations)

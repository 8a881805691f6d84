"""Text and knowledge base together (HRERE): a bag head that also asks embeddings of a knowledge base."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch
from spacy.strings import get_string_id

from ..bags.architecture import BagHeadFactory
from ..bags.bag_heads import BagHead, SoftmaxBagHead
from ..core.checks import check_at_least, check_one_of, check_positive
from ..errors import RelxError
from .embeddings import KBEmbeddings
from .hrere import COMBINE, TUNE, Knowledge, KnowledgeBagHead, KnowledgeTables

KnowledgeFactory = Callable[[int], Knowledge]
#: What becomes of relations that the knowledge base lacks.
MISSING = ("error", "random")


def make_complex_knowledge(
    path: Path | None, tune: str = "all", lr_scale: float = 0.02, missing: str = "error"
) -> KnowledgeFactory:
    """`spacy_relx.ComplExKnowledge.v1`: ComplEx embeddings to start from.

    path: folder of embeddings from `relx kb train`. It is read when the model is initialised, and saved with it: a
    trained pipeline does not need it. Its relations must have the names that the facts have. tune: "all" vectors, those
    of "relations", or "none". lr_scale: learning rate of the vectors, times the common one. missing: relations of
    the facts that the knowledge base lacks are an "error", or begin with "random" vectors, as no-relation always does.

    RAISES: RelxError RX021 for settings that make no sense; when the model is initialised RX242 without a path, RX205
    for files that are broken, RX240 for relations that the knowledge base lacks.
    """
    check_one_of(TUNE, tune=tune)
    check_one_of(MISSING, missing=missing)
    check_positive(lr_scale=lr_scale)
    return partial(Knowledge, source=partial(read_tables, path, missing), tune=tune, lr_scale=lr_scale)


def make_knowledge_head(
    text: BagHeadFactory,
    knowledge: KnowledgeFactory,
    text_weight: float = 1.0,
    knowledge_weight: float = 1.0,
    agreement_weight: float = 1.0,
    alpha: float = 0.6,
    combine: str = "probabilities",
    double_softmax: bool = False,
) -> Callable[[int, int], KnowledgeBagHead]:
    """`spacy_relx.KnowledgeHead.v1`: HRERE (Xu and Barbosa 2019), a head over bags that also asks a knowledge base.

    text: `spacy_relx.BagHead.v1` with the loss "softmax". knowledge: `spacy_relx.ComplExKnowledge.v1`. text_weight,
    knowledge_weight, agreement_weight: of the losses J_L, J_G and J_D. alpha: share of the text in the scores, in
    [0, 1]. combine: "probabilities" (the paper) or "logits". double_softmax: J_D as the code published with the paper
    has it. See `nn.knowledge.KnowledgeBagHead`. The paper's variants: base has knowledge_weight = agreement_weight = 0
    and alpha = 1, naive agreement_weight = 0; Weston's is that without knowledge_weight and with tune = "none".

    RAISES: RelxError RX021 for settings that make no sense, and for another loss of the text's head when the model is
    built.
    """
    check_at_least(0, text_weight=text_weight, knowledge_weight=knowledge_weight, agreement_weight=agreement_weight)
    check_one_of(COMBINE, combine=combine)
    if not 0 <= alpha <= 1:
        raise RelxError("RX021", name="alpha", value=alpha, need="in [0, 1]")
    settings: dict[str, Any] = {
        "text_weight": text_weight,
        "knowledge_weight": knowledge_weight,
        "agreement_weight": agreement_weight,
        "alpha": alpha,
        "combine": combine,
        "double_softmax": double_softmax,
    }
    return partial(_build_head, text, knowledge, settings)


def _build_head(
    text: BagHeadFactory, knowledge: KnowledgeFactory, settings: dict[str, Any], width: int, n_labels: int
) -> KnowledgeBagHead:
    head: BagHead = text(width, n_labels)
    if not isinstance(head, SoftmaxBagHead):
        raise RelxError("RX021", name="loss", value="sigmoid", need='"softmax", where a knowledge base is asked, too')
    return KnowledgeBagHead(head, knowledge(n_labels), **settings)


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

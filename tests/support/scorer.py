"""Docs with relations, to be scored."""

from __future__ import annotations

from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_relx.data.types import Candidates, Mention, Relation
from spacy_relx.evaluation.given import without_prefix

VOCAB = Vocab()


ANN, ACME, ROME = (0, 1, "PERSON"), (3, 4, "ORG"), (5, 6, "PLACE")


WORDS = "Ann works for Acme in Rome"


def make(relations=(), candidates=None, words=WORDS, lang="", vocab=VOCAB):
    """A Doc; relations: (head, label, tail); candidates: (head, tail) pairs, None for a Doc nobody looked at."""
    doc = Doc(vocab, words=words.split() if isinstance(words, str) else words)
    doc._.relations = [Relation(Mention(*head), label, Mention(*tail)) for head, label, tail in relations]
    doc._.lang = lang
    if candidates is not None:
        mentions = [Mention(*m) for m in sorted({m for pair in candidates for m in pair})]
        rows = {(m.start, m.end, m.label): i for i, m in enumerate(mentions)}
        doc._.candidates = Candidates(mentions, [0] * len(mentions), [(rows[h], rows[t]) for h, t in candidates])
    return doc


def check_keys(scores, page):
    """The page names each key, or its family (rel_strict_micro_*), without the prefix of given mentions."""
    for key in without_prefix(scores):
        for name in scores["components"]:
            key = key.replace(f"rel_{name}_", "rel_<component>_")
        assert f"`{key}`" in page or f"`{key[:-1]}*`" in page, key

"""Embeddings of a knowledge base with the ids they belong to: asking them, saving and loading."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.ids import look_up_ids
from ..errors import RelxError
from .complex_network import ComplEx
from .folders import META, read_arrays, read_ids, read_meta, save_ids, write_arrays
from .triples import KnowledgeBase

FORMAT, VERSION = "spacy_relx.ComplEx", 1
_TABLES = ("entities", "relations")
#: Names suggested for an unknown one, and names it is compared with at most.
_SUGGESTIONS, _COMPARED = 3, 50_000


class KBEmbeddings:
    """ComplEx vectors of the entities and relations of a knowledge base.

    Args:
        ids: A knowledge base with these ids; its triples are not used.
        model: The vectors, rows as ids are numbered.
        settings: What they were trained with.
        training: How that went. Both JSON-able.

    Raises:
        RelxError: RX205 where ids and vectors do not belong together.
    """

    def __init__(
        self,
        ids: KnowledgeBase,
        model: ComplEx,
        settings: dict[str, Any] | None = None,
        training: dict[str, Any] | None = None,
    ):
        sizes = (len(ids.entity_ids), len(ids.relation_ids))
        if sizes != (len(model.entities), model.n_relations):
            reason = (
                f"{len(model.entities)} entities and {model.n_relations} relations have vectors, but {sizes} have ids"
            )
            raise _broken("these embeddings", reason)
        self.ids, self.model = ids, model
        self.settings, self.training = settings or {}, training or {}

    def __repr__(self) -> str:
        n_entities, n_relations = len(self.ids.entity_ids), len(self.ids.relation_ids)
        return f"KBEmbeddings(entities={n_entities}, relations={n_relations}, dim={self.model.dim})"

    # Ids

    def encode(self, kb: KnowledgeBase) -> np.ndarray:
        """The triples of another knowledge base in the numbers of this one, int32 (n, 3); -1 for what is unknown."""
        if kb.entity_index is self.ids.entity_index and kb.relation_index is self.ids.relation_index:
            return kb.triples
        entities = np.append(self.ids.encode_entities(kb.entity_ids), -1).astype("int32")
        index = self.ids.relation_index
        relations = np.array([index.get(name, -1) for name in kb.relation_ids] + [-1], "int32")
        columns = (entities, relations, entities)
        return np.stack([column[kb.triples[:, i]] for i, column in enumerate(columns)], axis=1)

    def entity(self, name: str) -> int:
        """The number of an entity.

        Raises:
            RelxError: RX232.
        """
        return _number("entity", name, self.ids.entity_index)

    def relation(self, name: str) -> int:
        """The number of a relation.

        Raises:
            RelxError: RX232.
        """
        return _number("relation", name, self.ids.relation_index)

    # Scores

    def score(self, rows: Sequence[tuple[str, str, str]]) -> np.ndarray:
        """ComplEx scores of triples of ids (head, label, tail), any real number; NaN where an id is unknown.

        Returns:
            float32 (n,).
        """
        triples = self.ids.encode(rows)
        scores = np.full(len(triples), np.nan, "float32")
        places = np.flatnonzero((triples >= 0).all(axis=1))
        with torch.no_grad():
            scores[places] = self.model(*torch.from_numpy(triples[places].astype("int64")).unbind(1)).numpy()
        return scores

    def predict_tails(self, head: str, label: str, top: int = 10) -> list[tuple[str, float]]:
        """The entities that head most likely has this relation to, with their scores, best first.

        Raises:
            RelxError: RX232 for an unknown id.
        """
        h, r = torch.tensor([self.entity(head)]), torch.tensor([self.relation(label)])
        with torch.no_grad():
            return self._best(self.model.tail_scores(h, r)[0], top)

    def predict_heads(self, label: str, tail: str, top: int = 10) -> list[tuple[str, float]]:
        """The entities that most likely have this relation to tail, as `predict_tails`. With reciprocal relations the
        scores are those of the inverse relation, not to be compared with scores of tails."""
        r, t = torch.tensor([self.relation(label)]), torch.tensor([self.entity(tail)])
        with torch.no_grad():
            return self._best(self.model.head_scores(r, t)[0], top)

    def _best(self, scores: Tensor, top: int) -> list[tuple[str, float]]:
        best = scores.topk(min(top, len(scores)))
        return [(self.ids.entity_ids[i], score) for score, i in zip(best.values.tolist(), best.indices.tolist())]

    # Files

    def save(self, folder: str | Path) -> None:
        """Write a folder that `load` reads or maps.

        It has entities.npy and relations.npy (float32, [real; imaginary]), their ids (.txt, one a line) and meta.json.

        Raises:
            RelxError: RX186 where it cannot be written.
        """
        folder = Path(folder)
        arrays = {name: getattr(self.model, name).detach().numpy() for name in _TABLES}
        ids = {"entities": self.ids.entity_ids, "relations": self.ids.relation_ids}
        meta = {
            "format": FORMAT,
            "version": VERSION,
            "reciprocal": self.model.reciprocal,
            "n_ids": {name: len(names) for name, names in ids.items()},
            "settings": self.settings,
            "training": self.training,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / META).unlink(missing_ok=True)  # a folder that is not written to its end has none
            for name, names in ids.items():
                save_ids(folder, name, names)
        except OSError as err:
            raise RelxError("RX186", path=folder, reason=err.strerror or err) from err
        write_arrays(folder, arrays, meta)

    @classmethod
    def load(cls, folder: str | Path, *, mmap: bool = True) -> KBEmbeddings:
        """Read a folder that `save` wrote.

        Args:
            mmap: Map the vectors instead of reading them; what is changed in them stays in memory, and they are not
                looked through. Without it, they are read and must be finite.

        Raises:
            RelxError: RX205 for what is no such folder, for another version, for files that are broken, or of other
                sizes or types than they should be.
        """
        folder = Path(folder)
        meta = read_meta(folder, FORMAT, VERSION)
        arrays = read_arrays(folder, meta, _TABLES, mmap=mmap)
        counts = meta.get("n_ids")
        n_ids = counts if isinstance(counts, dict) else {}
        names = {name: read_ids(folder, name, n_ids.get(name)) for name in _TABLES}
        try:
            ids = KnowledgeBase(names["entities"], names["relations"], np.zeros((0, 3), "int32"))
        except RelxError as err:
            raise _broken(folder, str(err)) from err
        entities, relations = (arrays[name] for name in _TABLES)
        if entities.dtype != np.float32 or entities.ndim != 2 or not entities.shape[1] or entities.shape[1] % 2:
            raise _broken(
                folder, f"its entities.npy is {entities.dtype} {list(entities.shape)}, not float32 (n, 2 * dim)"
            )
        n_rows = len(ids.relation_ids) * (1 + bool(meta.get("reciprocal")))
        if relations.dtype != np.float32 or relations.shape != (n_rows, entities.shape[1]):
            wanted = f"float32 {[n_rows, entities.shape[1]]}"
            raise _broken(folder, f"its relations.npy is {relations.dtype} {list(relations.shape)}, not {wanted}")
        if not mmap and not (np.isfinite(entities).all() and np.isfinite(relations).all()):
            raise _broken(folder, "some of its numbers are not finite")
        tables = (torch.from_numpy(entities), torch.from_numpy(relations))
        try:
            return cls(ids, ComplEx(*tables, reciprocal=bool(meta.get("reciprocal"))), *_notes(meta))
        except RelxError as err:
            raise _broken(folder, str(err)) from err


def _number(kind: str, name: str, index: dict[str, int]) -> int:
    (known,) = look_up_ids([name])
    if known in index:
        return index[known]
    names = list(index)
    if len(names) > _COMPARED:  # comparing takes some microseconds a name
        names = [each for each in names if each[:2] == name[:2] and abs(len(each) - len(name)) < 4][:_COMPARED]
    close = get_close_matches(name, names, n=_SUGGESTIONS)
    advice = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"None of the {len(index)} is alike."
    raise RelxError("RX232", kind=kind, name=name, advice=advice)


def _notes(meta: dict[str, Any]) -> list[dict[str, Any]]:
    return [value if isinstance(value, dict) else {} for value in (meta.get("settings"), meta.get("training"))]


def _broken(path: Path | str, reason: str) -> RelxError:
    return RelxError("RX205", path=path, reason=reason)

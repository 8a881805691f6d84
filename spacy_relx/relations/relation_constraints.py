"""`relation_constraints`: relations that cannot hold together, or not at all, are taken away, the weakest first."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..core.component.batched import BatchedPipe
from ..data.extensions import get_relations, get_removed, set_extensions, set_relations, set_removed
from ..errors import warn
from .schema import Schema, check_types


# It finds nothing itself, so it does not declare that it assigns doc._.relations: those components are scored.
@Language.factory(
    "relation_constraints",
    default_config={
        "types": [],
        "functional": [],
        "inverse_functional": [],
        "symmetric": [],
        "asymmetric": [],
        "irreflexive": [],
        "acyclic": [],
        "inverse": [],
        "twins": "both",
        "entities": "linked",
    },
)
def make_relation_constraints(
    nlp: Language,
    name: str,
    types: list[list[str]],
    functional: list[str],
    inverse_functional: list[str],
    symmetric: list[str],
    asymmetric: list[str],
    irreflexive: list[str],
    acyclic: list[str],
    inverse: list[list[str]],
    twins: str,
    entities: str,
) -> RelationConstraints:
    """Make the component that keeps `doc._.relations` to a schema; see `Schema` for the settings, all plain lists."""
    schema = Schema(
        name,
        types=types,
        functional=functional,
        inverse_functional=inverse_functional,
        symmetric=symmetric,
        asymmetric=asymmetric,
        irreflexive=irreflexive,
        acyclic=acyclic,
        inverse=inverse,
        twins=twins,
        entities=entities,
    )
    return RelationConstraints(name, schema, nlp)


class RelationConstraints(BatchedPipe):
    """Keeps `doc._.relations` to a `Schema`. Stands behind what finds them.

    What it takes away is counted in `removed`, by (label, reason), since the component was made (in this process: those
    of other ones, with n_process, count for themselves), and listed in
    `doc._.removed_relations`: relations as plain data, each with its "reason" (`schema.REASONS`) and the name of the
    component in "removed_by". What it took away in an earlier run is no longer listed.
    WARNS: RX384, once, for relations of the schema that no component before this one can find; RX513, once, for entity
    types of the schema that no mention can have there.
    """

    def __init__(
        self,
        name: str,
        schema: Schema,
        nlp: Language | None = None,
        removed: Mapping[tuple[str, str], int] | None = None,
    ):
        set_extensions()
        self.name = name
        self.schema = schema
        self.removed: Counter[tuple[str, str]] = Counter(removed)
        self._nlp = None if nlp is None else weakref.ref(nlp)

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the pipeline, which need not travel to another process and is asked but once."""
        return type(self), (self.name, self.schema, None, self.removed)

    def _check_labels(self) -> None:
        nlp = self._nlp() if self._nlp is not None else None
        self._nlp = None
        if nlp is None or self.name not in nlp.pipe_names:
            return
        before = nlp.pipe_names[: nlp.pipe_names.index(self.name)]
        found_by: list[Any] = [
            nlp.get_pipe(name) for name in before if "doc._.relations" in nlp.get_pipe_meta(name).assigns
        ]
        if found_by and all(getattr(pipe, "entity_types", ()) for pipe in found_by):
            types = [(head, label, tail) for label, pairs in self.schema.types.items() for head, tail in pairs]
            check_types(self.name, types, {kind for pipe in found_by for kind in pipe.entity_types})
        if not found_by or not all(getattr(pipe, "labels", ()) for pipe in found_by):
            return  # what does not say which labels it knows could know all
        known = {label for pipe in found_by for label in pipe.labels}
        # of two inverse relations one is enough: it brings the other
        unknown = sorted(label for label in self.schema.labels - known if self.schema.brought_by(label) not in known)
        if unknown:
            warn("RX384", name=self.name, names=", ".join(unknown), known=", ".join(sorted(known)))

    def annotate(self, docs: Sequence[Doc]) -> None:
        """Keep the relations of a batch of Docs to the schema, in place."""
        if self._nlp is not None:
            self._check_labels()
        for doc in docs:
            relations = list(get_relations(doc))
            kept, removed = self.schema.apply(doc, relations)
            if relations:
                set_relations(doc, kept)
            listed = [row for row in get_removed(doc) if row.get("removed_by") != self.name]
            mine = {"removed_by": self.name}
            listed += [{**relation, "reason": reason, **mine} for relation, reason in removed]
            set_removed(doc, listed)
            self.removed.update((relation.label, reason) for relation, reason in removed)

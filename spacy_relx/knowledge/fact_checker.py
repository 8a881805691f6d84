"""`fact_checker`: what a knowledge base says of the facts and relations that were found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Callable, Union

import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..core.component.batched import BatchedPipe
from ..core.component.saving import Saved, read_cfg, save_bytes, save_folder
from ..data.extensions import get_facts, get_relations, set_extensions, set_facts, set_relations
from ..data.types import SUPPORT
from ..errors import RelxError, warn

if TYPE_CHECKING:
    from .consistency import Consistency
    from .embeddings import KBEmbeddings
    from .triples import KnowledgeBase

#: What a knowledge base consists of, and what path is wanted for it.
_PARTS = {
    "embeddings": "folder of embeddings that 'relx kb train' wrote",
    "triples": "file of triples (head, label, tail and tabs between, or .nt), or a folder of KnowledgeBase.save",
}
#: Names that a warning gives at most.
_NAMED = 10
#: Names of files in a saved knowledge base.
_PLAIN = re.compile(r"\w+\.(npy|txt|json)", re.ASCII)
_UNCHECKED: dict[str, Any] = dict.fromkeys(SUPPORT)


# It finds nothing itself, so it does not declare that it assigns doc._.facts: those components are scored.
@Language.factory("fact_checker", default_config={"embeddings": None, "triples": None, "overwrite": True})
def make_fact_checker(
    nlp: Language, name: str, embeddings: str | None, triples: str | None, overwrite: bool
) -> FactChecker:
    """Make the component that says how far a knowledge base supports each fact and each relation of linked mentions.

    Args:
        embeddings: Folder that `relx kb train` wrote; null for no `kb_score` and no `kb_rank`.
        triples: File of triples that are true, or a folder of `KnowledgeBase.save`; null for no `known` and no
            `kb_rank`.
        overwrite: Whether to replace these fields where they are set, as spaCy's entity_linker does with links.

    Warns:
        RelxWarning: RX428 where the pipeline has another one.
    """
    others = [other for other, pipe in nlp.components if isinstance(pipe, FactChecker)]
    if others:
        warn("RX428", name=name, others="', '".join(others))
    return FactChecker(name, embeddings=embeddings, triples=triples, overwrite=overwrite)


class FactChecker(BatchedPipe):
    """Sets `kb_score`, `known` and `kb_rank` of `doc._.facts`, and of those `doc._.relations` whose mentions both have
    a kb_id; of other relations they become None. Stands behind what finds these, and needs neither of them. Fields that
    it has no part of a knowledge base for it leaves as they are, and with overwrite=False those that are set.

    kb_score: float in [0, 1], probability of the relation given the two entities; None where the embeddings lack an
    entity or the relation, or there are none. known: whether the triple is in the knowledge base; None without
    triples. kb_rank: of a triple that is not known and has a kb_score, the rank of its tail among all entities for
    (head, label, ?), from 1, without the known ones; else None. See `kb.consistency`.

    The paths are read when they are first needed: with the first Doc, in `initialize`, or when the pipeline is saved. A
    saved pipeline has its knowledge base with it. It is read from the paths again only where its config has been given
    another path since.

    Raises:
        RelxError: RX253 for the first Doc without a knowledge base; RX250 for a path that is not there, and what
            `KBEmbeddings.load` and `read_triples` raise, when it is read.

    Warns:
        RelxWarning: RX252, once, for a batch of Docs none of whose relations, or of whose many entities, a part of the
            base has.
    """

    def __init__(
        self,
        name: str = "fact_checker",
        *,
        embeddings: str | Path | None = None,
        triples: str | Path | None = None,
        overwrite: bool = True,
    ):
        set_extensions()
        self.name = name
        self.overwrite = overwrite
        paths = {"embeddings": embeddings, "triples": triples}
        self.paths = {part: None if path is None else str(path) for part, path in paths.items()}
        self._parts: dict[str, Any] = dict.fromkeys(_PARTS)
        self._consistency: Consistency | None = None
        self._warned = False

    def set_knowledge(self, *, embeddings: KBEmbeddings | None = None, triples: KnowledgeBase | None = None) -> None:
        """Take what is given in place of what there was; None leaves it."""
        for part, value in (("embeddings", embeddings), ("triples", triples)):
            if value is not None:
                self._parts[part] = value
        self._consistency, self._warned = None, False

    def read_paths(self, *, embeddings: str | Path | None = None, triples: str | Path | None = None) -> None:
        """Read a knowledge base now, in place of what there was; None leaves it. RAISES: as the class."""
        paths = {"embeddings": embeddings, "triples": triples}
        self.set_knowledge(**{part: self._read(part, path) for part, path in paths.items() if path is not None})

    @property
    def consistency(self) -> Consistency:
        """The knowledge base, read from the paths where that has not been done. RAISES: as the class."""
        if self._consistency is None:
            from .consistency import Consistency

            self._read_missing()
            self._consistency = Consistency(self._parts["embeddings"], self._parts["triples"])
        return self._consistency

    def initialize(self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None) -> None:
        """Read the knowledge base, so that what is wrong with it is said before training. Nothing is learned."""
        self._read_missing()

    # Docs

    def annotate(self, docs: Sequence[Doc]) -> None:
        """Check the facts and relations of a batch of Docs, in place. RAISES and WARNS: as the class."""
        self.check(docs)

    def check(self, docs: Sequence[Doc]) -> None:
        """Check the facts and relations of a batch of Docs, in place, with one question to the knowledge base.

        RAISES and WARNS: as the class.
        """
        consistency = self.consistency
        facts = [list(get_facts(doc)) for doc in docs]
        relations = [list(get_relations(doc)) for doc in docs]
        rows = [(fact.head, fact.label, fact.tail) for part in facts for fact in part]
        rows += [relation.linked for part in relations for relation in part if relation.linked]
        self._check_names(consistency, rows)
        fields = consistency.check(rows).fields()
        for doc, part in zip(docs, facts):
            if part:  # a Doc that has none is not given an empty list of them
                set_facts(doc, [self._with(fact, next(fields)) for fact in part])
        for doc, own in zip(docs, relations):
            if own:
                checked = (next(fields) if each.linked else _UNCHECKED for each in own)
                set_relations(doc, [self._with(each, found) for each, found in zip(own, checked)])

    def _with(self, item: Any, found: dict[str, Any]) -> Any:
        """The Fact or Relation with the fields that this component sets."""
        names = [name for name in self._fields if self.overwrite or getattr(item, name) is None]
        return replace(item, **{name: found[name] for name in names})

    @property
    def _fields(self) -> list[str]:
        """The fields that the parts of the knowledge base can tell."""
        embeddings, triples = self._parts["embeddings"] is not None, self._parts["triples"] is not None
        told = {"kb_score": embeddings, "known": triples, "kb_rank": embeddings and triples}
        return [name for name, can in told.items() if can]

    def _check_names(self, consistency: Consistency, rows: Sequence[tuple[str, str, str]]) -> None:
        """Say once that no relation, or no entity, is known: other names for the same, most likely. WARNS: RX252."""
        found = None if self._warned else consistency.strangers(rows)
        if found is not None:
            self._warned = True
            what, names, part, known = found
            own, there = (", ".join(each[:_NAMED]) for each in (names, known))
            warn("RX252", name=self.name, what=what, names=own, part=part, known=there)

    # Files

    def _read_missing(self) -> None:
        """Read the paths of the config, where there is nothing in their place."""
        for part, path in self.paths.items():
            if path is not None and self._parts[part] is None:
                self._parts[part] = self._read(part, path)

    def _read(self, part: str, path: str | Path) -> Any:
        from .embeddings import KBEmbeddings
        from .read import read_triples

        if not Path(path).exists():
            raise RelxError("RX250", name=self.name, part=part, path=path, need=_PARTS[part])
        return KBEmbeddings.load(path, mmap=False) if part == "embeddings" else read_triples(path)

    @property
    def _cfg(self) -> dict[str, Any]:
        """What is saved beside the knowledge base: the config's paths, and which parts there are."""
        return {"paths": self.paths, "parts": [part for part, value in self._parts.items() if value is not None]}

    def _restore(self, saved: Saved) -> None:
        """Take the saved parts, but not one for which the config has another path than when it was saved."""
        cfg = saved.read("cfg", _read_cfg) or {"paths": self.paths, "parts": list(filter(saved.holds, _PARTS))}
        self._consistency = None
        for part in _PARTS:
            if not saved.has(part):
                continue
            other = self.paths[part] not in (None, cfg["paths"][part])
            read = part in cfg["parts"] and not other
            load = partial(_load, part)
            self._parts[part] = saved.read_folder(part, load, load) if read else None

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Write the paths, and folders with the embeddings (`KBEmbeddings.save`) and the triples."""
        self._read_missing()
        writers: dict[str, Callable[[Path], Any]] = {"cfg": lambda p: srsly.write_json(p, self._cfg)}
        writers.update((part, self._parts[part].save) for part in self._cfg["parts"])
        save_folder(self, path, writers, exclude)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> FactChecker:
        """Read what `to_disk` wrote.

        Raises:
            RelxError: RX591 for files that are not as they were saved, RX591 and RX205 for what cannot be read.
        """
        self._restore(Saved(self, path, exclude))
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The files of `to_disk`."""
        self._read_missing()
        getters: dict[str, Callable[[], Any]] = {"cfg": lambda: srsly.json_dumps(self._cfg).encode("utf8")}
        getters.update((part, partial(_files_of, self._parts[part].save)) for part in self._cfg["parts"])
        return save_bytes(self, getters, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> FactChecker:
        """Read what `to_bytes` gave. RAISES: as `from_disk`."""
        self._restore(Saved(self, bytes_data, exclude))
        return self


def _read_cfg(data: bytes) -> dict[str, Any]:
    cfg = read_cfg(data, lists=("parts",))
    paths = cfg["paths"]
    if not isinstance(paths, dict) or set(paths) != set(_PARTS) or not set(cfg["parts"]) <= set(_PARTS):
        raise ValueError(f"it does not name the parts {', '.join(_PARTS)}")
    return cfg


def _load(part: str, files: Path | dict[str, bytes]) -> Any:
    """A part from its folder, or from what would be in it. Read, not mapped: a pipeline's folder may be written anew,
    and what is read is looked through."""
    from .embeddings import KBEmbeddings
    from .triples import KnowledgeBase

    kind: Any = KBEmbeddings if part == "embeddings" else KnowledgeBase
    if isinstance(files, Path):
        return kind.load(files, mmap=False)
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            if not _PLAIN.fullmatch(name):
                raise ValueError(f"{name[:80]!r} is no name of a file")
            (Path(folder) / name).write_bytes(content)
        return kind.load(folder, mmap=False)


def _files_of(save: Callable[[Path], None]) -> dict[str, bytes]:
    """What a folder would hold that is saved in this way: content by name."""
    with TemporaryDirectory() as folder:
        save(Path(folder))
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}

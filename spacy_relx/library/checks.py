"""The call that says before training what will go wrong: check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..data.annotated import NONE
from ..data.extensions import set_extensions
from ..data.loading import import_code
from ..data.tables import ROWS, Shown, Table, data_frame, largest_first, percent, shortened
from ..data.types import NO_RELATION, UNTYPED
from ..errors import RelxError, warn
from ..formats.convert import default_nlp
from ..formats.leakage import Leakage, leakage
from ..knowledge.from_docs import KnownFacts, known_facts
from ..knowledge.read import read_triples
from .check_counts import SplitCounts, count_split
from .inputs import Docs, Progress, docs_of, silent
from .training import read_config

if TYPE_CHECKING:
    import pandas

Level = Literal["error", "warning", "note"]
#: Fewer examples of a relation than this are few.
FEW = 10
#: Share of a relation's pairs of types that is taken for its direction, and share beyond which the rest is no slip.
_DIRECTION, _SLIP = 0.9, 0.0
#: Names that a finding lists.
_SHOWN = 8
_MARKS = {"error": "✘", "warning": "⚠", "note": "ℹ"}


@dataclass(frozen=True)
class Finding:
    """Something that will go wrong, or may.

    Attributes:
        level: "error": training fails, or learns nothing of this; "warning": it suffers; "note": worth knowing.
        kind: What it is about, such as "labels".
        where: "train", "dev", "test", or two of them.
        message: What was found, and what to do.
    """

    level: Level
    kind: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{_MARKS[self.level]} {self.where}: {self.message}"


class DataCheck(Shown):
    """What `check` found. It prints as tables and findings.

    Attributes:
        splits: Name of a split -> its counts.
        findings: What will go wrong, errors first.
        leaked: Name of a split of bags -> what it has in common with training.
        known: What a knowledge base tells of the facts of the last split, None without one.
    """

    def __init__(
        self,
        splits: Mapping[str, SplitCounts],
        findings: Sequence[Finding],
        leaked: Mapping[str, Leakage],
        known: KnownFacts | None,
    ):
        order = ("error", "warning", "note")
        self.splits, self.leaked, self.known = dict(splits), dict(leaked), known
        self.findings = sorted(findings, key=lambda finding: order.index(finding.level))

    def __repr__(self) -> str:
        return f"DataCheck({len(self.errors)} errors, {len(self.findings) - len(self.errors)} others)"

    @property
    def errors(self) -> list[Finding]:
        """The findings that are errors."""
        return [finding for finding in self.findings if finding.level == "error"]

    def tables(self, rows: int = ROWS) -> list[Table]:
        columns = ("documents", "tokens", "mentions", "relations", "candidate pairs", "uncovered")
        lines = [
            (name, *map(str, (c.docs, c.tokens, c.mentions, c.relations, c.pairs, sum(c.uncovered.values()))))
            for name, c in self.splits.items()
        ]
        tables = [Table("Data", columns, lines)]
        groups = [("Relation", "labels"), ("Entity type", "types"), ("Language", "langs")]
        if any(not cover.is_whole for counts in self.splits.values() for cover in counts.annotated):
            groups.append(("Annotated", "annotated"))
        for title, group in groups:
            counts = {
                name: Counter({str(key): n for key, n in getattr(split, group).items()})
                for name, split in self.splits.items()
            }
            first = next(iter(counts.values()))
            named = {key: [c[key] for c in counts.values()] for c in counts.values() for key in c}
            total = sum(first.values()) or 1
            cells = [
                (key or "(none)", *map(str, ns), percent(first[key] / total, 1))
                for key, ns in largest_first(named, lambda ns: sum(ns))
            ]
            tables.append(shortened(Table(title, (*counts, "% of train"), cells), rows))
        return [table for table in tables if table.rows]

    def note(self) -> str:
        parts = [str(leaked) for leaked in self.leaked.values()]
        parts += [self.known.summary()] if self.known is not None else []
        parts += ["\n".join(map(str, self.findings)) or "✔ Nothing to complain about."]
        return "\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """The counts and findings, ready for JSON."""
        splits = {}
        for name, counts in self.splits.items():
            splits[name] = {
                key: {str(k): v for k, v in value.items()} if isinstance(value, Counter) else value
                for key, value in vars(counts).items()
                if key not in ("texts", "ids", "ends", "held")
            }
        leaked = {name: found.to_dict() for name, found in self.leaked.items()}
        return {"splits": splits, "leakage": leaked, "findings": [asdict(finding) for finding in self.findings]}

    def to_frame(self) -> pandas.DataFrame:
        """The findings as a data frame.

        Returns:
            The columns level, kind, where, message.

        Raises:
            RelxError: RX005 where pandas is not installed.
        """
        return data_frame(map(asdict, self.findings), ("level", "kind", "where", "message"))


def check(
    data: str | Path | Docs,
    *,
    dev: Docs | None = None,
    test: Docs | None = None,
    kb: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    code: str | Path | None = None,
    progress: Progress = silent,
) -> DataCheck:
    """Say before training what will go wrong, as `spacy debug data` does for spaCy's components.

    Args:
        data: The config of a training (.cfg), whose corpora and components are looked at; or training data: documents,
            a .spacy file, or a folder of such.
        dev: Development data, in place of that of the config.
        test: Test data.
        kb: A knowledge base that is used in training: what it tells of the test data (of dev without a test).
        overrides: Values in place of the config's, by dotted names.
        code: A Python file with functions that the config names.
        progress: Shows how far the documents are read.

    Returns:
        What each split holds, and what is wrong with it: types and relations without examples, gold pairs that no
        candidate covers, reversed directions, languages, texts on both sides, documents that are too long.

    Raises:
        RelxError: RX120, RX131 or RX132 for files.
    """
    set_extensions()
    import_code(None if code is None else Path(code))
    config: dict[str, Any] = {}
    sources: dict[str, Any] = {"train": data, "dev": dev, "test": test}
    if isinstance(data, (str, Path)) and Path(data).suffix == ".cfg":
        config = read_config(data, overrides or {}).interpolate()
        corpora = config.get("corpora", {})
        sources["train"] = _of_corpus(corpora.get("train") or {})
        sources["dev"] = dev if dev is not None else (corpora.get("dev") or {}).get("path")
        if sources["train"] is None:
            raise RelxError("RX130")
    nlp, limit = _marking(config), _limit(config)
    splits: dict[str, SplitCounts] = {}
    for name, source in sources.items():
        if source is not None:
            splits[name] = count_split(progress(_docs(source, nlp.vocab)), nlp, limit)
    findings = [*_single(splits, limit), *_between(splits), *_configured(config, splits["train"])]
    leaked = {
        name: leakage(_docs(sources["train"], nlp.vocab), _docs(sources[name], nlp.vocab))
        for name in list(splits)[1:]
        if splits["train"].bags and splits[name].bags
    }
    findings += [f for name, found in leaked.items() for f in _leaked_bags(name, found)]
    known = None
    if kb is not None:
        last = list(splits)[-1]
        known = known_facts(read_triples(kb), _docs(sources[last], nlp.vocab))
        if known.facts:
            warn("RX245", path=kb, n=len(known.facts), total=known.n_facts)
    return DataCheck(splits, findings, leaked, known)


def _of_corpus(section: Mapping[str, Any]) -> Any:
    """The path of a corpus in a config, or the paths of a mixture. RAISES: RelxError RX130 where one is None."""
    if "sources" not in section:
        return section.get("path")
    paths = [(source.get("reader") or {}).get("path") for source in section["sources"].values()]
    if None in paths:
        raise RelxError("RX130")
    return _Paths(paths)


class _Paths(list[Any]):
    """Files or folders of one split."""


def _docs(source: Any, vocab: Vocab) -> Iterator[Doc]:
    """The documents of a split."""
    if isinstance(source, _Paths):
        return chain.from_iterable(docs_of(path, vocab) for path in source)
    return docs_of(source, vocab)


def _marking(config: Mapping[str, Any]) -> Language:
    """A pipeline that proposes pairs as that of the config does."""
    nlp = default_nlp()
    settings = {}
    for part in config.get("components", {}).values():
        if part.get("factory") == "entity_type_marker":
            settings = {key: value for key, value in part.items() if key != "factory"}
    nlp.add_pipe("entity_type_marker", config=settings)
    return nlp


def _limit(config: Mapping[str, Any]) -> int:
    """The most tokens that an encoder of the config reads, 0 where it sets no limit."""
    found: list[int] = []

    def walk(section: Any, name: str) -> None:
        if isinstance(section, dict) and "spacy_relx.Transformer" not in str(section.get("@architectures")):
            for key, value in section.items():
                walk(value, key)
        elif name in ("max_length", "max_tokens") and isinstance(section, int) and section > 0:
            found.append(section)

    walk({name: part.get("model") for name, part in config.get("components", {}).items()}, "")
    return min(found, default=0)


def _single(splits: Mapping[str, SplitCounts], limit: int) -> Iterator[Finding]:
    """What is wrong with each split by itself."""
    for name, c in splits.items():
        if not c.docs:
            yield Finding("error", "documents", name, "There are no documents.")
            continue
        if not c.relations and c.annotated and all(cover.relations == NONE for cover in c.annotated):
            text = "No document annotates relations: only mentions can be learned or measured."
            yield Finding("note", "labels", name, text)
        elif not c.relations:
            yield Finding("error", "labels", name, "There are no relations: nothing can be learned or measured.")
        elif c.covered == sum(c.told.values()):
            text = (
                "Every candidate pair that is annotated is related: add documents or mentions without relations, to "
                "learn what is none."
            )
            yield Finding("error" if name == "train" else "warning", "negatives", name, text)
        for reason, n in c.uncovered.most_common():
            share = percent(n / c.relations, 1)
            level: Level = "error" if n == c.relations else "warning"
            yield Finding(level, "coverage", name, f"{n} gold relations ({share} %) have no candidate pair: {reason}.")
        if limit and c.long:
            text = (
                f"{c.long} documents have a sentence of more than {limit} tokens, which the encoder cuts or leaves out."
            )
            yield Finding("warning", "length", name, text)
        if c.empty:
            yield Finding("note", "documents", name, f"{c.empty} documents are empty.")
        if c.contradicted:
            text = f"{c.contradicted} texts occur again with other relations: make their annotation agree."
            yield Finding("warning", "annotation", name, text)
        elif c.repeated:
            yield Finding("note", "annotation", name, f"{c.repeated} texts occur more than once.")
        if len(c.langs) > 1 and c.langs[""]:
            text = f"{c.langs['']} documents do not say their language: set it with relx data convert --lang."
            yield Finding("warning", "languages", name, text)
        yield from _directions(name, c)
        if name == "train":
            yield from _rare(c)
            yield from _never_absent(c)


def _rare(c: SplitCounts) -> Iterator[Finding]:
    once = [label for label, n in c.labels.items() if n == 1]
    few = [label for label, n in c.labels.items() if 1 < n < FEW]
    if once:
        yield Finding("warning", "labels", "train", f"Relations with a single example: {_listed(once)}.")
    if few:
        yield Finding("note", "labels", "train", f"Relations with fewer than {FEW} examples: {_listed(few)}.")
    unrelated = [kind for kind in c.types if kind not in c.related_types]
    if unrelated and c.relations:
        text = f"Entity types that no relation joins: {_listed(unrelated)}."
        yield Finding("note", "types", "train", text)


def _never_absent(c: SplitCounts) -> Iterator[Finding]:
    """Types and relations of which no document, where some are annotated in part, says where they are not."""
    if all(cover.is_whole for cover in c.annotated):
        return
    if all(cover.mentions == NONE for cover in c.annotated):
        text = "No document annotates all mentions of any type: a joint_extractor does not learn what is no mention."
        yield Finding("warning", "annotated", "train", f"{text} Add documents that do.")
    else:
        types = [kind for kind in c.types if kind != UNTYPED and not any(a.has_type(kind) for a in c.annotated)]
        if types:
            text = f"Entity types of which no document annotates all mentions: {_listed(types)}. What is none of them "
            yield Finding("warning", "annotated", "train", f"{text}is not learned: map them with --types.")
    labels = []
    for label in c.labels:
        covers = [cover for cover in c.told if cover.has_label(label)]
        if not sum(c.told[cover] - c.held[cover, label] for cover in covers):
            labels.append(label)
    if labels:
        text = f"Relations that no annotated pair lacks: {_listed(labels)}. A model finds them everywhere."
        yield Finding("warning", "annotated", "train", f"{text} Add pairs without them.")


def _directions(name: str, c: SplitCounts) -> Iterator[Finding]:
    """Relations that a few examples hold the other way round."""
    slips = []
    for label, ends in c.ends.items():
        n = sum(ends.values())
        for (head, tail), count in ends.items():
            turned = ends[tail, head] if (tail, head) in ends and head != tail else 0
            if turned > _SLIP and turned < count and count >= _DIRECTION * n:
                slips.append(f"{label} ({head}, {tail}) {count}, ({tail}, {head}) {turned}")
    if slips:
        text = f"Relations that a few examples hold the other way round: {_listed(slips)}. Are head and tail reversed?"
        yield Finding("warning", "directions", name, text)
    partly = [label for label, n in c.both_ways.items() if 0 < n < c.labels[label] / 2]
    if partly:
        text = f"Relations that some pairs hold both ways, and most do not: {_listed(partly)}."
        yield Finding("note", "directions", name, text)


def _between(splits: Mapping[str, SplitCounts]) -> Iterator[Finding]:
    """What is wrong between training and the other splits."""
    train = splits["train"]
    for name, c in list(splits.items())[1:]:
        new = [label for label in c.labels if label not in train.labels]
        if new:
            n = sum(c.labels[label] for label in new)
            text = f"Relations without examples in train, which no model finds: {_listed(new)} ({n} examples)."
            yield Finding("error" if n == c.relations else "warning", "labels", name, text)
        absent = [label for label in train.labels if label not in c.labels]
        if absent and c.relations:
            yield Finding("note", "labels", name, f"Relations of train that are not measured: {_listed(absent)}.")
        kinds = [kind for kind in c.types if kind not in train.types]
        if kinds:
            text = f"Entity types that train does not have: {_listed(kinds)}. Map them with 'types' or --types."
            yield Finding("warning", "types", name, text)
        langs = [lang for lang in c.langs if lang and lang not in train.langs]
        if langs:
            yield Finding("note", "languages", name, f"Languages that train does not have: {_listed(langs)}.")
        where = f"train and {name}"
        shared = len(c.texts.keys() & train.texts.keys())
        if shared:
            text = f"{shared} of {len(c.texts)} texts of {name} are in train, too: scores will flatter."
            yield Finding("warning", "leakage", where, f"{text} Divide with relx data split.")
        ids = len(c.ids & train.ids)
        if ids:
            text = f"{ids} ids are in both. If they are translations of one text, divide with --split-by id."
            yield Finding("note", "leakage", where, text)


def _leaked_bags(name: str, found: Leakage) -> Iterator[Finding]:
    for what, n in (("pairs of entities", len(found.pairs)), ("sentences", found.sentences)):
        if n:
            text = f"{n} {what} of {name} are in train, too: scores will flatter. Divide with relx data bags --test."
            yield Finding("warning", "leakage", f"train and {name}", text)


def _configured(config: Mapping[str, Any], train: SplitCounts) -> Iterator[Finding]:
    """Relations that a config names and that have no examples."""
    for name, part in config.get("initialize", {}).get("components", {}).items():
        labels = part.get("labels") if isinstance(part, dict) else None
        missing = [label for label in labels or () if label not in train.labels and label != NO_RELATION]
        if missing:
            text = f"[initialize.components.{name}] names relations without examples: {_listed(missing)}."
            yield Finding("warning", "labels", "train", text)
    known = {*train.labels, *train.types}
    for name, part in config.get("components", {}).items():
        if part.get("factory") == "relation_constraints":
            named = {label for key in ("functional", "symmetric", "acyclic") for label in part.get(key) or ()}
            missing = sorted(named - known)
            if missing:
                text = f"[components.{name}] names relations without examples: {_listed(missing)}."
                yield Finding("warning", "labels", "train", text)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(name or "(none)" for name in names[:_SHOWN]) + more

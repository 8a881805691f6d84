"""Names of entities, and linking texts with them: the mentions that a knowledge base knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from spacy.tokens import Doc

from ..data.extensions import get_lang, primary_code
from ..data.ids import entity_id
from ..data.text_forms import normal_forms
from ..data.types import Mention
from ..errors import RelxError
from ..formats.records import UNTYPED, Place, Report, is_lang_code
from .alias_index import NameIndex
from .columns import ALIASES
from .read import Header, each_line, is_regular, read_chunks, without_header

_COLUMNS = "entity id, name, and optionally type and language"
#: What to do with a name of several entities, and with one that cuts a token.
AMBIGUOUS = ("skip", "first", "all")
ALIGNMENTS = ("strict", "expand")
#: Entity ids, names, types, languages, of equal lengths.
Columns = tuple[list[str], list[str], list[str], list[str]]


class Aliases:
    """A table of names: row i says that the entity `entity_ids[entities[i]]` is called `texts[i]`.

    entity_ids: ids, each once. texts: names, spaces and line breaks in them made one blank each. All are in the normal
    form of `text_forms`. entities: int32 (n,).
    labels: int32 (n,), rows of label_names, the entity type ("" for none). langs: int32 (n,), rows of lang_names, the
    language of texts that use the name ("" for all).
    """

    def __init__(self, rows: Iterable[Sequence[str]]):
        """rows: (entity id, name[, entity type[, language]]). RAISES: RelxError RX102."""
        self._fill([_columns(list(_checked(rows)))])

    @classmethod
    def _of_columns(cls, blocks: Iterable[Columns]) -> Aliases:
        """From columns that were looked at already."""
        aliases = cls.__new__(cls)
        aliases._fill(blocks)
        return aliases

    def _fill(self, blocks: Iterable[Columns]) -> None:
        self.texts: list[str] = []
        indices = [_numbering(), _numbering(), _numbering()]
        numbers: list[list[np.ndarray]] = [[np.zeros(0, "int32")] for _ in indices]
        for entities, texts, labels, langs in blocks:
            self.texts += [" ".join(text.split()) for text in normal_forms(texts)]
            entities, labels = normal_forms(entities), normal_forms(labels)
            langs = [lang.replace("_", "-").lower() for lang in langs]
            for found, index, column in zip(numbers, indices, (entities, labels, langs)):
                found.append(np.fromiter(map(index.__getitem__, column), "int32", count=len(column)))
        self.entities, self.labels, self.langs = map(np.concatenate, numbers)
        self.entity_ids, self.label_names, self.lang_names = map(list, indices)

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        return f"Aliases(aliases={len(self)}, entities={len(self.entity_ids)})"


def read_aliases(path: str | Path, *, on_error: str = "raise", report: Report | None = None) -> Aliases:
    """Read names of entities.

    Args:
        path: A file, perhaps packed (.gz, .bz2), of two to four columns divided by tabs: entity id, name, and if you
            like entity type and language of the texts that use the name; or in the order that a first line with names
            of columns tells, see `columns.ALIASES`, perhaps with other columns besides. Empty lines are passed over.
            UTF-8.
        on_error: "raise", or "skip" to count broken lines and go on.

    Raises:
        RelxError: RX120 (no such file), RX212 (a folder, or nothing in it), RX021 (on_error), and with file and line
            RX582 (names of columns), RX111 (columns), RX102 (an empty id or name, no language), RX108 (not UTF-8),
            RX109 (the rest of the file cannot be read).
    """
    path = Path(path)
    report = Report(on_error) if report is None else report
    if not path.exists():
        raise RelxError("RX120", path=path)
    if path.is_dir():
        raise RelxError("RX212", path=path, reason="it is a folder")
    aliases = Aliases._of_columns(_read_columns(path, report))
    if not len(aliases):
        raise RelxError("RX212", path=path, reason=f"there are none in it (broken lines: {report.records_broken})")
    return aliases


def _checked(rows: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    for number, row in enumerate(rows, start=1):
        try:
            row = [entity_id(row[0]), *map(_text, row[1:])]
            problem = _problem(row)
        except ValueError as err:
            problem = f"the entity: {err}"
        if problem:
            raise RelxError("RX102", where=f"row {number}", problem=f"{problem}; the columns are {_COLUMNS}", text=row)
        yield row


def _text(value: Any) -> str:
    """RAISES: ValueError."""
    if value is not None and not isinstance(value, str):
        raise ValueError(f"names, types and languages must be strings, but one is {value!r:.60}")
    return value or ""


def _read_columns(path: Path, report: Report) -> Iterator[Columns]:
    header = None
    for place, data in read_chunks(path, report):
        if place.line == 1:
            data, place, header = without_header(data, place, ALIASES)
            if header is not None and header.places[: header.n] == list(range(header.n)):
                header = None  # as lines without names of columns are
        columns = _regular_columns(data) if header is None else None
        yield _columns(list(_read_rows(data, place, report, header))) if columns is None else columns


def _regular_columns(data: bytes) -> Columns | None:
    """The columns of lines that all have the same number of them and nothing broken, else None."""
    n = data.partition(b"\n")[0].count(b"\t") + 1
    if not 2 <= n <= 4 or not is_regular(data, n, 2):
        return None
    try:
        cells = data.decode("utf8").replace("\n", "\t").split("\t")
    except UnicodeDecodeError:
        return None
    cells.pop()
    columns = [cells[i::n] for i in range(n)]
    columns += [[""] * len(columns[0]) for _ in range(4 - n)]
    good = all(not lang or is_lang_code(lang) for lang in set(columns[3])) and all(map(str.strip, columns[1]))
    return (columns[0], columns[1], columns[2], columns[3]) if good else None


def _read_rows(data: bytes, place: Place, report: Report, header: Header | None) -> Iterator[list[str]]:
    """The good lines, one by one."""
    for here, line in each_line(data, place, report):
        row = [cell.strip(" \r") for cell in line.split("\t")]
        if header is not None and len(row) <= header.n:
            row += [""] * (header.n - len(row))
            row = ["" if at is None else row[at] for at in header.places]
        elif not 2 <= len(row) <= (4 if header is None else 0):
            report.broken("RX111", here, line, n=len(row), wanted="2 to 4", columns=_COLUMNS)
            continue
        problem = _problem(row)
        if problem:
            report.broken("RX102", here, line, problem=f"{problem}; the columns are {_COLUMNS}")
        else:
            yield row


def _columns(rows: Iterable[Sequence[str]]) -> Columns:
    padded = [(*row, "", "")[:4] for row in rows]
    entities, texts, labels, langs = ([row[i] for row in padded] for i in range(4))
    return entities, texts, labels, langs


def _problem(row: Sequence[str]) -> str:
    """What is wrong with a row, "" for nothing."""
    if not row[0].strip():
        return "the entity id is empty"
    if not row[1].strip():
        return "the name is empty"
    if len(row) > 3 and row[3] and not is_lang_code(row[3]):
        return f"the language must be a code such as 'en' or 'pt-BR', but is {row[3]!r}"
    return ""


def _numbering() -> defaultdict[str, int]:
    index: defaultdict[str, int] = defaultdict()
    index.default_factory = index.__len__
    return index


class AliasMatcher:
    """Links the names in a text with entities.

    ambiguous_aliases: number of names that several entities have, whatever the language.

    Args:
        aliases: The names.
        case: Whether case matters.
        ambiguous: What to do with a name of several entities: "skip" leaves it unlinked, "first" links the one that
            comes first in the table, "all" each of them.
        alignment: A name that does not begin and end with tokens is no match ("strict"), or, in scripts without spaces,
            takes all tokens that it touches ("expand"). The latter is for tokenizers that find words in Chinese,
            Japanese or Thai and may cut elsewhere.
        overlaps: Also give names that overlap a longer one, or an earlier one of the same length.

    Raises:
        RelxError: RX021 for other settings, RX005 without the extra `kb`.
    """

    def __init__(
        self,
        aliases: Aliases,
        *,
        case: bool = True,
        ambiguous: str = "skip",
        alignment: str = "strict",
        overlaps: bool = False,
    ):
        for name, value, known in (("ambiguous", ambiguous, AMBIGUOUS), ("alignment", alignment, ALIGNMENTS)):
            if value not in known:
                raise RelxError("RX021", name=name, value=value, need=" or ".join(map(repr, known)))
        self._ambiguous, self._overlaps = ambiguous, overlaps
        self._index = NameIndex(aliases.texts, case=case, expand=alignment == "expand")
        self.entity_ids = aliases.entity_ids
        self._label_names = [label or UNTYPED for label in aliases.label_names]
        self._langs = [primary_code(lang) for lang in aliases.lang_names]
        # Rows sorted by name (and, of one name, in the table's order); those of name i are [starts[i], starts[i + 1]).
        names = self._index.names
        order = np.argsort(names, kind="stable")
        n_names = int(names.max(initial=-1)) + 1
        self._starts = np.searchsorted(names[order], np.arange(n_names + 1))
        self._entities, self._labels, self._row_langs = (
            column[order] for column in (aliases.entities, aliases.labels, aliases.langs)
        )
        pairs = np.unique(np.stack([names, aliases.entities.astype("int64")], axis=1), axis=0)
        self.ambiguous_aliases = int((np.bincount(pairs[:, 0], minlength=n_names) > 1).sum())

    def __call__(self, doc: Doc) -> list[Mention]:
        """The mentions of one Doc, see `match`."""
        return self.match([doc])[0][0]

    def match(self, docs: Sequence[Doc]) -> tuple[list[list[Mention]], int]:
        """The linked mentions of each Doc, by start; `kb_id` is the entity, `label` its type ("ENT" for none).

        Names of a language other than the Doc's, where both are known, are not looked at; "pt" is that of "pt-BR".

        Returns:
            Mentions by Doc, and how many were left out as ambiguous.
        """
        hits = self._index.find(docs)
        langs = [primary_code(get_lang(doc)) for doc in docs]
        taken = [bytearray(len(doc)) for doc in docs]
        mentions: list[list[Mention]] = [[] for _ in docs]
        n_ambiguous = 0
        limit = {"skip": 2, "first": 1}.get(self._ambiguous, 0)
        order = np.lexsort((hits[:, 1], hits[:, 1] - hits[:, 2], hits[:, 0]))  # longest first
        for place, start, end, name in hits[order].tolist():
            if not self._overlaps and taken[place].find(1, start, end) >= 0:
                continue
            entities = self._entities_of(name, langs[place], limit)
            if not entities:
                continue
            taken[place][start:end] = b"\1" * (end - start)
            if len(entities) > 1 and self._ambiguous == "skip":
                n_ambiguous += 1
                continue
            for entity, label in entities.items():
                mentions[place].append(Mention(start, end, self._label_names[label], self.entity_ids[entity]))
        return [sorted(found, key=lambda each: (each.start, each.end)) for found in mentions], n_ambiguous

    def _entities_of(self, name: int, lang: str, limit: int) -> dict[int, int]:
        """Entities that have this name in a text of that language, in the order of the table, and their types.

        limit: how many are wanted, 0 for all.
        """
        found: dict[int, int] = {}
        for row in range(int(self._starts[name]), int(self._starts[name + 1])):
            own = self._langs[self._row_langs[row]]
            if not own or not lang or own == lang:
                found.setdefault(int(self._entities[row]), int(self._labels[row]))
                if len(found) == limit:
                    break
        return found

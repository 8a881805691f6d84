"""Telling the format of a file by its content."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ...data.files import open_binary
from ...errors import RelxError
from . import brat, gids, iob, klue_re, smiler
from ._json_list import iter_items
from ._markers import is_marked
from .jsonl import KEYS, RESULTS
from .semeval2010 import is_label

#: What is looked at: the beginning of the file, and so many of its records.
_BYTES, _ROWS = 16 << 20, 20
_BRAT = re.compile(r"(?:[TREANM]\d+|#\d*|\*)\t\S+")
_NUMBERED = re.compile(r'[^\t]+\t\s*"')
_END = "###END###"
_DBPEDIA = re.compile(r"SENTENCE\s*:")
_FEWREL = re.compile(r'\{\s*"[^"]+"\s*:\s*\[\s*\{\s*"tokens"\s*:')
_PASSAGES = {"documentId", "documentText", "passages"}
_TASK = ({"data", "annotations"}, {"data", "predictions"}, {"data", "completions"}, {"annotation_id", "lead_time"})


@dataclass
class Sample:
    """The beginning of a file. lines: those that are not empty. rows: the JSON objects, where it holds any. whole: the
    one JSON object that the file is, or what can be seen of its beginning. listed: rows come from a list."""

    path: Path
    lines: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    listed: bool = False
    whole: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.lines or self.rows or self.whole)


def detect_format(paths: Iterable[Path]) -> tuple[str, list[Path]]:
    """Tell the one format of all these files by their content.

    RETURNS: its name, and the files to read (of brat, one for each text; of Label Studio, no labelling interfaces).
    RAISES: RelxError RX300 where a file's format cannot be told, naming those that it may be; RX301 where the files
    have different formats.
    """
    given = list(paths)
    stems = {path.with_suffix("") for path in given if path.suffix != ".xml"}
    paths = [path for path in brat.choose_files(given) if path.suffix != ".xml" or path.with_suffix("") not in stems]
    if not paths:
        raise RelxError("RX300", path=given[0], reason="settings of brat are no data")
    found: dict[str, Path] = {}
    for path in paths:
        name = _detect(path)
        found.setdefault(name, path)
        if len(found) > 1:
            raise RelxError("RX301", found="; ".join(f"{path} is {name}" for name, path in found.items()))
    return next(iter(found)), paths


def _detect(path: Path) -> str:
    """RAISES: RelxError RX300."""
    if path.suffix == ".spacy":
        return _detect_docbin(path)
    sample = _read_sample(path)
    candidates = [name for name, fits in _TESTS.items() if fits(sample)]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        reason = f"it may be {' or '.join(candidates)}, which look alike"
    elif sample.is_empty:
        reason = "no object can be read of its JSON list" if sample.listed else "it is empty"
    else:
        reason = f"its content is of none of {', '.join(sorted([*_TESTS, *_DOCBINS]))}{_nearest(sample)}"
    raise RelxError("RX300", path=path, reason=reason)


def _nearest(sample: Sample) -> str:
    """What keeps the first object that does so from being of the format that is nearest by its keys; "" for none."""
    found = []
    for number, row in enumerate(sample.rows, start=1):
        keys = set(row)
        unknown = sorted(keys - KEYS)
        wrong = unknown or len(keys & {"text", "tokens"}) != 1
        if not sample.listed and wrong and len(keys & KEYS) >= max(1, len(unknown)):
            fault = "has not one of the keys 'text' and 'tokens'"
            if unknown:
                fault = f"has the key {unknown[0]!r}, which jsonl does not know"
            found.append((len(unknown), number, f"jsonl, but {fault}"))
        for name, (needed, listed) in _NEEDED.items():
            missing = sorted(needed - keys)
            if missing and listed is sample.listed and len(missing) < len(needed) / 2:
                found.append((len(missing), number, f"{name}, but has no key {missing[0]!r}"))
    if not found:
        return ""
    _, number, reason = min(found)
    return f". By its keys object {number} is nearest to {reason}"


def _detect_docbin(path: Path) -> str:
    from .spacy_rel import first_rel

    rel = first_rel(path)
    for name, kind in _DOCBINS.items():
        if isinstance(rel, kind):
            return name
    raise RelxError(
        "RX300",
        path=path,
        reason="no document of it has relations in doc._.rel; if it has them in "
        "doc._.relations, there is nothing to convert",
    )


def _read_sample(path: Path) -> Sample:
    try:
        with open_binary(path) as stream:
            raw = stream.read(_BYTES)
    except (OSError, EOFError) as err:
        raise RelxError("RX300", path=path, reason=str(err)) from err
    text = raw.decode("utf-8-sig", "replace").strip()
    sample = Sample(path)
    if text[:1] == "[":
        sample.listed = True
        # Damaged ones are passed over, and what is cut off at the end.
        values = (item.value for item in iter_items(text) if item.error is None)
        sample.rows = list(islice((value for value in values if isinstance(value, dict)), _ROWS))
    elif text[:1] == "{":
        first = _lines(text)
        sample.rows = [row for row in map(_parse, first) if isinstance(row, dict)]
        if not sample.rows:
            sample.whole = text
    else:
        sample.lines = _lines(text)
    return sample


def _lines(text: str) -> list[str]:
    lines = (line.rstrip("\r") for line in text.split("\n", 10 * _ROWS)[: 10 * _ROWS])
    return list(islice((line for line in lines if line.strip()), _ROWS))


def _parse(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _rows(test: Callable[[dict[str, Any]], bool], listed: bool) -> Callable[[Sample], bool]:
    return lambda sample: bool(sample.rows) and sample.listed is listed and all(map(test, sample.rows))


def _needs(name: str) -> Callable[[Sample], bool]:
    needed, listed = _NEEDED[name]
    return _rows(lambda row: needed <= set(row), listed)


def _lines_all(test: Callable[[str], bool]) -> Callable[[Sample], bool]:
    return lambda sample: bool(sample.lines) and all(map(test, sample.lines))


def _is_own(row: dict[str, Any]) -> bool:
    keys = set(row)
    return keys == {RESULTS} or (keys <= KEYS and ("text" in row) != ("tokens" in row) and not _is_prodigy(row))


def _is_prodigy(row: dict[str, Any]) -> bool:
    tokens = row.get("tokens")
    return isinstance(tokens, list) and bool(tokens) and all(isinstance(token, dict) for token in tokens)


def _is_opennre(row: dict[str, Any]) -> bool:
    ends = row.get("h"), row.get("t")
    return all(isinstance(end, dict) for end in ends) and bool({"token", "tokens", "text"} & set(row))


def _is_fewrel(sample: Sample) -> bool:
    if sample.listed:
        return False
    found = [item for row in sample.rows for item in ([row] if "tokens" in row else _first_items(row))]
    if found:
        return all(isinstance(row.get("h"), list) and isinstance(row.get("t"), list) for row in found)
    return bool(_FEWREL.match(sample.whole))


def _first_items(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Of an object of lists, the first object of each."""
    return [value[0] for value in row.values() if isinstance(value, list) and value and isinstance(value[0], dict)]


def _is_iob(sample: Sample) -> bool:
    try:
        return iob.has_columns(sample.path, sample.lines)
    except RelxError:
        return False


def _is_klue_re(sample: Sample) -> bool:
    columns = set(sample.lines[0].split(",")) if sample.lines else set()
    rows = _rows(lambda row: {"sentence", "s", "o", "label"} <= set(row), False)
    return set(klue_re.COLUMNS) <= columns or rows(sample)


def _is_redfm(row: dict[str, Any]) -> bool:
    return isinstance(row.get("text"), str) and "label" in row and is_marked(row["text"])


def _is_doccano(row: dict[str, Any]) -> bool:
    if not any(isinstance(row.get(key), str) for key in ("text", "data")) or _is_redfm(row):
        return False
    if "entities" in row:
        return True
    return any(isinstance(row.get(key), list) for key in ("label", "labels")) and "mentions" not in row


def _is_task(row: dict[str, Any]) -> bool:
    return any(keys <= set(row) for keys in _TASK)


def _is_marked_block(sample: Sample) -> bool:
    """SemEval-2010: `id<TAB>"sentence"` with marks, and behind most the label, which others that quote marks lack."""
    lines = [line.strip() for line in sample.lines if not line.startswith("Comment")]
    marked = [i for i, line in enumerate(lines) if is_marked(line)]
    followed = [is_label(lines[i + 1]) for i in marked if i + 1 < len(lines)]
    return 2 * sum(followed) > len(followed) and all(_NUMBERED.match(lines[i]) for i in marked)


def _is_smiler(line: str) -> bool:
    cells = line.split("\t")
    return len(cells) == len(smiler.COLUMNS) and (cells == smiler.COLUMNS or is_marked(cells[4]))


def _is_brat(sample: Sample) -> bool:
    """A file without annotations is empty."""
    known = [line for line in sample.lines if _BRAT.match(line)]
    return sample.path.suffix in brat.SUFFIXES and bool(known or not sample.lines)


def _is_finre(line: str) -> bool:
    return line.count("\t") == 3 and _END not in line and not is_marked(line)


def _is_six_columns(sample: Sample) -> bool:
    columns = (len(line.removesuffix(_END).rstrip("\t").split("\t")) for line in sample.lines)
    return _lines_all(lambda line: _END in line)(sample) and all(n == len(gids.COLUMNS) for n in columns)


#: Keys that every object of a format has, and whether these stand in a list.
_NEEDED: dict[str, tuple[set[str], bool]] = {
    "ace": ({"sentences", "relations"}, False),
    "crossre": ({"sentence", "ner", "relations"}, False),
    "docred": ({"sents", "vertexSet"}, True),
    "spert": ({"tokens", "entities", "relations"}, True),
    "stockmark": ({"curid", "text", "entities"}, True),
    "tacred": ({"token", "subj_start", "obj_start", "relation"}, True),
}
#: Whether a sample may be of a format; those that differ in nothing that can be seen are all true.
_TESTS: dict[str, Callable[[Sample], bool]] = {
    "ace": _needs("ace"),
    "brat": _is_brat,
    "crossre": _needs("crossre"),
    "dbpedia_pt": lambda sample: any(_DBPEDIA.match(line) for line in sample.lines),
    "doccano": _rows(_is_doccano, False),
    "docred": _needs("docred"),
    "fewrel": _is_fewrel,
    "finre": lambda sample: _lines_all(_is_finre)(sample) and not _is_iob(sample),
    "gids": _is_six_columns,
    "inception": lambda sample: (
        '"%FEATURE_STRUCTURES"' in sample.whole or any("%FEATURE_STRUCTURES" in row for row in sample.rows)
    ),
    "iob": _is_iob,
    "jsonl": _rows(_is_own, False),
    "klue_re": _is_klue_re,
    "knowledgenet": _rows(lambda row: {"doc", "facts", "text"} <= set(row) or set(row) >= _PASSAGES, False),
    "labelstudio": _rows(_is_task, True),
    "nyt10": _is_six_columns,
    "opennre": _rows(_is_opennre, False),
    "prodigy": _rows(_is_prodigy, False),
    "redfm": _rows(_is_redfm, False),
    "semeval2010": _is_marked_block,
    "smiler": _lines_all(_is_smiler),
    "spert": _needs("spert"),
    "stockmark": _needs("stockmark"),
    "tacred": _needs("tacred"),
    "webanno": lambda sample: bool(sample.lines) and sample.lines[0].startswith("#FORMAT=WebAnno TSV"),
}
_DOCBINS: dict[str, Any] = {"rel_component": dict, "spacy_llm": (list, tuple)}

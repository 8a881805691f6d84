"""The Japanese corpus of mentions by Stockmark: a JSON list of texts with spans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...data.annotated import NONE, Annotated
from ...data.types import Mention
from ..records import BadRecord, Place, Record, Report
from ._keys import Keys
from ._read import Row, get, get_id, get_objects, int_list, parse_rows, read_json_list

_TYPES = ("人名", "法人名", "政治的組織名", "その他の組織名", "地名", "施設名", "製品名", "イベント名")
_ANNOTATED = Annotated(_TYPES, NONE)
_KEYS = Keys("curid", "text", inside={"entities": Keys("name", "span", "type")})


def read_stockmark(path: Path, report: Report) -> Iterator[Record]:
    """Read Stockmark's corpus: "text", "entities" with "span" [start, end), "type", and "name", which is checked.

    The number of the article is meta["curid"]; several sentences share it. The annotation covers mentions of
    the corpus's eight types, and no relations.
    BROKEN: RX101, RX102, RX103, RX105, RX108, RX109; places count documents.
    """
    yield from parse_rows(read_json_list(path, report), _parse, report, unknown=_KEYS)


def _parse(row: Row, place: Place, report: Report) -> Record:
    record = Record(place, text=get(row, "text", str), lang="ja", annotated=_ANNOTATED)
    if curid := get_id(row, "curid"):
        record.meta = {"curid": curid}
    for entity in get_objects(row, "entities"):
        start, end = int_list(entity.get("span"), 2, "'span' of an entity")
        name = get(entity, "name", str, "in an entity, ", default=None)
        if name is not None and (record.text or "")[max(start, 0) : end] != name:
            raise BadRecord("RX105", start=start, end=end, found=(record.text or "")[max(start, 0) : end], wanted=name)
        record.mentions.append(Mention(start, end, get(entity, "type", str, "in an entity, ")))
    return record

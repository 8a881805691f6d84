"""Label Studio's JSON: tasks with regions and relations between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report, misfit
from ._read import Row, get, get_id, get_objects, parse_rows, pass_over, read_json_list
from ._tokens import Utf16Offsets

_LABELS, _RELATION = "labels", "relation"
#: Kinds of regions whose offsets are not those of a plain text.
_OTHER_TEXTS = ("hypertextlabels", "paragraphlabels")
#: (head, tail) of each relation, by its direction, of (from, to).
_DIRECTIONS = {"right": [(0, 1)], "left": [(1, 0)], "bi": [(0, 1), (1, 0)]}
#: What tells the export JSON_MIN, which has no relations.
_MIN_KEYS = {"annotator", "annotation_id", "lead_time"}


class _Region(NamedTuple):
    start: int
    end: int
    labels: list[str]
    text: str | None


def read_labelstudio(path: Path, report: Report) -> Iterator[Record]:
    """Read an export of the kind JSON, one record a task.

    The direction "right" makes "from" the head, "left" the tail, "bi" makes two relations; each label of a relation is
    one of its own, and one without a label is left out (RX308). A region with several labels is as many mentions, of
    which relations join the first; results of one id and the same offsets are one region. Of several annotations of a
    task, the one marked as ground truth is taken, else the one changed last (RX312); cancelled ones never are, and a
    task without any is skipped. Tasks to import, which have no key "annotations", give their first prediction (RX313).
    Offsets count characters; where the regions' own texts show that they count UTF-16 units, as before version 1.4,
    that is undone. The text is data["text"], else the one string in which the regions' texts stand.
    BROKEN: RX101, RX102, RX103, RX104, RX105 (a region's own text is another one), RX108, RX109, RX309, RX310
    (JSON_MIN); places count tasks.
    """
    rows = read_json_list(path, report, lambda row: str(row.get("data", row)))
    yield from parse_rows(((place._replace(unit="task"), text, row) for place, text, row in rows), _parse, report)


def _parse(row: Row, place: Place, report: Report) -> Record | None:
    if "data" not in row and _MIN_KEYS & set(row):
        raise BadRecord("RX310")
    data = get(row, "data", dict)
    results = _results(row, place, report)
    if results is None:
        report.records_skipped += 1
        return None
    regions, links = _read_results(results, place, report)
    text = _find_text(data, regions)
    record = Record(place, text=text, id=get_id(data, "id") or get_id(row, "id"))
    record.lang = get(data, "lang", str, "in 'data', ", default="")
    first: dict[str, int] = {}
    for name, (start, end) in zip(regions, _offsets(text, regions)):
        first[name] = len(record.mentions)
        record.mentions.extend(Mention(start, end, label) for label in regions[name].labels or [UNTYPED])
    for link in links:
        ends = [get(link, key, str, "in a relation, ") for key in ("from_id", "to_id")]
        for end in ends:
            if end not in first:
                raise BadRecord("RX104", value=end, n=len(first))
        direction = get(link, "direction", str, "in a relation, ", default="right")
        if direction not in _DIRECTIONS:
            raise BadRecord("RX102", problem=f"a relation's 'direction' is {direction!r}, not right, left or bi")
        labels = _strings(link, "labels")
        if not labels:
            report.relations_dropped += 1
            report.note("RX308", place, text)
        for head, tail in _DIRECTIONS[direction]:
            record.relations.extend((first[ends[head]], first[ends[tail]], label) for label in labels)
    return record


def _results(row: Row, place: Place, report: Report) -> list[Row] | None:
    """What was annotated in a task, None for nothing."""
    key = next((key for key in ("annotations", "completions") if key in row), None)
    if key is None:
        predictions = get_objects(row, "predictions")
        if not predictions:
            return None
        pass_over(report, "RX313", place, str(row["data"]))
        return get_objects(predictions[0], "result")
    done = [annotation for annotation in get_objects(row, key) if not annotation.get("was_cancelled")]
    if not done:
        return None
    chosen = max(done, key=lambda one: (bool(one.get("ground_truth")), str(one.get("updated_at") or "")))
    if len(done) > 1:
        pass_over(report, "RX312", place, str(row["data"]), n=len(done), chosen=chosen.get("id"))
    return get_objects(chosen, "result")


def _read_results(results: list[Row], place: Place, report: Report) -> tuple[dict[str, _Region], list[Row]]:
    """Regions by id, and relations."""
    regions: dict[str, _Region] = {}
    links = []
    for result in results:
        kind = get(result, "type", str, "in a result, ")
        if kind == _RELATION:
            links.append(result)
        elif kind == _LABELS:
            name = get(result, "id", str, "in a region, ")
            value = get(result, "value", dict, "in a region, ")
            start, end = (get(value, key, int, "in a region, ") for key in ("start", "end"))
            shown = get(value, "text", str, "in a region, ", default=None)
            region = _Region(start, end, _strings(value, "labels"), shown)
            regions[name] = _merge(regions[name], region, name) if name in regions else region
        elif kind in _OTHER_TEXTS:
            raise BadRecord("RX102", problem=f"a region of the kind '{kind}' has no offsets in a plain text")
        else:
            pass_over(report, "RX305", place, str(result), kind=f"results of the kind '{kind}'")
    return regions, links


def _merge(one: _Region, other: _Region, name: str) -> _Region:
    """One region of several results, as each group of labels in the interface gives one. RAISES: BadRecord RX102."""
    if one[:2] != other[:2] or (None not in (one.text, other.text) and _bare(one.text) != _bare(other.text)):
        problem = f"two regions have the id '{name}', [{one.start}, {one.end}) and [{other.start}, {other.end})"
        raise BadRecord("RX102", problem=problem)
    labels = list(dict.fromkeys([*one.labels, *other.labels]))
    return _Region(one.start, one.end, labels, other.text if one.text is None else one.text)


def _strings(row: Row, key: str) -> list[str]:
    values = get(row, key, list, default=[])
    if not all(isinstance(value, str) for value in values):
        raise BadRecord("RX102", problem=f"'{key}' must hold strings, but is {values!r}")
    return [value for value in values if value]


def _find_text(data: Row, regions: dict[str, _Region]) -> str:
    if isinstance(data.get("text"), str):
        return data["text"]
    texts = [value for value in data.values() if isinstance(value, str)]
    if len(texts) > 1:
        texts = [text for text in texts if regions and (_fits(text, regions, None) or _fits_utf16(text, regions))]
    if len(texts) != 1:
        raise BadRecord("RX102", problem=f"it cannot be told which of the task's data is the text: {sorted(data)}")
    return texts[0]


def _offsets(text: str, regions: dict[str, _Region]) -> list[tuple[int, int]]:
    """Offsets in characters of all regions. RAISES: BadRecord RX103, RX105."""
    if not _fits(text, regions, None) and _fits_utf16(text, regions):
        units = Utf16Offsets(text)
        return [units.span(region.start, region.end) for region in regions.values()]
    for start, end, _, shown in regions.values():
        if not 0 <= start < end <= len(text):
            raise misfit(start, end, len(text), "characters")
        if shown is not None and _bare(shown) != _bare(text[start:end]):
            raise BadRecord("RX105", start=start, end=end, found=text[start:end], wanted=shown)
    return [(region.start, region.end) for region in regions.values()]


def _fits_utf16(text: str, regions: dict[str, _Region]) -> bool:
    try:
        return _fits(text, regions, Utf16Offsets(text))
    except BadRecord:
        return False


def _fits(text: str, regions: dict[str, _Region], units: Utf16Offsets | None) -> bool:
    """Whether each region that has a text of its own has it where its offsets say."""
    for start, end, _, shown in regions.values():
        if units is not None:
            start, end = units.span(start, end)
        if shown is None or _bare(shown) != _bare(text[start:end]):
            return False
    return True


def _bare(text: Any) -> str:
    """A text without blanks: Label Studio writes line ends in its own way."""
    return "".join(text.replace("\\n", "\n").split())

"""Label Studio's JSON: tasks with regions and relations between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report, is_blank
from ._counting import CHARACTERS
from ._keys import Keys
from ._labelstudio_texts import HYPERTEXT, PARAGRAPHS, TEXT, UNITS, Fields, Region, place_regions, read_interface
from ._offsets import same_words
from ._read import Row, get, get_id, get_objects, parse_rows, pass_over, read_json_list, select_inputs

_RELATION = "relation"
#: Kinds of regions of texts, which are also the keys of their labels.
_KINDS = ("labels", "hypertextlabels", "paragraphlabels")
#: (head, tail) of each relation, by its direction, of (from, to).
_DIRECTIONS = {"right": [(0, 1)], "left": [(1, 0)], "bi": [(0, 1), (1, 0)]}
#: What tells the export JSON_MIN, which has no relations.
_MIN_KEYS = {"annotator", "annotation_id", "lead_time"}
_RESULT = Keys(
    *("id", "type", "value", "origin", "from_name", "to_name", "from_id", "to_id", "direction", "labels", "meta"),
    *("score", "readonly", "hidden", "locked", "parentID", "normalization", "zIndex"),
)
_ANNOTATION = Keys(
    *("id", "unique_id", "import_id", "completed_by", "created_username", "created_ago", "created_at", "updated_at"),
    *("draft_created_at", "updated_by", "last_created_by", "last_action", "was_cancelled", "skipped", "ground_truth"),
    *("honeypot", "lead_time", "score", "cluster", "neighbors", "mislabeling", "model", "model_run", "model_version"),
    *("model_version_id", "prediction", "result_count", "parent_prediction", "parent_annotation", "bulk_created"),
    *("task", "project", "user", "draft", "drafts", "reviews", "comments", "was_postponed", "trainingState"),
    *("selected", "is_sealed", "completed_by_id", "state"),
    inside={"result": _RESULT},
)
_KEYS = Keys(
    *("id", "inner_id", "data", "meta", "drafts", "created_at", "updated_at", "updated_by", "project", "file_upload"),
    *("total_annotations", "cancelled_annotations", "total_predictions", "comment_count", "comment_authors"),
    *("unresolved_comment_count", "last_comment_updated_at", "overlap", "is_labeled", "agreement", "annotators"),
    *("annotations_ids", "predictions_score", "predictions_model_versions", "avg_lead_time", "reviews", "storage"),
    *("allow_skip", "precomputed_agreement", "completed_at", "state"),
    inside={"annotations": _ANNOTATION, "completions": _ANNOTATION, "predictions": _ANNOTATION},
)


def choose_files(paths: list[Path]) -> list[Path]:
    """The files of tasks: all but the labelling interfaces beside them."""
    return [path for path in paths if path.suffix != ".xml"]


@select_inputs(choose_files)
def read_labelstudio(path: Path, report: Report) -> Iterator[Record]:
    """Read an export of the kind JSON, one record a task.

    The direction "right" makes "from" the head, "left" the tail, "bi" makes two relations; each label of a relation is
    one of its own, and one without a label is left out (RX308). A region with several labels is as many mentions, of
    which relations join the first; results of one id and the same offsets are one region. Of several annotations of a
    task, the one marked as ground truth is taken, else the one changed last (RX312); cancelled ones never are, and a
    task without any is skipped. Tasks to import, which have no key "annotations", give their first prediction (RX313).
    Which field holds the text of a region, the labelling interface says, if it lies beside the file under the same
    name with .xml; else the regions' own texts and their "to_name", see `_labelstudio_texts.Fields.find`. Texts may be
    plain, HTML (HyperText) or paragraphs. A task with regions in several texts gives a record for each, of which the id
    is `TASK#FIELD`; relations between them are left out (RX575).
    Offsets count characters; where the regions' own texts show that they count something else, as UTF-16 units before
    version 1.4, they are read so (RX570).
    BROKEN: RX101, RX102, RX103, RX104, RX105 and RX574 (a region's own text is another one), RX108, RX109, RX602,
    RX102 (JSON_MIN), RX573 (the field of the text cannot be told); places count tasks.
    RAISES: RelxError RX577 for a broken interface.
    """
    rows = read_json_list(path, report, lambda row: str(row.get("data", row)))
    tasks = [(place._replace(unit="task"), text, row) for place, text, row in rows]
    fields = Fields(read_interface(path))
    for place, _, row in tasks:
        _learn(row, fields, place)
    parse = partial(_parse, fields)
    yield from parse_rows(tasks, parse, report, offsets=CHARACTERS, units=UNITS, unknown=_KEYS)


def _learn(row: Row, fields: Fields, place: Place) -> None:
    silent = Report("skip")
    try:
        results = _results(row, place, silent)
        if results is not None and len(get(row, "data", dict)) > 1:
            fields.learn(row["data"], _read_results(results, place, silent).regions.values())
    except BadRecord:  # told when it is parsed
        pass


def _parse(fields: Fields, row: Row, place: Place, report: Report) -> list[Record] | None:
    if "data" not in row and _MIN_KEYS & set(row):
        problem = "this is Label Studio's export JSON_MIN, which lacks the relations; export the project as JSON"
        raise BadRecord("RX102", problem=problem)
    data = get(row, "data", dict)
    results = _results(row, place, report)
    if results is None:
        report.records_skipped += 1
        return None
    found = _read_results(results, place, report)
    by_field = _by_field(data, found, fields)
    records: dict[str, Record] = {}
    mentions: dict[str, tuple[str, int]] = {}
    for name, named in by_field.items():
        records[name] = _record(data, row, name, named, fields, place)
        if len(by_field) > 1:
            records[name].id = f"{records[name].id}#{name}"
        number = 0
        for region_id, region in named.items():
            mentions[region_id] = name, number
            number += len(region.labels) or 1
    for link in found.links:
        _add_relations(link, records, mentions, report, place)
    return list(records.values())


def _by_field(data: Row, found: _Results, fields: Fields) -> dict[str, dict[str, Region]]:
    """The regions by the fields of their texts; one field where there are none."""
    by_name: dict[str, dict[str, Region]] = {}
    for region_id, region in found.regions.items():
        by_name.setdefault(region.to_name, {})[region_id] = region
    by_field: dict[str, dict[str, Region]] = {}
    for to_name, named in by_name.items():
        by_field.setdefault(fields.find(data, to_name, list(named.values())), {}).update(named)
    return by_field or {fields.find_empty(data, found.to_names): {}}


def _record(data: Row, row: Row, field: str, regions: dict[str, Region], fields: Fields, place: Place) -> Record:
    """A text with its mentions, without relations."""
    named = list(regions.values())
    text, spans = place_regions(data[field], named, fields.text_key(named[0].to_name if named else ""))
    record = Record(place, text=text, id=get_id(data, "id") or get_id(row, "id"), quotes=[])
    record.lang = get(data, "lang", str, "in 'data', ", default="")
    for region, (start, end) in zip(named, spans):
        labels = region.labels or [UNTYPED]
        record.mentions.extend(Mention(start, end, label) for label in labels)
        record.quotes += [region.quote] * len(labels)  # type: ignore[operator]
    return record


def _add_relations(
    link: Row, records: dict[str, Record], mentions: dict[str, tuple[str, int]], report: Report, place: Place
) -> None:
    ends = [get(link, key, str, "in a relation, ") for key in ("from_id", "to_id")]
    for end in ends:
        if end not in mentions:
            raise BadRecord("RX104", value=end, n=len(mentions))
    direction = get(link, "direction", str, "in a relation, ", default="right")
    if direction not in _DIRECTIONS:
        raise BadRecord("RX102", problem=f"a relation's 'direction' is {direction!r}, not right, left or bi")
    labels = _strings(link, "labels")
    (field, _), (other, _) = (mentions[end] for end in ends)
    text = records[field].content
    if not labels:
        report.relations_dropped += 1
        report.note("RX308", place, text)
    elif field != other:
        report.relations_dropped += len(labels) * len(_DIRECTIONS[direction])
        pass_over(report, "RX575", place, text, head=field, tail=other)
    else:
        numbers = [mentions[end][1] for end in ends]
        for head, tail in _DIRECTIONS[direction]:
            records[field].relations.extend((numbers[head], numbers[tail], label) for label in labels)


def _results(row: Row, place: Place, report: Report) -> list[Row] | None:
    """What was annotated in a task, None for nothing."""
    key = next((key for key in ("annotations", "completions") if key in row), None)
    if key is None:
        predictions = get_objects(row, "predictions")
        if not predictions:
            return None
        pass_over(report, "RX313", place, str(row["data"]))
        return get_objects(predictions[0], "result")
    done = [annotation for annotation in get_objects(row, key) if not _is_cancelled(annotation)]
    if not done:
        return None
    chosen = max(done, key=lambda one: (bool(one.get("ground_truth")), str(one.get("updated_at") or "")))
    if len(done) > 1:
        pass_over(report, "RX312", place, str(row["data"]), n=len(done), chosen=chosen.get("id"))
    return get_objects(chosen, "result")


def _is_cancelled(annotation: Row) -> bool:
    """Whether the annotator has skipped the task; early versions say "skipped"."""
    return bool(annotation.get("was_cancelled") or annotation.get("skipped"))


class _Results(NamedTuple):
    """Regions by id, relations, and the names of the tags that any results are about."""

    regions: dict[str, Region]
    links: list[Row]
    to_names: dict[str, None]


def _read_results(results: Iterable[Row], place: Place, report: Report) -> _Results:
    found = _Results({}, [], {})
    for result in results:
        kind = get(result, "type", str, "in a result, ")
        if isinstance(result.get("to_name"), str):
            found.to_names[result["to_name"]] = None
        if kind == _RELATION:
            found.links.append(result)
        elif kind in _KINDS:
            name = get(result, "id", str, "in a region, ")
            region = _region(result, kind)
            found.regions[name] = _merge(found.regions[name], region, name) if name in found.regions else region
        else:
            pass_over(report, "RX305", place, str(result), kind=f"results of the kind '{kind}'")
    return found


def _region(result: Row, kind: str) -> Region:
    value = get(result, "value", dict, "in a region, ")
    to_name = get(result, "to_name", str, "in a region, ", default="")
    rest = _strings(value, kind), get(value, "text", str, "in a region, ", default=None), to_name
    if "startOffset" not in value:
        if kind != _KINDS[0]:
            raise BadRecord("RX102", problem=f"a region of the kind '{kind}' has no 'startOffset'")
        start, end = (get(value, key, int, "in a region, ") for key in ("start", "end"))
        return Region(TEXT, start, end, *rest)
    first, last = (get(value, key, int, "in a region, ") for key in ("startOffset", "endOffset"))
    numbers = [value.get(key) for key in ("start", "end")]
    if all(str(number).isdecimal() for number in numbers):
        return Region(PARAGRAPHS, first, last, *rest, (int(str(numbers[0])), int(str(numbers[1]))))
    if "globalOffsets" not in value:
        problem = "a region of HTML has no 'globalOffsets', which Label Studio writes since version 1.0"
        raise BadRecord("RX102", problem=problem)
    places = get(value, "globalOffsets", dict, "in a region, ")
    start, end = (get(places, key, int, "in 'globalOffsets', ") for key in ("start", "end"))
    return Region(HYPERTEXT, start, end, *rest)


def _merge(one: Region, other: Region, name: str) -> Region:
    """One region of several results, as each group of labels in the interface gives one. RAISES: BadRecord RX102."""
    both = one.quote, other.quote
    if one.place != other.place or (None not in both and not same_words(*map(str, both))):
        problem = f"two regions have the id '{name}', [{one.start}, {one.end}) and [{other.start}, {other.end})"
        raise BadRecord("RX102", problem=problem)
    labels = list(dict.fromkeys([*one.labels, *other.labels]))
    return other._replace(labels=labels, quote=other.quote if one.quote is None else one.quote)


def _strings(row: Row, key: str) -> list[str]:
    values = get(row, key, list, default=[])
    if not all(isinstance(value, str) for value in values):
        raise BadRecord("RX102", problem=f"'{key}' must hold strings, but is {values!r}")
    return [value for value in values if not is_blank(value)]

"""UIMA CAS JSON 0.4, as INCEpTION exports it: one document a file, offsets count UTF-16 units."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from ...data.ids import content_id
from ..records import BadRecord, Place, Record, Report, is_lang_code, misfit
from ._counting import UNITS, UTF16, Countable
from ._keys import Keys, UnknownKey
from ._offsets import choose, note_choice, split_bom
from ._read import Row, get, get_objects, json_name, parse_rows, read_json
from ._tokens import tokenize
from ._uima import Annotation, Link, dangling, fill, is_language, label_of, short_name

_STRUCTURES = "%FEATURE_STRUCTURES"
#: What tells the older format of the same name.
_LEGACY = {"_context", "_views", "_referenced_fss"}
_SEGMENTATION = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type."
_TOKEN, _SENTENCE = _SEGMENTATION + "Token", _SEGMENTATION + "Sentence"
_METADATA = "de.tudarmstadt.ukp.dkpro.core.api.metadata.type.DocumentMetaData"
#: The CAS's own, of which DKPro's metadata is a kind.
_DOCUMENT = "uima.tcas.DocumentAnnotation"
_SOFA, _VIEW = "uima.cas.Sofa", "_InitialView"
_ENDS = ("@Governor", "@Dependent")
_TYPES, _SUPER = "%TYPES", "%SUPER_TYPE"
_KEYS = Keys(_TYPES, "%VIEWS", "%FLAGS", _STRUCTURES)
#: What stands before the name of a feature, and keys of a structure that are none.
_MARKS, _NO_FEATURE = "@^#", "%"
#: Features that UIMA declares itself.
_BUILT_IN = frozenset({"begin", "end", "sofa", "language"})


def read_inception(path: Path, report: Report) -> Iterator[Record]:
    """Read a document in UIMA CAS JSON 0.4.

    Mentions are named entities and the annotations of layers of one's own; layers about language (tokens, parts of
    speech, lemmas, syntax, coreference) are none. The label is the feature "value" or "label", else the first that
    is set; "identifier" is the kb_id. In a relation the governor (where the arrow begins) is the head, the dependent
    the tail; without a feature its label is the name of the layer. A slot is a relation from its host, its role the
    label. The tokens and sentences of the file are kept. Annotations of no width (RX307) and relations without a label
    (RX308) are left out. The record's id is the title in DKPro's metadata, else the name of the file, and a digest of
    the text; the file is meta["file"]. The language is that of DKPro's metadata, else of the document annotation.
    BROKEN: RX101, RX102, RX103, RX104, RX108, RX109, RX602, RX311 (another UIMA JSON).
    """
    broken = report.records_broken
    value = read_json(path, report)
    if report.records_broken == broken:
        yield from parse_rows([(Place(path, 1, "document"), path.name, value)], _parse, report, unknown=_unknown)


def _unknown(value: Any) -> Iterator[UnknownKey]:
    """Keys of the file that UIMA does not have, and features that their types do not declare."""
    yield from _KEYS(value)
    types, structures = (value.get(key) if isinstance(value, dict) else None for key in (_TYPES, _STRUCTURES))
    declared: dict[str, Set[str]] = {}
    for structure in structures if isinstance(structures, list) else ():
        kind = structure.get("%TYPE") if isinstance(structure, dict) else None
        if not isinstance(kind, str) or not isinstance(types, dict) or kind not in types:
            continue
        if kind not in declared:
            declared[kind] = _features_of_type(types, kind)
        for key in structure:
            if key[:1] != _NO_FEATURE and key.lstrip(_MARKS) not in declared[kind]:
                own = declared[kind] - {name.lstrip(_MARKS) for name in structure}
                marks = key[: len(key) - len(key.lstrip(_MARKS))]
                yield UnknownKey(kind, key, {marks + name for name in own})


def _features_of_type(types: Row, kind: Any) -> Set[str]:
    """The features that a type and those above it declare."""
    names = set(_BUILT_IN)
    seen: set[str] = set()
    while isinstance(kind, str) and kind not in seen and isinstance(types.get(kind), dict):
        seen.add(kind)
        names.update(name for name in types[kind] if name[:1] != _NO_FEATURE)
        kind = types[kind].get(_SUPER)
    return names


def _parse(value: Any, place: Place, report: Report) -> Record:
    if not isinstance(value, dict):
        raise BadRecord("RX102", problem=f"the file must be a JSON object, this is {json_name(value)}")
    if _LEGACY & set(value):
        raise BadRecord("RX311", found="the older UIMA CAS JSON", wanted="UIMA CAS JSON 0.4.0 (jsoncas)")
    get(value, _STRUCTURES, list)
    structures: dict[int, Row] = {}
    for structure in get_objects(value, _STRUCTURES):
        name = get(structure, "%ID", int, "in a feature structure, ")
        get(structure, "%TYPE", str, "in a feature structure, ")
        if name in structures:
            raise BadRecord("RX102", problem=f"two feature structures have the %ID {name}")
        structures[name] = structure
    sofa = _sofa(structures)
    text, has_bom = split_bom(get(sofa, "sofaString", str, "in the Sofa, "))
    record = Record(place, text=text, meta={"file": place.file.name})
    annotations: dict[int, Annotation] = {}
    for name, structure in structures.items():
        start, end = (structure.get(key, structure.get("^" + key)) for key in ("begin", "end"))
        if type(start) is int and type(end) is int and structure.get("@sofa") == sofa["%ID"]:
            annotations[name] = Annotation(structure["%TYPE"], start, end, _features(structure))
    _place_annotations(list(annotations.values()), text, has_bom, place, report)
    _read_metadata(record, structures, sofa["%ID"])
    labelled = _labelled(get(value, "%TYPES", dict, default={}))
    links = list(_links(structures, annotations, labelled, place))
    relations = {name for name, structure in structures.items() if _is_relation(structure)}
    fill(record, (one for name, one in annotations.items() if name not in relations), links, report)
    by_layer = {layer: [one for one in annotations.values() if one.layer == layer] for layer in (_TOKEN, _SENTENCE)}
    tokens = sorted((one.start, one.end) for one in by_layer[_TOKEN])
    return tokenize(record, tokens, [one.start for one in by_layer[_SENTENCE]]) if tokens else record


def _place_annotations(annotations: list[Annotation], text: str, has_bom: bool, place: Place, report: Report) -> None:
    """Bring the offsets of annotations to characters. RAISES: BadRecord RX103."""
    spans = [(one.start, one.end) for one in annotations]
    tokens = [span for span, one in zip(spans, annotations) if one.layer == _TOKEN]
    telling = [[span] for span in tokens or spans if span[0] < span[1]]
    choice = choose(text, telling, [None] * len(telling), UTF16, ("characters",), has_bom=has_bom)
    countable = Countable(text, has_bom)
    for one, (first, last), (start, end) in zip(annotations, spans, countable.read(spans, choice.convention)):
        if not 0 <= start <= end:
            unit = UNITS[choice.convention.unit].partition(" (")[0]
            raise misfit(first, last, countable.length(choice.convention), unit)
        one.start, one.end = start, end
    note_choice(choice, text, telling, place, text, report)


def _sofa(structures: dict[int, Row]) -> Row:
    sofas = [one for one in structures.values() if one["%TYPE"] == _SOFA]
    sofas = [one for one in sofas if one.get("sofaID") == _VIEW] or sofas
    if not sofas:
        raise BadRecord("RX102", problem="there is no text (no feature structure of the type uima.cas.Sofa)")
    return sofas[0]


def _features(structure: Row) -> dict[str, str]:
    own = {key: value for key, value in structure.items() if key[:1] not in "%@^"}
    return {key: value for key, value in own.items() if isinstance(value, str)}


def _read_metadata(record: Record, structures: dict[int, Row], sofa: int) -> None:
    """Id and language: of DKPro's metadata, the language else of the document annotation of the text that is read."""
    langs = dict.fromkeys((_METADATA, _DOCUMENT), "")
    for structure in structures.values():
        kind, features = structure["%TYPE"], _features(structure)
        if kind == _METADATA:
            record.id = features.get("documentTitle") or features.get("documentId", "")
        if kind == _METADATA or (kind == _DOCUMENT and structure.get("@sofa", sofa) == sofa):
            lang = features.get("language", "")
            langs[kind] = lang if is_lang_code(lang) else ""  # "x-unspecified" is none
    record.lang = langs[_METADATA] or langs[_DOCUMENT]
    # titles are mostly names of files, of which a project may have several
    record.id = content_id(str(record.id) or record.place.file.stem, record.content)


def _is_relation(structure: Row) -> bool:
    """RAISES: BadRecord RX102 for a relation that has only one end."""
    missing = [key for key in _ENDS if key not in structure]
    if len(missing) == 1 and not is_language(structure["%TYPE"]):
        raise BadRecord("RX102", problem=f"the relation {structure['%ID']} has no '{missing[0]}'")
    return not missing


def _links(
    structures: dict[int, Row], annotations: dict[int, Annotation], labelled: set[str], place: Place
) -> Iterator[Link]:
    """Relations, and slots of spans. labelled: types of relations that have a feature for a label."""

    def resolve(name: Any) -> Annotation:
        if type(name) is not int or name not in annotations:
            raise dangling(name, len(annotations))
        return annotations[name]

    for name, structure in structures.items():
        layer = structure["%TYPE"]
        if is_language(layer):
            continue
        if _is_relation(structure):
            features = _features(structure)
            label = label_of(features) or ("" if layer in labelled else short_name(layer))
            head, tail = (resolve(structure[key]) for key in _ENDS)
            yield Link(place, head, tail, label)
        elif name in annotations:
            for feature, target in structure.items():
                if feature.startswith("@") and feature != "@sofa":
                    for role, end in _slots(structures, target):
                        yield Link(place, annotations[name], resolve(end), role or feature[1:])


def _labelled(types: Row) -> set[str]:
    """The types that have a feature for a label; one that is not set is absent from the feature structure."""
    return {
        name
        for name, declared in types.items()
        if isinstance(declared, dict)
        and any(isinstance(one, dict) and one.get("%RANGE") == "uima.cas.String" for one in declared.values())
    }


def _slots(structures: dict[int, Row], array: Any) -> Iterator[tuple[str, Any]]:
    """(role, target) of the links in an array of a slot feature."""
    holder = structures.get(array) if type(array) is int else None
    elements = holder.get("%ELEMENTS") if holder is not None else None
    for element in elements if isinstance(elements, list) else ():
        link = structures.get(element) if type(element) is int else None
        if link is not None and "@target" in link:
            yield str(link.get("role") or ""), link["@target"]

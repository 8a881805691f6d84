"""What WebAnno TSV and UIMA CAS JSON share: layers of annotations, of which some are mentions and relations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ...data.types import Mention
from ..records import UNTYPED, BadRecord, Place, Record, Report

_DKPRO = "de.tudarmstadt.ukp.dkpro.core.api."
#: Layers that annotate language, not entities: tokens, parts of speech, lemmas, syntax, coreference, metadata.
_LANGUAGE = (
    *(_DKPRO + room for room in ("lexmorph.", "segmentation.", "syntax.", "coref.", "metadata.", "transform.")),
    *(_DKPRO + room for room in ("anomaly.", "structure.", "phonetics.")),
    "de.tudarmstadt.ukp.clarin.webanno.api.type.",
    "de.tudarmstadt.ukp.inception.",
    "org.dkpro.core.api.xml.",
    "uima.",
)
#: Features that hold a label, the likeliest first; else the first feature that is set.
_LABELS = ("value", "label", "type", "category", "class", "relation")
#: The feature that links an entity to a knowledge base.
_LINK = "identifier"


def is_language(layer: str) -> bool:
    """Whether a layer is about language, so that its annotations are no mentions by themselves."""
    return layer.startswith(_LANGUAGE)


def label_of(features: Mapping[str, str]) -> str:
    """The label among the features of an annotation that are set, "" for none."""
    for name in _LABELS:
        if features.get(name):
            return features[name]
    return next((value for name, value in features.items() if value and name != _LINK), "")


def short_name(layer: str) -> str:
    """The last part of a layer's name, which stands for the label where the layer has no feature."""
    return layer.rpartition(".")[2]


@dataclass(eq=False)
class Annotation:
    """An annotation of a span of text; start and end count characters. used: a relation joins it."""

    layer: str
    start: int
    end: int
    features: dict[str, str] = field(default_factory=dict)
    used: bool = False


@dataclass
class Link:
    """A relation between two annotations. label: "" where none was given."""

    place: Place
    head: Annotation
    tail: Annotation
    label: str


def fill(record: Record, annotations: Iterable[Annotation], links: Iterable[Link], report: Report) -> None:
    """Put mentions and relations on a record.

    Annotations of layers about language become mentions where a relation joins them. Those of no width are left out
    with their relations (RX307), relations without a label too (RX308).
    """
    links = list(links)
    for link in links:
        link.head.used = link.tail.used = True
    index: dict[int, int] = {}
    for annotation in annotations:
        if is_language(annotation.layer) and not annotation.used:
            continue
        if annotation.start == annotation.end:
            report.note("RX307", record.place, record.content, start=annotation.start, layer=annotation.layer)
            continue
        index[id(annotation)] = len(record.mentions)
        label = "" if is_language(annotation.layer) else label_of(annotation.features)
        kb_id = annotation.features.get(_LINK, "")
        record.mentions.append(Mention(annotation.start, annotation.end, label or UNTYPED, kb_id))
    for link in links:
        head, tail = index.get(id(link.head)), index.get(id(link.tail))
        if not link.label:
            report.note("RX308", link.place, record.content)
        if head is None or tail is None or not link.label:
            report.relations_dropped += 1
            continue
        record.relations.append((head, tail, link.label))


def dangling(name: object, n: int) -> BadRecord:
    """For a relation that names an annotation which is not there."""
    return BadRecord("RX104", value=name, n=n)

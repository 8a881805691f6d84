"""Triples as RDF: what is said, whatever the syntax.

A fact is an RDF triple of its own and, unless it is exported bare, a `rdf:Statement` about it (RDF 1.1 Schema, 5.3)
that is derived from pieces of evidence, with the terms of PROV-O (W3C Recommendation of 2013).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Union

from .iris import Iris
from .records import MergedTriple, Triple, evidence_id
from .spool import TripleSpool

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
DCTERMS = "http://purl.org/dc/terms/"
PROV = "http://www.w3.org/ns/prov#"
XSD = "http://www.w3.org/2001/XMLSchema#"
PREFIXES = {"rdf": RDF, "rdfs": RDFS, "skos": SKOS, "dcterms": DCTERMS, "prov": PROV, "xsd": XSD}
#: Terms of our own vocabulary: name -> datatype.
TERMS = {
    "score": "double",
    "kbScore": "double",
    "known": "boolean",
    "kbRank": "double",
    "evidenceCount": "integer",
    "weight": "double",
    "sentenceStart": "integer",
    "sentenceEnd": "integer",
    "headStart": "integer",
    "headEnd": "integer",
    "tailStart": "integer",
    "tailEnd": "integer",
    "headText": "string",
    "tailText": "string",
    "version": "string",
}
_LANG_TAG = re.compile(r"[a-z]{2,8}(-[a-z0-9]{1,8})*")


class Iri(str):
    """An IRI as the object of a triple."""

    __slots__ = ()


# Predicates and classes
TYPE = f"{RDF}type"
SUBJECT = f"{RDF}subject"
PREDICATE = f"{RDF}predicate"
OBJECT = f"{RDF}object"
LABEL = f"{RDFS}label"
ALT_LABEL = f"{SKOS}altLabel"
IDENTIFIER = f"{DCTERMS}identifier"
ATTRIBUTED = f"{PROV}wasAttributedTo"
DERIVED = f"{PROV}wasDerivedFrom"
QUOTED = f"{PROV}wasQuotedFrom"
VALUE = f"{PROV}value"
PROPERTY = Iri(f"{RDF}Property")
STATEMENT = Iri(f"{RDF}Statement")
CLASS = Iri(f"{RDFS}Class")
PROV_ENTITY = Iri(f"{PROV}Entity")
SOFTWARE_AGENT = Iri(f"{PROV}SoftwareAgent")


class Literal(NamedTuple):
    """A literal. datatype: name in XML Schema, "string" for plain texts. lang: lower-case tag, "" for none."""

    value: str
    datatype: str = "string"
    lang: str = ""


Object = Union[Iri, Literal]


class Resource(NamedTuple):
    """What is said of one subject. pairs: (predicate, object), equal predicates one after another."""

    subject: str
    pairs: list[tuple[str, Object]]


def resources(spool: TripleSpool, iris: Iris, bare: bool) -> Iterator[Resource]:
    """All that is exported, as a stream. bare: without statements, evidence, documents and models."""
    terms = {name: iris.vocabulary + name for name in TERMS}
    yield from _entities(spool, iris)
    for label in spool.relations():
        pairs: list[tuple[str, Object]] = [(TYPE, PROPERTY), (LABEL, Literal(label))]
        yield Resource(iris.relation(label), pairs)
    if not bare:
        for document in spool.documents():
            pairs = [(TYPE, PROV_ENTITY), (IDENTIFIER, Literal(document))]
            yield Resource(iris.own("document", document), pairs)
        for name, version in spool.models():
            pairs = [(TYPE, SOFTWARE_AGENT), (LABEL, Literal(name))]
            yield Resource(iris.own("model", name, version), [*pairs, (terms["version"], Literal(version))])
    for fact in spool.facts():
        subject, relation = iris.entity(fact.head_id), iris.relation(fact.label)
        yield Resource(subject, [(relation, Iri(iris.entity(fact.tail_id)))])
        if not bare:
            yield from _provenance(fact, iris, terms)


def _entities(spool: TripleSpool, iris: Iris) -> Iterator[Resource]:
    types: set[str] = set()
    for entity in spool.entities():
        kinds = [iris.own("type", kind) for kind in entity.types]
        for kind, name in zip(kinds, entity.types):
            if kind not in types:
                types.add(kind)
                yield Resource(kind, [(TYPE, CLASS), (LABEL, Literal(name))])
        pairs: list[tuple[str, Object]] = [(TYPE, Iri(kind)) for kind in kinds]
        pairs.append((LABEL, Literal(entity.name)))
        pairs.extend((ALT_LABEL, Literal(name)) for name in entity.names)
        if entity.kb_id:
            pairs.append((IDENTIFIER, Literal(entity.kb_id)))
        yield Resource(iris.entity(entity.id), pairs)


def _provenance(fact: MergedTriple, iris: Iris, terms: dict[str, str]) -> Iterator[Resource]:
    evidence = [(f"{iris.base}evidence/{evidence_id(fact, each)}", each) for each in fact.evidence]
    models = dict.fromkeys((each.model, each.model_version) for each in fact.evidence)
    pairs: list[tuple[str, Object]] = [
        (TYPE, STATEMENT),
        (TYPE, PROV_ENTITY),
        (SUBJECT, Iri(iris.entity(fact.head_id))),
        (PREDICATE, Iri(iris.relation(fact.label))),
        (OBJECT, Iri(iris.entity(fact.tail_id))),
        (terms["score"], _number(fact.score)),
    ]
    support = {"kbScore": fact.kb_score, "known": fact.known, "kbRank": fact.kb_rank}
    pairs.extend(_numbers(terms, {**support, "evidenceCount": fact.n_evidence}))
    pairs.extend((ATTRIBUTED, Iri(iris.own("model", *model))) for model in models if any(model))
    pairs.extend((DERIVED, Iri(iri)) for iri, _ in evidence)
    yield Resource(f"{iris.base}fact/{fact.id}", pairs)
    for iri, each in evidence:
        yield Resource(iri, _evidence(each, iris, terms))


def _evidence(each: Triple, iris: Iris, terms: dict[str, str]) -> list[tuple[str, Object]]:
    pairs: list[tuple[str, Object]] = [(TYPE, PROV_ENTITY)]
    if each.sentence:
        lang = each.lang.lower()
        pairs.append((VALUE, Literal(each.sentence, lang=lang if _LANG_TAG.fullmatch(lang) else "")))
    if each.doc_id:
        pairs.append((QUOTED, Iri(iris.own("document", each.doc_id))))
    if each.model or each.model_version:
        pairs.append((ATTRIBUTED, Iri(iris.own("model", each.model, each.model_version))))
    pairs.append((terms["headText"], Literal(each.head.text)))
    pairs.append((terms["tailText"], Literal(each.tail.text)))
    places = {
        "sentenceStart": each.sentence_start,
        "sentenceEnd": each.sentence_end,
        "headStart": each.head.start,
        "headEnd": each.head.end,
        "tailStart": each.tail.start,
        "tailEnd": each.tail.end,
        "score": each.score,
        "weight": each.weight,
    }
    pairs.extend(_numbers(terms, places))
    return pairs


def _numbers(terms: dict[str, str], values: dict[str, float | None]) -> Iterator[tuple[str, Object]]:
    return ((terms[name], _number(value)) for name, value in values.items() if value is not None)


def _number(value: float) -> Literal:
    if isinstance(value, bool):
        return Literal("true" if value else "false", "boolean")
    return Literal(str(value), "integer") if isinstance(value, int) else Literal(repr(value), "double")

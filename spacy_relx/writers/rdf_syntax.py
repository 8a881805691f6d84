"""RDF written as N-Triples, Turtle and JSON-LD (W3C Recommendations of 2014 and 2020), as streams."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from ..data.strict_json import dump_json
from .iris import Iris
from .rdf import PREFIXES, TERMS, TYPE, XSD, Iri, Object, Resource, resources
from .spool import TripleSpool
from .writers import Settings, Writer

# What a quoted string may not hold as it is, and control characters, which are allowed but get lost on the way.
_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LOCAL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_MAX_CACHED = 1 << 15
_DATATYPES = {kind: f"<{XSD}{kind}>" for kind in ("string", *TERMS.values())}
#: Datatypes whose values Turtle writes as they are.
_BARE = ("integer", "boolean")


def escape_literal(text: str) -> str:
    """A text between quotation marks, as N-Triples and Turtle have it."""
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04X}", text)


def _literal(term: Any, datatype: str) -> str:
    """datatype: as it is written, for what is no text."""
    if term.datatype != "string":
        return f'"{term.value}"^^{datatype}'
    text = f'"{escape_literal(term.value)}"'
    return f"{text}@{term.lang}" if term.lang else text


# N-Triples


def _write_ntriples(spool: TripleSpool, path: Path, settings: Settings) -> None:
    with path.open("w", encoding="utf8", newline="\n") as stream:
        for resource in resources(spool, settings.iris, settings.bare):
            subject = resource.subject
            stream.write("".join([f"<{subject}> <{verb}> {_plain(term)} .\n" for verb, term in resource.pairs]))


def _plain(term: Object) -> str:
    return f"<{term}>" if isinstance(term, Iri) else _literal(term, _DATATYPES[term.datatype])


# Turtle


class _Names:
    """Prefixed names for IRIs that have a simple one."""

    def __init__(self, iris: Iris):
        self.prefixes = {**PREFIXES, **iris.prefixes}
        self._names = {iri: name for name, iri in self.prefixes.items()}
        self.short = lru_cache(_MAX_CACHED)(self._short)

    def _short(self, iri: str) -> str:
        cut = max(iri.rfind("/"), iri.rfind("#")) + 1
        name = self._names.get(iri[:cut])
        return f"{name}:{iri[cut:]}" if name and _LOCAL_NAME.fullmatch(iri, cut) else f"<{iri}>"

    def term(self, term: Object) -> str:
        if isinstance(term, Iri):
            return self.short(term)
        return term.value if term.datatype in _BARE else _literal(term, f"xsd:{term.datatype}")


def _write_turtle(spool: TripleSpool, path: Path, settings: Settings) -> None:
    names = _Names(settings.iris)
    with path.open("w", encoding="utf8", newline="\n") as stream:
        stream.writelines(f"@prefix {name}: <{iri}> .\n" for name, iri in names.prefixes.items())
        stream.write("\n")
        for resource in resources(spool, settings.iris, settings.bare):
            stream.write(_block(resource, names))


def _block(resource: Resource, names: _Names) -> str:
    parts = []
    for predicate, pairs in groupby(resource.pairs, key=itemgetter(0)):
        verb = "a" if predicate == TYPE else names.short(predicate)
        parts.append(f"{verb} {', '.join(names.term(term) for _, term in pairs)}")
    body = " ;\n    ".join(parts)
    return f"{names.short(resource.subject)} {body} .\n"


# JSON-LD


def _context(iris: Iris) -> dict[str, Any]:
    # texts: "xsd:string" would be said, and rdflib holds such literals for others than the plain ones of Turtle
    own: dict[str, Any] = {
        name: f"relx:{name}" if kind == "string" else {"@id": f"relx:{name}", "@type": f"xsd:{kind}"}
        for name, kind in TERMS.items()
    }
    links = {"rdf": ("subject", "predicate", "object"), "prov": ("wasAttributedTo", "wasDerivedFrom", "wasQuotedFrom")}
    linked = {name: {"@id": f"{prefix}:{name}", "@type": "@id"} for prefix, names in links.items() for name in names}
    plain = {"label": "rdfs:label", "altLabel": "skos:altLabel", "identifier": "dcterms:identifier"}
    return {**PREFIXES, "relx": iris.vocabulary, **own, **linked, **plain, "value": "prov:value"}


def _keys(context: dict[str, Any]) -> dict[str, str]:
    """IRI of a predicate -> its key."""
    keys = {}
    for key, meaning in context.items():
        prefix, _, name = (meaning if isinstance(meaning, str) else meaning["@id"]).partition(":")
        if prefix in context:
            keys[f"{context[prefix]}{name}"] = key
    return keys


def _write_jsonld(spool: TripleSpool, path: Path, settings: Settings) -> None:
    context = _context(settings.iris)
    keys = _keys(context)
    links = {key for key, meaning in context.items() if isinstance(meaning, dict) and meaning["@type"] == "@id"}
    with path.open("w", encoding="utf8", newline="\n") as stream:
        stream.write(f'{{"@context": {dump_json(context)},\n"@graph": [')
        between = "\n"
        for resource in resources(spool, settings.iris, settings.bare):
            stream.write(f"{between}{dump_json(_node(resource, keys, links))}")
            between = ",\n"
        stream.write("\n]}\n")


def _node(resource: Resource, keys: dict[str, str], links: set[str]) -> dict[str, Any]:
    node: dict[str, Any] = {"@id": resource.subject}
    for predicate, pairs in groupby(resource.pairs, key=itemgetter(0)):
        if predicate == TYPE:
            node["@type"] = [str(term) for _, term in pairs]
            continue
        key = keys.get(predicate)
        values = list(_values(pairs, key in links))
        node[key or predicate] = values[0] if len(values) == 1 else values
    return node


def _values(pairs: Iterator[tuple[str, Object]], is_link: bool) -> Iterator[Any]:
    """is_link: the context says of the key that its values are IRIs."""
    for _, term in pairs:
        if isinstance(term, Iri):
            yield str(term) if is_link else {"@id": str(term)}
        else:  # numbers stay texts: JSON's own would come back in another form
            yield {"@value": term.value, "@language": term.lang} if term.lang else term.value


_SETTINGS = ("iris", "bare")
N_TRIPLES = Writer(_write_ntriples, ".nt", settings=_SETTINGS)
TURTLE = Writer(_write_turtle, ".ttl", settings=_SETTINGS)
JSON_LD = Writer(_write_jsonld, ".jsonld", settings=_SETTINGS)

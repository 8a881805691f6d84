"""IRIs for entities, relations and all else that RDF names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

from ..errors import RelxError
from .records import UNLINKED, kb_id_of

#: A place of nobody, as RFC 2606 has it: choose your own.
DEFAULT_BASE = "http://example.org/"
#: Rules that have a name: (pattern of the whole id, what stands before it).
KNOWN_ENTITIES = {"wikidata": (r"[QPL][1-9][0-9]*", "http://www.wikidata.org/entity/")}
KNOWN_RELATIONS = {"wikidata": (r"P[1-9][0-9]*", "http://www.wikidata.org/prop/direct/")}
#: What RFC 3987 allows beyond ASCII, but for blanks, which other readers refuse, and for what cannot be seen: soft
#: hyphens, marks of direction, joiners of words. ZWNJ and ZWJ, which some scripts need, stay.
_UCS = (
    "\u00a1-\u00ac\u00ae-\u061b\u061d-\u167f\u1681-\u180d\u180f-\u1fff\u200c\u200d\u2010-\u2027\u2030-\u205e"
    "\u2070-\u2fff\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufefe\uff00-\uffef"
    + "".join(f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 14))
    + "\U000e1000-\U000efffd"
)
#: What is percent-encoded everywhere in the path, query or fragment of an IRI.
_FORBIDDEN = re.compile(rf"%(?![0-9A-Fa-f]{{2}})|[^A-Za-z0-9\-._~:/?#@!$&'()*+,;=%{_UCS}]")
_HTTP = re.compile(rf"https?://(?:[A-Za-z0-9\-._~!$&'()*+,;=%{_UCS}]+)(?::[0-9]*)?(?:[/?#].*)?", re.DOTALL)
_URN = re.compile(r"urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:[^#?]+.*", re.DOTALL)
#: Kinds of things with IRIs of our own: BASEkind/...
KINDS = ("entity", "kb", "relation", "type", "document", "model", "fact", "evidence")
_MAX_CACHED = 1 << 15


class Iris:
    """Makes IRIs that are valid whatever the ids and texts, and equal for equal ones.

    Args:
        base: Stands before all names of our own; ends in "/" or ":", else "/" is added. `BASEentity/TYPE/NAME` is for
            entities that are not linked ("-" for no type), `BASEkb/ID` for linked ones; and `BASErelation/LABEL`,
            `BASEtype/TYPE`, `BASEdocument/ID`, `BASEmodel/NAME/VERSION`, `BASEfact/HASH`, `BASEevidence/HASH` and the
            vocabulary `BASEvocab#`. What is no letter or digit of ASCII is percent-encoded there.
        ids: Rules for kb_ids and for relations. "PREFIX=IRI" puts the IRI in the place of the prefix, the longest that
            fits ("wd:=http://www.wikidata.org/entity/"; "=IRI", with no prefix, is for all others); "wikidata" stands
            for that of its ids (Q42; P19 as a relation). An id that is an http or urn IRI is taken as it is, unless a
            rule fits.
        relations: Rules for kb_ids and for relations. "PREFIX=IRI" puts the IRI in the place of the prefix, the longest
            that fits ("wd:=http://www.wikidata.org/entity/"; "=IRI", with no prefix, is for all others); "wikidata"
            stands for that of its ids (Q42; P19 as a relation). An id that is an http or urn IRI is taken as it is,
            unless a rule fits.

    Raises:
        RelxError: RX334 for a base or a rule that gives no IRI.
    """

    def __init__(self, base: str = DEFAULT_BASE, ids: Iterable[str] = (), relations: Iterable[str] = ()):
        if {"#", "?"} & set(base):  # a name of ours would not be a part of the path
            raise RelxError("RX334", where="the base", value=base, names=", ".join(KNOWN_ENTITIES))
        self.base = _checked(base, "the base")
        self.base += "" if base.endswith(("/", ":")) else "/"
        self.vocabulary = f"{self.base}vocab#"
        id_rules = _rules(ids, KNOWN_ENTITIES)
        relation_rules = _rules(relations, KNOWN_RELATIONS)

        def entity(id: str) -> str:
            if id.startswith(UNLINKED):
                kind, _, name = id.removeprefix(UNLINKED).partition("/")
                # the type has its own % and / encoded already; "-" stands for none
                kind = "%2D" if kind == "-" else quote(kind, safe="%") or "-"
                return f"{self.base}entity/{_no_dots(kind)}/{_segment(name)}"
            return self._named(kb_id_of(id), id_rules, "kb")

        def relation(label: str) -> str:
            return self._named(label, relation_rules, "relation")

        #: The IRI of an entity by its id (`records.entity_id`), and of a relation by its label.
        self.entity = lru_cache(_MAX_CACHED)(entity)
        self.relation = lru_cache(_MAX_CACHED)(relation)
        #: (kind, name) -> the IRI of a type, document or model.
        self.own = lru_cache(_MAX_CACHED)(self._own)

    @property
    def prefixes(self) -> dict[str, str]:
        """Prefixes of what is named here: the vocabulary's and one of each kind."""
        return {"relx": self.vocabulary, **{kind: f"{self.base}{kind}/" for kind in KINDS}}

    def _own(self, kind: str, *names: str) -> str:
        return f"{self.base}{kind}/{'/'.join(map(_segment, names))}"

    def _named(self, name: str, rules: list[tuple[str, re.Pattern[str], str]], kind: str) -> str:
        for prefix, pattern, iri in rules:
            if pattern.fullmatch(name):
                return iri + _encode(name[len(prefix) :]).replace("#", "%23").replace("?", "%3F")
        if _HTTP.fullmatch(name) or _URN.fullmatch(name):
            before, hash_, fragment = _encode(name).partition("#")
            return before + hash_ + fragment.replace("#", "%23")
        return self._own(kind, name)


def _rules(specs: Iterable[str], known: dict[str, tuple[str, str]]) -> list[tuple[str, re.Pattern[str], str]]:
    """(prefix to cut off, pattern, IRI): long prefixes first, then the known rules, then that for all."""
    rules = []
    for spec in specs:
        prefix, equals, iri = spec.partition("=")
        if not equals and spec in known:
            pattern, iri = known[spec]
            rules.append((0.5, "", re.compile(pattern), iri))
        elif equals:
            pattern = re.escape(prefix) + ".+"
            rules.append((len(prefix), prefix, re.compile(pattern, re.DOTALL), _checked(iri, f"the rule {spec!r}")))
        else:
            raise RelxError("RX334", where=f"the rule {spec!r}", value=spec, names=", ".join(known))
    return [rule[1:] for rule in sorted(rules, key=lambda rule: -rule[0])]


def _checked(iri: str, where: str) -> str:
    if _FORBIDDEN.search(iri) or not (
        _HTTP.fullmatch(iri) or re.fullmatch(r"urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:.*", iri)
    ):
        raise RelxError("RX334", where=where, value=iri, names=", ".join(KNOWN_ENTITIES))
    return iri


def _segment(name: str) -> str:
    """A name as one part of a path."""
    return _no_dots(quote(name, safe=""))


def _no_dots(segment: str) -> str:
    """The part of a path, "." and ".." encoded, which would mean other paths."""
    return segment.replace(".", "%2E") if segment in (".", "..") else segment


def _encode(text: str) -> str:
    """Percent-encode what no IRI may hold."""
    return _FORBIDDEN.sub(lambda found: quote(found[0], safe=""), text)

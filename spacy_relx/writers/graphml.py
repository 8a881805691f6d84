"""Triples as GraphML (http://graphml.graphdrawing.org): entities are nodes, facts are edges."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from ..data.strict_json import dump_json
from .spool import TripleSpool
from .tables import fact_record
from .writers import Settings, Writer

#: Attributes of nodes and of edges: name -> GraphML's type.
NODE_KEYS = {"id": "string", "label": "string", "type": "string", "kb_id": "string", "names": "string"}
EDGE_KEYS = {
    "label": "string",
    "score": "double",
    "kb_score": "double",
    "known": "boolean",
    "kb_rank": "double",
    "n_evidence": "long",
    "evidence": "string",
}
#: What XML 1.0 allows nowhere, even as a reference (section 2.2).
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns '
    'http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">\n'
)


def xml_text(text: str) -> str:
    """A text as the content of an element. What XML forbids becomes U+FFFD, a carriage return a reference."""
    return escape(_FORBIDDEN.sub("\ufffd", text), {"\r": "&#13;"})


def node_id(id: str) -> str:
    """A name that XML allows (NMTOKEN), the same for an entity in each export."""
    return "n" + blake2b(id.encode(), digest_size=12).hexdigest()


def _write_graphml(spool: TripleSpool, path: Path, settings: Settings) -> None:
    with path.open("w", encoding="utf8", newline="\n") as stream:
        stream.write(_HEAD)
        for kind, keys in (("node", NODE_KEYS), ("edge", EDGE_KEYS)):
            for name, type in keys.items():
                stream.write(f'<key id="{kind}_{name}" for="{kind}" attr.name="{name}" attr.type="{type}"/>\n')
        stream.write('<graph id="facts" edgedefault="directed">\n')
        for entity in spool.entities():
            names = dump_json(entity.names) if entity.names else None
            values = (entity.id, entity.name, entity.type, entity.kb_id, names)
            stream.write(f'<node id="{node_id(entity.id)}">{_data("node", NODE_KEYS, values)}</node>\n')
        for fact in spool.facts():
            evidence = dump_json(fact_record(fact)["evidence"])
            support = (fact.score, fact.kb_score, fact.known, fact.kb_rank)
            data = _data("edge", EDGE_KEYS, (fact.label, *support, fact.n_evidence, evidence))
            ends = f'source="{node_id(fact.head_id)}" target="{node_id(fact.tail_id)}"'
            stream.write(f'<edge id="e{fact.id}" {ends}>{data}</edge>\n')
        stream.write("</graph>\n</graphml>\n")


def _data(kind: str, keys: Iterable[str], values: Iterable[Any]) -> str:
    parts = []
    for name, value in zip(keys, values):
        if value is not None and value != "":
            text = value if isinstance(value, str) else dump_json(value)  # true, 0.5
            parts.append(f'<data key="{kind}_{name}">{xml_text(text)}</data>')
    return "".join(parts)


GRAPHML = Writer(_write_graphml, ".graphml")

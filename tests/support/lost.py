"""Files that name something that they do not have."""

from __future__ import annotations

from support.format_samples import ace, spert
from support.tool_samples import REGIONS, doccano_row, link, task

VERTICES = [[{"sent_id": 0, "pos": [0, 1], "type": "PER"}], [{"sent_id": 0, "pos": [2, 3], "type": "ORG"}]]


DOCRED = {"sents": [["Ann", "joined", "Acme"]], "vertexSet": VERTICES, "labels": [{"h": 0, "t": 1, "r": "P108"}]}


PRODIGY = {
    "text": "Ann met Bob",
    "tokens": [{"text": word, "id": i} for i, word in enumerate(["Ann", "met", "Bob"])],
    "spans": [{"token_start": 0, "token_end": 0, "label": "PER"}, {"token_start": 2, "token_end": 2, "label": "PER"}],
    "relations": [{"head": 0, "child": 2, "label": "met"}],
}


PAIR = {"h": {"pos": [0, 1], "name": "Ann"}, "t": {"pos": [2, 3], "name": "Bob"}}


OPENNRE = {"token": ["Ann", "met", "Bob"], **PAIR, "relation": "met"}


CROSSRE = {"sentence": ["Ann", "met", "Bob"], "ner": [[0, 0, "P"], [2, 2, "P"]], "relations": [[0, 0, 2, 2, "met"]]}


TASK = task(*REGIONS, link("a", "b", "right", "met"))


#: format -> (a row with relations, the key to misspell, how, whether the file is a JSON list)
MISSPELT = {
    "docred": (DOCRED, "labels", "labels_", True),
    "ace": (ace(), "relations", "Relations", False),
    "doccano": (doccano_row(), "relations", "relation", False),
    "prodigy": (PRODIGY, "relations", "relatons", False),
    "spert": (spert(), "relations", "relations ", True),
    "opennre": (OPENNRE, "relation", "relations", False),
    "labelstudio": (TASK, "annotations", "anotations", True),
}

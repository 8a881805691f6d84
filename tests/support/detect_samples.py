"""One small file of each format."""

from __future__ import annotations

import json
from pathlib import Path

from support.format_samples import ace, spert, tacred
from support.tool_samples import ANN, REGIONS, doccano_row, task
from support.uima_samples import HEADER, ROWS, STRUCTURES, cas

MARKED = "<e1>Ann</e1> met <e2>Bob</e2>."


SEMEVAL = f'1\t"{MARKED}"\nMet(e1,e2)\nComment: <e1>\n\n'


#: A file of each format; gids and nyt10 look alike. A list is a JSON list, a tuple JSON lines.
SAMPLES = {
    "ace": (ace(), ace(ner=[])),
    "brat": ANN,
    "crossre": ({"doc_key": "a", "sentence": ["Ann"], "ner": [], "relations": []},),
    "dbpedia_pt": "****\nSENTENCE : Ann\nMANUALLY CHECKED : TRUE\nENTITY1 : Ann\n",
    "doccano": ({"id": 1, "text": "Ann", "entities": [], "relations": []}, doccano_row()),
    "docred": [{"title": "a", "sents": [["Ann"]], "vertexSet": [], "labels": []}],
    "fewrel": '{"P19": [{"tokens": ["Ann", "Ulm"], "h": ["ann", "Q1", [[0]]], "t": ["ulm", "Q2", [[1]]]}]}',
    "finre": "甲\t乙\tr\t甲和乙\r\n\r\n乙\t甲\tr\t甲和乙\r\n",
    "iob": "1\tAnn\tB-PER\tO\n2\tlacht\tO\tO\n\n1\tUlm\tB-LOC\tO\n",
    "inception": json.dumps(cas(*STRUCTURES), indent=2),
    "jsonl": ({"text": "Ann"}, {"tokens": ["Ann"], "mentions": [], "relations": []}),
    "klue_re": "id,sentence,subject_entity,object_entity,label,source\n0,a,{},{},x,y\n",
    "knowledgenet": ({"doc": "1", "text": "Ann", "facts": [], "no_fact_for": ["SPOUSE"]},),
    "labelstudio": [task(*REGIONS), {"data": {"text": "Ann"}, "predictions": []}],
    "opennre": ({"token": ["Ann"], "h": {}, "t": {}, "relation": "r"}, {"text": "Ann", "h": {}, "t": {}}),
    "prodigy": ({"text": "Ann", "tokens": [{"text": "Ann"}], "spans": [], "relations": []},),
    "redfm": ({"text": MARKED, "label": "r", "lang": "en"},),
    "semeval2010": SEMEVAL * 30,
    "smiler": f"id\tentity_1\tentity_2\tlabel\ttext\tlang\n1\tAnn\tBob\tmet\t{MARKED}\ten\n",
    "spert": [spert(), spert(orig_id=3)],
    "stockmark": [{"curid": "1", "text": "安", "entities": []}],
    "tacred": [tacred(), tacred()],
    "webanno": "\n".join([*HEADER, *ROWS]),
}


def save(path: Path, content) -> Path:
    if isinstance(content, list):
        content = json.dumps(content, ensure_ascii=False)
    elif isinstance(content, tuple):
        content = "\n".join(json.dumps(row, ensure_ascii=False) for row in content)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode())
    return path


def name_of(format: str) -> str:
    return "x.ann" if format == "brat" else "x.txt"

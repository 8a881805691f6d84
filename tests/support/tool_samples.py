"""Small files of annotation tools."""

from __future__ import annotations

TEXT = "😀 Ann Bee of Acme Inc\r\nand (with Bob) Co met Zoë."


ANN = """\
T1\tPERSON 2 9\tAnn Bee
T2\tNAME 2 5\tAnn
T3\tORG 13 21;38 40\tAcme Inc Co
T4\tPERSON 45 48\tZoë
T5\tMeeting 41 44\tmet
R1\tworks_for Arg1:T1 Arg2:T3\t
R2\tmet Arg2:T4 Arg1:E1
N1\tReference T1 Wikidata:Q1\tAnn
N2\tReference T2 Wikidata:NULL\tAnn
N3\tReference T1 Wikidata:Q2\tAnn
E1\tMeeting:T5 Who:T1 Who2:T4
A1\tNegation E1
M1\tDoubt E1
*\tEquiv T1 T2
#1\tAnnotatorNotes T1\tsure of it
"""


def region(name, start, end, text, *labels):
    value = {"start": start, "end": end, "text": text, "labels": list(labels)}
    return {"id": name, "from_name": "label", "to_name": "text", "type": "labels", "value": value}


def link(head, tail, direction, *labels):
    return {"type": "relation", "from_id": head, "to_id": tail, "direction": direction, "labels": list(labels)}


LS_TEXT = "😀 Ann Bee met Zoë."


REGIONS = [
    region("a", 2, 9, "Ann Bee", "PERSON", "SINGER"),
    region("b", 2, 5, "Ann", "NAME"),
    region("z", 14, 17, "Zoë", "PERSON"),
]


def task(*results, text=LS_TEXT, **more):
    annotation = {"id": 5, "was_cancelled": False, "result": list(results)}
    return {"id": 1, "data": {"text": text}, "annotations": [annotation], "predictions": [], **more}


def doccano_row(**change):
    entities = [(7, 2, 9, "PERSON"), (8, 2, 5, "NAME"), (9, 14, 17, "PERSON")]
    return {
        "id": 3,
        "text": "* Ann Bee met Zoë.",
        "entities": [{"id": i, "start_offset": s, "end_offset": e, "label": name} for i, s, e, name in entities],
        "relations": [{"id": 1, "from_id": 9, "to_id": 7, "type": "met"}],
        "Comments": [],
        **change,
    }

"""The same small documents in many formats: nested mentions behind characters of two UTF-16 units, and damage to one.

Only brat has mentions of several pieces; in the other formats there is no way to write one.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from support.formats import FORMATS
from support.spec_samples import MENTIONS, NOWHERE, RELATIONS, STARTS, TEXT, WORDS, Example, brat, end_of
from support.uima_samples import HEADER, annotation, cas

from spacy_relx.data.types import MENTIONS_KEY
from spacy_relx.errors import RelxError
from spacy_relx.formats.convert import convert
from spacy_relx.formats.docbin import read_docs
from spacy_relx.formats.importers.spacy_rel import REL

#: Those of `Doc.ents`, which do not overlap, and what TACRED says of a sentence.
FLAT, PAIR = [0, 2, 4], 2
#: What is reported of sound files, too: a mention of several pieces.
REPORTED = {"brat": "RX306"}


def units(offset: int) -> int:
    """The offset in UTF-16 units."""
    return len(TEXT[:offset].encode("utf-16-le")) // 2 if offset < NOWHERE else offset


def jsonl(one: Example) -> dict:
    mentions = [{"start": start, "end": end, "label": label} for start, end, label in one.spans()]
    return {
        "text": TEXT,
        "mentions": mentions,
        "relations": [{"head": h, "tail": t, "label": r} for h, r, t in one.relations],
    }


def labelstudio(one: Example) -> dict:
    results = []
    for i, (start, end, label) in enumerate(one.spans()):
        value = {"start": start, "end": end, "text": TEXT[start:end], "labels": [label]}
        results.append({"id": f"m{i}", "type": "labels", "value": value})
    for head, label, tail in one.relations:
        ends = {"from_id": f"m{head}", "to_id": f"m{tail}", "direction": "right"}
        results.append({"type": "relation", **ends, "labels": [label]})
    return {"id": 1, "data": {"text": TEXT}, "annotations": [{"id": 1, "result": results}]}


def doccano(one: Example) -> dict:
    entities = [
        {"id": i, "label": label, "start_offset": units(start), "end_offset": units(end)}
        for i, (start, end, label) in enumerate(one.spans())
    ]
    relations = [{"from_id": head, "to_id": tail, "type": label} for head, label, tail in one.relations]
    return {"id": 1, "text": TEXT, "entities": entities, "relations": relations}


def inception(one: Example) -> dict:
    spans = [
        annotation(10 + i, "custom.Entity", units(start), units(end), label=label)
        for i, (start, end, label) in enumerate(one.spans())
    ]
    arrows = [
        annotation(300 + i, "custom.Relation", 0, 2, label=label, **{"@Governor": 10 + head, "@Dependent": 10 + tail})
        for i, (head, label, tail) in enumerate(one.relations)
    ]
    return cas(*spans, *arrows, text=TEXT)


def webanno(one: Example) -> str:
    lines = [HEADER[0], "#T_SP=custom.Entity|value", "#T_RL=custom.Relation|label|BT_custom.Entity", "", ""]
    lines.append(f"#Text={TEXT}")
    misplaced = any(last >= len(WORDS) for _, last, _ in one.mentions)
    for i, word in enumerate(WORDS):
        last = NOWHERE if misplaced and i == len(WORDS) - 1 else units(end_of(i))
        labels = [f"{m[2]}[{k}]" for k, m in enumerate(one.mentions, start=1) if m[0] <= i <= m[1]]
        arcs = [arc for arc in one.relations if one.mentions[arc[2]][0] == i]
        sources = [
            f"1-{one.mentions[head][0] + 1 if head < len(one.mentions) else 1}[{head + 1}_{tail + 1}]"
            for head, _, tail in arcs
        ]
        cells = ["|".join(values) or "_" for values in (labels, [label for _, label, _ in arcs], sources)]
        lines.append("\t".join([f"1-{i + 1}", f"{units(STARTS[i])}-{last}", word, *cells, ""]))
    return "\n".join([*lines, ""])


def ace(one: Example) -> dict:
    ends = {i: mention[:2] for i, mention in enumerate(one.mentions)}
    relations = [[*ends.get(h, (0, NOWHERE)), *ends.get(t, (0, NOWHERE)), label] for h, label, t in one.relations]
    return {"doc_key": "d", "sentences": [WORDS], "ner": [[list(m) for m in one.mentions]], "relations": [relations]}


def spert(one: Example) -> dict:
    entities = [{"start": first, "end": last + 1, "type": label} for first, last, label in one.mentions]
    relations = [{"head": head, "tail": tail, "type": label} for head, label, tail in one.relations]
    return {"tokens": WORDS, "entities": entities, "relations": relations}


def tacred(one: Example) -> dict:
    head, label, tail = one.relations[PAIR]
    row = {"id": "s", "token": WORDS, "relation": label}
    for role, (first, last, kind) in (("subj", one.mentions[head]), ("obj", one.mentions[tail])):
        row |= {f"{role}_start": first, f"{role}_end": last, f"{role}_type": kind}
    return row


def prodigy(one: Example) -> dict:
    tokens = [{"text": word, "start": STARTS[i], "end": end_of(i), "id": i} for i, word in enumerate(WORDS)]
    spans = [
        {"start": start, "end": end, "token_start": first, "token_end": last, "label": label}
        for (start, end, label), (first, last, _) in zip(one.spans(), one.mentions)
    ]
    relations = []
    for head, label, tail in one.relations:
        relation = {"head": NOWHERE, "child": one.mentions[tail][1], "child_span": spans[tail], "label": label}
        if head < len(spans):
            relation |= {"head": one.mentions[head][1], "head_span": spans[head]}
        relations.append(relation)
    return {"text": TEXT, "tokens": tokens, "spans": spans, "relations": relations}


def docbin(one: Example, name: str) -> bytes:
    spaces = [i + 1 < len(WORDS) and STARTS[i + 1] > end_of(i) for i in range(len(WORDS))]
    doc = Doc(spacy.blank("xx").vocab, words=WORDS, spaces=spaces)
    doc.ents = [Span(doc, first, last + 1, label=label) for first, last, label in map(MENTIONS.__getitem__, FLAT)]
    kept = [(head, label, tail) for head, label, tail in one.relations if tail in FLAT and head != 3]
    if name == "spacy_llm":
        places = {number: place for place, number in enumerate(FLAT)}
        doc.user_data[REL] = [
            {"dep": places.get(head, head), "dest": places[tail], "relation": label} for head, label, tail in kept
        ]
    else:
        first = {number: mention[0] for number, mention in enumerate(MENTIONS)}
        doc.user_data[REL] = {(first.get(head, head), first[tail]): {label: 1.0} for head, label, tail in kept}
    return DocBin(docs=[doc], store_user_data=True).to_bytes()


ROWS = {f.__name__: f for f in (jsonl, labelstudio, doccano, ace, spert, tacred, prodigy)}
LISTS = {"labelstudio": "task", "spert": "sentence", "tacred": "sentence"}
FILES = {"brat": ".ann", "inception": ".json", "webanno": ".tsv", "rel_component": ".spacy", "spacy_llm": ".spacy"}
NAMES = sorted([*ROWS, *FILES])


def piece(name: str, one: Example) -> bytes:
    """A document in a format."""
    if name in ("rel_component", "spacy_llm"):
        return docbin(one, name)
    value = {"brat": brat, "inception": inception, "webanno": webanno, **ROWS}[name](one)
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode()


def save(folder: Path, name: str, pieces: list[bytes]) -> Path:
    """A folder with documents: in a file each, or in one file, of which each has a line."""
    folder.mkdir()
    if name in LISTS:
        (folder / "x.json").write_bytes(b"[\n" + b",\n".join(pieces) + b"\n]\n")
    elif name in ROWS:
        (folder / "x.jsonl").write_bytes(b"".join(one + b"\n" for one in pieces))
    else:
        for stem, content in zip("abc", pieces):
            (folder / f"{stem}{FILES[name]}").write_bytes(content)
            if name == "brat":
                (folder / f"{stem}.txt").write_bytes(TEXT.encode())
    return folder


def text_of(mention: tuple[int, int, str]) -> str:
    first, last, _ = mention
    return TEXT[STARTS[first] : end_of(last)]


@pytest.mark.parametrize("name", NAMES)
def test_nested_mentions_behind_characters_of_two_units(tmp_path, name):
    assert name in FORMATS
    chosen = FLAT if FILES.get(name) == ".spacy" else RELATIONS[PAIR][::2] if name == "tacred" else range(5)
    report = convert(name, [save(tmp_path / "in", name, [piece(name, Example())])], tmp_path / "o.spacy")
    (doc,) = read_docs(tmp_path / "o.spacy", spacy.blank("xx").vocab)
    mentions = {(text_of(MENTIONS[i]), MENTIONS[i][2]) for i in chosen}
    if name == "brat":
        mentions.add(("Bee of 𝔘lm Press", "PUB"))  # the one that covers its pieces
    assert {(span.text, span.label_) for span in doc.spans[MENTIONS_KEY]} == mentions
    triples = [
        (text_of(MENTIONS[h]), label, text_of(MENTIONS[t])) for h, label, t in RELATIONS if {h, t} <= set(chosen)
    ]
    assert sorted(doc._.triples) == sorted(triples)
    assert report.problem_counts == ({REPORTED[name]: 1} if name in REPORTED else {})
    assert not report.mentions_misaligned and not report.relations_dropped


# damage

MISPLACED = Example(mentions=[*MENTIONS[:2], (4, NOWHERE, "ORG"), *MENTIONS[3:]])
DANGLING = Example(relations=[(77, "works_for", 2), *RELATIONS[1:]])
#: The code of each kind of damage, where a format can have it: TACRED names no mentions, in `.spacy` files spans always
#: fit, and ACE names mentions by offsets.
CODES = {
    "ace": {"cut": "RX101", "encoding": "RX108", "offsets": "RX103", "dangling": "RX103"},
    "brat": {"cut": "RX102", "encoding": "RX108", "offsets": "RX103", "dangling": "RX104"},
    "doccano": {"cut": "RX101", "encoding": "RX108", "offsets": "RX103", "dangling": "RX104"},
    "inception": {"cut": "RX101", "encoding": "RX108", "offsets": "RX103", "dangling": "RX104"},
    "jsonl": {"cut": "RX101", "encoding": "RX108", "offsets": "RX103", "dangling": "RX104"},
    "labelstudio": {"cut": "RX101", "encoding": "RX108", "offsets": "RX103", "dangling": "RX104"},
    "prodigy": {"cut": "RX101", "encoding": "RX108", "offsets": "RX103", "dangling": "RX104"},
    "rel_component": {"cut": "RX109", "dangling": "RX104"},
    "spacy_llm": {"cut": "RX109", "dangling": "RX104"},
    "spert": {"cut": "RX101", "encoding": "RX108", "offsets": "RX103", "dangling": "RX104"},
    "tacred": {"cut": "RX101", "encoding": "RX108", "offsets": "RX103"},
    "webanno": {"cut": "RX102", "encoding": "RX108", "offsets": "RX103", "dangling": "RX104"},
}


def damaged(folder: Path, name: str, damage: str) -> tuple[Path, str]:
    """A folder with three documents of which one is damaged, and what names its place."""
    sound = piece(name, Example())
    pieces = [sound, piece(name, {"offsets": MISPLACED, "dangling": DANGLING}.get(damage, Example())), sound]
    if damage == "cut" and name not in LISTS:
        pieces[1] = sound[: len(sound) // 2]
    elif damage == "encoding":
        pieces[1] = sound.decode().encode("latin-1", "replace")
    place = f"b{FILES[name]}" if name in FILES else "x.jsonl, line 2"
    save(folder, name, pieces)
    if name in LISTS:
        place = {"cut": "x.json, line 4", "encoding": "x.json, line 3"}.get(damage, f"x.json, {LISTS[name]} 2")
    if damage == "cut" and name in LISTS:
        (folder / "x.json").write_bytes((folder / "x.json").read_bytes()[: -len(sound) // 2])
    return folder, place


@pytest.mark.parametrize(("name", "damage"), [(name, damage) for name in NAMES for damage in CODES[name]])
def test_damage_is_named_and_the_rest_survives(tmp_path, name, damage):
    folder, place = damaged(tmp_path / "in", name, damage)
    output = tmp_path / "o.spacy"
    with pytest.raises(RelxError) as err:
        convert(name, [folder], output)
    assert err.value.code == CODES[name][damage]
    assert place in str(err.value) and not output.exists()
    report = convert(name, [folder], output, on_error="skip")
    assert (report.records_written, report.records_broken, report.records_found) == (2, 1, 3)
    (problem,) = (problem for problem in report.problems if problem.code != REPORTED.get(name))
    assert (problem.code, place in problem.message) == (CODES[name][damage], True)

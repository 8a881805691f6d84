"""How the time of each reader and writer grows with its input: the slope is about 1 where twice the input takes twice
as long, and 2 where it takes four times as long.

    python benchmarks/scaling.py [--only docred brat] [--size 4000] [--bound 1.5]

A line for each reader (with the Docs that `relx data convert` makes), each writer of `relx data prelabel` and each
format of `relx export`, and for each way in which its input can grow: more records, or one record with more words,
blanks, names, or mentions with relations. It shows the seconds of CPU for the input once and four times as large, and
the slope: the logarithm of their ratio to the base 4. Ends with an error where a slope is above the bound.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from pathlib import Path

GROWTH = 4
#: The fastest of so many is taken.
REPEATS = 2
#: Seconds below which a time says nothing.
SHORT = 0.05
FS = "%FEATURE_STRUCTURES"
SEG = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type."


class Example:
    """A sentence: words with blanks between, mentions of single words, relations from each mention to the next."""

    def __init__(self, kind, n):
        self.kind = kind
        words = ["Ann", "knows", "Bob", "well"]
        words += [f"w{i % 50}" for i in range(n if kind in ("words", "mentions") else 0)]
        words += ["Ann", "Bob"] * (n if kind == "names" else 0)
        self.words = words
        self.gap = " " * (n if kind == "blanks" else 1)
        #: characters
        self.starts, position = [], 0
        for number, word in enumerate(words):
            self.starts.append(position)
            position += len(word) + (len(self.gap) if number == 0 else 1)
        self.text = words[0] + self.gap + " ".join(words[1:])
        self.mentions = [0, 2, *(range(4, len(words), 2) if kind == "mentions" else ())]
        self.relations = list(range(len(self.mentions) - 1))

    def span(self, word):
        return self.starts[word], self.starts[word] + len(self.words[word])

    @property
    def marked(self):
        return self.text.replace("Ann", "<e1>Ann</e1>", 1).replace("Bob", "<e2>Bob</e2>", 1)


def jsonl(one):
    mentions = [{"start": start, "end": end, "label": "P"} for start, end in map(one.span, one.mentions)]
    relations = [{"head": i, "tail": i + 1, "label": "r"} for i in one.relations]
    return {"text": one.text, "mentions": mentions, "relations": relations}


def crossre(one):
    ner = [[word, word, "P"] for word in one.mentions]
    relations = [
        [one.mentions[i], one.mentions[i], one.mentions[i + 1], one.mentions[i + 1], "r"] for i in one.relations
    ]
    return {"doc_key": "a", "sentence": one.words, "ner": ner, "relations": relations}


def ace(one):
    row = crossre(one)
    # half of the spans are none of "ner": they become mentions
    return {"sentences": [one.words], "ner": [row["ner"][::2]], "relations": [row["relations"]]}


def spert(one):
    entities = [{"type": "P", "start": word, "end": word + 1} for word in one.mentions]
    relations = [{"type": "r", "head": i, "tail": i + 1} for i in one.relations]
    return {"tokens": one.words, "entities": entities, "relations": relations}


def docred(one):
    vertices = [[{"name": "x", "sent_id": 0, "pos": [word, word + 1], "type": "P"}] for word in one.mentions]
    labels = [{"h": i, "t": i + 1, "r": "r"} for i in one.relations]
    return {"title": "a", "sents": [one.words], "vertexSet": vertices, "labels": labels}


def tacred(one):
    ends = {"subj_start": 0, "subj_end": 0, "obj_start": 2, "obj_end": 2}
    return {"id": "a", "token": one.words, "relation": "r", **ends}


def opennre(one):
    (a, b), (c, d) = one.span(0), one.span(2)
    return {"text": one.text, "h": {"pos": [a, b], "name": "Ann"}, "t": {"pos": [c, d], "name": "Bob"}, "relation": "r"}


def doccano(one):
    spans = list(map(one.span, one.mentions))
    entities = [{"id": i, "label": "P", "start_offset": s, "end_offset": e} for i, (s, e) in enumerate(spans)]
    relations = [{"id": i, "from_id": i, "to_id": i + 1, "type": "r"} for i in one.relations]
    return {"id": 1, "text": one.text, "entities": entities, "relations": relations}


def prodigy(one):
    tokens = [
        {"text": word, "start": one.span(i)[0], "end": one.span(i)[1], "id": i} for i, word in enumerate(one.words)
    ]
    spans = [{"token_start": word, "token_end": word, "label": "P"} for word in one.mentions]
    ends = [(one.mentions[i], one.mentions[i + 1]) for i in one.relations]
    relations = [
        {
            "head": head,
            "child": child,
            "label": "r",
            "head_span": {"token_start": head, "token_end": head, "label": "P"},
        }
        for head, child in ends
    ]
    return {"text": one.text, "tokens": tokens, "spans": spans, "relations": relations}


def labelstudio(one):
    results = [
        {"id": f"m{i}", "type": "labels", "to_name": "text", "from_name": "label",
         "value": {"start": start, "end": end, "text": one.text[start:end], "labels": ["P"]}}
        for i, (start, end) in enumerate(map(one.span, one.mentions))
    ]  # fmt: skip
    results += [
        {"type": "relation", "from_id": f"m{i}", "to_id": f"m{i + 1}", "direction": "right", "labels": ["r"]}
        for i in one.relations
    ]
    return {"id": 1, "data": {"text": one.text}, "annotations": [{"id": 1, "result": results}]}


def inception(one):
    structures = [{"%ID": 1, "%TYPE": "uima.cas.Sofa", "sofaID": "_InitialView", "sofaString": one.text}]
    spans = [(SEG + "Token", one.span(i)) for i in range(len(one.words))]
    spans += [("custom.Span", one.span(word)) for word in one.mentions]
    for layer, (start, end) in spans:
        structures.append({"%ID": len(structures) + 1, "%TYPE": layer, "@sofa": 1, "begin": start, "end": end})
    first = len(one.words) + 2
    for i in one.relations:
        number = len(structures) + 1
        ends = {"@Governor": first + i, "@Dependent": first + i + 1}
        structures.append({"%ID": number, "%TYPE": "custom.Relation", "@sofa": 1, "begin": 0, "end": 1, **ends})
    return {"%TYPES": {}, FS: structures}


def webanno(one):
    lines = ["#FORMAT=WebAnno TSV 3.3", "#T_SP=custom.Span|value", "#T_RL=custom.Relation|value|BT_custom.Span", ""]
    lines += ["", f"#Text={one.text}"]
    places = {word: i for i, word in enumerate(one.mentions)}
    for number, word in enumerate(one.words):
        start, end = one.span(number)
        place = places.get(number)
        relation = ("r", f"1-{one.mentions[place - 1] + 1}") if place else ("_", "_")
        value = "P" if place is not None else "_"
        lines.append("\t".join([f"1-{number + 1}", f"{start}-{end}", word, value, *relation, ""]))
    return "\n".join([*lines, ""])


def brat(one):
    spans = list(map(one.span, one.mentions))
    lines = [f"T{i}\tP {start} {end}\t{one.text[start:end]}" for i, (start, end) in enumerate(spans)]
    lines += [f"R{i}\tr Arg1:T{i} Arg2:T{i + 1}" for i in one.relations]
    return "\n".join([*lines, ""])


def redfm(one):
    return {"text": one.marked, "label": "r"}


def semeval2010(one):
    return f'1\t"{one.marked}"\nr(e1,e2)\n\n'


def smiler(one):
    return f"1\tAnn\tBob\tr\t{one.marked}\ten\n"


def finre(one):
    if one.kind == "names":  # overlapping everywhere
        return f"甲甲\t甲甲甲\tr\t{'甲' * len(one.text)}\n"
    return f"Ann\tBob\tr\t{one.text}\n"


def gids(one):
    return f"m.1\tm.2\tAnn\tBob\tr\t{one.text} ###END###\n"


def dbpedia_pt(one):
    fields = {"SENTENCE": one.text, "MANUALLY CHECKED": "TRUE", "ENTITY1": "Ann", "ENTITY2": "Bob", "REL TYPE": "r"}
    return "".join(f"{name} : {value}\n" for name, value in fields.items()) + "*****\n"


#: format -> (what writes a record, whether the file is a JSON list, whether it is one document)
READERS = {
    **dict.fromkeys(["jsonl", "crossre", "ace", "opennre", "doccano", "prodigy", "redfm"], (False, False)),
    **dict.fromkeys(["spert", "docred", "tacred", "labelstudio"], (True, False)),
    **dict.fromkeys(["inception", "webanno", "brat"], (False, True)),
    **dict.fromkeys(["semeval2010", "smiler", "finre", "gids", "nyt10", "dbpedia_pt"], (False, False)),
}
PAIRS = {"opennre", "tacred", "redfm", "semeval2010", "smiler", "finre", "gids", "nyt10", "dbpedia_pt"}
WAYS = ["records", "words", "blanks", "names", "mentions"]


def encode(format, one):
    encoded = globals()["gids" if format == "nyt10" else format](one)
    return encoded if isinstance(encoded, str) else json.dumps(encoded)


def write_input(folder, format, way, n):
    """RETURNS: the file; None where the format has no such input."""
    listed, single = READERS[format]
    if (
        (way == "records" and single)
        or (way == "names" and format not in PAIRS)
        or (way == "mentions" and format in PAIRS)
    ):
        return None
    if way == "records":
        one = encode(format, Example("words", 1))
        records = [one] * n
    else:
        one = Example(way, n)
        records = [encode(format, one)]
        if format == "brat":
            (folder / "x.txt").write_text(one.text, encoding="utf8")
    if listed:
        text = "[" + ",\n".join(records) + "]"
    else:
        text = "".join(record if record.endswith("\n") else record + "\n" for record in records)
    path = folder / ("x.ann" if format == "brat" else "x.dat")
    path.write_text(text, encoding="utf8")
    return path


def time_reader(folder, format, way, n):
    from spacy_relx.formats.convert import default_nlp, records_to_docs
    from spacy_relx.formats.importers import get_format
    from spacy_relx.formats.records import Report

    path = write_input(folder, format, way, n)
    if path is None:
        return None
    nlp, report = default_nlp(), Report()
    begin = time.process_time()
    found = sum(1 for _ in records_to_docs(get_format(format)(path, report), nlp, report))
    seconds = time.process_time() - begin
    if found != (n if way == "records" else 1) or not report.relations_kept:
        raise SystemExit(f"{format}: {report.summary()}")
    return seconds


def make_docs(way, n):
    import spacy
    from spacy.tokens import Doc

    from spacy_relx import Mention, Relation

    vocab = spacy.blank("xx").vocab
    one = Example(way, n) if way != "records" else Example("words", 1)
    mentions = [Mention(word, word + 1, "P") for word in one.mentions]
    for number in range(n if way == "records" else 1):
        doc = Doc(vocab, words=one.words)
        doc.user_data["id"] = f"d{number}"
        doc.spans["mentions"] = [mention.span(doc) for mention in mentions]
        doc[0].is_sent_start = True
        for token in doc[1:]:
            token.is_sent_start = False
        doc._.relations = [Relation(mentions[i], "r", mentions[i + 1], 0.5) for i in one.relations]
        yield doc


def time_writer(folder, format, way, n):
    from spacy_relx.formats.annotation_tools import WRITERS

    if way in ("blanks", "names"):
        return None
    docs = list(make_docs(way, n))
    begin = time.process_time()
    with WRITERS[format](folder / "output") as writer:
        for doc in docs:
            writer.add(doc)
    return time.process_time() - begin


def time_export(folder, format, way, n):
    from spacy_relx.writers import export, iter_triples

    if way in ("blanks", "names"):
        return None
    docs = list(make_docs(way, n))
    begin = time.process_time()
    export(iter_triples(docs), folder / "output", format)
    return time.process_time() - begin


def measure(timed, format, way, size):
    """RETURNS: (n, seconds, seconds of the larger input, slope); None where there is no such input."""
    n = size
    while True:
        times = []
        for each in (n, n * GROWTH):
            found = []
            for _ in range(REPEATS):
                with tempfile.TemporaryDirectory() as folder:
                    found.append(timed(Path(folder), format, way, each))
            times.append(None if found[0] is None else min(found))
        if times[0] is None:
            return None
        if times[0] >= SHORT or n >= 16 * size:
            return n, *times, math.log(times[1] / times[0], GROWTH)
        n *= 2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="names of formats")
    parser.add_argument("--ways", nargs="*", default=WAYS, choices=WAYS)
    parser.add_argument("--size", type=int, default=1000, help="of the smallest input, in records or words")
    parser.add_argument("--bound", type=float, default=1.5, help="highest slope")
    args = parser.parse_args()
    kinds = {
        "reader": (time_reader, READERS),
        "writer": (time_writer, ["brat", "doccano", "labelstudio", "prodigy"]),
        "export": (time_export, ["jsonl", "csv", "parquet", "ntriples", "turtle", "jsonld", "graphml", "neo4j"]),
    }
    steep = []
    print(f"{'':<22} {'grows by':<10} {'n':>8} {'seconds':>9} {f'{GROWTH}n':>9} {'slope':>6}")
    for kind, (timed, formats) in kinds.items():
        for format in formats:
            for way in args.ways:
                if args.only and format not in args.only:
                    continue
                found = measure(timed, format, way, args.size)
                if found is None:
                    continue
                n, once, more, slope = found
                print(f"{kind + ' ' + format:<22} {way:<10} {n:>8} {once:>9.3f} {more:>9.3f} {slope:>6.2f}", flush=True)
                if slope > args.bound and more >= SHORT:
                    steep.append(f"{kind} {format}, {way}: {slope:.2f}")
    if steep:
        sys.exit("steeper than the bound: " + "; ".join(steep))


if __name__ == "__main__":
    main()

"""The data of the pipeline: converts what `sources.yml` lists, and writes a report and a sample of plain text.

    python data.py DATA_FOLDER CORPUS_FOLDER [--again]

CORPUS_FOLDER gets train/KIND/, dev/, test/ and measure/ with a file for each source, report.json and report.md, and
texts/LANG.txt: texts of the training data, a line each, at most `LINES`, for counting pieces of words.
"""

import argparse
import json
import random
from collections import Counter, defaultdict
from itertools import chain
from pathlib import Path

import srsly

from spacy_relx.data.extensions import get_lang, get_relations
from spacy_relx.data.types import MENTIONS_KEY, NO_RELATION, Relation
from spacy_relx.data.wikidata import wikidata_relations
from spacy_relx.formats.convert import convert, default_nlp
from spacy_relx.formats.docbin import new_docbin, read_docs, write_docbin
from spacy_relx.formats.selection import KnownTexts
from spacy_relx.library.corpora import split

HERE = Path(__file__).parent
#: Order of work: what is left out of training comes first.
PARTS = ("test", "measure", "split", "split2", "dev", "train")
#: What `convert` is told as it is.
SETTINGS = ("lang", "limit", "meta", "alignment", "annotated_mentions", "annotated_relations", "annotated_pairs")
#: Folders of train/, each a source of the mixture: what its documents teach.
KINDS = {"docred": "documents", "knowledgenet": "knowledgenet", "fewrel": "pairs", "klue_re": "pairs"}
SHARE = 0.1
LINES = 15_000
SEED = 0
#: The other direction of a pair is derived where this share of the relations in documents agrees, of so many at least.
AGREED, SEEN = 0.9, 20


def outputs_of(source, corpus):
    """The files of a source, the one to train on first."""
    parts = {"split": ("train", "dev", "test"), "split2": ("train", "dev")}.get(source["part"], (source["part"],))
    kind = source.get("kind") or KINDS.get(source["format"], "mentions")
    return [corpus / (f"train/{kind}" if part == "train" else part) / f"{source['name']}.spacy" for part in parts]


def kept_out(corpus, part):
    """The files whose texts a part must not have: of training also those of development, and what is measured on."""
    folders = ["test", "dev", "measure"] if part == "train" else ["test"]
    files = chain.from_iterable(sorted((corpus / folder).glob("*.spacy")) for folder in folders)
    return [path for path in files if not path.stem.endswith("_train")]


def convert_source(source, data, corpus, known, nlp):
    """Write the files of a source. Returns the report of the conversion."""
    files = sorted(data.glob(source["files"])) or sorted(data.glob(source["files"].removesuffix(".gz")))
    if not files:
        raise SystemExit(f"{data / source['files']}: there is no such file")
    outputs = outputs_of(source, corpus)
    settings = {key: source[key] for key in SETTINGS if key in source}
    if "labels" in source:
        is_ready = source["labels"] == "names:ids"
        settings["labels"] = source["labels"] if is_ready else HERE / source["labels"]
    if "types" in source:
        settings["types"] = HERE / source["types"]
    target = outputs[0] if len(outputs) == 1 else corpus / f"{source['name']}.spacy"
    report = convert(
        source["format"], files, target, nlp=nlp, on_error="skip", detokenize=True, exclude=known, **settings
    )
    if len(outputs) == 3:
        split(target, outputs[0], outputs[1], test=outputs[2], dev_share=SHARE, test_share=SHARE, seed=SEED)
    elif len(outputs) == 2:
        split(target, outputs[0], outputs[1], dev_share=2 * SHARE, seed=SEED)
    if len(outputs) > 1:
        target.unlink()
    return report


def count(path, vocab):
    """What a file holds: documents, tokens, mentions, relations and pairs without any, by language."""
    counts, langs, labels, types = Counter(), Counter(), Counter(), Counter()
    for doc in read_docs(path, vocab):
        relations = get_relations(doc)
        counts["documents"] += 1
        counts["tokens"] += len(doc)
        counts["mentions"] += len(doc.spans[MENTIONS_KEY])
        counts["unrelated"] += sum(each.label == NO_RELATION for each in relations)
        counts["relations"] += sum(each.label != NO_RELATION for each in relations)
        langs[get_lang(doc)] += 1
        labels.update(each.label for each in relations if each.label != NO_RELATION)
        types.update(span.label_ for span in doc.spans[MENTIONS_KEY])
    return {**counts, "langs": dict(langs), "labels": dict(labels.most_common()), "types": dict(types.most_common())}


def count_reversed(corpus, vocab):
    """Of each label in the fully annotated documents its relations, and what the pair the other way round has: by
    label, Counters of labels, None where it has none and "all" for all."""
    counts = defaultdict(Counter)
    for path in sorted((corpus / "train" / "documents").glob("*.spacy")):
        for doc in read_docs(path, vocab):
            labels = defaultdict(set)
            for each in get_relations(doc):
                labels[each.head, each.tail].add(each.label)
            for (head, tail), own in labels.items():
                for label in own:
                    counts[label].update(["all", *(labels.get((tail, head)) or [None])])
    return counts


def derive_reversed(label, counts):
    """The labels of a pair the other way round, or no_relation; nothing where that is not sure."""
    if label == NO_RELATION:
        return []
    found = {each for each in (wikidata_relations()[label].inverse,) if each in counts or each == label}
    seen = counts[label]
    if seen["all"] >= SEEN:
        found.update(each for each, n in seen.items() if each not in (None, "all") and n >= AGREED * seen["all"])
        if not found and seen[None] >= AGREED * seen["all"]:
            return [NO_RELATION]
    return sorted(found)


def add_reversed(corpus, vocab):
    """Data of one pair a sentence says nothing of the other direction, which a model then gives the same relation.
    What the documents say of it is added: inverse relations, or that there is none. Returns what was added, by file."""
    counts = count_reversed(corpus, vocab)
    added = {}
    for path in sorted((corpus / "train" / "pairs").glob("*.spacy")):
        docs = new_docbin()
        for doc in read_docs(path, vocab):
            relations = get_relations(doc)
            known = {(each.head, each.tail) for each in relations}
            new = [
                Relation(head=each.tail, tail=each.head, label=label)
                for each in relations
                if (each.tail, each.head) not in known
                for label in derive_reversed(each.label, counts)
            ]
            added.setdefault(path.stem, Counter()).update(each.label for each in new)
            doc._.relations = [*relations, *new]
            docs.add(doc)
        write_docbin(docs, path)
    return {name: dict(found.most_common()) for name, found in added.items()}


def write_texts(corpus, vocab):
    """Write texts/. Returns the lines by language."""
    texts = {}
    for path in sorted((corpus / "train").rglob("*.spacy")):
        for doc in read_docs(path, vocab):
            texts.setdefault(get_lang(doc), []).append(" ".join(doc.text.split()))
    (corpus / "texts").mkdir(exist_ok=True)
    for lang, lines in sorted(texts.items()):
        random.Random(SEED).shuffle(lines)
        content = "".join(f"{line}\n" for line in lines[:LINES])
        (corpus / "texts" / f"{lang}.txt").write_text(content, encoding="utf8")
    return {lang: min(len(lines), LINES) for lang, lines in sorted(texts.items())}


def to_markdown(rows, texts):
    """The report as a page."""
    head = "| file | documents | mentions | relations | unrelated pairs | mentions lost | languages | licence |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for name, row in rows.items():
        langs = " ".join(f"{lang} {n}" for lang, n in row["langs"].items())
        numbers = (row.get(key, 0) for key in ("documents", "mentions", "relations", "unrelated", "misaligned"))
        lines.append(f"| {name} | {' | '.join(f'{n:,}' for n in numbers)} | {langs} | {row['licence']} |")
    lines += ["", "texts/, lines: " + ", ".join(f"{lang} {n:,}" for lang, n in texts.items())]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--again", action="store_true", help="convert also what the report has already")
    args = parser.parse_args()
    sources = srsly.read_yaml(HERE / "sources.yml")
    for path in chain.from_iterable(outputs_of(source, args.corpus) for source in sources):
        path.parent.mkdir(parents=True, exist_ok=True)
    nlp = default_nlp()
    report_path = args.corpus / "report.json"
    rows = json.loads(report_path.read_text(encoding="utf8"))["files"] if report_path.exists() else {}
    for part in PARTS:
        known = () if part in ("test", "measure") else KnownTexts(kept_out(args.corpus, part))
        for source in (each for each in sources if each["part"] == part):
            names = [str(path.relative_to(args.corpus).with_suffix("")) for path in outputs_of(source, args.corpus)]
            if not args.again and all(name in rows and (args.corpus / f"{name}.spacy").exists() for name in names):
                continue
            report = convert_source(source, args.data, args.corpus, known, nlp)
            for name, path in zip(names, outputs_of(source, args.corpus)):
                row = {**count(path, nlp.vocab), "licence": source["licence"], "misaligned": report.mentions_misaligned}
                row.update(known=report.left_out_as_known, broken=report.records_broken)
                rows[name] = row
                print(f"{path}: {row['documents']} documents", flush=True)
            report_path.write_text(json.dumps({"files": rows}, ensure_ascii=False, indent=1), encoding="utf8")
    reversed_pairs = add_reversed(args.corpus, nlp.vocab)
    print("added, the other direction of pairs:", {name: sum(each.values()) for name, each in reversed_pairs.items()})
    texts = write_texts(args.corpus, nlp.vocab)
    report_path.write_text(
        json.dumps({"files": rows, "texts": texts, "reversed": reversed_pairs}, ensure_ascii=False, indent=1),
        encoding="utf8",
    )
    (args.corpus / "report.md").write_text(to_markdown(rows, texts), encoding="utf8")


if __name__ == "__main__":
    main()

"""How a pipeline reads the sentences in sentences.jsonl: plain, reversed, negated, hypothetical ones, and questions.

    python check_sentences.py PIPELINE [--sentences sentences.jsonl] [--show]

A sentence that asserts facts is right if all of them are found and nothing that is not said; it is found if all of them
are, whatever else is said. A sentence that asserts none is right if the triple that it denies, supposes or asks for is
not found.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import spacy

HERE = Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline")
    parser.add_argument("--sentences", type=Path, default=HERE / "sentences.jsonl")
    parser.add_argument("--show", action="store_true", help="print each sentence that is not right")
    args = parser.parse_args()
    nlp = spacy.load(args.pipeline)
    rows = [json.loads(line) for line in args.sentences.read_text(encoding="utf8").splitlines()]
    counts = defaultdict(lambda: [0, 0, 0])
    for row, doc in zip(rows, nlp.pipe(row["text"] for row in rows)):
        found = set(doc._.triples)
        wanted, also, denied = (set(map(tuple, row[kind])) for kind in ("triples", "also", "denied"))
        complete = wanted <= found
        right = not found & denied if denied else complete and found <= wanted | also
        for key in (row["kind"], row["lang"]):
            counts[key][0] += 1
            counts[key][1] += right
            counts[key][2] += complete and not denied
        if args.show and not right:
            print(row["lang"], row["kind"], row["text"], sorted(found))
    print(f"{'':14}{'sentences':>10}{'right':>10}{'found':>10}")
    for key, (n, right, complete) in counts.items():
        print(f"{key:14}{n:10}{right:10}{complete:10}")


if __name__ == "__main__":
    main()

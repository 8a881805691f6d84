"""The split of CrossRE English that published loops are compared on: train + dev shuffled (seed 0), 90 % to train on.

    python projects/crossre/crossre_english.py CROSSRE_FOLDER/crossre_data OUT

Writes OUT/train.json, OUT/heldout.json (the other 10 %), OUT/all.json (both) and OUT/test.json, for
`python -m spacy relx data convert crossre OUT/train.json ... --lang en`.
"""

import argparse
import gzip
import random
from pathlib import Path


def read(folder, split):
    lines = []
    for path in sorted(Path(folder).glob(f"*-{split}.json*")):
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf8")
        lines += [line + "\n" for line in text.split("\n") if line.strip()]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    rows = read(args.folder, "train") + read(args.folder, "dev")
    random.Random(0).shuffle(rows)
    tenth = len(rows) // 10
    parts = {"heldout": rows[:tenth], "train": rows[tenth:], "all": rows, "test": read(args.folder, "test")}
    args.out.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        (args.out / f"{name}.json").write_text("".join(part), encoding="utf8")
        print(f"{name}: {len(part)} sentences")


if __name__ == "__main__":
    main()

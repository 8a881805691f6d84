"""Train and test every combination of some settings, with several seeds, and print the mean and spread of each.

    python benchmarks/grid.py configs/etm.cfg TRAIN.spacy TEST.spacy metrics/markers --seeds 0 1 2 \
      --vary etm.markers=uniform,typed --vary etm.pooling=spacy_relx.EntityStart.v1,spacy_relx.EntityMax.v1 \
      --set training.max_steps=500 --set paths.transformer=FOLDER

Gold mentions are given. Each run leaves its scores in the output folder and is not done again: an interrupted grid goes
on where it stood. Nothing is chosen by the test data: the last weights are tested.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

Setting = tuple[str, str]


def main() -> None:
    args = parse_arguments()
    settings = [item.split("=", 1) for item in args.set]
    axes = [[(name, value) for value in values.split(",")] for name, values in (v.split("=", 1) for v in args.vary)]
    args.output.mkdir(parents=True, exist_ok=True)
    for seed, combination in product(args.seeds, list(product(*axes))):
        path = args.output / f"{name_of(combination)}-{seed}.json"
        if not args.table and not path.exists():
            run(args, [*combination, *settings, ("system.seed", str(seed))], path)
    print_table(args, [name_of(combination) for combination in product(*axes)])


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("output", type=Path, help="folder for the scores of each run")
    parser.add_argument("--vary", action="append", default=[], metavar="NAME=A,B", help="setting to vary, repeatable")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="setting of all runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--score", default="rel_micro_f")
    parser.add_argument("--gpu-id", type=int, default=-1)
    parser.add_argument("--table", action="store_true", help="run nothing, print what is there")
    return parser.parse_args()


def name_of(combination: tuple[Setting, ...]) -> str:
    """The values of a combination, registered names without what they all have."""
    short = [value.removeprefix("spacy_relx.").removesuffix(".v1") for _, value in combination]
    return "_".join(part.replace("/", "-") for part in short) or "run"


def run(args: argparse.Namespace, settings: list[Setting], output: Path) -> None:
    """Train with these settings and test the last weights. What `spacy train` evaluates on its way is kept small."""
    own = {name for name, _ in settings}
    defaults = {"paths.train": str(args.train), "paths.dev": str(args.test), "corpora.dev.limit": "20"}
    settings = settings + [item for item in defaults.items() if item[0] not in own]
    gpu = ["--gpu-id", str(args.gpu_id)]
    with TemporaryDirectory() as folder:
        overrides = [part for name, value in settings for part in (f"--{name}", value)]
        spacy = [sys.executable, "-m", "spacy"]
        subprocess.run([*spacy, "train", str(args.config), "--output", folder, *gpu, *overrides], check=True)
        model = str(Path(folder) / "model-last")
        scores = ["--gold-entities", "--output", str(output), *gpu]
        subprocess.run([*spacy, "relx", "evaluate", model, str(args.test), *scores], check=True)


def print_table(args: argparse.Namespace, names: list[str]) -> None:
    for name in names:
        paths = [args.output / f"{name}-{seed}.json" for seed in args.seeds]
        values = [100 * json.loads(path.read_text())[args.score] for path in paths if path.exists()]
        if values:
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            each = ", ".join(f"{value:.1f}" for value in values)
            sys.stdout.write(f"{name:40} {statistics.mean(values):5.1f}{spread}   ({each})\n")


if __name__ == "__main__":
    main()

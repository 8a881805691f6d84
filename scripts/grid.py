"""Train and test every combination of some settings, with several seeds, and print the mean and spread of each.

    python scripts/grid.py projects/etm/configs/etm.cfg TRAIN.spacy TEST.spacy metrics/markers --seeds 0 1 2 \
      --vary etm.markers=uniform,typed --vary etm.pooling=spacy_relx.EntityStart.v1,spacy_relx.EntityMax.v1 \
      --set training.max_steps=500 --set paths.transformer=FOLDER

Gold mentions are given. Each run leaves its scores in the output folder and is not done again: an interrupted grid goes
on where it stood. The scores name what they were made with ("run": config, data and settings); scores of another run
are refused, never taken for those of this one. Nothing is chosen by the test data: the last weights are tested or, with
--dev, those that were best on that data.
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
from typing import Any, NamedTuple

from spacy_relx.data.files import write_whole

Setting = tuple[str, str]


class Run(NamedTuple):
    """One model to train and test. made_with: config, train and test data, and all settings of the config."""

    name: str
    output: Path
    made_with: dict[str, Any]


def main() -> None:
    args = parse_arguments()
    runs = planned(args)
    scores = {run.output: read_score(run, args.score) for run in runs if run.output.exists()}
    if not args.table:
        args.output.mkdir(parents=True, exist_ok=True)
        for run in runs:
            if run.output not in scores:
                train_and_test(run, args.gpu_id)
                scores[run.output] = read_score(run, args.score)
    if not scores:
        raise SystemExit(f"There are no scores of these runs in {args.output}.")
    print_table(runs, scores)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("output", type=Path, help="folder for the scores of each run")
    parser.add_argument("--vary", action="append", default=[], metavar="NAME=A,B", help="setting to vary, repeatable")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="setting of all runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--score", default="gold_mentions_rel_micro_f", help="a score of relx evaluate, in [0, 1]")
    parser.add_argument("--dev", type=Path, help="data to choose the best of each run's weights by; else the last ones")
    parser.add_argument("--gpu-id", type=int, default=-1)
    parser.add_argument("--table", action="store_true", help="run nothing, print what is there")
    return parser.parse_args()


def planned(args: argparse.Namespace) -> list[Run]:
    """All runs, seed by seed. Ends the program where a setting is no NAME=VALUE, or given twice."""
    settings = [parse_setting("--set", item) for item in args.set]
    varied = [parse_setting("--vary", item) for item in args.vary]
    names = [name for name, _ in varied + settings] + ["system.seed"]
    for name in names:
        if names.count(name) > 1:
            hint = " The seeds are given by --seeds." if name == "system.seed" else ""
            raise SystemExit(f"The setting {name} is given twice.{hint}")
    axes = [[(name, value) for value in values.split(",")] for name, values in varied]
    # What `spacy train` evaluates on its way is kept small
    defaults = {"paths.train": str(args.train), "paths.dev": str(args.dev or args.test)}
    if args.dev is None:
        defaults["corpora.dev.limit"] = "20"
    files = {"config": str(args.config), "train": str(args.train), "test": str(args.test)}
    if args.dev is not None:
        files["dev"] = str(args.dev)
    runs = []
    for seed, combination in product(dict.fromkeys(args.seeds), list(product(*axes))):
        name = name_of(combination)
        made_with = {**files, "settings": {**defaults, **dict([*combination, *settings]), "system.seed": str(seed)}}
        runs.append(Run(name, args.output / f"{name}-{seed}.json", made_with))
    if len({run.output for run in runs}) < len(runs):
        raise SystemExit("Two combinations of the varied settings have the same name; their scores would be mixed up.")
    return runs


def parse_setting(option: str, item: str) -> Setting:
    """The two sides of NAME=VALUE. Ends the program where one is missing."""
    name, _, value = item.partition("=")
    if not name or "" in (value.split(",") if option == "--vary" else [value]):
        form = "NAME=A,B" if option == "--vary" else "NAME=VALUE"
        raise SystemExit(f"{option} {item}: this is not {form}, the name of a setting in the config and its values.")
    return name, value


def name_of(combination: tuple[Setting, ...]) -> str:
    """The values of a combination, registered names without what they all have, lists without their brackets."""
    short = [value.strip('["]').removeprefix("spacy_relx.").removesuffix(".v1") for _, value in combination]
    return "_".join(part.replace("/", "-") for part in short) or "run"


def train_and_test(run: Run, gpu_id: int) -> None:
    """Train, test the last weights, and write their scores and what they were made with."""
    gpu = ["--gpu-id", str(gpu_id)]
    spacy = [sys.executable, "-m", "spacy"]
    with TemporaryDirectory() as folder:
        model = Path(folder) / ("model-best" if "dev" in run.made_with else "model-last")
        scores = Path(folder) / "scores.json"
        overrides = [part for name, value in run.made_with["settings"].items() for part in (f"--{name}", value)]
        evaluate = ["relx", "evaluate", str(model), run.made_with["test"], "--gold-mentions", "--output", str(scores)]
        for command in (["train", run.made_with["config"], "--output", folder, *overrides], evaluate):
            try:
                subprocess.run([*spacy, *command, *gpu], check=True)
            except subprocess.CalledProcessError as err:
                problem = f"{run.name}: spacy {command[0]} ended with code {err.returncode}, see above."
                raise SystemExit(problem) from err
        made = {"run": run.made_with, **json.loads(scores.read_text(encoding="utf8"))}
    write_whole(run.output, (json.dumps(made, indent=2, ensure_ascii=False) + "\n").encode("utf8"))


def read_score(run: Run, score: str) -> float:
    """The score in the file of a run. Ends the program where the file is of another run or has no such score."""
    try:
        found = json.loads(run.output.read_text(encoding="utf8"))
    except (OSError, ValueError) as err:
        raise SystemExit(f"{run.output} cannot be read ({err}). Remove it to have the run done again.") from err
    difference = difference_of(found, run.made_with)
    if difference:
        raise SystemExit(f"{run.output} is of another run: {difference}. Choose another output folder, or remove it.")
    value = found.get(score)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return value
    fractions = [name for name, other in found.items() if isinstance(other, float) and 0 <= other <= 1]
    problem = "has no such score"
    if score in found:
        problem = "has no value for it" if value is None else "has something else than a fraction there"
    raise SystemExit(f"--score {score}: {run.output} {problem}. There are: {', '.join(fractions) or 'none'}.")


def difference_of(found: Any, wanted: dict[str, Any]) -> str:
    """The first thing in which the run of a file is another than the one wanted, "" for the same."""
    made = found.get("run") if isinstance(found, dict) else None
    if not isinstance(made, dict) or not isinstance(made.get("settings"), dict):
        return "it does not say what it was made with"
    one, other = ({**part, **part["settings"]} for part in (made, wanted))
    for name in dict.fromkeys([*other, *one]):
        if name != "settings" and one.get(name) != other.get(name):
            values = (repr(part[name]) if name in part else "not set" for part in (one, other))
            return "{} is {} there, {} here".format(name, *values)
    return ""


def print_table(runs: list[Run], scores: dict[Path, float]) -> None:
    """A line for each combination that has scores: mean, sample standard deviation, and each seed's, in percent."""
    for name in dict.fromkeys(run.name for run in runs):
        values = [100 * scores[run.output] for run in runs if run.name == name and run.output in scores]
        if values:
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            each = ", ".join(f"{value:.1f}" for value in values)
            sys.stdout.write(f"{name:40} {statistics.mean(values):5.1f}{spread}   ({each})\n")


if __name__ == "__main__":
    main()

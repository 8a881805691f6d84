"""The variants of mERE on several languages: trained in two stages, thresholds fitted, tested language by language.

    python projects/mere/joint_languages.py TRAIN.spacy DEV.spacy TEST.spacy OUT [--seeds 0 1] [--runs base ls ...] \
      [--dev-share 4] [--test-share 8] [--later uk tr] [--table]

OUT: trained models, and for each run OUT/NAME-SEED.json with the scores of `relx evaluate` at the threshold that is
best on DEV, parameters, and seconds of training. A run that has its file is not done again, so an interrupted grid goes
on where it stood. Two processes may share OUT if they have other seeds. The run "mono", which must be asked for, is a
model for each language.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import spacy
from spacy.tokens import DocBin

from spacy_relx.data.files import write_whole

JOINT = "components.joint_extractor.model.encoder"
START = "initialize.components.joint_extractor"
NO_AGGREGATOR = {f"{JOINT}.aggregator": "null"}
FINDER_ALONE = {f"{JOINT}.switcher": "null", f"{START}.train": '["joint.*"]'}
ONE_TO_ONE = {f"{JOINT}.switcher.routing": "one_to_one", f"{JOINT}.switcher.depths": "[2]"}
#: Columns of the table.
SCORES = ("rel_micro_f", "rel_micro_p", "rel_micro_r", "mention_micro_f")
#: Stands for the code of each language that is added later.
LATER = "<later>"
ADDED = {**NO_AGGREGATOR, f"{START}.train": f'["*.langs.{LATER}"]'}
ADDED_OWN = {
    **NO_AGGREGATOR,
    f"{JOINT}.switcher.depths": "[2,2,2,1,1,1,2]",
    f"{START}.train": f'["*.langs.{LATER}","*.submodules.6.*","*.router.6"]',
}


class Run(NamedTuple):
    """A model: its stage's config, the run it starts from, other settings. langs: "all", "first" or "later".

    top_k: of another run's model (`start`), tested with this many sub-modules a language. same: test that the languages
    of `start` have the same outputs as there.
    """

    stage: int
    start: str = ""
    settings: dict = {}
    langs: str = "all"
    top_k: int = 0
    same: bool = False


RUNS = {
    "base": Run(1, settings=NO_AGGREGATOR),
    "la2": Run(1),
    "la1": Run(1, settings={f"{JOINT}.aggregator.mix": "1"}),
    "la3": Run(1, settings={f"{JOINT}.aggregator.mix": "3"}),
    "base_more": Run(2, "base", {**NO_AGGREGATOR, **FINDER_ALONE}),
    "la_more": Run(2, "la2", FINDER_ALONE),
    "ls": Run(2, "base", NO_AGGREGATOR),
    "ls_la": Run(2, "la2"),
    "one2one": Run(2, "la2", ONE_TO_ONE),
    "ls_k1": Run(2, "ls", top_k=1),
    "ls_k6": Run(2, "ls", top_k=6),
    "ls_la_k1": Run(2, "ls_la", top_k=1),
    "ls_la_k6": Run(2, "ls_la", top_k=6),
    "first": Run(1, settings=NO_AGGREGATOR, langs="first"),
    "first_ls": Run(2, "first", NO_AGGREGATOR, langs="first"),
    "added": Run(2, "first_ls", ADDED, langs="later", same=True),
    "added_own": Run(2, "first_ls", ADDED_OWN, langs="later", same=True),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--runs", nargs="+", default=list(RUNS), metavar="NAME", help=f"of {' '.join(RUNS)}, mono")
    parser.add_argument("--dev-share", type=int, default=4, help="fit to every n-th sentence of each language")
    parser.add_argument("--test-share", type=int, default=8, help="test every n-th sentence of each language")
    parser.add_argument("--later", nargs="+", default=["uk", "tr"], help="languages that the runs first lack")
    parser.add_argument("--steps", type=int, nargs=2, default=[1200, 500], help="of both stages")
    parser.add_argument("--mono-steps", type=int, default=300, help="of the model of one language")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rates", type=float, nargs=2, default=[0.002, 0.001], help="learning rates of both stages")
    parser.add_argument("--table", action="store_true", help="run nothing, print what is there")
    args = parser.parse_args()
    if not args.table:
        train_and_test(args)
    print_table(args.out)


def train_and_test(args):
    grid = Grid(args)
    for seed in args.seeds:
        for name in args.runs:
            if name == "mono":
                for lang in grid.langs:
                    grid.do(f"mono_{lang}", Run(1, settings=NO_AGGREGATOR, langs=lang), seed)
            else:
                grid.do(name, RUNS[name], seed)


class Grid:
    """All runs over one set of data."""

    def __init__(self, args):
        self.args = args
        args.out.mkdir(parents=True, exist_ok=True)
        self.dev, _ = thinned(args.dev, args.out / f"dev-{args.dev_share}.spacy", args.dev_share)
        self.test, counts = thinned(args.test, args.out / f"test-{args.test_share}.spacy", args.test_share)
        self.langs = sorted(counts)
        self.first = [lang for lang in self.langs if lang not in args.later]

    def do(self, name, run, seed):
        """Train and test one run, and what it starts from, unless that was done."""
        result = self.args.out / f"{name}-{seed}.json"
        if result.exists():
            return
        if run.start:
            self.do(run.start, RUNS[run.start], seed)
        print(f"{name}, seed {seed}", flush=True)
        start = time.perf_counter()
        model = self.folder(run.start if run.top_k else name, seed)
        if not run.top_k and not (model / "meta.json").exists():
            self.train(name, run, seed)
        seconds = time.perf_counter() - start
        with TemporaryDirectory() as folder:
            scores = self.scores(model, run, Path(folder))
        scores |= {"seconds": seconds, "parameters": parameters(model)}
        if run.same:
            scores["same"] = same(self.folder(run.start, seed), model, self.test, self.first)
        write_whole(result, json.dumps(scores, indent=1).encode())

    def folder(self, name, seed):
        return self.args.out / f"{name}-{seed}" / "model-last"

    def train(self, name, run, seed):
        args = self.args
        steps = args.mono_steps if run.langs in self.langs else args.steps[run.stage - 1]
        settings = {
            "paths.train": args.train,
            "paths.dev": self.dev,
            "system.seed": seed,
            "training.max_steps": steps,
            "training.eval_frequency": steps,
            "training.batcher.size": args.batch,
            "training.optimizer.learn_rate.initial_rate": args.rates[run.stage - 1],
            "corpora.dev.limit": 50,  # what `spacy train` evaluates is not used
            **run.settings,
        }
        if run.start:
            settings["paths.stage1"] = self.folder(run.start, seed)
        langs = {"all": None, "first": self.first, "later": args.later}.get(run.langs, [run.langs])
        if langs is not None:
            settings["corpora.train.langs"] = settings["corpora.dev.langs"] = json.dumps(langs)
        patterns = json.loads(settings.get(f"{START}.train", "[]"))
        if patterns:
            each = [pattern.replace(LATER, lang) for pattern in patterns for lang in args.later]
            settings[f"{START}.train"] = json.dumps(list(dict.fromkeys(each)))
        options = [part for key, value in settings.items() for part in (f"--{key}", str(value))]
        command(["train", f"configs/mere_stage{run.stage}.cfg", "--output", self.folder(name, seed).parent, *options])

    def scores(self, model, run, folder):
        """The scores of the test data, at the threshold that is best on the development data."""
        if run.top_k:
            nlp = spacy.load(model, config={f"{JOINT}.switcher.top_k": run.top_k})
            model = folder / "model"
            nlp.to_disk(model)
        dev, test = self.dev, self.test
        if run.langs in self.langs:
            dev = only(dev, folder / "dev.spacy", run.langs)
            test = only(test, folder / "test.spacy", run.langs)
        command(["relx", "calibrate", model, dev, "--output", folder / "fitted"])
        command(["relx", "evaluate", folder / "fitted", test, "--output", folder / "scores.json"])
        return json.loads((folder / "scores.json").read_text(encoding="utf8"))


def command(parts):
    parts = [sys.executable, "-m", "spacy", *map(str, parts)]
    done = subprocess.run(parts, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    if done.returncode:
        raise SystemExit(f"{' '.join(parts)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def thinned(path, place, share):
    """Every n-th Doc of each language in a file of its own, and how many of each language there are."""
    counts, kept = Counter(), DocBin(store_user_data=True)
    nlp = spacy.blank("xx")
    for doc in DocBin().from_disk(path).get_docs(nlp.vocab):
        if counts[doc._.lang] % share == 0:
            kept.add(doc)
        counts[doc._.lang] += 1
    if not place.exists():
        write_whole(place, kept.to_bytes())
    return place, counts


def only(path, place, lang):
    """The Docs of one language."""
    kept = DocBin(store_user_data=True)
    for doc in DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab):
        if doc._.lang == lang:
            kept.add(doc)
    kept.to_disk(place)
    return place


def parameters(model):
    nlp = spacy.load(model)
    modules = {
        id(shim.module): shim.module for node in nlp.get_pipe("joint_extractor").model.walk() for shim in node.shims
    }
    return sum(weight.numel() for module in modules.values() for weight in module.parameters())


def same(before, after, path, langs):
    """How many Docs of these languages there are, and how many have the very same mentions, relations and scores."""
    outputs = []
    for folder in (before, after):
        nlp = spacy.load(folder)
        docs = [doc for doc in DocBin().from_disk(path).get_docs(nlp.vocab) if doc._.lang in langs]
        texts = [(doc.text, {"lang": doc._.lang}) for doc in docs]
        found = nlp.pipe(texts, as_tuples=True)
        outputs.append([repr((doc.ents, doc._.relations)) for doc, _ in found])
    return {"docs": len(outputs[0]), "same": sum(a == b for a, b in zip(*outputs, strict=True))}


def print_table(out):
    """A line a run: mean of the seeds, in percent; parameters in millions; minutes of training; then each language."""
    results = {}
    for path in sorted(out.glob("*-*.json")):
        name, _, seed = path.stem.rpartition("-")
        scores = json.loads(path.read_text(encoding="utf8"))
        group = results.setdefault(name.partition("_")[0] if name.startswith("mono_") else name, {})
        group[seed] = pooled(group[seed], scores) if seed in group else scores
    results = {name: list(group.values()) for name, group in results.items()}
    langs = sorted({lang for each in results.values() for scores in each for lang in scores["rel_per_lang"]})
    columns = "   ".join(f"{lang:>2}" for lang in langs)
    print(f"{'run':12} {'F1':>5} {'P':>5} {'R':>5} {'ment.':>5} {'par.':>4} {'min':>4}   {columns}  each seed")
    for name, each in results.items():
        mean = {key: 100 * statistics.mean(scores[key] for scores in each) for key in SCORES}
        size = each[0]["parameters"] / 1e6
        minutes = statistics.mean(scores["seconds"] for scores in each) / 60
        by_lang = [
            100 * statistics.mean(scores["rel_per_lang"].get(lang, {"f": 0.0})["f"] for scores in each)
            for lang in langs
        ]
        seeds = ", ".join(f"{100 * scores['rel_micro_f']:.1f}" for scores in each)
        cells = " ".join(f"{mean[key]:5.1f}" for key in SCORES)
        same_docs = f" same outputs: {each[0]['same']}" if "same" in each[0] else ""
        row = " ".join(f"{value:4.1f}" for value in by_lang)
        print(f"{name:12} {cells} {size:4.1f} {minutes:4.1f}  {row}  ({seeds}){same_docs}")


def pooled(one, other):
    """The scores of two models of different languages, as of one."""
    langs = one["rel_per_lang"] | other["rel_per_lang"]
    right = sum(row["r"] * row["support"] for row in langs.values())
    found = sum(row["r"] * row["support"] / row["p"] for row in langs.values() if row["p"])
    gold = sum(row["support"] for row in langs.values())
    mentions = (one["mention_micro_f"] * (len(langs) - 1) + other["mention_micro_f"]) / len(langs)
    return {
        "rel_per_lang": langs,
        "rel_micro_f": 2 * right / (found + gold),
        "rel_micro_p": right / found if found else 0.0,
        "rel_micro_r": right / gold,
        "mention_micro_f": mentions,  # of languages alike
        **{name: one[name] + other[name] for name in ("seconds", "parameters")},
    }


if __name__ == "__main__":
    main()

"""Bags of sentences: what training and inference of each encoder cost, and whether memory grows with the corpus.

    python benchmarks/bags.py encoders TRAIN.spacy [--bags 640] [--threads 2] [--transformer FOLDER]
    python benchmarks/bags.py stream PIPELINE BAGS.spacy [--bags 100000]

The first prints sentences a second of training steps (50 bags, without evaluation) and of `nlp.pipe` from Docs, medians
of rounds in turn. The second runs a pipeline over a stream of bags and prints how much memory it has taken, as it goes.
"""

import argparse
import resource
import statistics
import time
from itertools import islice
from pathlib import Path

import spacy
import torch
from spacy.training.initialize import init_nlp
from spacy.util import load_config, minibatch, registry

from spacy_relx.data.extensions import get_sentence_langs
from spacy_relx.formats.bag_reader import BagCorpus

ROOT = Path(__file__).parent.parent
MODEL = "components.fact_extractor.model"
ENCODERS = {
    "CNN": ("configs/bags.cfg", {f"{MODEL}.encoder.@architectures": "spacy_relx.CNN.v1"}),
    "PCNN": ("configs/bags.cfg", {}),
    "PCNN, adversarial": ("configs/bags.cfg", {f"{MODEL}.adversarial.eps": 0.01}),
    "BiGRU": ("projects/at/configs/bags_bigru.cfg", {}),
    "transformer": ("projects/at/configs/bags_transformer.cfg", {}),
}


def sentences(docs):
    return sum(max(1, len(get_sentence_langs(doc))) for doc in docs)


class Contender:
    """A pipeline with one of the encoders, the same bags for all."""

    def __init__(self, name, args):
        file, settings = ENCODERS[name]
        settings = {**settings, "paths.train": str(args.train), "paths.dev": str(args.train)}
        settings |= {"corpora.train.limit": args.bags, "corpora.dev.limit": 1}
        if file.endswith("bags_transformer.cfg"):
            settings["paths.transformer"] = str(args.transformer)
        self.nlp = init_nlp(load_config(ROOT / file, overrides=settings, interpolate=False))
        config = self.nlp.config.interpolate()
        corpus = registry.resolve(config["corpora"])["train"]
        self.examples = list(corpus(self.nlp))
        self.optimizer = registry.resolve({"optimizer": config["training"]["optimizer"]})["optimizer"]
        self.n = sentences(eg.reference for eg in self.examples)
        self.rates = {"training": [], "inference": []}

    def train(self):
        begin = time.perf_counter()
        for batch in minibatch(self.examples, 50):
            self.nlp.update(batch, sgd=self.optimizer)
        self.rates["training"].append(self.n / (time.perf_counter() - begin))

    def predict(self):
        docs = [eg.predicted.copy() for eg in self.examples]
        begin = time.perf_counter()
        for _ in self.nlp.pipe(docs):
            pass
        self.rates["inference"].append(self.n / (time.perf_counter() - begin))


def encoders(args):
    torch.set_num_threads(args.threads)
    names = [name for name in ENCODERS if name != "transformer" or args.transformer]
    contenders = {name: Contender(name, args) for name in names}
    for contender in contenders.values():
        contender.train()  # what is made in the first steps alone
        contender.rates["training"].clear()
    for _ in range(args.repeats):
        for contender in contenders.values():
            contender.train()
            contender.predict()
    for name, contender in contenders.items():
        rates = {what: statistics.median(found) for what, found in contender.rates.items()}
        print(
            f"{name:18} training {rates['training']:7.0f} sentences/s  inference {rates['inference']:7.0f} sentences/s"
        )


def stream(args):
    nlp = spacy.load(args.pipeline)
    base = None
    corpus = BagCorpus(args.train)
    docs = (eg.predicted for eg in islice(corpus(nlp), args.bags))
    begin = time.perf_counter()
    for number, _ in enumerate(nlp.pipe(docs, batch_size=128), start=1):
        if number % (args.bags // 10) == 0:
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            base = base or used
            seconds = time.perf_counter() - begin
            grown = f"{used:7.0f} MiB, {used - base:+.0f} since the first line"
            print(f"{number:8} bags  {number / seconds:6.0f} bags/s  {grown}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("encoders")
    one.add_argument("train", type=Path)
    one.add_argument("--bags", type=int, default=640)
    one.add_argument("--threads", type=int, default=2)
    one.add_argument("--repeats", type=int, default=3)
    one.add_argument("--transformer", type=Path)
    one.set_defaults(run=encoders)
    two = commands.add_parser("stream")
    two.add_argument("pipeline", type=Path)
    two.add_argument("train", type=Path)
    two.add_argument("--bags", type=int, default=100_000)
    two.set_defaults(run=stream)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()

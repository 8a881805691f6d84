"""Cost of a joint extractor: texts/s from raw text, and the ratio of each part to the bare encoder's pass.

    python benchmarks/joint.py PIPELINE DATA.spacy [--repeats 5] [--threads 2] [--limit 2000]

PIPELINE: a trained pipeline with a joint_extractor whose model has a LanguageEncoder. DATA: Docs, of which text and
language alone are used. All passes run in turn in one process over the same Docs; the medians' ratio is what counts.
"""

import argparse
import statistics
import time
from itertools import islice

import spacy
import torch
from spacy.tokens import Doc, DocBin


def blank(nlp, reference):
    doc = Doc(nlp.vocab, words=[token.text for token in reference], spaces=[bool(t.whitespace_) for t in reference])
    doc._.lang = reference._.lang
    return doc


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline")
    parser.add_argument("data")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, default=2000)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    nlp = spacy.load(args.pipeline)
    joint = nlp.get_pipe("joint_extractor")
    docs = DocBin().from_disk(args.data).get_docs(nlp.vocab)
    references = [blank(nlp, doc) for doc in islice(docs, args.limit)]
    layer = next(node for node in joint.model.walk() if node.name == "language_encoder")
    module = layer.shims[0].module
    passes = {
        "encoder": lambda docs: layer.layers[0].predict(docs),
        "aggregator": lambda docs: without_switcher(layer, module, docs),
        "aggregator, switcher": lambda docs: layer.predict(docs),
        "joint_extractor": lambda docs: joint.set_annotations(docs, joint.predict(docs)),
    }
    if module.aggregator is None:
        del passes["aggregator"]
    times = {name: [] for name in [*passes, "nlp.pipe, raw text"]}
    texts = [(doc.text, {"lang": doc._.lang}) for doc in references]
    for repeat in range(args.repeats + 1):
        for name, run in passes.items():
            start = time.perf_counter()
            for first in range(0, len(references), nlp.batch_size):
                run(references[first : first + nlp.batch_size])
            if repeat:  # the first round warms up
                times[name].append(time.perf_counter() - start)
        start = time.perf_counter()
        for _ in nlp.pipe(texts, as_tuples=True):
            pass
        if repeat:
            times["nlp.pipe, raw text"].append(time.perf_counter() - start)
    base = statistics.median(times["encoder"])
    n_words = sum(map(len, references))
    print(f"{len(references)} Docs, {n_words} words, {args.threads} threads, medians of {args.repeats}")
    print(f"{'pass':22} {'seconds':>8} {'ratio':>6} {'Docs/s':>8} {'words/s':>9}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:22} {median:8.2f} {median / base:6.2f} {len(references) / median:8.0f} {n_words / median:9.0f}")


def without_switcher(layer, module, docs):
    """The layer's pass without its switcher."""
    switcher, module.switcher = module.switcher, None
    try:
        return layer.predict(docs)
    finally:
        module.switcher = switcher


if __name__ == "__main__":
    main()

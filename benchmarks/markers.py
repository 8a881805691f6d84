"""Cost of reading pairs with a transformer, over its plain pass over the same texts.

    python benchmarks/markers.py TRANSFORMER DATA.spacy [--docs 200] [--precision fp32] [--uniform] [--single]

TRANSFORMER: a folder or name. DATA: Docs with gold mentions. Prints, for each way to mark pairs, seconds, the ratio to
the text alone (the transformer's own forward pass, sorted by length, 32 texts at once) and pairs/s: the model alone
("model"), with the candidates at hand, and the whole of nlp.pipe. All passes run in turn in one process; the medians'
ratio is what counts. Weights of the heads are random: what is measured is time.
"""

import argparse
import statistics
import time

import numpy as np
import spacy
import torch
from spacy.tokens import DocBin
from spacy.training import Example

from spacy_relx.core.transformers.bert import token_states
from spacy_relx.data.types import MENTIONS_KEY, Relation
from spacy_relx.formats.mentions import copy_mentions
from spacy_relx.marked.marking import Texts, make_batch

CONCAT = {"@architectures": "spacy_relx.ConcatPairs.v1"}
FACTORISED = {"@architectures": "spacy_relx.MentionPairs.v1"}
WAYS = {
    "packed, start": ("packed", "EntityStart", CONCAT, {}),
    "packed, max": ("packed", "EntityMax", CONCAT, {}),
    "packed, sentence": ("packed", "SentenceStart", CONCAT, {}),
    "shared inline, start": ("shared", "EntityStart", {**FACTORISED, "between_heads": 0}, {}),
    "shared inline, ends, between": ("shared", "EntityEnds", FACTORISED, {}),
    "shared beside, start": ("shared", "EntityStart", {**FACTORISED, "between_heads": 0}, {"inline": False}),
}


def fresh_docs(nlp, references):
    docs = []
    for reference in references:
        words, spaces = [t.text for t in reference], [bool(t.whitespace_) for t in reference]
        doc = spacy.tokens.Doc(nlp.vocab, words=words, spaces=spaces)
        copy_mentions(reference, doc, MENTIONS_KEY)
        docs.append(doc)
    return docs


def make_nlp(args, vocab, mode, pooling, pairs, extra):
    nlp = spacy.blank("xx", vocab=vocab)
    nlp.add_pipe("entity_type_marker", config={"markers": "uniform" if args.uniform else "typed"})
    model = {
        "@architectures": "spacy_relx.MarkedModel.v1",
        "mode": mode,
        "precision": args.precision,
        "batch_tokens": args.batch_tokens,
        **extra,
        "transformer": {"@architectures": "spacy_relx.Transformer.v1", "name": args.transformer},
        "pooling": {"@architectures": f"spacy_relx.{pooling}.v1"},
        "pairs": pairs,
        "classifier": {"@architectures": "spacy_relx.SoftmaxClassifier.v1"},
    }
    nlp.add_pipe("relation_extractor", config={"model": model, "scorer": None})
    return nlp


def initialize(nlp, references):
    docs = fresh_docs(nlp, references)
    marker = nlp.get_pipe("entity_type_marker")
    first = next(doc for doc in docs if len(marker.mentions(doc)) > 1)
    one, other = marker.mentions(first)[:2]
    first._.relations = [Relation(one, "related", other)]
    examples = [Example(doc.copy(), doc) for doc in docs]
    nlp.initialize(lambda: examples)


def text_alone(nlp, docs, size=32):
    shim = nlp.get_pipe("relation_extractor").model.shims[0]
    network, subwords = shim.module.eval(), shim.layer.loaded.subwords
    parts = sorted((part.ids for part in subwords(docs)), key=len)
    start = time.perf_counter()
    with torch.inference_mode(), network.autocast(shim.device):
        for first in range(0, len(parts), size):
            texts = Texts.of([[*subwords.prefix, *part, *subwords.suffix] for part in parts[first : first + size]])
            none = np.zeros(0, dtype="int64")
            batch = make_batch(
                ids=texts.pieces,
                lengths=texts.lengths,
                **dict.fromkeys(("opens", "closes", "spans", "texts", "markers", "pairs"), none),
            )
            token_states(network.transformer, batch.to(shim.device), subwords.pad_id)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("transformer")
    parser.add_argument("data")
    parser.add_argument("--docs", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--uniform", action="store_true", help="mark all entities alike")
    parser.add_argument("--single", action="store_true", help="time one text for each pair, too (slow)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    ways = dict(WAYS)
    if args.single:
        ways["single, start"] = ("single", "EntityStart", CONCAT, {})
    vocab = spacy.blank("xx").vocab
    references = list(DocBin().from_disk(args.data).get_docs(vocab))
    references = references[:: max(1, len(references) // args.docs)][: args.docs]
    pipelines = {name: make_nlp(args, vocab, *way) for name, way in ways.items()}
    for nlp in pipelines.values():
        initialize(nlp, references)
    times = {name: [] for name in ("text alone", *(f"{n}: {k}" for n in ways for k in ("model", "pipe")))}
    for repeat in range(args.repeats + 1):
        round_times = {}
        for name, nlp in pipelines.items():
            docs = [nlp.get_pipe("entity_type_marker")(doc) for doc in fresh_docs(nlp, references)]
            if "text alone" not in round_times:
                round_times["text alone"] = text_alone(nlp, docs)
            start = time.perf_counter()
            nlp.get_pipe("relation_extractor").model.predict((docs, None))
            round_times[f"{name}: model"] = time.perf_counter() - start
            n_pairs = sum(len(doc._.candidates) for doc in docs)
            docs = fresh_docs(nlp, references)
            start = time.perf_counter()
            for _ in nlp.pipe(docs):
                pass
            round_times[f"{name}: pipe"] = time.perf_counter() - start
        if repeat:  # the first round warms up
            for name, seconds in round_times.items():
                times[name].append(seconds)
    base = statistics.median(times["text alone"])
    print(
        f"{len(references)} Docs, {n_pairs} pairs, {args.threads} threads, {args.precision}, medians of {args.repeats}"
    )
    print(f"{'pass':36} {'seconds':>8} {'ratio':>6} {'pairs/s':>9}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:36} {median:8.2f} {median / base:6.2f} {n_pairs / median:9.0f}")


if __name__ == "__main__":
    main()

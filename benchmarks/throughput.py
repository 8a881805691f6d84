"""Cost of relations over the bare encoder: pairs/s of nlp.pipe, and its ratio to the encoder's pass over the same Docs.

    python benchmarks/throughput.py PIPELINE DATA.spacy [--repeats 5] [--threads 2]

PIPELINE: a trained pipeline with entity_type_marker and relation_extractor. DATA: Docs with gold mentions. All passes
run in turn in one process, on fresh copies of the same Docs; the medians' ratio is what counts, not the seconds.
"""

import argparse
import statistics
import time

import spacy
import torch
from spacy.tokens import DocBin

from spacy_relx.formats.mentions import blank_copy


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline")
    parser.add_argument("data")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    nlp = spacy.load(args.pipeline)
    marker, extractor = nlp.get_pipe("entity_type_marker"), nlp.get_pipe("relation_extractor")
    encoder = extractor.model.layers[0]
    references = list(DocBin().from_disk(args.data).get_docs(nlp.vocab))
    times = {"encoder": [], "entity_type_marker": [], "relation_extractor": [], "nlp.pipe": []}
    n_pairs = 0
    for repeat in range(args.repeats + 1):
        docs = [blank_copy(reference) for reference in references]
        start = time.perf_counter()
        docs = list(marker.pipe(docs))
        marked = time.perf_counter()
        encode = time.perf_counter()
        for first in range(0, len(docs), nlp.batch_size):
            encoder.predict(docs[first : first + nlp.batch_size])
        encoded = time.perf_counter()
        for _ in extractor.pipe(docs, batch_size=nlp.batch_size):
            pass
        extracted = time.perf_counter()
        docs = [blank_copy(reference) for reference in references]
        piped = time.perf_counter()
        for _ in nlp.pipe(docs):
            pass
        ended = time.perf_counter()
        if repeat:  # the first round warms up
            times["entity_type_marker"].append(marked - start)
            times["encoder"].append(encoded - encode)
            times["relation_extractor"].append(extracted - encoded)
            times["nlp.pipe"].append(ended - piped)
        n_pairs = sum(len(doc._.candidates) for doc in docs)
    base = statistics.median(times["encoder"])
    print(f"{len(references)} Docs, {n_pairs} pairs, {args.threads} threads, medians of {args.repeats}")
    print(f"{'pass':20} {'seconds':>8} {'ratio':>6} {'pairs/s':>9}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:20} {median:8.2f} {median / base:6.2f} {n_pairs / median:9.0f}")


if __name__ == "__main__":
    main()

"""Extra memory for one Doc with very many mentions: all ordered pairs of 400 mentions are 159,600.

    python benchmarks/memory.py PIPELINE [--mentions 400] [--tokens 4000]

Prints the peak resident memory of the process before and after the Doc is annotated.
"""

import argparse
import resource
import time

import spacy
import torch
from spacy.tokens import Doc, Span

from spacy_relx.data.types import MENTIONS_KEY


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def make_doc(nlp, n_tokens, n_mentions):
    doc = Doc(nlp.vocab, words=[f"word{i % 997}" for i in range(n_tokens)])
    types = nlp.get_pipe("entity_type_marker").labels or ("ENT",)
    step = n_tokens // n_mentions
    doc.spans[MENTIONS_KEY] = [Span(doc, i * step, i * step + 1, types[i % len(types)]) for i in range(n_mentions)]
    return doc


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline")
    parser.add_argument("--mentions", type=int, default=400)
    parser.add_argument("--tokens", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    nlp = spacy.load(args.pipeline)
    nlp(make_doc(nlp, 40, 4))
    before = peak_mib()
    start = time.perf_counter()
    doc = nlp(make_doc(nlp, args.tokens, args.mentions))
    seconds = time.perf_counter() - start
    print(f"{args.mentions} mentions, {len(doc._.candidates)} pairs, {doc._.candidates.dropped} left out")
    after = peak_mib()
    print(f"peak before {before:.0f} MiB, after {after:.0f} MiB, extra {after - before:.0f} MiB, {seconds:.1f} s")


if __name__ == "__main__":
    main()

"""Training a bidirectional GRU and LSTM over sentences of different lengths: `nn.recurrent` beside PyTorch's own loop.

    python benchmarks/recurrent.py [--tokens 6500] [--sentences 87] [--width 60] [--hidden 230] [--threads 1]

Prints seconds of the forward and of the backward pass, medians of runs in turn.
"""

import argparse
import statistics
import time

import torch
from torch import nn

from spacy_relx.core.kernels.recurrent import pack, run_packed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("tokens", 6500), ("sentences", 87), ("width", 60), ("hidden", 230), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    shares = torch.distributions.Gamma(4.0, 1.0).sample((args.sentences,))
    lengths = (shares / shares.sum() * args.tokens).long().clamp(min=1)
    packing = pack(lengths)
    tokens = torch.randn(int(lengths.sum()), args.width, requires_grad=True)
    print(f"{args.sentences} sentences, {len(tokens)} tokens, the longest {int(lengths.max())}; {args.threads} threads")
    for kind in (nn.GRU, nn.LSTM):
        layer = kind(args.width, args.hidden, bidirectional=True, batch_first=True)
        ways = {
            "here": lambda layer=layer: run_packed(layer, tokens, packing.sizes),
            "PyTorch": lambda layer=layer: layer(nn.utils.rnn.PackedSequence(tokens, packing.sizes))[0].data,
        }
        seconds = {name: [] for name in ways}
        for _ in range(args.repeats):
            for name, run in ways.items():
                seconds[name].append(timed(run))
        for name, found in seconds.items():
            forward, backward = (statistics.median(each) for each in zip(*found))
            print(f"{kind.__name__:5} {name:8} forward {forward:.3f} s  backward {backward:.3f} s")


def timed(run):
    begin = time.perf_counter()
    states = run()
    middle = time.perf_counter()
    states.sum().backward()
    return middle - begin, time.perf_counter() - middle


if __name__ == "__main__":
    main()

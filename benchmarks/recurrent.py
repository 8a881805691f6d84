"""Training a bidirectional GRU and LSTM over sentences of different lengths: our kernel beside PyTorch's own ways.

    python benchmarks/recurrent.py [--tokens 6500] [--sentences 87] [--width 60] [--hidden 230] [--threads 1]

here: what the package runs, a kernel for GRU, `padded` for LSTM. packed: PyTorch's layer over a `PackedSequence`.
padded: PyTorch's layer, sentences sorted by length and padded in four batches, each direction by itself so that padding
comes behind all words. Prints seconds of the forward and of the
backward pass, medians of runs in turn, and the ratio of both together to our kernel's.
"""

import argparse
import statistics
import time

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from spacy_relx.core.kernels.recurrent import pack, run_packed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("tokens", 6500), ("sentences", 87), ("width", 60), ("hidden", 230), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: where other work is running")
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
            "here": lambda layer=layer: run_packed(layer, tokens[packing.rows], packing.sizes),
            "packed": lambda layer=layer: layer(PackedSequence(tokens[packing.rows], packing.sizes))[0].data,
            "padded": lambda layer=layer: run_packed(layer, tokens[packing.rows], packing.sizes, kernel=False),
        }
        for run in ways.values():  # they are the same layer
            torch.testing.assert_close(run(), ways["packed"](), rtol=1e-4, atol=1e-5)
        seconds = {name: [] for name in ways}
        for _ in range(args.repeats):
            for name, run in ways.items():
                seconds[name].append(timed(run, time.process_time if args.clock == "cpu" else time.perf_counter))
        ours = statistics.median(map(sum, seconds["here"]))
        for name, found in seconds.items():
            forward, backward = (statistics.median(each) for each in zip(*found))
            ratio = statistics.median(map(sum, found)) / ours
            print(f"{kind.__name__:5} {name:8} forward {forward:.3f} s  backward {backward:.3f} s  ratio {ratio:.2f}")


def timed(run, clock):
    begin = clock()
    states = run()
    middle = clock()
    states.sum().backward()
    return middle - begin, clock() - middle


if __name__ == "__main__":
    main()

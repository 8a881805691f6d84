"""Dropout of our own beside PyTorch's, and PyTorch's sparse optimizers beside its dense ones.

    python benchmarks/kernels.py [--threads 1] [--clock cpu]

Prints milliseconds, medians of runs in turn, and the ratio to what the package runs. Recurrent layers are in
`recurrent.py`, transformers over texts that are laid end to end in `markers.py`.
"""

import argparse
import statistics
import time

import torch
from torch import nn

from spacy_relx.core.kernels.dropout import Dropout
from spacy_relx.core.kernels.table_optimizers import OPTIMIZERS, make_optimizers, row_gradient, step


def dropout_ways(args):
    """Forward and backward pass over the states of a batch, 6,500 tokens of 460."""
    values = torch.randn(6500, 460, requires_grad=True)

    def way(layer):
        return lambda: layer(values).sum().backward()

    return {"here": way(Dropout(0.3)), "torch.nn.Dropout": way(nn.Dropout(0.3))}


def optimizer_ways(name):
    """A step that changes some rows of a table of entities."""

    def make(args):
        sparse, dense = (nn.Parameter(torch.randn(args.rows, args.dim)) for _ in range(2))
        rows = torch.randperm(args.rows)[: args.updated]
        gradient = torch.randn(args.updated, args.dim)
        of_some, of_all = make_optimizers(name, [], [sparse], 0.1), make_optimizers(name, [dense], [], 0.1)

        def run_sparse():
            sparse.grad = row_gradient(sparse, rows, gradient)
            step(of_some)

        def run_dense():
            dense.grad = torch.zeros_like(dense).index_copy_(0, rows, gradient)
            step(of_all)

        return {"here": run_sparse, "all rows": run_dense}

    return make


KERNELS = {"dropout": dropout_ways, **{name: optimizer_ways(name) for name in OPTIMIZERS}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("threads", 1), ("rows", 40_000), ("updated", 4_000), ("dim", 200), ("repeats", 31)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: where other work is running")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    print(f"a table of {args.rows} rows of {args.dim}, {args.updated} updated; {args.threads} threads")
    for kernel, make in KERNELS.items():
        ways = make(args)
        seconds = {name: [] for name in ways}
        for _ in range(args.repeats + 3):
            for name, run in ways.items():
                begin = clock()
                run()
                seconds[name].append(clock() - begin)
        medians = {name: statistics.median(found[3:]) for name, found in seconds.items()}
        for name, median in medians.items():
            print(f"{kernel:8} {name:16} {1000 * median:7.2f} ms  ratio {median / medians['here']:.2f}")


if __name__ == "__main__":
    main()

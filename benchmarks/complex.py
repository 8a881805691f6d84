"""Speed and quality of ComplEx training, beside a plain PyTorch loop of the same loss.

    python benchmarks/complex.py TRAIN VALID TEST --dim 100 --epochs 20 --n3 0.01 --plain

TRAIN, VALID, TEST: triples. With --plain, the plain loop (cross_entropy, autograd, torch.optim.Adagrad) trains an
epoch after each of ours, in one process; ratios of the medians of an epoch are what counts, not the seconds. CPU time
is that of all threads; other work on the machine changes it little. MRR and Hits are filtered, the mean of heads and
tails, with equal scores at their mean rank; both loops are ranked by the same code.

With --eval-every, also the MRR of the validation triples every so many epochs, and the seconds of training until then:
when which loop reached what. Then both are tested with the vectors of their best epoch, else with those of the last.
Peak memory is that of the process, with all it trained.
"""

from __future__ import annotations

import argparse
import resource
import time
from copy import deepcopy
from math import isnan, nan
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from spacy_relx.knowledge.complex import ComplExSettings, Epoch, train_complex
from spacy_relx.knowledge.complex_network import ComplEx
from spacy_relx.knowledge.embeddings import KBEmbeddings
from spacy_relx.knowledge.ranks import rank_triples
from spacy_relx.knowledge.read import read_triples
from spacy_relx.knowledge.triples import KnowledgeBase


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    train, valid, test = map(read_triples, (args.train, args.valid, args.test))
    settings = ComplExSettings(
        dim=args.dim,
        epochs=args.epochs,
        batch_size=args.batch_size,
        lr=args.lr,
        n3=args.n3,
        relation_weight=args.relation_weight,
        tails_per_query=args.tails_per_query,
        candidates=args.candidates,
        average=args.average,
        seed=args.seed,
        eval_every=args.eval_every or 1,
        patience=0,
        valid_triples=0,
    )
    ids = KBEmbeddings(train, ComplEx.random(len(train.entity_ids), len(train.relation_ids), 1))
    known = np.concatenate([ids.encode(kb) for kb in (train, valid, test)])
    plain = PlainLoop(train, settings) if args.plain else None
    times: dict[str, list[tuple[float, float]]] = {"ours": [], "plain": []}
    start, best = clock(), 0.0

    def on_epoch(epoch: Epoch) -> None:
        nonlocal start, best
        # Where the validation triples were looked at, that is in the CPU time.
        times["ours"].append((epoch.seconds, passed(start)[1] if epoch.valid_mrr is None else nan))
        if epoch.valid_mrr is not None:
            say("ours", times["ours"], epoch.valid_mrr)
        if plain is not None:
            start = clock()
            plain.epoch()
            times["plain"].append(passed(start))
            if epoch.valid_mrr is not None:
                mrr = rank_triples(plain.model, ids.encode(valid), known).mean.mrr
                say("plain", times["plain"], mrr)
                if mrr > best:
                    best, plain.best = mrr, deepcopy(plain.model)
        start = clock()

    looked_at = valid if args.eval_every else None
    embeddings = train_complex(train, settings, valid=looked_at, known=[test], on_epoch=on_epoch)
    print(f"{train}, dim {args.dim}, {args.epochs} epochs, {args.threads} threads")
    heads = ("s/epoch", "CPU s", "triples/s", "ratio", "CPU ratio", "MRR", "H@1", "H@10")
    print(f"{'loop':6}" + "".join(f" {head:>9}" for head in heads))
    base = medians(times["ours"])
    models = {"ours": embeddings.model, **({"plain": plain.best or plain.model} if plain else {})}
    for name, model in models.items():
        wall, cpu = medians(times[name])
        scores = rank_triples(model, embeddings.encode(test), known).mean
        print(
            f"{name:6} {wall:9.2f} {cpu:9.2f} {len(train) / wall:9.0f} {wall / base[0]:9.2f} {cpu / base[1]:9.2f} "
            f"{scores.mrr:9.4f} {scores.hits[1]:9.4f} {scores.hits[10]:9.4f}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"training {sum(wall for wall, _ in times['ours']):.1f} s (ours), peak memory {peak:.0f} MiB")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("valid", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=500)
    parser.add_argument("--lr", type=float, default=0.2)
    parser.add_argument("--n3", type=float, default=0.05)
    parser.add_argument("--relation-weight", type=float, default=0.0, help="of ours only")
    parser.add_argument("--tails-per-query", type=int, default=16, help="of ours only")
    parser.add_argument("--candidates", type=int, default=0, help="of ours only")
    parser.add_argument("--average", type=float, default=0.25, help="of ours only")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--eval-every", type=int, default=0, help="epochs between looks at VALID, 0 for none")
    parser.add_argument("--plain", action="store_true", help="train the plain loop as well")
    return parser.parse_args()


def clock() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def passed(start: tuple[float, float]) -> tuple[float, float]:
    now = clock()
    return now[0] - start[0], now[1] - start[1]


def medians(times: list[tuple[float, float]]) -> tuple[float, float]:
    """Wall and CPU seconds of an epoch; the first, which warms up, is left out where there are more."""
    rest = times[1:] or times
    return median(wall for wall, _ in rest), median([cpu for _, cpu in rest if not isnan(cpu)] or [nan])


def say(loop: str, times: list[tuple[float, float]], mrr: float) -> None:
    print(f"{loop:6} epoch {len(times):3} {sum(wall for wall, _ in times):8.1f} s, MRR {mrr:.4f}", flush=True)


class PlainLoop:
    """The same loss as PyTorch code is usually written: reciprocal triples, one row of scores a triple."""

    def __init__(self, train: KnowledgeBase, settings: ComplExSettings):
        self.settings = settings
        self.generator = torch.Generator().manual_seed(settings.seed)
        sizes = (len(train.entity_ids), len(train.relation_ids), settings.dim)
        self.model = ComplEx.random(*sizes, scale=settings.init_scale, generator=self.generator)
        self.optimizer = torch.optim.Adagrad(self.model.parameters(), lr=settings.lr)
        triples = torch.from_numpy(train.triples.astype("int64"))
        inverse = torch.stack([triples[:, 2], triples[:, 1] + len(train.relation_ids), triples[:, 0]], 1)
        self.triples = torch.cat([triples, inverse])
        self.best: ComplEx | None = None

    def shuffled(self) -> Tensor:
        return self.triples[torch.randperm(len(self.triples), generator=self.generator)]

    def epoch(self) -> None:
        for batch in self.shuffled().split(self.settings.batch_size):
            entities = self.model.entities
            h, r, t = entities[batch[:, 0]], self.model.relations[batch[:, 1]], entities[batch[:, 2]]
            loss = cross_entropy(multiply(h, r) @ entities.T, batch[:, 2])
            loss = loss + self.settings.n3 * sum(norm(x) for x in (h, r, t)) / len(batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


def multiply(a: Tensor, b: Tensor) -> Tensor:
    (a_re, a_im), (b_re, b_im) = a.chunk(2, 1), b.chunk(2, 1)
    return torch.cat([a_re * b_re - a_im * b_im, a_re * b_im + a_im * b_re], 1)


def norm(x: Tensor) -> Tensor:
    real, imaginary = x.chunk(2, 1)
    return (real.square() + imaginary.square() + 1e-12).pow(1.5).sum()


if __name__ == "__main__":
    main()

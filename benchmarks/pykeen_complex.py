"""ComplEx here and in PyKEEN, in one process, on the same triples: triples a second, and filtered MRR of the test.

    python benchmarks/pykeen_complex.py TRAIN VALID TEST [--dim 100] [--batch-size 500] [--epochs 40] [--seed 0]

PyKEEN (pip install pykeen) is no dependency of this package. Its LCWA loop with inverse triples and cross-entropy has
the same loss as one-vs-all here, without the N3 norm; its sLCWA loop draws negatives. Both with Adagrad, each at the
better of two learning rates on the validation triples. All MRRs are counted by the code here.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from spacy_relx.knowledge.complex import ComplExSettings, train_complex
from spacy_relx.knowledge.complex_network import ComplEx
from spacy_relx.knowledge.ranks import rank_triples
from spacy_relx.knowledge.read import read_triples
from spacy_relx.knowledge.triples import KnowledgeBase

RATES = (0.1, 0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("train", "valid", "test"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--n3", type=float, default=0.01)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    base = read_triples(args.train)
    held = [align(base, read_triples(path)) for path in (args.valid, args.test)]
    known = np.concatenate([base.triples, *held])
    print(f"{base!r}, dim {args.dim}, {args.epochs} epochs, {args.threads} threads")
    print(f"{'loop':8s} {'rate':>5s} {'seconds':>8s} {'triples/s':>10s} {'MRR valid':>10s} {'MRR test':>9s}")
    loops = {"here": run_here, "LCWA": run_pykeen, "sLCWA": run_pykeen}
    for name, loop in loops.items():
        for rate in RATES:
            start = time.perf_counter()
            model, seconds = loop(name, base, args, rate)
            seconds = seconds or time.perf_counter() - start
            mrrs = [rank_triples(model, triples, known).mean.mrr for triples in held]
            speed = len(base) * args.epochs / seconds
            print(f"{name:8s} {rate:5.2f} {seconds:8.1f} {speed:10.0f} {mrrs[0]:10.4f} {mrrs[1]:9.4f}", flush=True)


def align(base: KnowledgeBase, other: KnowledgeBase) -> np.ndarray:
    """The triples of another file in the numbers of `base`; those that it cannot number are left out."""
    triples = base.encode(other.decode(other.triples))
    return triples[(triples >= 0).all(axis=1)]


def run_here(name: str, base: KnowledgeBase, args: argparse.Namespace, rate: float) -> tuple[ComplEx, float]:
    settings = ComplExSettings(
        dim=args.dim,
        batch_size=2 * args.batch_size,  # here inverse triples count
        epochs=args.epochs,
        lr=rate,
        n3=args.n3,
        average=0.0,  # the vectors of the last epoch, as PyKEEN has them
        threads=args.threads,
        seed=args.seed,
    )
    seconds: list[float] = []
    embeddings = train_complex(base, settings, on_epoch=lambda epoch: seconds.append(epoch.seconds))
    return embeddings.model, sum(seconds)


def run_pykeen(name: str, base: KnowledgeBase, args: argparse.Namespace, rate: float) -> tuple[ComplEx, float]:
    """Train with PyKEEN. RETURNS: its vectors as a model of ours, and the seconds of training."""
    from pykeen.models import ComplEx as TheirComplEx
    from pykeen.training import LCWATrainingLoop, SLCWATrainingLoop
    from pykeen.triples import CoreTriplesFactory

    lcwa = name == "LCWA"
    factory = CoreTriplesFactory(
        torch.from_numpy(base.triples.astype("int64")),
        num_entities=len(base.entity_ids),
        num_relations=len(base.relation_ids),
        create_inverse_triples=lcwa,
    )
    model = TheirComplEx(
        triples_factory=factory,
        embedding_dim=args.dim,
        loss="crossentropy" if lcwa else "softplus",
        random_seed=args.seed,
    )
    optimizer = torch.optim.Adagrad(model.parameters(), lr=rate)
    loop = (LCWATrainingLoop if lcwa else SLCWATrainingLoop)(model=model, triples_factory=factory, optimizer=optimizer)
    start = time.perf_counter()
    loop.train(factory, num_epochs=args.epochs, batch_size=args.batch_size, use_tqdm=False, use_tqdm_batch=False)
    seconds = time.perf_counter() - start
    tables = [vectors(part[0]) for part in (model.entity_representations, model.relation_representations)]
    if lcwa:  # relation r and its inverse stand side by side there
        tables[1] = torch.cat([tables[1][0::2], tables[1][1::2]])
    return ComplEx(*tables, reciprocal=lcwa), seconds


def vectors(representation: torch.nn.Module) -> torch.Tensor:
    """Complex vectors as [real; imaginary]."""
    rows = representation(indices=None).detach()
    return torch.cat([rows.real, rows.imag], dim=-1).float()


if __name__ == "__main__":
    main()

"""How well languages can be told apart in the spaces of a multilingual model over bags, and a picture of them.

    python projects/amnre/language_space.py BAGS.spacy full=training/amnre/model-last noA=training/noA/model-last \
      --picture space.png

For each model, the sentences' vectors in the common (consistent) space and in those of the languages (individual) are
taken. On one half of the bags a classifier that the model never saw (a layer of 64 units, scikit-learn) learns to name
the language; its accuracy on the other half is printed, beside that of the model's own discriminator, where it has one,
and of always naming the most frequent language. The picture (matplotlib) has a panel for each model and space: the
first two principal components of 2,000 sentences, coloured by language.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import spacy
import torch
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier
from spacy.tokens import Doc

from spacy_relx.bags.layer import BagLayer
from spacy_relx.core.docs_to_batch import DocBatch
from spacy_relx.core.task import layer_of
from spacy_relx.formats.bag_files import read_bags

SPACES = ("consistent", "individual")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bags", type=Path)
    parser.add_argument("models", nargs="+", metavar="NAME=MODEL")
    parser.add_argument("--limit", type=int, default=1500, help="bags to read at most")
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    panels = []
    for item in args.models:
        name, _, path = item.partition("=")
        nlp = spacy.load(path)
        docs = list(nlp.get_pipe("entity_type_marker").pipe(islice(read_bags(args.bags, nlp.vocab), args.limit)))
        layer = layer_of(nlp.get_pipe("fact_extractor").model)
        right, total = layer.languages_told(docs)
        print(name, "own discriminator:", f"{right / total:.3f}" if total else "none")
        spaces, langs = vectors_of(layer, docs)
        for space, vectors in spaces.items():
            most = np.bincount(langs).max() / len(langs)
            print(f"  {space}: probe {probe(vectors, langs):.3f}, most frequent {most:.3f}")
            panels.append((f"{name}, {space}", vectors, np.array(["", *layer.langs])[langs]))
    if args.picture is not None:
        draw(panels, args.picture)


def vectors_of(layer: BagLayer, docs: list[Doc]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """For each space that the model has float32 (n_sentences, width); and the row of each sentence's language."""
    network = layer.network.eval()
    parts: dict[str, list[np.ndarray]] = {space: [] for space in SPACES}
    langs = []
    with torch.inference_mode():
        for group in chunks(docs):
            _, batch, _ = layer.read(DocBatch(group))
            individual, consistent = network.encode(network.words(batch), batch)
            for space, vectors in (("consistent", consistent), ("individual", individual)):
                if vectors is not None:
                    parts[space].append(vectors.numpy())
            langs.append(batch.langs.numpy())
    return {space: np.concatenate(found) for space, found in parts.items() if found}, np.concatenate(langs)


def chunks(docs: list[Doc], size: int = 100) -> Iterator[list[Doc]]:
    for first in range(0, len(docs), size):
        yield docs[first : first + size]


def probe(vectors: np.ndarray, langs: np.ndarray) -> float:
    """Accuracy of a fresh classifier on the second half."""
    half = len(vectors) // 2
    scale = vectors[:half].std() + 1e-8
    classifier = MLPClassifier((64,), max_iter=60, random_state=0)
    return classifier.fit(vectors[:half] / scale, langs[:half]).score(vectors[half:] / scale, langs[half:])


def draw(panels: list[tuple[str, np.ndarray, np.ndarray]], path: Path) -> None:
    from matplotlib.figure import Figure

    columns = 2
    figure = Figure(figsize=(5 * columns, 4.2 * -(-len(panels) // columns)), layout="constrained")
    for i, (title, vectors, langs) in enumerate(panels, start=1):
        axes = figure.add_subplot(-(-len(panels) // columns), columns, i)
        rows = np.random.default_rng(0).permutation(len(vectors))[:2000]
        points = PCA(2, random_state=0).fit_transform(vectors)[rows]
        for lang in np.unique(langs):
            mine = langs[rows] == lang
            axes.scatter(*points[mine].T, s=4, alpha=0.6, label=str(lang))
        axes.set(title=title, xticks=[], yticks=[])
        if i == 1:
            axes.legend(markerscale=3)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

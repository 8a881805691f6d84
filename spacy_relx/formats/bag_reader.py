"""Bags to train on: entry point `spacy_relx.BagCorpus.v1`."""

import random
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Callable

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from ..data.extensions import get_bag, get_sentence_langs, set_extensions
from ..data.loading import mention_setters
from ..errors import RelxError
from .bags import bag_sentences, split_bag, take_langs
from .docbin import read_docs
from .mentions import blank_copy
from .reader import corpus_files, wanted_langs, warn_absent

#: Bags that wait to be drawn from, where they are shuffled without being kept.
BUFFER = 2000


def make_bag_corpus(
    path: Path | None,
    max_sentences: int = 0,
    limit: int = 0,
    shuffle: bool = False,
    seed: int = 0,
    cache: bool = False,
    langs: list[str] | None = None,
) -> Callable[[Language], Iterable[Example]]:
    """`spacy_relx.BagCorpus.v1`: read Examples from .spacy files of bags.

    `example.reference` is the bag Doc. `example.predicted` has its tokens, sentence starts, languages, mentions and
    `doc._.bag`, and never its facts. The mentions are in `doc.spans["mentions"]` and, unless a component of the
    pipeline finds entities itself, in `doc.ents`.

    Args:
        path: A file, or a folder that is searched for .spacy files, as `relx data bags` writes them.
        max_sentences: Bags of more sentences are split, each part with all facts; 0 for no limit.
        limit: The most bags to read (parts of one count as one), 0 for all.
        shuffle: A new order on each pass, drawn with the seed: of all bags if they are cached; else of the files, and
            of bags within a buffer of 2,000.
        cache: Keep the Examples in memory from one pass to the next; without it there is one file in memory at a time.
        langs: Use only sentences of these languages; a bag without any is dropped.

    Raises:
        RelxError: RX042 (langs), RX021 (settings), RX130 (path is None); on reading RX131 (no file), RX132 (no .spacy
            file), RX134 (no Docs), RX143 (Docs that are not bags), RX144 (malformed bag), RX146 (no sentence of langs).

    Warns:
        RelxWarning: RX147, once, where there is no sentence in one of the languages.
    """
    return BagCorpus(
        path, max_sentences=max_sentences, limit=limit, shuffle=shuffle, seed=seed, cache=cache, langs=langs
    )


class BagCorpus:
    """Examples from .spacy files of bags, see `make_bag_corpus`. Call it with the pipeline, once a pass."""

    def __init__(
        self,
        path: Path | None,
        *,
        max_sentences: int = 0,
        limit: int = 0,
        shuffle: bool = False,
        seed: int = 0,
        cache: bool = False,
        langs: Iterable[str] | None = None,
    ):
        if path is None:
            raise RelxError("RX130")
        for name, value in (("max_sentences", max_sentences), ("limit", limit)):
            if value < 0:
                raise RelxError("RX021", name=name, value=value, need="0 (no limit) or more")
        set_extensions()
        self.path = Path(path)
        self.max_sentences = max_sentences
        self.limit = limit
        self.shuffle = shuffle
        self.cache = cache
        self.langs = wanted_langs(langs)
        self._random = random.Random(seed)
        self._warned = False
        self._cached: tuple[Vocab, bool, list[Example]] | None = None

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """One pass. Cached Examples are safe: spaCy copies `predicted` before it changes it."""
        ents = not mention_setters(nlp)  # a recogniser would keep them, and be scored on them
        example = partial(_example, ents=ents)
        if not self.cache:
            # with a limit the same bags are taken on each pass: the labels were collected from them
            docs: Iterable[Doc] = self._docs(nlp.vocab, self.shuffle and not self.limit)
            yield from map(example, self._shuffled(docs) if self.shuffle else docs)
            return
        if self._cached is None or self._cached[0] is not nlp.vocab or self._cached[1] is not ents:
            self._cached = (nlp.vocab, ents, [example(doc) for doc in self._docs(nlp.vocab, False)])
        examples = self._cached[2]
        if self.shuffle:
            examples = self._random.sample(examples, len(examples))
        yield from examples

    def _docs(self, vocab: Vocab, shuffle_files: bool) -> Iterator[Doc]:
        """The bags that are wanted, split."""
        found: set[str] = set()
        n_bags = 0
        for doc in islice(self._wanted(vocab, shuffle_files, found), self.limit or None):
            n_bags += 1
            yield from split_bag(doc, self.max_sentences)
        if not n_bags and found and self.langs is not None:
            raise RelxError("RX146", path=self.path, langs=sorted(self.langs), found=sorted(found))
        if not n_bags:
            raise RelxError("RX134", path=self.path, reason="it is empty.")
        if not self._warned and not 0 < self.limit <= n_bags:
            self._warned = warn_absent(self.path, self.langs, found)

    def _wanted(self, vocab: Vocab, shuffle_files: bool, found: set[str]) -> Iterator[Doc]:
        """The bags in their files, with sentences of the right languages. found: takes all languages that there are."""
        files = corpus_files(self.path)
        if shuffle_files:
            self._random.shuffle(files)
        for file in files:
            for doc in read_docs(file, vocab):
                if get_bag(doc) is None:
                    raise RelxError("RX143", where=f"A document of {file}")
                if self.langs is not None:
                    found.update(lang for _, _, lang in get_sentence_langs(doc))
                    part = take_langs(doc, self.langs)
                else:
                    bag_sentences(doc)  # raises where something is wrong with it
                    part = doc
                if part is not None:
                    yield part

    def _shuffled(self, docs: Iterable[Doc]) -> Iterator[Doc]:
        """Draw from a buffer that is filled again from the stream."""
        buffer: list[Doc] = []
        for doc in docs:
            if len(buffer) < BUFFER:
                buffer.append(doc)
                continue
            place = self._random.randrange(BUFFER)
            drawn, buffer[place] = buffer[place], doc
            yield drawn
        self._random.shuffle(buffer)
        yield from buffer


def _example(reference: Doc, ents: bool) -> Example:
    return Example(blank_copy(reference, ents=ents), reference)

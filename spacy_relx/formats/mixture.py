"""Training data from several corpora at once: the reader `spacy_relx.MixedCorpus.v1`."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, Callable

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from ..data.extensions import get_lang, get_relations, merge_docs
from ..errors import RelxError, warn
from .docbin import StoredDocs
from .reader import RelationCorpus

#: With max_epochs = -1, spaCy initializes components with so many Examples.
_N_INITIAL = 100
_READER, _WEIGHT = "reader", "weight"


def make_mixed_corpus(
    sources: dict[str, dict[str, Any]],
    temperature: float = 1.0,
    epoch_size: int = 0,
    seed: int = 0,
) -> Callable[[Language], Iterable[Example]]:
    """`spacy_relx.MixedCorpus.v1`: read Examples drawn from several corpora.

    Each Doc is drawn in three steps: a source by its weight, one of its languages, and the next Doc of that language in
    an order of its own. When all have been drawn, they begin again in a new order. So a small source with a high weight
    is seen many times, and nothing of it is left out.

    A pass (an epoch) has epoch_size Docs; the next pass goes on where it ended. It begins with a few Docs that together
    have each relation, entity type and language of the sources, so that components which are initialized with a
    pass, or its first 100 Docs, know all of them. In `relx train`, every epoch is a new pass; with max_epochs >= 0,
    `spacy train` draws the first one only, and repeats it.

    The seed alone decides what is drawn, so that an interrupted training goes on with what it would have seen.

    Args:
        sources: By name, each with its reader, a `spacy_relx.RelationCorpus.v1`, and its weight (1.0 if absent): its
            share of the Docs is its weight divided by the sum. Of a reader's settings, `shuffle`, `seed` and `cache`
            are without effect, and `join` joins Docs that are drawn together.
        temperature: How evenly the languages of a source are drawn: one with n Docs has a share in proportion to
            n ** (1 / temperature). 1 keeps the shares of the data; a high value makes them equal.
        epoch_size: Docs in a pass; 0 for as many as the sources have together. An augmenter adds to them.
        seed: For what is drawn.

    Raises:
        RelxError: RX745 (sources), RX021 (other settings); on reading those of the readers.

    Warns:
        RelxWarning: RX746 where max_epochs is -1, and 100 Docs cannot show everything.
    """
    return MixedCorpus(sources, temperature=temperature, epoch_size=epoch_size, seed=seed)


class MixedCorpus:
    """Examples from several corpora, see `make_mixed_corpus`. Call it with the pipeline, once a pass."""

    #: A pass is no copy of the one before: a training must ask for each.
    redraws = True

    def __init__(
        self,
        sources: Mapping[str, Mapping[str, Any]],
        *,
        temperature: float = 1.0,
        epoch_size: int = 0,
        seed: int = 0,
    ):
        if temperature < 1:
            raise RelxError("RX021", name="temperature", value=temperature, need="1 (languages as in the data) or more")
        if epoch_size < 0:
            raise RelxError("RX021", name="epoch_size", value=epoch_size, need="0 (all documents) or more")
        if not sources:
            raise RelxError("RX745", problem="there is none")
        self.sources = [_Source(name, source, temperature, seed) for name, source in sources.items()]
        self.epoch_size = epoch_size
        self._random = random.Random(seed)
        self._vocab: Vocab | None = None
        self._cover: list[tuple[_Source, Doc]] = []
        self._digest = ""
        self._warned = False

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """The next pass."""
        self._load(nlp.vocab)
        self._check_initial(nlp)
        size = self.epoch_size or sum(map(len, self.sources))
        return self._examples(nlp, size)

    def digest(self, nlp: Language) -> str:
        """What equal data have in common."""
        self._load(nlp.vocab)
        return self._digest

    def _examples(self, nlp: Language, size: int) -> Iterator[Example]:
        given = {source.name: source.reader.gives_mentions(nlp) for source in self.sources}
        bounds = list(accumulate(source.weight for source in self.sources))
        for number in range(max(size, len(self._cover))):
            if number < len(self._cover):
                source, doc = self._cover[number]
            else:
                (source,) = self._random.choices(self.sources, cum_weights=bounds)
                doc = source.draw()
            example = source.reader.make_example(doc, given[source.name])
            yield from source.reader.augmented(nlp, [example])

    def _load(self, vocab: Vocab) -> None:
        """Read the sources, unless they have been read with this vocab."""
        if self._vocab is vocab:
            return
        found = _Cover()
        digest = hashlib.blake2b(digest_size=16)
        for source in self.sources:
            source.load(vocab, found, digest)
        self._vocab, self._digest = vocab, digest.hexdigest()
        self._cover = [(source, source.pools[lang].docs[number]) for source, lang, number in found.chosen()]

    def _check_initial(self, nlp: Language) -> None:
        """WARNS: RX746."""
        streamed = nlp.config.get("training", {}).get("max_epochs") == -1
        if streamed and len(self._cover) > _N_INITIAL and not self._warned:
            self._warned = True
            warn("RX746", n=len(self._cover), limit=_N_INITIAL)


class _Source:
    """One corpus of a mixture, its Docs by language."""

    def __init__(self, name: str, settings: Mapping[str, Any], temperature: float, seed: int):
        if not isinstance(settings, Mapping) or set(settings) - {_READER, _WEIGHT}:
            problem = f"'{name}' must have a reader and a weight, but is {settings!r:.80}"
            raise RelxError("RX745", problem=problem)
        reader, weight = settings.get(_READER), settings.get(_WEIGHT, 1.0)
        if not isinstance(reader, RelationCorpus):
            problem = f"the reader of '{name}' must be a spacy_relx.RelationCorpus.v1, but is {reader!r:.80}"
            raise RelxError("RX745", problem=problem)
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < float("inf"):
            raise RelxError("RX745", problem=f"the weight of '{name}' must be a number above 0, but is {weight!r:.80}")
        self.name, self.reader, self.weight = name, reader, float(weight)
        self.temperature = temperature
        self.pools: dict[str, _Pool] = {}
        self._seed = f"{seed}/{name}"
        self._random = random.Random(self._seed)
        self._bounds: list[float] = []

    def __len__(self) -> int:
        return sum(len(pool.docs) for pool in self.pools.values())

    def load(self, vocab: Vocab, cover: _Cover, digest: Any) -> None:
        """Read the Docs anew."""
        self.pools = {}
        for doc in self.reader.docs(vocab):
            lang = get_lang(doc)
            pool = self.pools.setdefault(lang, _Pool(vocab, f"{self._seed}/{lang}"))
            cover.add(_shown(doc), (self, lang, len(pool.docs)))
            digest.update(f"{len(doc)}\0{doc.text}\0".encode("utf8", "surrogatepass"))
            pool.docs.add(doc)
        shares = (len(pool.docs) ** (1 / self.temperature) for pool in self.pools.values())
        self._bounds = list(accumulate(shares))

    def draw(self) -> Doc:
        """The next Doc, made of several where the reader joins them."""
        (pool,) = self._random.choices(list(self.pools.values()), cum_weights=self._bounds)
        n_docs = 1 if self.reader.join == 1 else self._random.randint(1, self.reader.join)
        docs = [pool.draw()]
        n_tokens = len(docs[0])
        for _ in range(n_docs - 1):
            n_tokens += pool.next_length()
            if 0 < self.reader.max_tokens < n_tokens:
                break
            docs.append(pool.draw())
        return docs[0] if len(docs) == 1 else merge_docs(docs)


class _Pool:
    """The Docs of one language, each drawn once before any is drawn again."""

    def __init__(self, vocab: Vocab, seed: str):
        self.docs = StoredDocs(vocab)
        self._random = random.Random(seed)
        self._left: list[int] = []

    def draw(self) -> Doc:
        self._fill()
        return self.docs[self._left.pop()]

    def next_length(self) -> int:
        """The number of tokens of the Doc that is drawn next."""
        self._fill()
        return self.docs.n_tokens(self._left[-1])

    def _fill(self) -> None:
        if not self._left:
            self._left = list(range(len(self.docs)))
            self._random.shuffle(self._left)


class _Cover:
    """Chooses few Docs that together show everything: of each thing, the one that shows most besides is kept."""

    def __init__(self) -> None:
        self._best: dict[tuple[str, str], tuple[set[tuple[str, str]], tuple[_Source, str, int]]] = {}

    def add(self, shown: set[tuple[str, str]], place: tuple[_Source, str, int]) -> None:
        for each in shown:
            if each not in self._best or len(self._best[each][0]) < len(shown):
                self._best[each] = shown, place

    def chosen(self) -> Iterator[tuple[_Source, str, int]]:
        missing = set(self._best)
        while missing:
            shown, place = max(self._best.values(), key=lambda each: len(each[0] & missing))
            yield place
            missing -= shown


def _shown(doc: Doc) -> set[tuple[str, str]]:
    """The language, the labels and the types of a Doc."""
    found = {("lang", get_lang(doc)), *(("label", each.label) for each in get_relations(doc))}
    types = {span.label_ for group in doc.spans.values() for span in group} | {ent.label_ for ent in doc.ents}
    return found | {("type", name) for name in types}

"""Training data for relation extraction: entry point `spacy_relx.RelationCorpus.v1`."""

import random
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import Callable

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from ..data.extensions import (
    GoldMentions,
    get_lang,
    get_relations,
    merge_docs,
    set_extensions,
    set_gold_mentions,
    span_as_doc,
)
from ..data.files import is_hidden
from ..data.loading import assigners, mention_setters
from ..data.sentences import sentence_starts
from ..data.types import MENTIONS_KEY
from ..errors import RelxError, warn
from .docbin import read_docs
from .mentions import gold_example
from .records import is_lang_code

FILE_TYPE = ".spacy"
#: The name under which configs have the reader.
READER = "spacy_relx.RelationCorpus.v1"


def make_relation_corpus(
    path: Path | None,
    gold_mentions: bool = True,
    spans_key: str | None = MENTIONS_KEY,
    max_tokens: int = 0,
    limit: int = 0,
    shuffle: bool = False,
    seed: int = 0,
    cache: bool = False,
    langs: list[str] | None = None,
    join: int = 1,
    augmenter: Callable[[Language, Example], Iterator[Example]] | None = None,
) -> Callable[[Language], Iterable[Example]]:
    """`spacy_relx.RelationCorpus.v1`: read Examples from .spacy files.

    `example.reference` is the annotated Doc. `example.predicted` has its tokens, sentence starts and language, and
    never its relations.

    Args:
        path: A file, or a folder that is searched for .spacy files.
        gold_mentions: Train on the gold mentions. A pipeline without a component that finds mentions
            (`loading.mention_setters`) gets them on `predicted`, in `doc.ents` and, if spans_key is not None, in
            `doc.spans[spans_key]`, and is scored on them (`gold_mentions_rel_micro_f`). In a pipeline with such a
            component `predicted` is without mentions. In training the `entity_type_marker` takes those of `reference`,
            unless the component is among the annotating_components; in evaluation the component finds its own, and
            scores are of the whole pipeline. False: never use them.
        max_tokens: Docs of more tokens are split between sentences; 0 for no limit.
        limit: The most Docs to read, 0 for all.
        shuffle: A new order on each pass, drawn with the seed.
        cache: Keep the Examples in memory from one pass to the next.
        langs: Use only Docs of these languages.
        join: Docs of one language that follow each other become one, 1 to `join` of them, drawn with the seed: a
            recogniser that trains on single sentences takes every first word of a later one for a name.
        augmenter: Makes Examples of each Example, such as `spacy_relx.Unasserted.v1`, on each pass anew.

    Raises:
        RelxError: RX021 (settings), RX130 (path is None); on reading RX131 (no file), RX132 (no .spacy file), RX134 (no
            Docs).

    Warns:
        RelxWarning: RX133, once, where Docs were longer than max_tokens.
    """
    return RelationCorpus(
        path,
        gold_mentions=gold_mentions,
        spans_key=spans_key,
        max_tokens=max_tokens,
        limit=limit,
        shuffle=shuffle,
        seed=seed,
        cache=cache,
        langs=langs,
        join=join,
        augmenter=augmenter,
    )


class RelationCorpus:
    """Examples from .spacy files, see `make_relation_corpus`. Call it with the pipeline, once a pass."""

    def __init__(
        self,
        path: Path | None,
        *,
        gold_mentions: bool = True,
        spans_key: str | None = MENTIONS_KEY,
        max_tokens: int = 0,
        limit: int = 0,
        shuffle: bool = False,
        seed: int = 0,
        cache: bool = False,
        langs: Iterable[str] | None = None,
        join: int = 1,
        augmenter: Callable[[Language, Example], Iterator[Example]] | None = None,
    ):
        if path is None:
            raise RelxError("RX130")
        if join < 1:
            raise RelxError("RX021", name="join", value=join, need="1 (no joining) or more")
        for name, value in (("max_tokens", max_tokens), ("limit", limit)):
            if value < 0:
                raise RelxError("RX021", name=name, value=value, need="0 (no limit) or more")
        set_extensions()
        self.path = Path(path)
        self.gold_mentions = gold_mentions
        self.spans_key = spans_key
        self.max_tokens = max_tokens
        self.limit = limit
        self.shuffle = shuffle
        self.cache = cache
        self.langs = wanted_langs(langs)
        self.join = join
        self.augmenter = augmenter
        self._random = random.Random(seed)
        self._warned = self._warned_langs = self._warned_weights = False
        self._cached: tuple[Vocab, bool, list[Example]] | None = None

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """One pass. Cached Examples are safe: spaCy copies `predicted` before it changes it."""
        given = self.gives_mentions(nlp)
        examples: Iterable[Example]
        if self._cached is not None and self._cached[0] is nlp.vocab and self._cached[1] is given:
            examples = self._cached[2]
        else:
            examples = self._examples(nlp.vocab, given)
            if self.cache:
                self._cached = (nlp.vocab, given, list(examples))
                examples = self._cached[2]
        if self.shuffle:
            examples = list(examples)
            self._random.shuffle(examples)
        yield from examples if self.augmenter is None else self.augmented(nlp, examples)

    def gives_mentions(self, nlp: Language) -> bool:
        """Whether the gold mentions stand on `predicted`.

        Warns:
            RX534, once, see `warn_weights`.
        """
        given = self.gold_mentions and not mention_setters(nlp)
        if self.gold_mentions and not self._warned_weights:
            self._warned_weights = warn_weights(nlp, given)
        return given

    def augmented(self, nlp: Language, examples: Iterable[Example]) -> Iterator[Example]:
        """What the augmenter makes of Examples; without one, they themselves."""
        for example in examples:
            yield from (example,) if self.augmenter is None else self.augmenter(nlp, example)

    def _examples(self, vocab: Vocab, given: bool) -> Iterator[Example]:
        for reference in self.docs(vocab, join=True):
            yield self.make_example(reference, given)

    def docs(self, vocab: Vocab, *, join: bool = False) -> Iterator[Doc]:
        """The annotated Docs, in the order of the files, none of them longer than max_tokens.

        Args:
            vocab: That of the Docs.
            join: Whether Docs that follow each other become one, as the setting says.

        Raises:
            RelxError: RX120, RX131, RX132, RX134.
        """
        docs: Iterable[Doc] = self._docs(vocab)
        if join and self.join > 1:
            docs = self._joined(docs)
        if self.max_tokens:
            docs = self._split(docs)
        empty = True
        for doc in docs:
            empty = False
            yield doc
        if empty:
            raise RelxError("RX134", path=self.path, reason="all of them are longer than max_tokens.")

    def make_example(self, reference: Doc, given: bool) -> Example:
        """The Example of an annotated Doc. given: whether the mentions stand on `predicted`."""
        example = gold_example(reference, gold_mentions=given, spans_key=self.spans_key)
        if self.gold_mentions and not given:
            set_gold_mentions(example.predicted, GoldMentions.TRAINING)
        return example

    def _docs(self, vocab: Vocab) -> Iterator[Doc]:
        """The Docs that are wanted, empty ones aside."""
        found: set[str] = set()

        def wanted() -> Iterator[Doc]:
            for path in corpus_files(self.path):
                for doc in read_docs(path, vocab):
                    if not len(doc):
                        continue
                    found.add(get_lang(doc))
                    if self.langs is None or get_lang(doc) in self.langs:
                        yield doc

        n_docs = 0
        for doc in islice(wanted(), self.limit or None):
            n_docs += 1
            yield doc
        if n_docs and not self._warned_langs and not 0 < self.limit <= n_docs:
            self._warned_langs = warn_absent(self.path, self.langs, found)
        if not n_docs:
            reason = "it is empty."
            if found and self.langs is not None:
                reason = f"langs is {sorted(self.langs)}, but its languages are {sorted(found)}."
            raise RelxError("RX134", path=self.path, reason=reason)

    def _joined(self, docs: Iterable[Doc]) -> Iterator[Doc]:
        """Texts of several Docs of one language."""
        for _, same in groupby(docs, key=get_lang):
            while part := list(islice(same, self._random.randint(1, self.join))):
                yield part[0] if len(part) == 1 else merge_docs(part)

    def _split(self, docs: Iterable[Doc]) -> Iterator[Doc]:
        """Split long Docs into runs of sentences that fit, and say so at the end of the first pass."""
        n_long = n_lost = n_relations = 0
        for doc in docs:
            if len(doc) <= self.max_tokens:
                yield doc
                continue
            n_long += 1
            n_relations += len(get_relations(doc))
            runs = sentence_runs(doc, self.max_tokens)
            n_lost += sum(end - start > self.max_tokens for start, end in runs)
            for start, end in runs:
                if end - start <= self.max_tokens:
                    part = span_as_doc(doc[start:end])
                    part.user_data.update({key: doc.user_data[key] for key in ("id", "meta") if key in doc.user_data})
                    n_relations -= len(get_relations(part))
                    yield part
        if n_long and not self._warned:
            self._warned = True
            values = {"n": n_long, "lost": n_lost, "relations": n_relations}
            warn("RX133", path=self.path, max_tokens=self.max_tokens, **values)


def warn_weights(nlp: Language, given: bool) -> bool:
    """Say that `spacy train` would choose the best model by scores that never come.

    A component moves these weights when it is initialised, which one that comes from another pipeline is not.

    Args:
        nlp: The pipeline. Nothing is said before its components are initialised, nor of one whose config has no corpus
            of this kind to evaluate on.
        given: Whether the corpus gives the gold mentions to the pipeline.

    Returns:
        Whether it was said.

    Warns:
        RX534 where the weights are of scores on given mentions and there are none, or in reverse.
    """
    dev = nlp.config.get("corpora", {}).get("dev") or {}
    found_by = [nlp.get_pipe(name) for name in assigners(nlp, "doc._.relations")]
    if dev.get("@readers") != READER or not found_by or not all(getattr(pipe, "is_built", True) for pipe in found_by):
        return False
    families = ["rel_", "gold_mentions_rel_"]
    weighed = {key for key, weight in nlp.config["training"]["score_weights"].items() if weight}
    other, own = families if given else reversed(families)
    wrong = sorted(key for key in weighed if key.startswith(other))
    if not wrong or any(key.startswith(own) for key in weighed):
        return False
    right = ", ".join(own + key.removeprefix(other) for key in wrong)
    warn("RX534", wrong=", ".join(wrong), finds="has no" if given else "has a", right=right)
    return True


def wanted_langs(langs: Iterable[str] | None) -> frozenset[str] | None:
    """The setting `langs` of a corpus, None for all. RAISES: RelxError RX042 for what is no code."""
    if langs is None:
        return None
    wanted = frozenset(langs)
    for lang in wanted:
        if not is_lang_code(lang):
            raise RelxError("RX042", where="the setting 'langs' of a corpus", value=lang)
    return wanted


def warn_absent(path: Path, langs: frozenset[str] | None, found: set[str]) -> bool:
    """RETURNS: whether some of the wanted languages are not among those found. WARNS: RX147 then."""
    missing = sorted((langs or frozenset()) - found)
    if missing:
        warn("RX147", path=path, missing=missing, found=sorted(found))
    return bool(missing)


def corpus_files(path: Path) -> list[Path]:
    """The .spacy files meant by a path, sorted; hidden ones aside. RAISES: RelxError RX120, RX131."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise RelxError("RX120", path=path)
    files = [file for file in path.rglob(f"*{FILE_TYPE}") if file.is_file()]
    files = [file for file in files if not is_hidden(file.relative_to(path))]
    if not files:
        raise RelxError("RX131", path=path, reason=f"the folder holds no {FILE_TYPE} file")
    return sorted(files)


def sentence_runs(doc: Doc, max_tokens: int) -> list[tuple[int, int]]:
    """Cut a Doc between sentences into runs [start, end) of at most max_tokens tokens, as few as reading from left to
    right gives. A sentence that is longer by itself is a run of its own. Sentences are those of the Doc, or are found
    by rule."""
    starts = sentence_starts(doc).tolist()
    runs: list[tuple[int, int]] = []
    for start, end in zip(starts, [*starts[1:], len(doc)]):
        if runs and end - runs[-1][0] <= max_tokens:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs

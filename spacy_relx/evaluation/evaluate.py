"""Run a pipeline over gold documents and score it, with its own mentions or with the gold ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..corpora.mentions import copy_mentions
from ..errors import RelxError, warn
from ..extensions import get_candidates, get_lang, get_relations, set_lang
from ..types import MENTIONS_KEY, NO_RELATION
from .scorer import RelationCounter
from .semeval import SemevalCounter

#: Official scores of shared tasks, by name.
SCHEMES = {"semeval2010": SemevalCounter}
#: What a component declares that would overwrite mentions given to it.
_MENTION_ATTRIBUTES = {"doc.ents", "doc.spans", "token.ent_iob"}


def evaluate(
    nlp: Language,
    docs: Iterable[Doc],
    *,
    gold_entities: bool = False,
    match: str = "boundary",
    no_relation: str = NO_RELATION,
    spans_key: str | None = MENTIONS_KEY,
    retokenize: bool = False,
    batch_size: int | None = None,
    scheme: str | None = None,
) -> dict[str, Any]:
    """Run `nlp.pipe` over the words of gold documents and score the relations it finds.

    docs: gold documents, read once. gold_entities: give the pipeline the gold mentions (`doc.ents` and
    `doc.spans[spans_key]`) and leave out the components that would overwrite them (`mention_writers`). match,
    no_relation: as for `score_relations`, and for the scheme. retokenize: let the pipeline's tokenizer cut the text
    anew; else the words of the gold documents are kept, and where its sentences begin, as in training. batch_size: of
    `nlp.pipe`. scheme: an official score to add, a name in `SCHEMES`. The language of a document (`doc._.lang`) is
    always given to the pipeline, gold relations never.

    RETURNS: the scores of `score_relations`, and of the run: n_docs, n_words, n_candidates (pairs proposed), seconds
    spent in the pipeline, docs_per_s, words_per_s, pairs_per_s, and "speed", which is words_per_s by the name that
    spaCy gives it.
    WARNS: RX171 where no entity was found in any document, RX172 where an error handler dropped documents,
    RX174 where gold mentions do not fit the pipeline's tokens.
    RAISES: RelxError RX170 for an unknown match, RX175 for an unknown scheme, and what the components raise.
    """
    if scheme is not None and scheme not in SCHEMES:
        raise RelxError("RX175", scheme=scheme, known=", ".join(SCHEMES))
    counter = RelationCounter(match=match, no_relation=no_relation)
    counters: list[RelationCounter | SemevalCounter] = [counter]
    if scheme is not None:
        counters.append(SCHEMES[scheme](no_relation=no_relation))
    disable = mention_writers(nlp) if gold_entities else []
    run = _Run(nlp, docs, spans_key if gold_entities else None, gold_entities, retokenize)
    n_candidates = n_found = n_out = 0
    stream = nlp.pipe(run.inputs(), as_tuples=True, batch_size=batch_size, disable=disable)
    for predicted, number in run.timed(stream):
        reference = run.waiting.pop(number)
        for each in counters:
            each.add(reference, predicted)
        n_out += 1
        n_candidates += len(get_candidates(predicted))
        n_found += len(predicted.ents) + sum(map(len, predicted.spans.values())) + len(get_relations(predicted))
    for reference in run.waiting.values():
        for each in counters:
            each.add(reference, _blank(nlp, reference, retokenize))
    scores = {key: value for each in counters for key, value in each.scores().items()}
    if run.waiting:
        warn("RX172", missing=len(run.waiting), n=n_out + len(run.waiting))
    if run.n_lost:
        warn("RX174", lost=run.n_lost)
    if n_out and not n_found and scores["rel_n_gold"]:
        warn("RX171", n=n_out)
    counts = {"docs": n_out, "words": run.n_words, "pairs": n_candidates}
    speeds = {f"{name}_per_s": n / run.seconds if run.seconds else 0.0 for name, n in counts.items()}
    return {
        **scores,
        "n_docs": n_out + len(run.waiting),
        "n_words": run.n_words,
        "n_candidates": n_candidates,
        "seconds": run.seconds,
        **speeds,
        "speed": speeds["words_per_s"],
    }


def mention_writers(nlp: Language) -> list[str]:
    """Names of the components that declare to set entities or span groups, other than this package's own."""
    return [
        name
        for name, pipe in nlp.pipeline
        if not type(pipe).__module__.startswith("spacy_relx.")
        and _MENTION_ATTRIBUTES.intersection(nlp.get_pipe_meta(name).assigns)
    ]


class _Run:
    """Makes the documents that a pipeline gets, keeps the gold ones until they come out, and times the pipeline."""

    def __init__(self, nlp: Language, docs: Iterable[Doc], spans_key: str | None, mentions: bool, retokenize: bool):
        self._nlp = nlp
        self._docs = docs
        self._spans_key = spans_key
        self._mentions = mentions
        self._retokenize = retokenize
        self._outside = 0.0
        self.waiting: dict[int, Doc] = {}
        self.n_words = self.n_lost = 0
        self.seconds = 0.0

    def inputs(self) -> Iterator[tuple[Doc, int]]:
        """(document for the pipeline, its number); the time this takes is not the pipeline's."""
        start = perf_counter()
        for number, reference in enumerate(self._docs):
            doc = _blank(self._nlp, reference, self._retokenize)
            if self._mentions:
                self.n_lost += copy_mentions(reference, doc, self._spans_key)
            self.waiting[number] = reference
            self.n_words += len(doc)
            self._outside += perf_counter() - start
            yield doc, number
            start = perf_counter()

    def timed(self, stream: Iterator[tuple[Doc, Any]]) -> Iterator[tuple[Doc, Any]]:
        """The same stream; `seconds` becomes the time that the pipeline took for it."""
        total = 0.0
        while True:
            start = perf_counter()
            item = next(stream, None)
            total += perf_counter() - start
            self.seconds = max(total - self._outside, 0.0)
            if item is None:
                return
            yield item


def _blank(nlp: Language, reference: Doc, retokenize: bool) -> Doc:
    """The reference's text, language and (with its tokens) sentence starts, and nothing else of it."""
    if retokenize:
        doc = nlp.make_doc(reference.text)
    else:
        # Strings, not a copy: the reference may be of another vocab
        starts: list[bool | int | None] | None = None
        if reference.has_annotation("SENT_START"):
            starts = [token.is_sent_start for token in reference]
        spaces = [bool(t.whitespace_) for t in reference]
        doc = Doc(nlp.vocab, words=[t.text for t in reference], spaces=spaces, sent_starts=starts)
    set_lang(doc, get_lang(reference))
    return doc

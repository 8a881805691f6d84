"""Sentences that say nothing to be true: the augmenter `spacy_relx.Unasserted.v1`, and words around a sentence."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Callable

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from ..data.annotated import ALL, NAMED, Annotated
from ..data.extensions import (
    GoldMentions,
    get_annotated,
    get_bag,
    get_gold_mentions,
    get_lang,
    get_relations,
    set_annotated,
    set_gold_mentions,
    set_lang,
    set_relations,
)
from ..data.places import current_spans
from ..data.sentences import sentence_starts
from ..data.types import NO_RELATION, Mention, Relation
from ..errors import RelxError, warn
from .mentions import blank_copy
from .wordings import AFFIRMED, ENDINGS, KINDS, UNASSERTED, WORDINGS

#: Marks at the end of a sentence, which go; behind a question mark nothing is asserted in any case.
_MARKS = frozenset(".。．।!！…。")
_ASKING = frozenset("?？؟;")
_GAP = "{}"
#: Behind these a sentence begins as it did; so it does with nothing before it.
_BEFORE_CAPITALS = ("", "¿", "¡", ".", "!", "?")
#: So many sentences without a wording in their language, with none that has one, are told of.
_N_LACKING = 100
#: First words that may be written small: the longest.
_SHORT = 3


def make_unasserted(
    level: float = 0.2,
    affirmed: float = 0.25,
    kinds: list[str] = list(UNASSERTED),  # noqa: B006 (a config shows it)
    wordings: dict[str, dict[str, list[str]]] | None = None,
    seed: int = 0,
) -> Callable[[Language, Example], Iterator[Example]]:
    """`spacy_relx.Unasserted.v1`: teach that a sentence which is denied, supposed or asked asserts no relation.

    An augmenter of `spacy_relx.RelationCorpus.v1`, for any training. Each Example is followed, with the probability
    `level`, by a variant: one of its sentences with gold relations, put into words of its language such as "It is not
    true that ...", "Suppose that ..." or "Is it true that ...?". The variant has the sentence's mentions, and no
    relations; where the annotation covers only a part, the pairs that were related are annotated as unrelated. A share
    of the variants affirms the sentence ("It is true that ..."), with its relations, so that such words alone teach
    nothing.

    There are wordings in en de fr es it pt nl da sv nb nn pl sk hr ru uk tr ar fa hi bn zh ja ko; a Doc of another
    language has no variants. Questions and Docs that are bags have none either. Nothing is exchanged: that a relation
    does not hold in the other direction is learned from the data, where that pair is annotated as well.

    Args:
        level: The probability of a variant of an Example that has gold relations.
        affirmed: The share of the variants that affirm, from 0 to 1.
        kinds: The kinds of the other variants: "negation", "hypothesis", "question".
        wordings: Wordings of your own, by language and kind ("affirmed", too), with {} for the sentence. They take the
            place of those of that language.
        seed: For what is drawn.

    Raises:
        RelxError: RX021 (level, affirmed, kinds), RX747 (wordings).

    Warns:
        RelxWarning: RX748, once, where the languages of the data have no wordings.
    """
    return Unasserted(level, affirmed=affirmed, kinds=kinds, wordings=wordings, seed=seed)


class Unasserted:
    """Adds variants that assert nothing, see `make_unasserted`. Call it with the pipeline and an Example."""

    def __init__(
        self,
        level: float = 0.2,
        *,
        affirmed: float = 0.25,
        kinds: Iterable[str] = UNASSERTED,
        wordings: Mapping[str, Mapping[str, Iterable[str]]] | None = None,
        seed: int = 0,
    ):
        for name, value in (("level", level), ("affirmed", affirmed)):
            if not 0 <= value <= 1:
                raise RelxError("RX021", name=name, value=value, need="from 0 to 1")
        self.kinds = tuple(kinds)
        if not self.kinds or not set(self.kinds) <= set(UNASSERTED):
            need = f"one or more of {', '.join(UNASSERTED)}"
            raise RelxError("RX021", name="kinds", value=list(self.kinds), need=need)
        self.level, self.affirmed = level, affirmed
        self.wordings = {**WORDINGS, **_checked(wordings or {})}
        self._random = random.Random(seed)
        self._lacking: set[str] = set()
        self._n_lacking = 0

    def __call__(self, nlp: Language, example: Example) -> Iterator[Example]:
        """The Example itself, and perhaps a variant."""
        yield example
        reference = example.reference
        if get_bag(reference) is not None or not any(each.label != NO_RELATION for each in get_relations(reference)):
            return
        if self._random.random() >= self.level:
            return
        variant = self.variant(nlp, reference)
        if variant is not None:
            yield _like(example, variant)

    def variant(self, nlp: Language, doc: Doc) -> Doc | None:
        """A sentence of a Doc in words that are drawn; None where there is none that can be put into such words.

        Args:
            nlp: Its tokenizer splits these words.
            doc: An annotated Doc; it stays as it is.
        """
        lang = get_lang(doc)
        forms = self.wordings.get(lang)
        if forms is None:
            self._tell(lang)
            return None
        self._n_lacking = -1
        sentences = [each for each in _sentences(doc) if each[1] and _can_be_framed(each[0], lang)]
        if not sentences:
            return None
        sentence, relations = self._random.choice(sentences)
        asserts = self._random.random() < self.affirmed
        kinds = [kind for kind in ((AFFIRMED,) if asserts else self.kinds) if forms.get(kind)]
        if not kinds:
            return None
        wording = self._random.choice(list(forms[self._random.choice(kinds)]))
        annotated = get_annotated(doc)
        if not asserts:
            relations, annotated = _denied(annotated, relations)
        made = frame(nlp, sentence, wording, relations, small=lang != "tr")
        set_annotated(made, annotated)
        made.user_data.update({key: doc.user_data[key] for key in ("id", "meta") if key in doc.user_data})
        return made

    def _tell(self, lang: str) -> None:
        """WARNS: RX748."""
        if self._n_lacking < 0:
            return
        self._lacking.add(lang)
        self._n_lacking += 1
        if self._n_lacking == _N_LACKING:
            self._n_lacking = -1
            warn("RX748", found=sorted(self._lacking), known=" ".join(self.wordings))


def frame(
    nlp: Language, sentence: Span, wording: str, relations: Iterable[Relation] = (), *, small: bool = False
) -> Doc:
    """A Doc of one sentence: words around another one, which keeps its tokens and mentions.

    Args:
        nlp: Its tokenizer splits the words.
        sentence: The sentence, as it is to stand there.
        wording: The words, with {} for the sentence.
        relations: Those of the sentence's Doc, within the sentence, that the new Doc is to have.
        small: Whether a short word at the beginning, which is no mention, is written small behind other words.

    Returns:
        The Doc, with the mentions of all groups of spans, the entities, and the language.
    """
    opening, closing = wording.split(_GAP)
    before, behind = list(nlp.make_doc(opening)), list(nlp.make_doc(closing.lstrip()))
    inner = [token.text for token in sentence]
    if small and opening.rstrip()[-1:] not in _BEFORE_CAPITALS and _is_small(sentence):
        inner[0] = inner[0].lower()
    words = [*(token.text for token in before), *inner, *(token.text for token in behind)]
    spaces = [bool(token.whitespace_) for part in (before, sentence, behind) for token in part]
    spaces[len(before) + len(inner) - 1] = closing != closing.lstrip()
    starts: list[bool | int | None] = [number == 0 for number in range(len(words))]
    doc = Doc(nlp.vocab, words=words, spaces=spaces, sent_starts=starts)
    offset = len(before) - sentence.start

    def moved(spans: Iterable[Span]) -> list[Span]:
        inside = (span for span in spans if sentence.start <= span.start and span.end <= sentence.end)
        return [Mention.from_any(span).shift(offset).span(doc) for span in inside]

    for key, group in sentence.doc.spans.items():
        doc.spans[key] = SpanGroup(doc, name=key, spans=moved(current_spans(group)))
    doc.ents = moved(sentence.doc.ents)
    set_relations(doc, [relation.shift(offset) for relation in relations])
    set_lang(doc, get_lang(sentence.doc))
    return doc


def _checked(wordings: Mapping[str, Mapping[str, Iterable[str]]]) -> dict[str, dict[str, tuple[str, ...]]]:
    """RAISES: RelxError RX747."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for lang, kinds in wordings.items():
        found[lang] = {}
        for kind, texts in kinds.items():
            if kind not in KINDS:
                raise RelxError("RX747", lang=lang, problem=f"{kind!r} is no kind of wordings")
            found[lang][kind] = (texts,) if isinstance(texts, str) else tuple(texts)
            for text in found[lang][kind]:
                if not isinstance(text, str) or text.count(_GAP) != 1 or text.strip() == _GAP:
                    raise RelxError("RX747", lang=lang, problem=f"{text!r:.80} has not one {{}} among other characters")
    return found


def _like(example: Example, reference: Doc) -> Example:
    """An Example of another Doc, with the mentions on `predicted` if this one has them there."""
    state = get_gold_mentions(example.predicted)
    given = state is GoldMentions.GIVEN
    spans_key = next(iter(example.predicted.spans), None)
    predicted = blank_copy(reference, mentions=given, spans_key=spans_key)
    if state is GoldMentions.TRAINING:
        set_gold_mentions(predicted, state)
    return Example(predicted, reference)


def _sentences(doc: Doc) -> Iterator[tuple[Span, list[Relation]]]:
    """The sentences without their final marks, each with the relations in it."""
    starts = sentence_starts(doc).tolist()
    relations = [relation for relation in get_relations(doc) if relation.label != NO_RELATION]
    for start, end in zip(starts, [*starts[1:], len(doc)]):
        inside = [each for each in relations if all(start <= m.start and m.end <= end for m in (each.head, each.tail))]
        last = max((mention.end for each in inside for mention in (each.head, each.tail)), default=end)
        while start < end and doc[start].is_space:
            start += 1
        while end > last and (doc[end - 1].is_space or set(doc[end - 1].text) <= _MARKS):
            end -= 1
        if start < end:
            yield doc[start:end], inside


def _can_be_framed(sentence: Span, lang: str) -> bool:
    return sentence[-1].text not in _ASKING and sentence[-1].text.endswith(ENDINGS.get(lang, ""))


def _is_small(sentence: Span) -> bool:
    """Whether the first word is a short one, such as an article, that is no mention."""
    word = sentence[0].text
    mentions = [*sentence.doc.ents, *(span for group in sentence.doc.spans.values() for span in current_spans(group))]
    is_named = any(span.start <= sentence.start < span.end for span in mentions)
    return not is_named and len(word) <= _SHORT and word.isalpha() and word.istitle() and word != "I"


def _denied(annotated: Annotated, relations: Iterable[Relation]) -> tuple[list[Relation], Annotated]:
    """What is known of a sentence whose relations are not asserted: relations, and what the annotation covers."""
    relations = list(relations)
    if annotated.pairs == ALL and all(annotated.has_label(relation.label) for relation in relations):
        return [], annotated
    pairs = [(each.head, each.tail) for each in relations]
    both_ways = dict.fromkeys([*pairs, *((tail, head) for head, tail in pairs)])
    unrelated = [Relation(head, NO_RELATION, tail) for head, tail in both_ways]
    return unrelated, Annotated(annotated.mentions, pairs=NAMED)

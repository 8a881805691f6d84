"""From tokens back to running text: where a text has spaces, and its own tokens instead of those of the data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from .importers._tokens import tokenize
from .records import Record

if TYPE_CHECKING:
    from spacy.language import Language

#: Scripts without spaces between words (Thai, Lao, Myanmar, Khmer, Han, kana) and their punctuation.
_NO_SPACES = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9f]"
)
#: No space before these words, and none behind those.
_CLOSING = re.compile(r"[,.;:!?%)\]}»”’…،؛؟।॥՝։]+|(?:['’](?:s|re|ve|ll|d|m|S)|n['’]t)")
_OPENING = re.compile(r"[(\[{«“„‚¿¡$€£]+|(?i:[cdjlmnst]|qu|un|(?:de|ne|da|a|su|co)ll)['’]")
_JOINING = frozenset("-/")
_WORD = re.compile(r"\w")


def guess_spaces(words: Sequence[str]) -> list[bool]:
    """Whether a space follows each word where the data does not say it, by the script and by punctuation.

    Straight quotes open and close in turn; a hyphen or a slash between two words joins them.
    """
    spaces = [True] * len(words)
    quoted = False
    for number, (left, right) in enumerate(pairwise(words)):
        if left == '"':
            quoted = not quoted
        joined = _NO_SPACES.match(left[-1]) or _NO_SPACES.match(right[0]) or left[-1].isspace() or right[0].isspace()
        if joined or _CLOSING.fullmatch(right) or _OPENING.fullmatch(left):
            spaces[number] = False
        elif '"' in (left, right):
            spaces[number] = not quoted if left == '"' else not (quoted and right == '"')
        elif right in _JOINING:
            spaces[number] = not (
                _WORD.match(left[-1]) and number + 2 < len(words) and _WORD.match(words[number + 2][0])
            )
        elif left in _JOINING:
            spaces[number] = number == 0 or spaces[number - 1]
    if spaces:
        spaces[-1] = False
    return spaces


def detokenize(record: Record, nlp: Language) -> Record:
    """A record of words as one of running text with the tokens of a pipeline, as raw text will have them.

    Args:
        record: Its mentions count words. One that has a text is returned as it is.
        nlp: Its tokenizer splits the text.

    Returns:
        A record of the same mentions, relations and sentences, which count characters.
    """
    if record.text is not None or not record.words:
        return record
    words = record.words
    spaces = guess_spaces(words) if record.spaces is None else record.spaces
    pieces = [word + " " * space for word, space in zip(words, spaces)]
    starts = [0, *accumulate(map(len, pieces))]
    text = "".join(pieces)
    mentions = [
        replace(each, start=starts[each.start], end=starts[each.end - 1] + len(words[each.end - 1]))
        for each in record.mentions
    ]
    plain = replace(record, text=text, words=None, spaces=None, sent_starts=None, mentions=mentions)
    tokens = [(token.idx, token.idx + len(token)) for token in nlp.make_doc(text) if not token.is_space]
    return tokenize(plain, tokens, [starts[number] for number in record.sent_starts or ()])

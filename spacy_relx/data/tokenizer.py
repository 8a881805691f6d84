"""A tokenizer for text in any language: spaCy's own `Tokenizer`, with rules for scripts that have no spaces.

The rules of "xx" (or of the pipeline's language) leave a Chinese sentence one token, so no mention in it could ever be
marked. Added here: one token per character where words are not divided by spaces (combining marks stay with their
base), punctuation of all scripts split off, and clitics behind and before apostrophes. Where it is open how to split,
the smaller pieces win: a mention can be several tokens, but never half of one.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from spacy.attrs import ORTH, intify_attrs
from spacy.lang.char_classes import LATIN
from spacy.lang.tokenizer_exceptions import URL_PATTERN
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.training import Example, validate_examples
from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

# Blocks written without spaces whose characters are bases, marks, digits and punctuation together:
# Thai, Lao, Myanmar and its extensions B and A, Khmer.
_MIXED_BLOCKS = (
    (0x0E00, 0x0E7F),
    (0x0E80, 0x0EFF),
    (0x1000, 0x109F),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
    (0x1780, 0x17FF),
)
# Thai and Lao "am" are letters for Unicode, but belong to the consonant before them like a mark.
_AM = "\u0e33\u0eb3"
# Viramas that stack the next consonant under this one: Myanmar, Khmer. No split on either side.
_JOINERS = "\u1039\u17d2"


def _mixed_characters() -> Iterator[tuple[str, str]]:
    """(character, first letter of its Unicode category) of the blocks above."""
    for first, last in _MIXED_BLOCKS:
        for code in range(first, last + 1):
            yield chr(code), unicodedata.category(chr(code))[0]


_MIXED_MARKS = "".join(char for char, kind in _mixed_characters() if kind == "M" or char in _AM)
_MIXED_PUNCT = "".join(char for char, kind in _mixed_characters() if kind == "P")
_MIXED_BASES = "".join(char for char, kind in _mixed_characters() if kind in "LS" and char not in _AM)

# Han with its iteration marks and zero, Hiragana, kana supplements, Hangul syllables and leading jamo.
_HAN = r"\u3005-\u3007\u303B\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\u2E80-\u2FDF\U00020000-\U0003FFFD"
_HIRAGANA = r"\u3041-\u3096\u309D-\u309F\U0001B000-\U0001B16F"
_HANGUL = r"\uAC00-\uD7A3\u1100-\u115F\uA960-\uA97C"
#: Each of these starts a token of its own.
_SINGLE = _HAN + _HIRAGANA + _HANGUL + _MIXED_BASES
#: Vowel and final jamo, voicing marks, variation selectors of ideographs: they end such a token as well as the base.
_SINGLE_MARKS = r"\u1160-\u11FF\uD7B0-\uD7FB\u3099\u309A\uFE00-\uFE02\U000E0100-\U000E01EF" + _MIXED_MARKS
#: Nothing is split off before these.
_MARKS = _SINGLE_MARKS + r"\u0300-\u036F\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF\u309B\u309C\uFE00-\uFE0F\u200C\u200D"
_KATAKANA = r"\u30A1-\u30FA\u30FC-\u30FF\u31F0-\u31FF\uFF66-\uFF9F"

#: Punctuation that is a token wherever it stands, unless between digits: CJK and full-width, Arabic, Indic, Armenian,
#: Ethiopic, dashes, quotes, zero-width space.
_PUNCT = (
    r"\u3001-\u3003\u3008-\u3011\u3014-\u301F\u3030\u303D\u30A0\u30FB"
    r"\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65\uFE10-\uFE19\uFE30-\uFE4F\uFE50-\uFE6B"
    r"\u060C\u061B\u061E\u061F\u066A\u06D4\u0964\u0965\u055D\u0589\u1361-\u1368\u2014\u2015\u201C-\u201F\u00AB\u00BB\u200B"
) + re.escape(_MIXED_PUNCT)
_LOOK_AHEAD = 200
_ASCII_PUNCT = r"()\[\]{},;:!?\"&/#*=+"
#: Direction marks and byte order marks: split off at the edges of a word, where copied text leaves them.
_INVISIBLE = r"\u200E\u200F\u061C\u202A-\u202E\u2060\u2066-\u2069\uFEFF"

#: Flags, emoji of several joined ones, and those with a skin colour, a variation or tags behind them: one token each.
#: Single ones are the affair of spaCy's own rules.
_REGIONAL = "\U0001f1e6-\U0001f1ff"
_SYMBOL = r"[\u203C\u2049\u2122\u2139\u2190-\u21FF\u2300-\u27BF\u2900-\u297F\u2B00-\u2BFF\U0001F000-\U0001FAFF]"
_VARIANT = r"(?:\uFE0F|[\U0001F3FB-\U0001F3FF]|[\U000E0020-\U000E007F]+)"
_JOINED = rf"(?:\u200D{_SYMBOL}{_VARIANT}?)"
_EMOJI = f"(?:[{_REGIONAL}]{{2}}|{_SYMBOL}(?:{_VARIANT}{_JOINED}*|{_JOINED}+)|[0-9#*]\ufe0f?\u20e3)"

_LETTERS = LATIN + r"\u0300-\u036F"
_APOSTROPHE = "['\u2019]"
# What French, Italian, Catalan and their neighbours put before an apostrophe; the rest of the word is the noun.
_ELISIONS = (
    r"(?i:[cdjlmnst]|qu|(?:jus|lors|puis|quoi|quel)qu|un|(?:ne|da|de|a|su|co|que)ll|que?st|nessun|alcun|ciascun|sant|dov"
    r"|com|quant|tutt|bell|grand|mezz|buon)"
)
_URL = r"(?:(?:https?|ftp)://|www\.)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*[A-Za-z0-9\-_~/#&=%+]"
_EMAIL = r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]+@(?:[A-Za-z0-9\-]+\.)+[A-Za-z]{2,}"

_PREFIXES = [_EMOJI, f"[{_PUNCT}]", f"[{_INVISIBLE}]", f'{_ELISIONS}{_APOSTROPHE}(?=[{_LETTERS}"\u201c\u00ab])']
_SUFFIXES = [
    _EMOJI,
    f"[{_PUNCT}]",
    f"[{_INVISIBLE}]",
    f"(?<=[A-Za-z])(?i:n{_APOSTROPHE}t)",
    rf"(?<=[{_LETTERS}][{_LETTERS}])\.",  # also behind a capital, as in SpaceX.
    rf"(?<=[{_INVISIBLE}\u200B-\u200D])\.",  # what the word ends in is behind the mark
]
_INFIXES_FIRST = [_URL, _EMAIL, _EMOJI]
_INFIXES = [
    rf"(?<!\d)[{_PUNCT}]|[{_PUNCT}](?!\d)",
    # ASCII punctuation in text without spaces, as in 雅虎(YHOO)的; looking ahead without a limit would be quadratic
    rf"[{_ASCII_PUNCT}](?=[{_ASCII_PUNCT}]{{0,{_LOOK_AHEAD}}}[{_SINGLE}{_KATAKANA}])|(?<=[{_SINGLE}{_KATAKANA}])[{_ASCII_PUNCT}]",
    # Splits of no width, since spaCy passes over an infix that has width at the start of a word.
    f"(?<![{_JOINERS}])(?=[{_SINGLE}])",
    f"(?<=[{_SINGLE}{_SINGLE_MARKS}])(?<![{_JOINERS}])(?![{_MARKS}])",
    f"(?<=[{_SINGLE}][{_MARKS}])(?<![{_JOINERS}])(?![{_MARKS}])",
    f"(?<![{_KATAKANA}{_MARKS}])(?=[{_KATAKANA}])|(?<=[{_KATAKANA}])(?![{_KATAKANA}{_MARKS}])",
    f"(?<![{_LETTERS}'\u2019]){_ELISIONS}{_APOSTROPHE}(?=[{_LETTERS}])",
    f"(?<=[0-9])[-\u2013](?=[{_LETTERS}])",
    # Irish names and Uzbek words keep their O'.
    f"(?<=[{_LETTERS}0-9])(?<![^{_LETTERS}0-9][Oo])(?<!^[Oo])(?={_APOSTROPHE}[{_LETTERS}])",
]
_KEEP = [head + apostrophe + "hui" for head in ("aujourd", "Aujourd") for apostrophe in "'\u2019"]
#: A whole word that is a URL. Never one with characters that are tokens of their own: in 请看www.example.com它 spaCy's
#: pattern takes all of it. And in scripts without capitals (Hebrew to Khmer) only with a scheme: there "word.word" is
#: two sentences without a space far more often than a domain.
_URL_MATCH = re.compile(
    rf"(?!\S*[{_SINGLE}{_KATAKANA}])(?:(?=[A-Za-z]+://)|(?!\S*[\u0590-\u1CFF]))"
    # the same user and password, without trying each colon as what divides them
    + URL_PATTERN.replace(r"(?:\S+(?::\S*)?@)?", r"(?:\S+@)?")
).match

#: Words whose pieces are kept, so that they are found once: spaCy keeps 10,000, fewer than a corpus of several
#: languages has, and works out the others again each time.
_CACHE = 100_000


#: Characters of a word from which it is taken apart by `MultilingualTokenizer.find_infix`.
_LONG = 128
#: Characters at an edge of such a word in which an affix is looked for first, and those of them that it may depend on
#: without being made of them.
_WINDOW, _CONTEXT = 16, 8


class MultilingualTokenizer(Tokenizer):
    """spaCy's tokenizer, in linear time for long words, and scored faster where Docs have the gold tokens.

    spaCy takes affixes off a word one by one, and looks at all that is left of it each time: the square of the work
    for a line of emojis or brackets. Here a long word has no affixes for spaCy, and is taken apart at once where spaCy
    looks for infixes, into the same tokens. (Only a norm of a special case does not reach its tokens in such a word.)
    """

    def find_prefix(self, string: str) -> int:
        """The length of the prefix to split off, 0 for none and for long words."""
        return 0 if len(string) > _LONG else super().find_prefix(string)

    def find_suffix(self, string: str) -> int:
        """The length of the suffix to split off, 0 for none and for long words."""
        return 0 if len(string) > _LONG else super().find_suffix(string)

    def find_infix(self, string: str) -> list[Any]:
        """Where to split a word: matches of infixes; of a long word, the affixes of which are still on, all places."""
        if len(string) <= _LONG:
            return super().find_infix(string)
        prefixes, suffixes = self._find_affixes(string)
        if not prefixes and not suffixes:
            return super().find_infix(string)
        start, end = [0, *prefixes][-1], [len(string), *suffixes][-1]
        return [_Split(place) for place in (*prefixes, *self._split_core(string[start:end], start), *suffixes[::-1])]

    @property
    def url_match(self) -> Callable[[str], Any] | None:
        """What tells whether a word without its affixes is a URL."""
        return Tokenizer.url_match.__get__(self)

    @url_match.setter
    def url_match(self, match: Callable[[str], Any] | None) -> None:
        raw = match.match if isinstance(match, _UrlMatch) else match
        Tokenizer.url_match.__set__(self, raw and _UrlMatch(raw, self))

    def has_affix(self, string: str) -> bool:
        """Whether there is anything to split off at an edge of a word."""
        return bool(self._prefix(string, 0, len(string)) or self._suffix(string, 0, len(string)))

    def _find_affixes(self, string: str) -> tuple[list[int], list[int]]:
        """Where prefixes end, from left to right, and where suffixes start, from right to left: spaCy's own way of
        taking affixes off both edges in turn until there are none, or a special case is left."""
        longest = max(map(len, self.rules), default=0)
        start, end = 0, len(string)
        prefixes: list[int] = []
        suffixes: list[int] = []
        no_prefix = no_suffix = -1  # where none was found
        while start < end and not self._is_whole(string[start:end] if end - start <= _LONG else ""):
            n_prefix = 0 if start == no_prefix else self._prefix(string, start, end)
            if n_prefix:
                prefixes.append(start + n_prefix)
                if end - prefixes[-1] <= longest and string[prefixes[-1] : end] in self.rules:
                    break
            n_suffix = 0 if end == no_suffix else self._suffix(string, start + n_prefix, end)
            if n_suffix:
                suffixes.append(end - n_suffix)
                if suffixes[-1] - start <= longest and string[start : suffixes[-1]] in self.rules:
                    prefixes = prefixes[:-1] if n_prefix else prefixes
                    break
            if not n_prefix and not n_suffix:
                break
            if end - start > _LONG:  # what is shorter is looked at in full, and so anew
                no_prefix, no_suffix = (-1 if n_prefix else start), (-1 if n_suffix else end)
            else:
                no_prefix = no_suffix = -1
            start, end = start + n_prefix, end - n_suffix
        return prefixes, suffixes

    def _is_whole(self, string: str) -> bool:
        """Whether this is never taken apart by affixes."""
        return bool(string and (string in self.rules or (self.token_match and self.token_match(string))))

    def _prefix(self, string: str, start: int, end: int) -> int:
        """The length of the prefix of string[start:end], for which no more of it is looked at than needed."""
        size = _WINDOW
        while True:
            found = super().find_prefix(string[start : min(start + size, end)])
            if start + size >= end or (found and found + _CONTEXT <= size):
                return found
            size = 2 * size if found else end - start

    def _suffix(self, string: str, start: int, end: int) -> int:
        """The length of the suffix of string[start:end], as above."""
        size = _WINDOW
        while True:
            found = super().find_suffix(string[max(end - size, start) : end])
            if end - size <= start or (found and found + _CONTEXT <= size):
                return found
            size = 2 * size if found else end - start

    def _split_core(self, core: str, start: int) -> list[int]:
        """Where a word without its affixes is split, as spaCy does it. start: of the word, to be added."""
        special = self.rules.get(core)
        if special:
            return list(accumulate((len(intify_attrs(piece)[ORTH]) for piece in special[:-1]), initial=start))
        url = self.url_match
        if not core or (self.token_match and self.token_match(core)) or (url and url(core)):
            return []
        matches = [match for match in super().find_infix(core) or () if match.start()]
        return [start + place for match in matches for place in (match.start(), match.end())]

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """The values of `Scorer.score_tokenization`: token_acc, token_p, token_r, token_f."""
        examples = list(examples)
        validate_examples(examples, "Tokenizer.score")
        known = [eg for eg in examples if not eg.reference.has_unknown_spaces]
        words = (token for eg in known for token in eg.predicted if not token.is_space)
        if next(words, None) is None or not all(map(_has_gold_tokens, known)):
            return super().score(examples, **kwargs)
        return dict.fromkeys(("token_acc", "token_p", "token_r", "token_f"), 1.0)


class _Split(NamedTuple):
    """A match without width."""

    place: int

    def start(self) -> int:
        return self.place

    def end(self) -> int:
        return self.place


class _UrlMatch:
    """`url_match` of a tokenizer that may be asked about long words whose affixes are still on: such are no URLs."""

    def __init__(self, match: Callable[[str], Any], tokenizer: MultilingualTokenizer):
        self.match = match
        self.tokenizer = tokenizer

    @property
    def __self__(self) -> Any:
        """The pattern, which spaCy asks for to save it."""
        return self.match.__self__  # type: ignore[attr-defined]

    def __call__(self, string: str) -> Any:
        return None if len(string) > _LONG and self.tokenizer.has_affix(string) else self.match(string)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unwrapped, (self.match,)  # the tokenizer that it is copied with wraps it again


def _unwrapped(match: Callable[[str], Any]) -> Callable[[str], Any]:
    return match


def _has_gold_tokens(example: Example) -> bool:
    attrs: list[int | str] = ["ORTH", "SPACY"]
    return np.array_equal(example.predicted.to_array(attrs), example.reference.to_array(attrs))


def make_multilingual_tokenizer() -> Callable[[Language], Tokenizer]:
    """`spacy_relx.MultilingualTokenizer.v1`: a tokenizer for all scripts, see the top of the module.

    Returns:
        Nlp -> `spacy.tokenizer.Tokenizer`, made from the rules of `nlp.Defaults` and those here. It writes what spaCy's
        own class writes and reads, and no character of the text is ever lost.
    """
    return _create_tokenizer


def _create_tokenizer(nlp: Language) -> Tokenizer:
    defaults = nlp.Defaults
    rules = dict(defaults.tokenizer_exceptions or {})
    for word in _KEEP:
        rules.setdefault(word, [{"ORTH": word}])
    tokenizer = MultilingualTokenizer(
        nlp.vocab,
        rules=rules,
        prefix_search=compile_prefix_regex([*_PREFIXES, *(defaults.prefixes or ())]).search,
        suffix_search=compile_suffix_regex([*_SUFFIXES, *(defaults.suffixes or ())]).search,
        infix_finditer=compile_infix_regex([*_INFIXES_FIRST, *_INFIXES, *(defaults.infixes or ())]).finditer,
        token_match=defaults.token_match,
        url_match=_URL_MATCH if defaults.url_match else None,
    )
    tokenizer.max_cache_size = _CACHE
    return tokenizer

"""`language_router`: writes the language of a Doc, and of its sentences where asked."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import RelxError, warn
from ..extensions import get_lang, has_sentence_langs, set_extensions, set_lang, set_sentence_langs
from ..types import LanguageDetector
from .batched import BatchedPipe

_CODE = re.compile(r"[a-z]{2,3}|")
#: ISO 639-2 for undetermined and several languages, and spaCy's own for the latter.
_NO_LANGUAGE = {"und", "mul", "xx"}


class LanguageRouter(BatchedPipe):
    """Sets `doc._.lang`, from the first of these that knows it:

    1. `doc._.lang`, where somebody has set it already: it is left as it is;
    2. the Doc's metadata under `metadata_key`: `doc.user_data[key]`, or `context[key]` where the context of
       `nlp.pipe(..., as_tuples=True)` is a mapping;
    3. the detector;
    4. `default`; a Doc that still has none gets "" (unknown).

    detector: texts -> codes, None where it cannot tell; None for no detection. default: code for Docs of unknown
    language. metadata_key: None to ignore metadata. per_sentence: also set `span._.lang`, by detection on each
    sentence (the whole Doc where sentences are not set); sentences that cannot be told take the language of the Doc.

    Codes are ISO 639: two letters where a language has them (ISO 639-1), else three. Metadata may say "EN" or "pt-BR":
    the part before the region is taken, in lower case.
    """

    def __init__(
        self,
        name: str = "language_router",
        *,
        detector: LanguageDetector | None = None,
        default: str | None = None,
        metadata_key: str | None = "lang",
        per_sentence: bool = False,
    ):
        set_extensions()
        self.name = name
        self.detector = detector
        self.default = None if default is None else _primary_code(default, "the setting 'default'")
        self.metadata_key = metadata_key
        self.per_sentence = per_sentence
        self._missing: RelxError | None = None
        self._warned = False

    def annotate(self, docs: Sequence[Doc]) -> None:
        """Set the languages of a batch of Docs in place. RAISES: as `route`."""
        self.route(docs)

    def route(self, docs: Sequence[Doc]) -> None:
        """Set the languages of a batch of Docs in place, with one call of the detector.

        RAISES: RelxError RX040 (a Doc needs detection and there is neither a detector nor a default), RX042 (bad
            metadata), RX043 (the detector's answer does not fit its input).
        """
        given = [get_lang(doc) or self._metadata(doc) for doc in docs]
        parts = [_sentences(doc) if self.per_sentence and not has_sentence_langs(doc) else [] for doc in docs]
        whole = [doc.text for doc, lang in zip(docs, given) if not lang]
        sents = [doc[start:end].text for doc, bounds in zip(docs, parts) for start, end in bounds]
        # Sentences can fall back on their Doc: only a Doc without a language cannot do without a detector.
        found = iter(self._detect(whole + sents, required=any(map(_has_words, whole))))
        langs = [lang or next(found) or self.default or "" for lang in given]
        rows = [[(start, end, next(found) or lang) for start, end in bounds] for bounds, lang in zip(parts, langs)]
        # Written when all is known, so that a batch that fails has changed no Doc.
        for doc, lang, sent_langs in zip(docs, langs, rows):
            set_lang(doc, lang)
            if sent_langs:
                set_sentence_langs(doc, sent_langs)

    def _metadata(self, doc: Doc) -> str:
        """The language that the Doc's metadata names, "" for none. RAISES: RelxError RX042."""
        key = self.metadata_key
        if key is None:
            return ""
        value = doc.user_data.get(key)
        context = getattr(doc, "_context", None)  # what as_tuples=True puts there, in the worker processes too
        if value is None and isinstance(context, Mapping):
            value = context.get(key)
        return "" if value is None else _primary_code(value, f"the metadata '{key}' of the Doc {_start_of(doc)}")

    def _detect(self, texts: list[str], required: bool) -> list[str | None]:
        """One answer for each text; texts of white space only are not sent. RAISES: RelxError RX040, RX043."""
        rows = [i for i, text in enumerate(texts) if _has_words(text)]
        found: list[str | None] = [None] * len(texts)
        if not rows or not self._can_detect(required):
            return found
        try:
            answers = list(self.detector([texts[i] for i in rows]))  # type: ignore[misc]
        except RelxError as err:
            if err.code != "RX005":
                raise
            self._missing = err
            self._can_detect(required)
            return found
        if len(answers) != len(rows) or not all(answer is None or isinstance(answer, str) for answer in answers):
            raise RelxError("RX043", texts=len(rows), answers=repr(answers)[:200])
        for i, answer in zip(rows, answers):
            found[i] = answer
        return found

    def _can_detect(self, required: bool) -> bool:
        """Whether there is a working detector. Warns once where its package is missing. RAISES: RelxError RX040."""
        if self.detector is not None and self._missing is None:
            return True
        reason = "no detector is configured" if self._missing is None else str(self._missing)
        if required and self.default is None:
            raise RelxError("RX040", name=self.name, reason=reason) from self._missing
        if self._missing is not None and not self._warned:
            self._warned = True
            warn("RX041", name=self.name, reason=reason, default=self.default)
        return False

    # All state comes from the config, which the pipeline saves: there is nothing to write, and what the config of a
    # loaded pipeline says is what holds.

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Nothing to save: the pipeline's config has it all."""

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "LanguageRouter":
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        return b""

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "LanguageRouter":
        return self


def _has_words(text: str) -> bool:
    return bool(text) and not text.isspace()


def _start_of(doc: Doc) -> str:
    return repr(doc.text if len(doc.text) <= 60 else doc.text[:57] + "...")


def _sentences(doc: Doc) -> list[tuple[int, int]]:
    """(start, end) of each sentence, in tokens; the whole Doc as one where sentences are not set."""
    if not len(doc):
        return []
    if not doc.has_annotation("SENT_START"):
        return [(0, len(doc))]
    return [(sent.start, sent.end) for sent in doc.sents]


def _primary_code(value: Any, where: str) -> str:
    """ "pt-BR" -> "pt"; "" for the codes of no language in particular. RAISES: RelxError RX042."""
    code = value.strip().replace("_", "-").partition("-")[0].lower() if isinstance(value, str) else None
    if code is None or not _CODE.fullmatch(code):
        raise RelxError("RX042", where=where, value=value)
    return "" if code in _NO_LANGUAGE else code


@Language.factory(
    "language_router",
    assigns=["doc._.lang", "span._.lang"],
    default_config={
        "detector": {"@misc": "spacy_relx.LangidDetector.v1", "languages": None, "min_score": 0.0},
        "default": None,
        "metadata_key": "lang",
        "per_sentence": False,
    },
)
def make_language_router(
    nlp: Language,
    name: str,
    detector: LanguageDetector | None,
    default: str | None,
    metadata_key: str | None,
    per_sentence: bool,
) -> LanguageRouter:
    """Factory of `language_router`: see `LanguageRouter`. RAISES: RelxError RX042 (the default is no code)."""
    return LanguageRouter(
        name, detector=detector, default=default, metadata_key=metadata_key, per_sentence=per_sentence
    )

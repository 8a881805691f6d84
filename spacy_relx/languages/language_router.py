"""`language_router`: writes the language of a Doc, and of its sentences where asked."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model

from ..core.component.batched import BatchedPipe
from ..core.component.saving import Saved, read_cfg, save_bytes, save_folder
from ..data._compat import optional_import
from ..data.extensions import (
    get_lang,
    get_sentence_langs,
    has_sentence_langs,
    known_code,
    primary_code,
    primary_langs,
    set_extensions,
    set_lang,
    set_routes,
    set_sentence_langs,
)
from ..data.loading import require_extras
from ..data.sentences import sentence_starts
from ..data.types import LanguageDetector
from ..errors import RelxError, warn

_CODE = re.compile(r"[a-z]{2,3}|")
#: ISO 639-2 for undetermined and several languages, and spaCy's own for the latter.
_NO_LANGUAGE = {"und", "mul", "xx"}
#: What becomes of texts in languages that no model was trained on.
UNKNOWN = ("average", "nearest")
#: CLDR's distance up to which a language is near: 0 is the same, those of one family are at about 80.
MAX_DISTANCE = 60


class LanguageRouter(BatchedPipe):
    """Sets `doc._.lang`, from the first of these that knows it:

    1. `doc._.lang`, where it is set already: it is left as it is, unless `overwrite` is set;
    2. the Doc's metadata under `metadata_key`: `doc.user_data[key]`, or `context[key]` where the context of
       `nlp.pipe(..., as_tuples=True)` is a mapping;
    3. the detector;
    4. `default`; a Doc that still has none gets "" (unknown).

    detector: texts -> codes, None where it cannot tell; None for no detection. default: code for Docs of unknown
    language. metadata_key: None to ignore metadata. per_sentence: also set `span._.lang`, by detection on each
    sentence (the whole Doc where sentences are not set); sentences that cannot be told take the language of the Doc.
    overwrite: set the languages anew where a Doc, or its sentences, have some.

    langs: those that the pipeline's models were trained on. None: learned at initialisation, in a pipeline in
    which a model has language-specific layers. A Doc, or a sentence, of another language takes the route of the one
    that `fallbacks` names for it; else, if `unknown` is "nearest", that of the nearest of them (by CLDR's distances of
    languages, with the package langcodes), and if that is too far away or `unknown` is "average", the average route.

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
        langs: Sequence[str] | None = None,
        unknown: str = "average",
        fallbacks: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ):
        set_extensions()
        if unknown not in UNKNOWN:
            raise RelxError("RX021", name="unknown", value=unknown, need="one of " + ", ".join(UNKNOWN))
        self.name = name
        self.detector = detector
        self.default = None if default is None else _primary_code(default, "the setting 'default'")
        self.metadata_key = metadata_key
        self.per_sentence = per_sentence
        self._configured = None if langs is None else _codes(langs, "the setting 'langs'")
        self.langs = self._configured
        self.unknown = unknown
        self.overwrite = overwrite
        where = "the setting 'fallbacks'"
        self.fallbacks = {_primary_code(a, where): _primary_code(b, where) for a, b in (fallbacks or {}).items()}
        self._missing: RelxError | None = None
        self._warned = False
        self._routes: dict[str, str] = {}

    def annotate(self, docs: Sequence[Doc]) -> None:
        """Set the languages of a batch of Docs in place. RAISES: as `route`."""
        self.route(docs)

    def route(self, docs: Sequence[Doc]) -> None:
        """Set the languages of a batch of Docs in place, with one call of the detector.

        RAISES: RelxError RX040 (a Doc needs detection and there is neither a detector nor a default), RX042 (bad
            metadata), RX043 (the detector's answer does not fit its input), RX021 (`fallbacks` names a language that no
            model was trained on).
        """
        self._check_fallbacks()
        given = [(not self.overwrite and get_lang(doc)) or self._metadata(doc) for doc in docs]
        anew = [self.per_sentence and (self.overwrite or not has_sentence_langs(doc)) for doc in docs]
        parts = [_sentences(doc) if wanted else [] for doc, wanted in zip(docs, anew)]
        whole = [doc.text for doc, lang in zip(docs, given) if not lang]
        sents = [doc[start:end].text for doc, bounds in zip(docs, parts) for start, end in bounds]
        # Sentences can fall back on their Doc: only a Doc without a language cannot do without a detector.
        found = iter(self._detect(whole + sents, required=any(map(_has_words, whole))))
        langs = [lang or next(found) or self.default or "" for lang in given]
        rows = [[(start, end, next(found) or lang) for start, end in bounds] for bounds, lang in zip(parts, langs)]
        # Written when all is known, so that a batch that fails has changed no Doc.
        for doc, lang, sent_langs in zip(docs, langs, rows):
            set_lang(doc, lang)
            if sent_langs or self.overwrite:
                set_sentence_langs(doc, sent_langs)
            self._set_routes(doc)

    def _check_fallbacks(self) -> None:
        """Done when Docs come: only then is it known what all models of the pipeline were trained on.

        RAISES: RelxError RX021 for a fallback that none of them was trained on.
        """
        known = self.langs or []
        wrong = {lang: other for lang, other in self.fallbacks.items() if other and known and other not in known}
        if wrong:
            need = f"languages that the models of the pipeline were trained on ({', '.join(known)})"
            raise RelxError("RX021", name="fallbacks", value=wrong, need=need)

    def _set_routes(self, doc: Doc) -> None:
        """Where a part of the Doc is of a language that no model knows, say whose route it takes."""
        parts = get_sentence_langs(doc)
        if not self.langs or all(lang in self.langs for _, _, lang in parts):
            set_routes(doc, None)
        else:
            set_routes(doc, [(start, end, self.route_of(lang)) for start, end, lang in parts])

    def route_of(self, lang: str) -> str:
        """The language whose route texts of this language take; "" for the average of all.

        WARNS: RX267, once for each language that no model was trained on.
        """
        known = self.langs or []
        if not known:
            return lang
        lang = known_code(lang, known)
        if lang in known:
            return lang
        if lang not in self._routes:
            route = self.fallbacks.get(lang, "")
            if route not in known:
                route = _nearest(lang, known) if self.unknown == "nearest" and lang else ""
            self._routes[lang] = route
            if lang:
                name = f"the route of '{route}'" if route else "the average of all routes"
                warn("RX267", lang=lang, known=", ".join(known), route=name)
        return self._routes[lang]

    def add_langs(self, langs: Iterable[str]) -> None:
        """Languages that a model of the pipeline knows besides; they come first. They are saved with the router."""
        self.langs = list(dict.fromkeys([*langs, *(self.langs or [])]))
        self._routes.clear()

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        langs: list[str] | None = None,
    ) -> None:
        """Learn which languages there are, unless they are given or no model of the pipeline asks for them: of models
        that come trained from another pipeline theirs, for others those of the Examples."""
        if langs is not None:
            self.langs = _codes(langs, "the languages given to initialize")
        elif self.langs is None and nlp is not None:
            known, to_train = known_languages(nlp)
            if to_train:
                found = primary_langs(eg.reference for eg in get_examples())
                known += [lang for lang in found if lang not in known]
            self.langs = known or None

    def routes(self, nlp: Language) -> dict[str, dict[str, list[float]]]:
        """The trained routes of the pipeline's languages, see `route_tables`."""
        return route_tables(nlp)

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

    # The settings come from the config, and what the config of a loaded pipeline says is what holds; saved beside it
    # are the languages that its models know, to which the config can only add.

    def _state(self) -> dict[str, Any]:
        return {"langs": self.langs}

    def _restore(self, data: bytes) -> None:
        saved: list[str] = []
        if read_cfg(data)["langs"] is not None:
            saved = _codes(read_cfg(data, lists=("langs",))["langs"], "the saved languages")
        # what was there before goes: a router that loads twice is what it loaded last
        self.langs = self._configured
        if saved:
            self.add_langs(saved)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the languages."""
        save_folder(self, path, {"cfg": lambda p: srsly.write_json(p, self._state())}, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "LanguageRouter":
        """Load. RAISES: RelxError RX591 for a file that is not as it was saved, or is no state; RX042 for
        a code in it that is none."""
        Saved(self, path, exclude).read("cfg", self._restore)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        return save_bytes(self, {"cfg": lambda: srsly.json_dumps(self._state()).encode("utf8")}, exclude)

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "LanguageRouter":
        """Load what `to_bytes` gave. RAISES: RelxError RX591, RX042."""
        Saved(self, data, exclude).read("cfg", self._restore)
        return self


def switched(pipes: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """(name, component) of the components whose model has language-specific layers."""
    from ..core.routes import tells_langs  # torch, which factories do without

    models = [(name, pipe, getattr(pipe, "model", None)) for name, pipe in pipes]
    return [(name, pipe) for name, pipe, model in models if isinstance(model, Model) and tells_langs(model)]


def known_languages(nlp: Language) -> tuple[list[str], bool]:
    """While a pipeline is initialised: the languages of its models with language-specific layers that come from another
    pipeline, and whether there are such models that are initialised now. spaCy disables the first while it does so."""
    from ..core.parts import NO_LANGUAGE
    from ..core.routes import known_langs  # torch, which factories do without

    sourced = [pipe for name, pipe in switched(nlp.components) if name not in nlp.pipe_names]
    found = dict.fromkeys(lang for pipe in sourced for lang in known_langs(pipe.model) or () if lang != NO_LANGUAGE)
    return list(found), bool(switched(nlp.pipeline))


def route_tables(nlp: Language) -> dict[str, dict[str, list[float]]]:
    """How much of each language-specific sub-module each language takes in prediction, for each component of the
    pipeline that has such; under "" what languages that are not known take."""
    from ..core.routes import route_table  # torch, which factories do without

    tables = {name: route_table(pipe.model) for name, pipe in switched(nlp.pipeline)}
    return {name: table for name, table in tables.items() if table}


def _codes(values: Iterable[Any], where: str) -> list[str]:
    """RAISES: RelxError RX042, for the codes of no language in particular, too."""
    values = list(values)
    codes = [_primary_code(value, where) for value in values]
    if "" in codes:
        raise RelxError("RX042", where=where, value=values[codes.index("")])
    return list(dict.fromkeys(codes))


def _nearest(lang: str, known: Sequence[str]) -> str:
    """The nearest of the languages that is near at all, "" for none. RAISES: RelxError RX005."""
    langcodes = optional_import("langcodes", extra="langid", purpose="the nearest language (unknown = 'nearest')")
    return langcodes.closest_supported_match(lang, list(known), max_distance=MAX_DISTANCE) or ""


def _has_words(text: str) -> bool:
    return bool(text) and not text.isspace()


def _start_of(doc: Doc) -> str:
    return repr(doc.text if len(doc.text) <= 60 else doc.text[:57] + "...")


def _sentences(doc: Doc) -> list[tuple[int, int]]:
    """(start, end) of each sentence, in tokens: as they are set, else as the rule finds them."""
    starts = sentence_starts(doc).tolist()
    return list(zip(starts, [*starts[1:], len(doc)]))


def _primary_code(value: Any, where: str) -> str:
    """ "pt-BR" -> "pt"; "" for the codes of no language in particular. RAISES: RelxError RX042."""
    code = primary_code(value.strip()) if isinstance(value, str) else None
    if code is None or not _CODE.fullmatch(code):
        raise RelxError("RX042", where=where, value=value)
    return "" if code in _NO_LANGUAGE else code


@Language.factory(
    "language_router",
    assigns=["doc._.lang", "span._.lang"],
    default_config={
        "detector": {"@misc": "spacy_relx.LangidDetector.v1", "langs": None, "min_score": 0.0},
        "default": None,
        "metadata_key": "lang",
        "per_sentence": False,
        "langs": None,
        "unknown": "average",
        "fallbacks": {},
        "overwrite": False,
    },
)
def make_language_router(
    nlp: Language,
    name: str,
    detector: LanguageDetector | None,
    default: str | None,
    metadata_key: str | None,
    per_sentence: bool,
    langs: list[str] | None,
    unknown: str,
    fallbacks: dict[str, str],
    overwrite: bool,
) -> LanguageRouter:
    """Factory of `language_router`: see `LanguageRouter`. RAISES: RelxError RX042 (no code), RX021 (`unknown`)."""
    require_extras(nlp, [getattr(detector, "extra", ""), "langid" if unknown == "nearest" else ""])
    return LanguageRouter(
        name,
        detector=detector,
        default=default,
        metadata_key=metadata_key,
        per_sentence=per_sentence,
        langs=langs,
        unknown=unknown,
        fallbacks=fallbacks,
        overwrite=overwrite,
    )

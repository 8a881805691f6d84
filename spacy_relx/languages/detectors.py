"""Language detectors: registered functions that name the language of each text."""

from collections.abc import Sequence
from copy import copy
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from ..data._compat import optional_import
from ..data.types import LanguageDetector
from ..errors import RelxError

#: The code for "no linguistic content" (ISO 639-2), which is not a language.
_NO_CONTENT = "zxx"
#: Languages that py3langid knows by the ISO 639-3 code of their main variety, and their ISO 639-1 code.
_TWO_LETTERS = {"fuv": "ff", "gug": "gn", "kik": "ki"}


class LangidDetector:
    """Names languages with py3langid, which has its model inside the package: nothing to download.

    langs: the codes to choose from, as py3langid has them; the answers are these. None for all languages with an
    ISO 639-1 code; the answers are such codes, and dialects and languages without one ("ary", "vec") are not told
    apart from what they resemble. Fewer languages are told apart better.
    min_score: probability in [0, 1] that the best language must reach; below it the answer is None.

    The identifier is this object's own (py3langid's module-level one would be shared with whoever else uses it), is
    made with the first text, and does not travel with a pickle: each process makes its own.

    RAISES: RelxError RX044 (langs), RX021 (min_score), and on use RX005 where py3langid is not installed.
    """

    #: The extra of this package that it needs.
    extra = "langid"

    def __init__(self, langs: Sequence[str] | None = None, min_score: float = 0.0):
        if not 0.0 <= min_score <= 1.0:
            raise RelxError("RX021", name="min_score", value=min_score, need="a probability in [0, 1]")
        if langs is not None and not langs:
            raise RelxError("RX044", unknown="[]", known="any, or null for all")
        self.langs = None if langs is None else list(langs)
        self.min_score = float(min_score)
        self._identifier: Any = None
        self._blank: Any = None

    def __call__(self, texts: Sequence[str]) -> list[str | None]:
        """texts: any number. RETURNS: for each a code, or None: no letters, nothing known, or below `min_score`."""
        identifier = self.load()
        return [self._classify(identifier, text) for text in texts]

    def load(self) -> Any:
        """The py3langid identifier, made on first use. RAISES: RelxError RX005, RX044."""
        if self._identifier is None:
            langid = optional_import("py3langid.langid", extra="langid", purpose="language identification")
            identifier = copy(_read_model(langid))
            known = set(identifier.labels) - {_NO_CONTENT}
            langs = self.langs
            if langs is None:
                langs = [code for code in known if len(code) == 2 or code in _TWO_LETTERS]
            unknown = [code for code in langs if code not in known]
            if unknown:
                raise RelxError("RX044", unknown=unknown, known=", ".join(sorted(known)))
            identifier.set_languages(langs)
            # Rows are what is read, but the selection of columns lies column by column: half as fast.
            identifier.nb_ptc = np.ascontiguousarray(identifier.nb_ptc)
            # What an empty text gets: any text that gets the very same has none of the model's features.
            self._blank = identifier.classify("") if len(identifier.labels) > 1 else None
            self._identifier = identifier
        return self._identifier

    def _classify(self, identifier: Any, text: str) -> str | None:
        if not any(map(str.isalpha, text)):
            return None
        result = identifier.classify(text)
        lang, score = result
        if result == self._blank or score < self.min_score:
            return None
        return lang if self.langs is not None else _TWO_LETTERS.get(lang, lang)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_identifier": None, "_blank": None}


@lru_cache(maxsize=1)
def _read_model(langid: ModuleType) -> Any:
    """The unrestricted identifier, read once in a process (0.5 s). Detectors restrict copies that share its arrays."""
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def make_langid_detector(langs: list[str] | None = None, min_score: float = 0.0) -> LanguageDetector:
    """`spacy_relx.LangidDetector.v1`: see `LangidDetector`. Named languages are checked here if py3langid is installed.

    RAISES: RelxError RX044, RX021.
    """
    detector = LangidDetector(langs, min_score)
    if langs is not None:
        try:
            detector.load()
        except RelxError as err:
            if err.code != "RX005":  # not installed: the router may need no detector, and says so when it does
                raise
    return detector

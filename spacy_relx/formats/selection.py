"""Choosing among documents: by their meta, and by what stands in other files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..data.ids import stable_hash
from ..errors import RelxError
from .docbin import read_docs
from .reader import corpus_files

_ACCENTS = re.compile("[\u0300-\u036f]")
#: What is no space, punctuation, symbol or control character.
_WORDS = re.compile(r"[^\s\W_]+|[\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3099\u309a]+")


class MetaConditions:
    """Conditions on the meta of documents, all of which must hold.

    Args:
        texts: Each KEY=VALUE, or KEY!=VALUE for documents with another value or none. Values are compared as strings.

    Attributes:
        counts: How many documents each condition held for.

    Raises:
        RelxError: RX021 for other texts.
    """

    def __init__(self, texts: Sequence[str]):
        self._conditions = {text: _condition(text) for text in texts}
        self.counts = dict.fromkeys(self._conditions, 0)

    def __call__(self, doc: Doc) -> bool:
        """Whether all hold for a document."""
        meta = doc.user_data.get("meta") or {}
        held = 0
        for text, (key, value, wanted) in self._conditions.items():
            if (key in meta and str(meta[key]) == value) is wanted:
                self.counts[text] += 1
                held += 1
        return held == len(self._conditions)


def _condition(text: str) -> tuple[str, str, bool]:
    key, sign, value = text.partition("=")
    wanted = not key.endswith("!")
    if not key.rstrip("!") or not sign:
        need = "KEY=VALUE, such as checked=TRUE, or KEY!=VALUE"
        raise RelxError("RX021", name="meta", value=text, need=need)
    return key.removesuffix("!"), value, wanted


def text_key(text: str) -> str:
    """What copies of a text have in common that differ in case, accents, spaces and punctuation alone.

    Marks of scripts that write vowels with them stay. It is "" for a text of punctuation alone.
    """
    return "".join(_WORDS.findall(_ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))))


class KnownTexts:
    """The texts of .spacy files, to keep them out of others: test data out of training data.

    Texts are compared as of `text_key`.

    Args:
        paths: Files, or folders that are searched for .spacy files.

    Raises:
        RelxError: RX120, RX131, RX132.
    """

    def __init__(self, paths: Iterable[str | Path]):
        self.files = [file for path in paths for file in corpus_files(Path(path))]
        vocab = Vocab()
        keys = {text_key(doc.text) for file in self.files for doc in read_docs(file, vocab)}
        self._keys = {stable_hash(key) for key in keys if key}

    def __contains__(self, doc: Doc) -> bool:
        return stable_hash(text_key(doc.text)) in self._keys

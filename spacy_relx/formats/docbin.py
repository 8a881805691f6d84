"""Reading and writing .spacy files, fast: `srsly` looks up its codecs anew for each thing it unpacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import catalogue
import srsly
import srsly.msgpack
from spacy.attrs import SPACY
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..data.files import write_whole
from ..errors import RelxError

#: What training data for relations holds besides words: half of spaCy's default, and half the size on disk.
ATTRS = ("ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "SENT_START")
_CHUNK = 256


@contextmanager
def quick_msgpack() -> Iterator[None]:
    """Let msgpack look up its codecs once, not on every call: each look-up walks through all entry points that are
    installed and all names in memory, 0.5 ms in a usual environment, and reading or writing a Doc needs several."""
    registries = [srsly.msgpack.msgpack_encoders, srsly.msgpack.msgpack_decoders]
    # Within another such block the method is shadowed already.
    registries = [registry for registry in registries if "get_all" not in vars(registry)]
    for registry in registries:
        registry.get_all = partial(dict, _codecs(registry))
    try:
        yield
    finally:
        for registry in registries:
            vars(registry).pop("get_all", None)


def _codecs(registry: catalogue.Registry) -> dict[str, Any]:
    """What `registry.get_all()` gives, in 5 % of its time."""
    own = {keys[-1]: codec for keys, codec in catalogue.REGISTRY.copy().items() if keys[:-1] == registry.namespace}
    return {**_installed_codecs(registry), **own}


@cache
def _installed_codecs(registry: catalogue.Registry) -> dict[str, Any]:
    """Codecs that are entry points, which do not change while a process runs."""
    return registry.get_entry_points()


def new_docbin() -> DocBin:
    """An empty DocBin for relation data: `store_user_data` keeps relations, languages, ids."""
    return DocBin(attrs=ATTRS, store_user_data=True)


def read_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """The Docs of a .spacy file. RAISES: RelxError RX132 where it is none."""
    try:
        docs = DocBin().from_disk(path).get_docs(vocab)
    except Exception as err:  # zlib, msgpack, numpy and key errors: all mean that it is no DocBin
        raise RelxError("RX132", path=path, reason=_reason(err)) from err
    while True:
        # In chunks, since the shortcut is global and must not last while the caller does other things.
        with quick_msgpack():
            chunk = list(islice(docs, _CHUNK))
        if not chunk:
            return
        yield from chunk


def _reason(err: Exception) -> str:
    """What the error says. Of spaCy's own only that, since it goes on to advise another command for another format."""
    if isinstance(err, OSError):
        return str(err)
    if "[E1014]" in str(err):
        return "its contents are not in that format"
    return f"something in it is missing or wrong ({type(err).__name__}: {err})"


class StoredDocs:
    """Docs of one vocab, kept as arrays and bytes, which take a fraction of their memory. Each is made anew when it is
    asked for.

    Args:
        vocab: That of the Docs.
    """

    def __init__(self, vocab: Vocab):
        self._vocab = vocab
        self._docs = new_docbin()

    def __len__(self) -> int:
        return len(self._docs)

    def add(self, doc: Doc) -> None:
        """Keep a Doc: what a .spacy file has of it."""
        stored: Any = self._docs
        stored.tokens.append(doc.to_array(stored.attrs))
        stored.spaces.append(doc.to_array(SPACY).astype(bool).reshape(-1, 1))
        stored.flags.append({"has_unknown_spaces": doc.has_unknown_spaces})
        stored.cats.append(doc.cats)
        with quick_msgpack():
            stored.user_data.append(srsly.msgpack_dumps(doc.user_data))
            stored.span_groups.append(doc.spans.to_bytes())

    def n_tokens(self, number: int) -> int:
        """The number of tokens of a Doc, which is not made."""
        return len(self._docs.tokens[number])

    def __getitem__(self, number: int) -> Doc:
        one, stored = new_docbin(), self._docs
        for name in ("tokens", "spaces", "flags", "cats", "user_data", "span_groups"):
            setattr(one, name, [getattr(stored, name)[number]])
        with quick_msgpack():
            return next(iter(one.get_docs(self._vocab)))


def write_docbin(docbin: DocBin, path: Path) -> None:
    """Write the file, whole or not at all. RAISES: RelxError RX186."""
    try:
        write_whole(path, docbin.to_bytes())
    except (OSError, ValueError) as err:  # ValueError: more than msgpack's 4 GB
        raise RelxError("RX186", path=path, reason=str(err)) from err

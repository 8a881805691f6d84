"""Reading and writing .spacy files, fast: `srsly` looks up its codecs anew for each thing it unpacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import catalogue
import srsly.msgpack
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


def write_docbin(docbin: DocBin, path: Path) -> None:
    """Write the file, whole or not at all. RAISES: RelxError RX186."""
    try:
        write_whole(path, docbin.to_bytes())
    except (OSError, ValueError) as err:  # ValueError: more than msgpack's 4 GB
        raise RelxError("RX186", path=path, reason=str(err)) from err

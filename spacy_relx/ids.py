"""Ids of what has none in the data: made of content, so that nothing else in a run changes them."""

from __future__ import annotations

import hashlib


def stable_hash(*parts: str) -> int:
    """A hash of strings in [0, 2**64), the same in every process and on every machine."""
    data = "".join(f"{len(part)}:{part}" for part in parts).encode("utf8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def content_id(name: str, *content: str) -> str:
    """An id that names alone cannot give: several files and documents have one name.

    Args:
        name: What a reader knows the thing by, "" for nothing.
        content: What tells it from others of that name.

    Returns:
        `NAME~DIGEST`, or the digest alone. It depends on the arguments and on nothing else.
    """
    digest = f"{stable_hash(*content):016x}"
    return f"{name}~{digest}" if name else digest

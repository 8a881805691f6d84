"""Folders of arrays (.npy), ids (.txt, one a line) and meta.json: data, never code, and checked when they are read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import RelxError

META = "meta.json"
#: What a broken folder of embeddings is.


def save_array(folder: Path, name: str, array: np.ndarray) -> None:
    """Write NAME.npy. RAISES: OSError."""
    # Under another name first: the file there may be the one that the array is mapped from.
    temporary = folder / f"{name}.npy.tmp"
    with temporary.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)
    temporary.replace(folder / f"{name}.npy")


def read_array(folder: Path, name: str, dtype: str, shape: Any, *, mmap_mode: Literal["r", "c"] | None) -> np.ndarray:
    """The array of NAME.npy, which must be of this type and shape. RAISES: RelxError RX205."""
    try:
        array = np.load(folder / f"{name}.npy", mmap_mode=mmap_mode, allow_pickle=False)
    except (OSError, ValueError, EOFError) as err:
        raise RelxError("RX205", path=folder, reason=f"its {name}.npy cannot be read ({err})") from err
    if str(array.dtype) != dtype or list(array.shape) != shape:
        reason = f"its {name}.npy is {array.dtype} {list(array.shape)}, but {dtype} {shape} is wanted"
        raise RelxError("RX205", path=folder, reason=reason)
    return array


def save_ids(folder: Path, name: str, ids: Iterable[str]) -> None:
    """Write NAME.txt. ids: without line breaks. RAISES: OSError."""
    (folder / f"{name}.txt").write_bytes("".join(f"{each}\n" for each in ids).encode("utf8"))


def read_ids(folder: Path, name: str, wanted: Any) -> list[str]:
    """The ids of NAME.txt. wanted: how many there must be. RAISES: RelxError RX205."""
    try:
        ids = (folder / f"{name}.txt").read_bytes().decode("utf8").split("\n")
    except (OSError, ValueError) as err:
        raise RelxError("RX205", path=folder, reason=f"its {name}.txt cannot be read ({err})") from err
    if ids.pop() != "" or len(ids) != wanted:
        reason = f"its {name}.txt has {len(ids)} lines, but {wanted} are wanted"
        raise RelxError("RX205", path=folder, reason=reason)
    return ids


def read_meta(folder: Path, kind: str, version: int) -> dict[str, Any]:
    """The meta.json of a folder, which must be of this kind and version. RAISES: RelxError RX205."""
    try:
        meta = json.loads((folder / META).read_text(encoding="utf8"))
    except (OSError, ValueError, RecursionError) as err:
        raise RelxError("RX205", path=folder, reason=f"its {META} cannot be read ({err})") from err
    if not isinstance(meta, dict) or meta.get("format") != kind:
        raise RelxError("RX205", path=folder, reason=f"its {META} does not say that it is a {kind}")
    if meta.get("version") != version:
        reason = f"it has version {meta.get('version')!r}, this package reads version {version}"
        raise RelxError("RX205", path=folder, reason=reason)
    return meta


def write_arrays(folder: Path, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Write NAME.npy for each array, and last meta.json with their shapes and types. RAISES: RelxError RX186."""
    found = {name: {"dtype": str(array.dtype), "shape": list(array.shape)} for name, array in arrays.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            save_array(folder, name, array)
        (folder / META).write_text(json.dumps({**meta, "arrays": found}, indent=1), encoding="utf8")
    except OSError as err:
        raise RelxError("RX186", path=folder, reason=err.strerror or err) from err


def read_arrays(folder: Path, meta: dict[str, Any], names: Sequence[str], *, mmap: bool) -> dict[str, np.ndarray]:
    """The arrays of a folder, of the shapes and types that its meta.json names. RAISES: RelxError RX205."""
    arrays = {}
    for name in names:
        try:
            dtype, shape = str(meta["arrays"][name]["dtype"]), list(meta["arrays"][name]["shape"])
        except (KeyError, TypeError) as err:
            reason = f"its {META} does not say of what shape {name}.npy is"
            raise RelxError("RX205", path=folder, reason=reason) from err
        # Copy on write: PyTorch has no read-only tensors.
        arrays[name] = read_array(folder, name, dtype, shape, mmap_mode="c" if mmap else None)
    return arrays

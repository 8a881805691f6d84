"""Saving and loading of components, with a checksum for every file, so that damage is an error and no other answer.

A component's folder has beside its files `checksums.json`, which is written last. Loading reads nothing that is not in
it and as it was saved; bytes (`to_bytes`) have the same checksums under the key `checksums`.
"""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import srsly
from spacy import util

from ...errors import RelxError, sentence
from ..task import AnyModel, layers_of

CHECKSUMS = "checksums.json"
_VERSION = 1
_BLOCK = 1 << 20
T = TypeVar("T")


def save_folder(
    pipe: Any, path: str | Path, writers: Mapping[str, Callable[[Path], Any]], exclude: Iterable[str]
) -> None:
    """Write a component's folder, and the checksums of its files.

    Args:
        pipe: The component.
        path: Its folder.
        writers: What writes each file or folder in it, by name, as for `spacy.util.to_disk`.
        exclude: Names to leave out.
    """
    path, exclude = Path(path), list(exclude)
    path.mkdir(parents=True, exist_ok=True)
    # Last and first: a folder that was not written to its end has none, and cannot be loaded.
    (path / CHECKSUMS).unlink(missing_ok=True)
    util.to_disk(path, dict(writers), exclude)
    sums: dict[str, Any] = {}
    for key in writers:
        if not _is_excluded(key, exclude):
            sums.update((file.relative_to(path).as_posix(), _sum_of_file(file)) for file in _files(path / key))
    (path / CHECKSUMS).write_text(json.dumps(_document(pipe, sums), indent=1), encoding="utf8")


def save_bytes(pipe: Any, getters: Mapping[str, Callable[[], Any]], exclude: Iterable[str]) -> bytes:
    """A component as bytes, with checksums.

    Args:
        pipe: The component.
        getters: What gives each part, by name, as for `spacy.util.to_bytes`: bytes, or the bytes of files by name.
        exclude: Names to leave out.
    """
    parts = util.to_dict(dict(getters), list(exclude))
    sums: dict[str, Any] = {}
    for key, part in parts.items():
        files = {key: part} if isinstance(part, bytes) else {f"{key}/{name}": data for name, data in part.items()}
        sums.update((name, _sum_of(data)) for name, data in files.items())
    return srsly.msgpack_dumps({**parts, "checksums": _document(pipe, sums)})


class Saved:
    """A component as it was saved, whose files are checked when they are read.

    Args:
        pipe: The component to load.
        source: Its folder, or what `save_bytes` gave.
        exclude: Names of files and folders that are left alone.

    Raises:
        RelxError: RX591 for checksums that are missing or damaged, or those of another kind of component.
    """

    def __init__(self, pipe: Any, source: str | Path | bytes, exclude: Iterable[str]):
        self.name = getattr(pipe, "name", type(pipe).__name__)
        self.exclude = list(exclude)
        self.folder = None if isinstance(source, bytes) else Path(source)
        self._parts: dict[str, Any] = {}
        if isinstance(source, bytes):
            self._parts = self._parse("bytes", source, _read_parts)
        self._sums = self._read_sums(pipe)

    def has(self, key: str) -> bool:
        """Whether this file or folder is to be read."""
        return not _is_excluded(key, self.exclude)

    def holds(self, key: str) -> bool:
        """Whether this file or folder was saved."""
        return any(name == key or name.startswith(f"{key}/") for name in self._sums)

    def place(self, key: str) -> str:
        """The name of a file, for messages."""
        return key if self.folder is None else str(self.folder / key)

    def read(self, key: str, parse: Callable[[bytes], T]) -> T | None:
        """Read a file; None where it is excluded.

        Raises:
            RelxError: RX591 for a file that is not as it was saved, or that `parse` cannot read.
        """
        if not self.has(key):
            return None
        if key not in self._sums:
            raise self._damaged(key, "it was not saved with the component")
        data = self._parts.get(key) if self.folder is None else self._read_file(key)
        return self._parse(key, self._checked(key, data), parse)

    def read_folder(self, key: str, from_disk: Callable[[Path], T], from_bytes: Callable[[Any], T]) -> T | None:
        """Read a folder, of bytes what was saved in its place; None where it is excluded.

        Raises:
            RelxError: RX591 for a file that is not as it was saved, or cannot be read.
        """
        if not self.has(key):
            return None
        files = [name for name in self._sums if name == key or name.startswith(f"{key}/")]
        if not files:
            raise self._damaged(key, "it was not saved with the component")
        if self.folder is None:
            part = self._parts.get(key)
            for name in files:
                content = part if name == key else part.get(name[len(key) + 1 :]) if isinstance(part, dict) else None
                self._checked(name, content)
            if isinstance(part, dict):  # what has no checksum is not read
                part = {name: data for name, data in part.items() if f"{key}/{name}" in self._sums}
            return self._parse(key, part, from_bytes)
        for name in files:
            if self._stat(name) != self._sums[name]["size"] or _sum_of_file(self.folder / name) != self._sums[name]:
                raise self._damaged(name, _difference(self._stat(name), self._sums[name]))
        return self._parse(key, self.folder / key, from_disk)

    def unreadable(self, key: str, reason: object) -> RelxError:
        """RX591 for a file that is as it was saved, and yet says what cannot be."""
        return RelxError("RX591", file=self.place(key), name=self.name, reason=sentence(reason).rstrip("."))

    # Checks

    def _read_sums(self, pipe: Any) -> dict[str, dict[str, Any]]:
        if self.folder is None:
            document: Any = self._parts.get("checksums")
        else:
            data = self._read_file(CHECKSUMS)
            if data is None:
                raise self._damaged(CHECKSUMS, "it is missing, so that nothing can be checked")
            try:
                document = json.loads(data)
            except (ValueError, RecursionError) as err:
                raise self._damaged(CHECKSUMS, f"it is no JSON ({err})") from err
        sums = document.get("files") if isinstance(document, dict) else None
        if not isinstance(sums, dict) or document != _document(pipe, sums, document.get("component")):
            raise self._damaged(CHECKSUMS, "it is not as it was saved")
        if not all(isinstance(each, dict) and {"size", "sha256"} <= each.keys() for each in sums.values()):
            raise self._damaged(CHECKSUMS, "it does not say of what size and content the files are")
        if document["component"] != _kind(pipe):
            reason = f"it is that of a component {str(document['component'])[:80]}, and not of {_kind(pipe)}"
            raise self._damaged(CHECKSUMS, reason)
        for name in sums:
            if name.startswith("/") or "\\" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
                raise self._damaged(CHECKSUMS, f"it names a file outside of the folder, {name[:80]!r}")
        return sums

    def _stat(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        path = Path(self.folder or "", name)
        return path.stat().st_size if path.is_file() else None

    def _read_file(self, name: str) -> bytes | None:
        """Raises: RelxError RX591 for what cannot be read."""
        path = Path(self.folder or "", name)
        try:
            return path.read_bytes() if path.is_file() else None
        except OSError as err:
            raise self._damaged(name, f"it cannot be read ({err.strerror or err})") from err

    def _checked(self, name: str, data: Any) -> bytes:
        if not isinstance(data, bytes) or _sum_of(data) != self._sums[name]:
            size = len(data) if isinstance(data, bytes) else None
            raise self._damaged(name, _difference(size, self._sums[name]))
        return data

    def _damaged(self, name: str, reason: str) -> RelxError:
        return RelxError("RX591", file=self.place(name), name=self.name, reason=reason)

    def _parse(self, key: str, data: Any, parse: Callable[[Any], T]) -> T:
        collecting = gc.isenabled()
        try:
            return parse(data)
        except RelxError:
            raise
        except Exception as err:  # whatever spaCy, thinc, msgpack and numpy make of such content
            raise self.unreadable(key, f"{type(err).__name__}: {err}") from err
        finally:
            if collecting:  # srsly switches it off while it reads msgpack, and for good where that fails
                gc.enable()


def read_cfg(data: bytes, lists: Iterable[str] = ()) -> dict[str, Any]:
    """A JSON object of settings.

    Args:
        data: The JSON.
        lists: Keys that must be there, with strings, each once.

    Raises:
        ValueError: For what is none.
    """
    cfg = srsly.json_loads(data)
    if not isinstance(cfg, dict):
        raise ValueError("it is no JSON object")
    for key in lists:
        names = cfg.get(key)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"'{key}' is no list of strings")
        if len(set(names)) < len(names):
            raise ValueError(f"a name is twice in '{key}'")
    return cfg


def check_finite(name: str, model: AnyModel) -> None:
    """Check the weights of a model: thinc's parameters, and those of torch modules in our shims.

    Raises:
        RelxError: RX594 for a weight that is NaN or infinite.
    """
    for param, array in _weights(model):
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            count = int((~np.isfinite(array)).sum())
            raise RelxError("RX594", name=name, param=param, count=count, size=array.size)


def _weights(model: AnyModel) -> Iterator[tuple[str, np.ndarray]]:
    for node in model.walk():
        for param in node.param_names:
            if node.has_param(param):
                yield f"{node.name}.{param}", node.ops.to_numpy(node.get_param(param))
    for node, layer in layers_of(model):
        if layer.is_built:
            for name, tensor in layer.network.state_dict().items():
                yield f"{node.name}.{name}", tensor.detach().cpu().numpy()


def _read_parts(data: bytes) -> dict[str, Any]:
    parts = srsly.msgpack_loads(data)
    if not isinstance(parts, dict):
        raise ValueError("they hold no component")
    return parts


def _is_excluded(key: str, exclude: Iterable[str]) -> bool:
    return key.split(".")[0] in exclude  # as spaCy has it


def _kind(pipe: Any) -> str:
    """The name of the component's class, of a class derived from one of ours that of ours."""
    return next(each.__name__ for each in type(pipe).__mro__ if each.__module__.startswith("spacy_relx."))


def _document(pipe: Any, sums: dict[str, Any], kind: Any = None) -> dict[str, Any]:
    """The content of `checksums.json`. With a digest of its own: what is damaged there is no damage of other files."""
    kind = _kind(pipe) if kind is None else kind
    whole = json.dumps([_VERSION, kind, sums], sort_keys=True).encode("utf8")
    return {"version": _VERSION, "component": kind, "files": sums, "sha256": hashlib.sha256(whole).hexdigest()}


def _files(path: Path) -> list[Path]:
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def _sum_of(data: bytes) -> dict[str, Any]:
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _sum_of_file(path: Path) -> dict[str, Any]:
    whole, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while data := stream.read(_BLOCK):
            whole.update(data)
            size += len(data)
    return {"size": size, "sha256": whole.hexdigest()}


def _difference(size: int | None, wanted: Mapping[str, Any]) -> str:
    if size is None:
        return "it is missing"
    if size != wanted["size"]:
        return f"it has {size} bytes, but {wanted['size']} were saved"
    return "its content is not what was saved"

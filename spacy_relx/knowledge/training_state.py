"""The state of a training, saved so that an interrupted one goes on as if nothing had happened."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..core.kernels.table_optimizers import set_state, state_tensors
from ..errors import RelxError
from .folders import META, read_arrays, read_meta, write_arrays

if TYPE_CHECKING:
    from .complex import _Trainer

FORMAT, VERSION = "spacy_relx.ComplExTraining", 1
#: How names of its arrays begin.
_PARTS = ("entities", "relations", "mean.", "best.", "state.")


class TrainingState:
    """A folder of vectors, their mean over epochs, sums of the optimizer, best vectors so far, and meta.json.

    folder: is replaced as a whole on each save. fingerprint: JSON-able, of what is trained; another one is refused.
    """

    def __init__(self, folder: Path, fingerprint: dict[str, Any]):
        self.folder, self.fingerprint = folder, fingerprint
        self._old = folder.with_name(folder.name + ".old")

    def save(self, trainer: _Trainer) -> None:
        """Write a new folder beside the old one and change places. RAISES: RelxError RX186."""
        tables = {"entities": trainer.model.entities, "relations": trainer.model.relations}
        tensors = {**tables, **{f"state.{k}": v for k, v in state_tensors(trainer.optimizers, tables).items()}}
        if trainer.mean is not trainer.model:
            tensors |= {f"mean.{name}": table for name, table in trainer.mean.named_parameters()}
        if trainer.best_tables is not None:
            tensors |= {f"best.{name}": table for name, table in zip(tables, trainer.best_tables)}
        meta = {"format": FORMAT, "version": VERSION, "fingerprint": self.fingerprint, **trainer.notes()}
        meta["best"] = list(trainer.best)
        new = self.folder.with_name(self.folder.name + ".new")
        try:
            shutil.rmtree(new, ignore_errors=True)
            write_arrays(new, {name: tensor.detach().numpy() for name, tensor in tensors.items()}, meta)
            if self.folder.exists():
                shutil.rmtree(self._old, ignore_errors=True)
                self.folder.rename(self._old)
            new.rename(self.folder)
            shutil.rmtree(self._old, ignore_errors=True)
        except OSError as err:
            raise RelxError("RX186", path=self.folder, reason=err.strerror or err) from err

    def load(self, trainer: _Trainer) -> None:
        """Put the saved state into a new trainer; nothing where none is saved.

        RAISES: RelxError RX205 for a broken one, RX236 for one of another training.
        """
        from .complex import Epoch

        folder = self.folder
        if not (folder / META).exists() and (self._old / META).exists():  # interrupted while they changed places
            folder = self._old
        if not folder.exists():
            return
        meta = read_meta(folder, FORMAT, VERSION)
        found = meta.get("fingerprint")
        if not isinstance(found, dict) or found != self.fingerprint:
            found = found if isinstance(found, dict) else {}
            differ = [name for name, value in self.fingerprint.items() if found.get(name) != value]
            was = ", ".join(f"{name} {found.get(name)!r}" for name in differ)
            raise RelxError("RX236", path=folder, differ=was)
        tables = {"entities": trainer.model.entities, "relations": trainer.model.relations}
        try:
            names = [name for name in meta["arrays"] if name.startswith(_PARTS)]
            tensors = {k: torch.from_numpy(v) for k, v in read_arrays(folder, meta, names, mmap=False).items()}
            parts = [(trainer.model, "")] + [(trainer.mean, "mean.")] * (trainer.mean is not trainer.model)
            current = [(model, _vectors(tensors, prefix, tables)) for model, prefix in parts]
            best = _vectors(tensors, "best.", tables) if "best.entities" in tensors else None
            trainer.epochs = [Epoch(**each) for each in meta["epochs"]]
            trainer.best, trainer.best_tables = (int(meta["best"][0]), float(meta["best"][1])), best
            state = {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}
            set_state(trainer.optimizers, tables, state)
        except RelxError:
            raise
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as err:
            raise RelxError("RX205", path=folder, reason=f"it is no whole state of a training ({err!r})") from err
        with torch.no_grad():
            for model, vectors in current:
                for table, tensor in zip((model.entities, model.relations), vectors):
                    table.copy_(tensor)


def _vectors(tensors: dict[str, Tensor], prefix: str, tables: dict[str, nn.Parameter]) -> tuple[Tensor, Tensor]:
    """Saved vectors of entities and relations. RAISES: ValueError where they are not of the shape of the tables."""
    found = (tensors[f"{prefix}entities"], tensors[f"{prefix}relations"])
    for (name, table), tensor in zip(tables.items(), found):
        if tensor.shape != table.shape or tensor.dtype != table.dtype:
            wanted = f"{table.dtype} {list(table.shape)}"
            raise ValueError(f"{prefix}{name} is {tensor.dtype} {list(tensor.shape)}, but {wanted} is wanted")
    return found

"""spaCy's training loop with checkpoints, from which an interrupted training goes on as if nothing had happened."""

from .loop import Checkpoints, train

__all__ = ["Checkpoints", "train"]

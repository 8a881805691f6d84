"""What a network's switcher of sub-modules by language tells others; `languages.switcher` is one."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Switcher(nn.Module, ABC):
    """A network's sub-modules, which languages share.

    Attributes:
        one_to_one: Whether each language has a sub-module of its own; else routes are learned.
    """

    one_to_one: bool

    @abstractmethod
    def routes(self) -> Tensor:
        """How much of each sub-module each language takes, and behind them those that are not known.

        Returns:
            *Shape:* (n_langs + 1, n_submodules).
        """

    @abstractmethod
    def reach(self) -> list[int]:
        """For each language how many sub-modules it may use, the first so many."""

"""What takes the gradients that runners compute, as abstract classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from rnnbp.numerics import Array


class Accumulator(ABC):
    """The sums of parameter gradients of a run. It owns the sums; runners add to them."""

    @abstractmethod
    def add(self, owner: dict[str, Array], grads: Mapping[str, Array]) -> None:
        """Add gradients, each of its parameter's shape, to the sums of ``owner``'s parameters."""

    @abstractmethod
    def at(self, owner: dict[str, Array], key: str) -> Array:
        """The sum of one of ``owner``'s parameters, to be added to in place."""

    @abstractmethod
    def begins(self, key: object, find: Callable[[], list[int]]) -> list[int]:
        """The addresses that ``find`` returns, computed once per ``key``: sums do not move."""


class SymbolTable(ABC):
    """Takes symbols to the rows of a lookup table that a runner reads in place of their vectors."""

    @abstractmethod
    def numbers(self, x: Array) -> Array:
        """The row of each symbol of x (L, B), int64. Raises IndexError for one out of range."""

    @abstractmethod
    def finish(self, grads: Accumulator) -> None:
        """Add the gradients summed by symbol over a run, and set those sums to zero."""

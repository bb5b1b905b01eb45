"""What the record of an operation is given: to send deltas on, and to write itself for a reader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeAlias

from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.weights import Matrix, Vector
from rnnbp.numerics import Shape

SUM, TERM, PRODUCT, ATOM = range(4)
"""What holds a formula together, the weakest first: a + b, W a, a ⊙ b, tanh(a)."""
Formula: TypeAlias = tuple[str, int]
"""A text, and what holds it together."""


class Deltas(ABC):
    """Takes the deltas of an operation's arguments, and appends backward operations."""

    values: Values

    @abstractmethod
    def source(self, value: int) -> Op | None:
        """The forward operation that gives a value; None for an input."""

    @abstractmethod
    def send(self, value: int, delta: int) -> None:
        """Add to the delta of a value."""

    @abstractmethod
    def send_part(self, value: int, rows: tuple[int, int], delta: int) -> None:
        """Add to the delta of some rows of a value."""

    @abstractmethod
    def make(self, name: str, *args: int, attr: object = None, shape: Shape | None = None) -> int:
        """The value of a backward operation; of the shape of its first argument unless given."""

    @abstractmethod
    def gradient(self, name: str, args: tuple[int, ...], attr: object) -> None:
        """Append an operation that computes the gradient of parameters."""


class Formulas(ABC):
    """Names values and weights, and writes formulas inside others."""

    @abstractmethod
    def arg(self, value: int, least: int) -> str:
        """An argument, in brackets where its formula is held together by less than ``least``."""

    @abstractmethod
    def name(self, value: int) -> str:
        """The name of a value, or of the rows that it is."""

    @abstractmethod
    def weight(self, letter: str, value: Matrix | Vector) -> str:
        """The name of weights, as W0."""


def number(value: float) -> str:
    """A constant."""
    return {0.5: "½", -0.5: "−½"}.get(value, f"{value:g}".replace("-", "−"))

"""Blocks that run over time: what they return does not change as often as what they take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from rnnbp.graph.values import Per, Value
    from rnnbp.numerics import Shape


class Timed(ABC):
    """A block of a graph that is no layer: it takes series as a whole, not step by step."""

    n_outputs: int
    view: ClassVar[bool] = False
    part: ClassVar[bool] = False
    """Its outputs are arrays of their own, as ``Layer`` has these."""
    reverse: bool = False
    """Whether it runs from the last step of each sequence to its first."""

    @property
    @abstractmethod
    def in_pers(self) -> tuple[Per, ...]:
        """How often it reads each argument."""

    @property
    @abstractmethod
    def out_pers(self) -> tuple[Per, ...]:
        """How often each output changes."""

    @abstractmethod
    def check_args(self, args: Sequence[Value]) -> None:
        """Raise TypeError or ValueError for values that are too many, or change too often."""

    @abstractmethod
    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        """Feature shapes of the outputs for those of the arguments. Raises ShapeError."""

"""What a check of gradients returns, and raises."""

from __future__ import annotations

from dataclasses import dataclass

from rnnbp.support.printing import printable


class GradientError(AssertionError):
    """A gradient that differs from the numerical derivative; names the array and the element."""


@dataclass(frozen=True)
class GradientCheck:
    """The result of a check: the largest error of each array.

    Attributes:
        errors: the largest error by the name of the array.
        method: "complex" or "central".
        tolerance: the largest error that passes.
        samples: the most elements of an array that were checked; None for all.

    The error of an element is |gradient − derivative|, divided by the derivative's size if that is
    above 1, else by the largest derivative in its array, between 0.001 and 1.
    """

    errors: dict[str, float]
    method: str
    tolerance: float
    samples: int | None = None

    @property
    def worst(self) -> float:
        """The largest of all errors."""
        return max(self.errors.values(), default=0.0)

    @printable
    def __str__(self) -> str:
        width = max((len(name) for name in self.errors), default=0)
        lines = [f"{name:<{width}}  {error:.1e}" for name, error in self.errors.items()]
        some = f", {self.samples:,} elements of each array at most" if self.samples else ""
        return "\n".join([f"{self.method} step, tolerance {self.tolerance:g}{some}", *lines])

"""The common part of rules that square gradients."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import ClassVar

import numpy as np

from rnnbp.numerics import Array
from rnnbp.optim.base import Optimizer
from rnnbp.optim.extents import extents


@lru_cache
def _limit(dtype: np.dtype[np.floating]) -> float:
    """The largest number whose square, times four, is finite."""
    return math.sqrt(float(np.finfo(dtype).max) / 4)


class Squaring(Optimizer):
    """A rule that squares gradients, penalty included. Refuses a gradient that is too large before
    anything changes.

    A mean of squares that has overflowed would stay infinite, and its parameter would never move
    again.
    """

    weight_decay: float
    decoupled: ClassVar[bool] = False
    """True if the weight decay is not part of the gradient."""

    def _fits(self, p: Array, top: float, slots: dict[str, Array]) -> bool:
        top, limit = self._with_penalty(p, top), _limit(p.dtype)
        return not (
            top > limit
            or ("sum" in slots and top * top > 2 * limit * limit - _largest(slots["sum"]))
        )

    def _size_error(self, name: str, p: Array, top: float) -> FloatingPointError:
        return FloatingPointError(
            f"{type(self).__name__}: the gradient of {name!r} has size "
            f"{self._with_penalty(p, top):.3g}, and its square does not fit in {p.dtype}; clip "
            f"gradients to at most {_limit(p.dtype):.1g}, or lower the learning rate"
        )

    def _with_penalty(self, p: Array, top: float) -> float:
        """The largest |element| of a gradient of size ``top``, if the penalty adds up."""
        if self.weight_decay and not self.decoupled:
            return top + self.weight_decay * _largest(p)
        return top


def _largest(x: Array) -> float:
    return extents([x])[0].largest


def mean_square(mean: Array, g: Array, keep: float, scratch: Array) -> None:
    """mean ← keep · mean + (1 − keep) · g², in place."""
    mean *= keep
    np.multiply(g, g, out=scratch)
    scratch *= 1 - keep
    mean += scratch

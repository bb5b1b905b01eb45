"""Layers that take integers."""

from __future__ import annotations

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, DtypeError, Saved, Shape, ShapeError

NUMBER = 8
"""Bytes of a symbol, or of its place, in a copy."""


class Symbols(Layer):
    """A layer whose input (...) is integers in [0, ``n_symbols``), which have no delta.

    Raises DtypeError for an input that is not of integers, IndexError for one outside the range.
    """

    symbols = True
    n_symbols: int
    n_out: int

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array | None, ...]:
        return (None,)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(
                f"{self}: takes one input of symbols, found {len(shapes)}; give each its own layer"
            )
        if shapes[0] not in (None, ()):
            raise ShapeError(
                f"{self}: input must have no feature axes, its elements are symbols; found feature "
                f"shape {shapes[0]}; give it shape (T, B); among floats, give one-hot columns to a "
                "Dense instead"
            )
        return ((self.n_out,),)

    def check(self, x: Array) -> None:
        """Raise unless ``x`` holds integers in range."""
        if x.dtype.kind not in "iu":
            raise DtypeError(
                f"{self}: input must hold integers, found dtype {x.dtype}; convert it with "
                "x.astype(int)"
            )
        if x.size == 0 or ((x.dtype.kind == "u" or x.min() >= 0) and x.max() < self.n_symbols):
            return
        at = tuple(int(i) for i in np.argwhere((x < 0) | (x >= self.n_symbols))[0])
        cure = (
            "count symbols from 0"
            if x[at] < 0
            else f"build the layer for {int(x.max()) + 1} symbols"
        )
        if x.max() == self.n_symbols and x.min() == 1:
            cure = f"count symbols from 0, as x - 1, or {cure}"
        raise IndexError(
            f"{self}: input must lie in [0, {self.n_symbols}), found {x[at]} at {list(at)} of "
            f"shape {x.shape}; {cure}"
        )

    def describe(self) -> str:
        return f"{self.n_symbols}"

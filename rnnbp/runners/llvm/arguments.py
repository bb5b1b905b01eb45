"""The arrays that a runner is passed, as kernels read them, and states as they are returned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rnnbp.graph.layout import Layout
from rnnbp.numerics import Array, Shape, ShapeError, address, lies, readable
from rnnbp.runners.llvm.tape import KernelTape

NUMBER = np.dtype(np.int64)
"""Of numbers of symbols."""


class Arguments:
    """Checks the shapes of arrays, since kernels would read past the end of a wrong one.

    Args:
        symbols: whether x is numbers of symbols.
    """

    def __init__(self, layout: Layout, *, symbols: bool) -> None:
        self.cell, self.batch = layout.cell, layout.batch
        self._dtype = NUMBER if symbols else layout.dtype
        self.step_shape = (self.batch, *(() if symbols else layout.x_shape))
        """Of a step of x; where it is numbers of symbols, these have no features."""

    def x(self, x: Array) -> Array:
        """x (L, B, ...) as kernels read it. Raises ShapeError for another shape."""
        # Whatever layer it comes from: one that a user wrote may return what does not lie together.
        self.require("x", x, (len(x), *self.step_shape))
        return x if x.dtype == self._dtype and lies(x) else readable(x, self._dtype)

    def require(self, what: str, array: Array, expected: Shape) -> None:
        """Raise ShapeError for an array that is not of the shape that kernels read."""
        if array.shape != expected:
            raise ShapeError(
                f"{self.cell}: {what} must have shape {expected}, found {array.shape}; "
                "resize no array"
            )

    def length_of(self, tape: KernelTape) -> int:
        """The steps of a tape. Raises ShapeError where its x was resized since."""
        # x may be a layer's own array, which its owner can resize in place.
        length = len(tape.states.states[0]) - 1
        self.require("x of a tape", tape.x, (length, *self.step_shape))
        if address(tape.x) != tape.addresses["x"]:
            raise ShapeError(
                f"{self.cell}: x of a tape was resized since it was recorded; resize no array"
            )
        return length

    def enter(self, states: Sequence[Array], given: Sequence[Array]) -> None:
        """Put the state in before the first step."""
        for array, state in zip(states, given, strict=True):
            np.copyto(array[0], state.reshape(self.batch, -1))

    def copies(self, states: Iterable[Array]) -> tuple[Array, ...]:
        """States (B, ...), or deltas of these, of a run's own."""
        shapes = self.cell.state_shapes
        return tuple(
            [s.reshape(-1, *shape).copy() for s, shape in zip(states, shapes, strict=True)]
        )

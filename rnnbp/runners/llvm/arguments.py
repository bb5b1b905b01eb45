"""The arrays that a runner is passed, as kernels read them, and states as they are returned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rnnbp.compiler.storage import input_name
from rnnbp.graph.layout import Layout
from rnnbp.numerics import Array, Shape, ShapeError, address, lies, readable
from rnnbp.runners.llvm.tape import KernelTape

NUMBER = np.dtype(np.int64)
"""Of numbers of symbols."""


class Arguments:
    """Checks the shapes of arrays, since kernels would read past the end of a wrong one.

    Args:
        symbols: whether the input is numbers of symbols.
    """

    def __init__(self, layout: Layout, *, symbols: bool) -> None:
        self.layout, self.cell, self.batch = layout, layout.cell, layout.batch
        self._dtype = NUMBER if symbols else layout.dtype
        self.names = [input_name(k) for k in range(self.cell.n_inputs)]
        self.deltas = [f"d{name}" for name in self.names]
        pers = self.cell.pers[: self.cell.n_inputs]
        self._series = [per == "step" for per in pers]
        self.leaves = [per == "run" for per in pers]
        """Whether an input is a value of parameters, which kernels read as they read weights."""
        whole = zip(layout.x_shapes, self.leaves, strict=True)
        # Of a step of each input; where it is numbers of symbols, these have no features.
        shapes = [s if leaf else (self.batch, *(() if symbols else s)) for s, leaf in whole]
        self._inputs = list(zip(self.names, shapes, self._series, self.leaves, strict=True))
        self.one_series = self._series == [True]

    def read(self, xs: Sequence[Array], length: int) -> tuple[Array, ...]:
        """The inputs as kernels read them. Raises ShapeError for one of another shape."""
        # Whatever layer it comes from: one that a user wrote may return what does not lie together.
        found, dtype = list(xs), self._dtype
        for k, (name, shape, series, leaf) in enumerate(self._inputs):
            x = xs[k]
            if x.shape != (expected := (length, *shape) if series else shape):
                self.require(name, x, expected)
            if not (leaf or (x.dtype == dtype and lies(x))):
                found[k] = readable(x, dtype)
        return tuple(found)

    def addresses(self, xs: Sequence[Array]) -> dict[str, int]:
        """By name, the addresses of the inputs."""
        found = {}
        for k, name in enumerate(self.names):  # in every chunk: ``zip`` takes twice the time
            found[name] = address(xs[k])
        return found

    def of_deltas(self, dy: Array, dxs: Sequence[Array | None]) -> dict[str, int]:
        """By name, the addresses of the deltas of y and of the inputs."""
        found = {"dy": address(dy)}
        for k, name in enumerate(self.deltas):
            found[name] = address(dxs[k])
        return found

    def moves(
        self, xs: Sequence[Array], dy: Array | None = None, dxs: Sequence[Array | None] = ()
    ) -> dict[str, int]:
        """By name, the bytes from step to step of the inputs, of dy, and of the inputs' deltas."""
        found = {} if dy is None else {"dy": dy.strides[0]}
        for names, arrays in ((self.names, xs), (self.deltas, dxs)):
            for name, array, series in zip(names, arrays, self._series, strict=False):
                found[name] = array.strides[0] if series and array is not None else 0
        return found

    def delta(self, dy: Array | None, shape: Shape) -> Array:
        """The delta of y, of a shape, as kernels read it; zeros where there is none."""
        if dy is None:
            return np.zeros(shape, self.layout.dtype)
        self.require("the delta of y", dy, shape)
        return readable(dy, self.layout.dtype)

    def require(self, what: str, array: Array, expected: Shape) -> None:
        """Raise ShapeError for an array that is not of the shape that kernels read."""
        if array.shape != expected:
            raise ShapeError(
                f"{self.cell}: {what} must have shape {expected}, found {array.shape}; "
                "resize no array"
            )

    def length_of(self, tape: KernelTape) -> int:
        """The steps of a tape. Raises ShapeError where an input was resized since."""
        # It may be a layer's own array, which its owner can resize in place.
        length = tape.length
        for k, (name, shape, series, _) in enumerate(self._inputs):
            x = tape.xs[k]
            if x.shape != (expected := (length, *shape) if series else shape):
                self.require(f"{name} of a tape", x, expected)
            if address(x) != tape.given[name]:
                raise ShapeError(
                    f"{self.cell}: {name} of a tape was resized since it was recorded; resize no "
                    "array"
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

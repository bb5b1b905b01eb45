"""The arrays of a cell's inputs, and of their deltas, as a step program takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from rnnbp.compiler.step import StepCode
from rnnbp.compiler.storage import input_name
from rnnbp.graph.cell import Cell
from rnnbp.numerics import Array
from rnnbp.runners.numpy.buffers import Buffers


@final
class Inputs:
    """Names the inputs of a cell, and makes the arrays of their deltas."""

    def __init__(self, cell: Cell, step: StepCode, buffers: Buffers) -> None:
        self.cell, self.step, self.buffers = cell, step, buffers

    def flat(self, xs: Sequence[Array | None], *, static: bool) -> dict[str, Array]:
        """By name, the series among inputs, or the others, with their features as one axis."""
        lead = 1 if static else 2
        return {
            input_name(k): x.reshape(*x.shape[:lead], -1)
            for k, x in enumerate(xs)
            if x is not None and (k in self.step.forward.code.static) == static
        }

    def series(self, xs: Sequence[Array], dxs: Sequence[Array | None]) -> dict[str, Array]:
        """By name, the series among inputs, and their deltas."""
        deltas = self.flat(dxs, static=False).items()
        return self.flat(xs, static=False) | {f"d{name}": dx for name, dx in deltas}

    def deltas(self, xs: Sequence[Array], into: Sequence[Array | None]) -> tuple[Array | None, ...]:
        """An array for the gradient by each input: of zeros where nothing reaches it, or None for
        symbols, and for leaves, whose deltas are among the gradients.
        """
        back, found = self.step.backward, list[Array | None]()
        for k, x in enumerate(xs):
            numbers = x.dtype.kind in "fc" and self.cell.pers[k] != "run"
            dx = into[k] if into and numbers else None
            if numbers:
                dx = self.buffers.new(x.shape) if dx is None else dx
                if not back.reaches(k):
                    dx[...] = 0
            found.append(dx)
        return tuple(found)

    def totals(
        self, arrays: Mapping[str, Array], dxs: Sequence[Array | None]
    ) -> list[tuple[Array, Array]]:
        """The deltas of static inputs, each with the array, now zero, that adds up the steps'."""
        static = self.step.forward.code.static
        named = [(dxs[k], f"Sd{input_name(k)}") for k in static]
        found = [(dx, arrays[name]) for dx, name in named if dx is not None and name in arrays]
        for _, total in found:
            total.fill(0)
        return found

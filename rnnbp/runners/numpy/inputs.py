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
        self.buffers, self._static = buffers, [input_name(k) for k in step.forward.code.static]
        self._names = [input_name(k) for k in range(cell.n_inputs)]
        self._series = [per == "step" for per in cell.pers[: cell.n_inputs]]
        self._leaf = [per == "run" for per in cell.pers[: cell.n_inputs]]
        self._reached = [step.backward.reaches(k) for k in range(cell.n_inputs)]

    def series(self, xs: Sequence[Array | None], of: str = "") -> dict[str, Array]:
        """By name, the series among inputs, or their deltas, with their features as one axis.

        Args:
            of: "d" for deltas.
        """
        found = {}
        for x, name, series in zip(xs, self._names, self._series, strict=True):
            if series and x is not None:
                found[f"{of}{name}"] = x.reshape(*x.shape[:2], -1)
        return found

    def static(self, xs: Sequence[Array]) -> dict[str, Array]:
        """By name, the other inputs, with their features as one axis."""
        if not self._static:
            return {}
        named = zip(xs, self._names, self._series, strict=True)
        return {name: x.reshape(len(x), -1) for x, name, series in named if not series}

    def deltas(self, xs: Sequence[Array], into: Sequence[Array | None]) -> tuple[Array | None, ...]:
        """An array for the gradient by each input: of zeros where nothing reaches it, or None for
        symbols, and for leaves, whose deltas are among the gradients.

        Integers that a layer computed are numbers here, and what reaches them goes on to it.
        """
        found: list[Array | None] = []  # list() never takes a freed one, which would pile up
        for k, x in enumerate(xs):
            dx = into[k] if into else None
            if self._leaf[k] or (x.dtype.kind not in "fc" and not self._reached[k]):
                dx = None
            elif dx is None:
                dx = self.buffers.new(x.shape)
            if dx is not None and not self._reached[k]:
                dx[...] = 0
            found.append(dx)
        return tuple(found)

    def totals(
        self, arrays: Mapping[str, Array], dxs: Sequence[Array | None]
    ) -> list[tuple[Array, Array]]:
        """The deltas of static inputs, each with the array, now zero, that adds up the steps'."""
        if not self._static:
            return []
        named = zip(dxs, self._names, strict=True)
        found = [(dx, f"Sd{name}") for dx, name in named if name in self._static]
        totals = [(dx, arrays[name]) for dx, name in found if dx is not None and name in arrays]
        for _, total in totals:
            total.fill(0)
        return totals

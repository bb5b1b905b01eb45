"""Lookup table of W e + b per symbol, computed once per symbol instead of at every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import final

import numpy as np

from rnnbp.compiler.weights import Matrix
from rnnbp.layers.symbols import Symbols
from rnnbp.machine import symbols
from rnnbp.numerics import Array, Shape
from rnnbp.runners.llvm.affine import Map
from rnnbp.runners.llvm.gradients import TABLE
from rnnbp.runners.llvm.packing import Panels, fill
from rnnbp.runners.llvm.sizes import KernelSizes
from rnnbp.runners.sums import Accumulator, SymbolTable
from rnnbp.runners.weights import vector_of
from rnnbp.runners.workspace import Workspace


@final
class Table(SymbolTable):
    """W e + b of the vector e of each symbol, computed when it first comes, and its deltas.

    Symbols are numbered in the order in which they come. The rows of W that have deltas may be
    fewer than those of the table, and in another order: what reaches no output has none.

    Where a vector or a weight is infinite, a gradient may be infinite that is NaN as a sum over
    steps: a delta of 0 at one step of a symbol is lost in the sum of its deltas.
    """

    def __init__(self, layer: Symbols, sizes: KernelSizes, workspace: Workspace) -> None:
        self.layer, self.dtype, self.workspace = layer, sizes.layout.dtype, workspace
        self.kernels = sizes.cell
        self.weights, self.bias = sizes.table
        self.back = sizes.step.backward.dx_weights.get(0)
        self._numbers = np.full(layer.n_symbols, -1, np.int64)
        self._found = np.zeros(layer.n_symbols + 1, np.int64)
        """How many symbols have come, and these."""
        self.rows: Array | None = None

    def prepare(self) -> list[Panels]:
        """What is to be packed for a run; no symbol has come."""
        if self.rows is None:
            self._take()
        self._found[0] = 0
        self._numbers.fill(-1)
        return [self.panels]

    def _take(self) -> None:
        """The memory for all symbols."""
        assert self.back is not None
        turned = Matrix(self.back.lanes, turned=True)
        n, (rows, depth) = self.layer.n_symbols, self.weights.shape
        self.rows, self.deltas = self._new((n, rows)), self._new((n, self.back.shape[0]))
        self.vectors, self.dvectors = self._new((n, depth)), self._new((n, depth))
        library, item = self.kernels.library, self.dtype.itemsize
        self.map = Map(library, self.weights.lanes, depth, item)
        self.back_map = Map(library, self.back.lanes, depth, item)
        both, kernels = [self.weights, turned], self.kernels
        self.panels = Panels(both, self._new, kernels.lanes, library, pairs=kernels.pairs)

    def numbers(self, x: Array) -> Array:
        if self.rows is None:
            fill(self.prepare())
        before = int(self._found[0])
        found = symbols.numbered(x, self._numbers, self._found)
        if found.size and found.min() < 0:  # x may have changed since it was looked at
            self.layer.check(x)
            raise IndexError(
                f"{self.layer}: input has changed while it was read; give bptt an array of its own"
            )
        if before < self._found[0]:
            self._add(slice(before, int(self._found[0])))
        return found

    def finish(self, grads: Accumulator) -> None:
        count = int(self._found[0])
        if not count:
            return
        turned = self.panels.arrays[1]
        d, x, dx = self.deltas, self.vectors, self.dvectors
        self.back_map.backward(d, x, turned, dx, grads, count, self.workspace.threads)
        if self.layer.params:
            found, total = self._found[1 : count + 1], grads.at(self.layer.params, "weight")
            symbols.scatter(dx[:count], found, total)
        self.deltas[:count] = 0

    def _add(self, new: slice) -> None:
        """Symbols that come for the first time."""
        assert self.rows is not None
        self.vectors[new] = self.layer.forward(self._found[1 + new.start : 1 + new.stop])[0]
        bias = None if self.bias is None else vector_of(self.bias, self.dtype)
        x, out, weights = self.vectors[new], self.rows[new], self.panels.arrays[0]
        self.map.forward(x, weights, bias, out, len(x), self.workspace.threads)
        self.deltas[new] = 0

    def _new(self, shape: Shape) -> Array:
        return self.workspace.new(shape, self.dtype)


@final
class WithTable(Accumulator):
    """Sums of gradients, those of a table among them."""

    def __init__(self, grads: Accumulator, table: Table | None) -> None:
        self.grads, self.table = grads, table

    def add(self, owner: dict[str, Array], grads: Mapping[str, Array]) -> None:
        self.grads.add(owner, grads)

    def begins(self, key: object, find: Callable[[], list[int]]) -> list[int]:
        return self.grads.begins((key, self.table), find)

    def at(self, owner: dict[str, Array], key: str) -> Array:
        if self.table is not None and owner is TABLE:
            return self.table.deltas
        return self.grads.at(owner, key)

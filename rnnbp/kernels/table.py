"""What a cell makes of the vectors of symbols by a product, once for each symbol that comes instead of every time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnbp.compiler.code import Matrix
from rnnbp.compiler.program import vector_of
from rnnbp.compiler.workspace import Workspace
from rnnbp.interpreter import Accumulator
from rnnbp.kernels import affine
from rnnbp.kernels.cell import TABLE
from rnnbp.kernels.packing import Panels
from rnnbp.kernels.sizes import KernelSizes
from rnnbp.layers.embedding import Symbols
from rnnbp.native import threads
from rnnbp.numerics import Array, Shape


class Table:
    """W e + b of the vector e of each symbol, made when it first comes, and the deltas of these, summed by symbol.

    Symbols are numbered in the order in which they come.
    """

    def __init__(self, layer: Symbols, sizes: KernelSizes, workspace: Workspace) -> None:
        self.layer, self.dtype, self.workspace = layer, sizes.layout.dtype, workspace
        self.kernels, self.threads = sizes.cell, threads.count()
        self.weights, self.bias = sizes.table
        self.back = sizes.back.dx_weights
        self.count = 0
        self._numbers = np.full(layer.n_symbols, -1, np.int64)
        self._symbols = np.zeros(layer.n_symbols, np.int64)
        self.rows: Array | None = None

    def prepare(self) -> None:
        """Pack the weights as they are now; no symbol has come."""
        if self.rows is None:
            self._take()
        self.threads, self.count = threads.count(), 0
        self._numbers.fill(-1)
        self.panels.fill(self.threads)

    def _take(self) -> None:
        """The memory for all symbols."""
        assert self.back is not None
        turned = Matrix(self.back.lanes, turned=True)
        n, shape = self.layer.n_symbols, self.weights.shape
        self.rows, self.deltas, self.dvectors = (
            self._new((n, shape[0])),
            self._new((n, shape[0])),
            self._new((n, shape[1])),
        )
        self.panels = Panels([self.weights, turned], self._new, self.kernels.lanes, self.kernels.library)

    def numbers(self, x: Array) -> Array:
        """The numbers of symbols x. Raises IndexError for one outside the layer's range."""
        self.layer.check(x)  # it may be the caller's own memory, and have changed
        found: Array = self._numbers[x]
        if found.size and found.min() < 0:
            self._add(np.unique(x[found < 0]))
            found = self._numbers[x]
        return found

    def finish(self, grads: Accumulator) -> None:
        """Add the gradients of the layer and of the weights."""
        if not self.count:
            return
        assert self.back is not None
        symbols, d, dx = self._symbols[: self.count], self.deltas[: self.count], self.dvectors[: self.count]
        x = self.layer.forward(symbols)[0]
        library = self.kernels.library
        tasks = affine.gradients(library, d, x, self.back.lanes, grads)
        affine.run(
            [*tasks, *affine.products(library, d, self.panels.arrays[1], dx)], 4 * d.size * x.shape[1], self.threads
        )
        if self.layer.params:
            grads.add(self.layer.params, self.layer.backward_params((symbols,), dx))

    def _add(self, symbols: Array) -> None:
        """Symbols that come for the first time."""
        if self.rows is None:
            self.prepare()
        assert self.rows is not None
        new = slice(self.count, self.count + len(symbols))
        self._numbers[symbols], self._symbols[new] = np.arange(new.start, new.stop), symbols
        bias = None if self.bias is None else vector_of(self.bias, self.dtype)
        x, out = self.layer.forward(symbols)[0], self.rows[new]
        tasks = affine.products(self.kernels.library, x, self.panels.arrays[0], out, bias)
        affine.run(tasks, 2 * out.size * x.shape[1], self.threads)
        self.deltas[new] = 0
        self.count = new.stop

    def _new(self, shape: Shape) -> Array:
        return self.workspace.new(shape, self.dtype)


class WithTable:
    """Sums of gradients, those of a table among them."""

    def __init__(self, grads: Accumulator, table: Table | None) -> None:
        self.grads, self.table = grads, table

    def add(self, owner: dict[str, Array], grads: Mapping[str, Array]) -> None:
        self.grads.add(owner, grads)

    def at(self, owner: dict[str, Any], key: str) -> Array:
        return self.table.deltas if self.table is not None and owner is TABLE else self.grads.at(owner, key)

"""A Dense outside cells by the kernels of cells: BLAS's threads, which wait by turning, would be in their way."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnbp.compiler.code import Matrix, Rows
from rnnbp.compiler.workspace import Workspace
from rnnbp.interpreter import Accumulator
from rnnbp.kernels.cell import shared
from rnnbp.kernels.packing import packed, packed_rows
from rnnbp.kernels.tasks import TOGETHER
from rnnbp.layers.dense import Dense
from rnnbp.native import threads
from rnnbp.native.machine import address, vector_bytes
from rnnbp.numerics import Array, Shape

WAKING = 10**7
"""Floating-point operations that take as long as to wake a thread."""


def fits(layer: Any, dtype: np.dtype[Any]) -> bool:
    """Whether it is a Dense of one input, and real."""
    return type(layer) is Dense and len(layer.n_in) == 1 and dtype.kind == "f"


def dense_bytes(layer: Dense, dtype: np.dtype[Any]) -> int:
    """The weights in panels, as they are and turned."""
    lanes, _ = shared(8 * dtype.itemsize, vector_bytes())
    (n_in,), n_out = layer.n_in, layer.n_out
    return (packed_rows(n_out, lanes) * n_in + packed_rows(n_in, lanes) * n_out) * dtype.itemsize


class DenseKernel:
    """Runs a Dense on rows (..., features) that lie together; its weights are packed once.

    Args:
        brief: whether its output does not outlive the action that makes it.
    """

    def __init__(self, layer: Dense, dtype: np.dtype[Any], workspace: Workspace, *, brief: bool = False) -> None:
        self.layer, self.dtype, self.workspace, self.threads = layer, dtype, workspace, threads.count()
        self.brief = brief
        self.lanes, self.library = shared(8 * dtype.itemsize, vector_bytes())
        self.sizes = layer.n_in[0], layer.n_out
        self.panels: list[Array] = []

    def takes(self, *arrays: Any) -> bool:
        """Whether these are as kernels read them."""
        return all(a is not None and a.dtype == self.dtype and a.flags.c_contiguous for a in arrays)

    def prepare(self) -> None:
        """Pack the weights."""
        lanes = (Rows(self.layer.params, "weight", 0, self.layer.n_out),)
        both = [Matrix(lanes), Matrix(lanes, turned=True)]
        self.panels = packed(both, self._new, self.lanes, self.library, self.threads)

    def forward(self, x: Array) -> Array:
        """y (..., n_out)."""
        n_in, n_out = self.sizes
        y = self._new((*x.shape[:-1], n_out), brief=self.brief)
        bias = self.layer.params.get("bias")
        self._run(self._product(x, n_in, 0, y, n_out, 0 if bias is None else address(bias)), y.size // n_out)
        return y

    def backward(self, x: Array, dy: Array, grads: Accumulator) -> Array:
        """dx (..., n_in); the gradients of the parameters are added."""
        n_in, n_out = self.sizes
        dx = self._new((*dy.shape[:-1], n_in), brief=True)
        self._run([*self._gradients(x, dy, grads), *self._product(dy, n_out, 1, dx, n_in, 0)], 2 * dy.size // n_out)
        return dx

    def _gradients(self, x: Array, dy: Array, grads: Accumulator) -> list[list[int]]:
        (n_in, n_out), n, item, params = self.sizes, dy.size // dy.shape[-1], self.dtype.itemsize, self.layer.params
        d, total, function = address(dy), address(grads.at(params, "weight")), self.library.address("gradient.task")
        tasks: list[list[int]] = []
        if "bias" in params:
            bias, sums = address(grads.at(params, "bias")), self.library.address("sums.task")
            tasks = [[sums, d, n_out, 0, 0, n, n_out, 0, bias, 0, 0]]
        for first in range(0, n_out, TOGETHER):
            many, out = min(TOGETHER, n_out - first), total + item * first * n_in
            tasks.append([function, d + item * first, n_out, address(x), n_in, n, many, n_in, out, n_in, 0])
        return tasks

    def _product(self, a: Array, depth: int, turned: int, out: Array, rows: int, start: int) -> list[list[int]]:
        """out (N, rows) = start + a (N, depth) times the weights."""
        if not self.panels:
            self.prepare()
        weights, n, item = address(self.panels[turned]), a.size // depth, self.dtype.itemsize
        function, begin, end = self.library.address("product.task"), address(a), address(out)

        def part(first: int) -> list[int]:
            at, to = begin + item * first * depth, end + item * first * rows
            return [function, at, depth, weights, rows, depth, to, rows, start, 0, min(TOGETHER, n - first)]

        return [part(first) for first in range(0, n, TOGETHER)]

    def _run(self, tasks: list[list[int]], n: int) -> None:
        flops = 2 * n * self.sizes[0] * self.sizes[1]
        threads.do(np.array([tasks], np.int64), min(self.threads, 1 + flops // WAKING))

    def _new(self, shape: Shape, *, brief: bool = False) -> Array:
        return self.workspace.new(shape, self.dtype, brief=brief)

"""A Dense outside cells by the kernels of cells: BLAS's threads, which wait by turning, would be in their way."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnbp.compiler.code import Matrix, Rows
from rnnbp.layers.dense import Dense
from rnnbp.layers.params import parameter
from rnnbp.machine.compile import vector_bytes
from rnnbp.numerics import Array, Shape, ShapeError, fix_sizes, lies, require_features
from rnnbp.runners.interpreter.run import Accumulator
from rnnbp.runners.llvm.affine import Map
from rnnbp.runners.llvm.cell import shared
from rnnbp.runners.llvm.packing import Panels, fill, packed_rows
from rnnbp.runners.workspace import Workspace


def fits(layer: Any, dtype: np.dtype[Any]) -> bool:
    """Whether it is a Dense of one input, and real."""
    return type(layer) is Dense and len(layer.n_in) == 1 and dtype.kind == "f"


def dense_bytes(layer: Dense, dtype: np.dtype[Any]) -> int:
    """The weights in panels, as they are and turned, and a copy of the bias."""
    lanes, _ = shared(8 * dtype.itemsize, vector_bytes())
    (n_in,), n_out = layer.n_in, layer.n_out
    bias = n_out if "bias" in layer.params else 0
    return (packed_rows(n_out, lanes) * n_in + packed_rows(n_in, lanes) * n_out + bias) * dtype.itemsize


class DenseKernel:
    """Runs a Dense on rows (..., features) that lie together; its weights are packed, and its bias copied, once a run.

    Args:
        brief: whether its output does not outlive the action that makes it.
    """

    def __init__(self, layer: Dense, dtype: np.dtype[Any], workspace: Workspace, *, brief: bool = False) -> None:
        self.layer, self.dtype, self.workspace, self.brief = layer, dtype, workspace, brief
        self.lanes, self.library = shared(8 * dtype.itemsize, vector_bytes())
        self.rows = (Rows(layer.params, "weight", 0, layer.n_out),)
        bias = Rows(layer.params, "bias", 0, layer.n_out) if "bias" in layer.params else None
        self.map = Map(self.library, self.rows, layer.n_in[0], dtype.itemsize, bias)
        self.panels: Panels | None = None
        self._bias: Array | None = None

    def takes(self, *arrays: Any) -> bool:
        """Whether these are as kernels read them."""
        return all(type(a) is np.ndarray and a.dtype == self.dtype and lies(a) for a in arrays)

    def prepare(self) -> list[Panels]:
        """What is to be packed for a run."""
        if self.panels is None:
            both = [Matrix(self.rows), Matrix(self.rows, turned=True)]
            self.panels = Panels(both, self._new, self.lanes, self.library)
        if "bias" in self.layer.params:
            bias = parameter(self.layer.params, "bias")
            self._bias = np.array(bias, self.dtype)  # of our own: the layer's may be resized meanwhile
        return [self.panels]

    def renew(self) -> list[Panels]:
        """What is to be packed anew, if an earlier run has used it."""
        return [] if self.panels is None else self.prepare()

    def forward(self, x: Array) -> Array:
        """y (..., n_out)."""
        fixed = fix_sizes([x])
        require_features(self.layer, x, self.layer.n_in, "input 0")
        y = self._new((*x.shape[:-1], self.layer.n_out), brief=self.brief)
        weights = self._weights(0)
        self.map.forward(x, weights, self._bias, y, y.size // self.layer.n_out, self.workspace.threads)
        del fixed
        return y

    def backward(self, x: Array, dy: Array, grads: Accumulator) -> Array:
        """dx (..., n_in); the gradients of the parameters are added."""
        fixed = fix_sizes([x, dy])
        if x.shape != (*dy.shape[:-1], self.layer.n_in[0]):
            raise ShapeError(f"{self.layer}: its input has shape {x.shape} now, its delta {dy.shape}; resize no array")
        dx, rows = self._new((*dy.shape[:-1], self.layer.n_in[0]), brief=True), dy.size // self.layer.n_out
        self.map.backward(dy, x, self._weights(1), dx, grads, rows, self.workspace.threads)
        del fixed
        return dx

    def _weights(self, turned: int) -> Array:
        """The weights in panels, or the turned ones."""
        if self.panels is None:
            fill(self.prepare())
        assert self.panels is not None
        return self.panels.arrays[turned]

    def _new(self, shape: Shape, *, brief: bool = False) -> Array:
        return self.workspace.new(shape, self.dtype, brief=brief)

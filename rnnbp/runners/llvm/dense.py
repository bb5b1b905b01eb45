"""A Dense outside cells by the kernels of cells: idle BLAS threads spin and would compete."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, TypeGuard, final

import numpy as np

from rnnbp.compiler.weights import Matrix, Rows
from rnnbp.layers.base import Layer
from rnnbp.layers.dense import Dense
from rnnbp.layers.params import parameter
from rnnbp.machine.ir import Lanes
from rnnbp.machine.target import vector_bytes
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, Dtype, Saved, Shape, fix_sizes, require_features
from rnnbp.runners.bound import BoundCall
from rnnbp.runners.factory import LayerRunner, LayerSizes
from rnnbp.runners.layer_deltas import Into, placed, read_as_they_lie, resized
from rnnbp.runners.llvm.affine import Map, job_bytes
from rnnbp.runners.llvm.libraries import functions_for
from rnnbp.runners.llvm.packing import Panels, fill, panel_numbers
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.turns import LayerTurns
from rnnbp.runners.workspace import Workspace


def fits(layer: Layer, dtype: Dtype) -> TypeGuard[Dense]:
    """True if it is a Dense of one input, and of real numbers."""
    alone = type(layer) is Dense and len(layer.n_in) == 1 and not layer.partial
    return alone and dtype.kind == "f"


@final
@dataclass(frozen=True)
class DenseKernelSizes(LayerSizes):
    """The sizes of a ``DenseKernel``."""

    in_rounds: ClassVar[bool] = True
    layer: Dense
    dtype: Dtype
    pairs: bool = False

    @property
    def weight_bytes(self) -> int:
        """The weights in panels, as they are and turned, and a copy of the bias."""
        lanes = Lanes(8 * self.dtype.itemsize, vector_bytes() // self.dtype.itemsize)
        (n_in,), n_out = self.layer.n_in, self.layer.n_out
        bias = n_out if "bias" in self.layer.params else 0
        shapes = (n_out, n_in), (n_in, n_out)
        panels = sum(panel_numbers(shape, lanes, pairs=self.pairs) for shape in shapes)
        return (panels + bias) * self.dtype.itemsize

    def task_bytes(self, lead: int, shape: Shape) -> int:
        return job_bytes(lead * math.prod(shape[:-1]))


@final
class DenseKernel(LayerRunner, LayerTurns):
    """Runs a Dense on contiguous rows (..., features); weights are packed once a run.

    Args:
        unpacked: takes the weights that are to be packed before the next chunk.
        brief: True if its output does not outlive the action that makes it.
        pairs: whether operands of products are rounded to bfloat16.
    """

    def __init__(
        self,
        layer: Dense,
        dtype: Dtype,
        workspace: Workspace,
        unpacked: list[Panels],
        *,
        brief: bool = False,
        pairs: bool = False,
    ) -> None:
        self._unpacked, self.pairs = unpacked, pairs
        self.layer, self.dtype, self.workspace, self.brief = layer, dtype, workspace, brief
        self.lanes, self.library = functions_for(dtype, pairs=pairs)
        self.rows = (Rows(layer.params, layer.keys[0], 0, layer.n_out),)
        bias = Rows(layer.params, "bias", 0, layer.n_out) if "bias" in layer.params else None
        self.map = Map(self.library, self.rows, layer.n_in[0], dtype.itemsize, bias)
        self.panels: Panels | None = None
        self._bias: Array | None = None

    def takes(self, *arrays: object) -> bool:
        return read_as_they_lie(arrays, self.dtype)

    def prepare(self) -> None:
        self._unpacked.append(self._panels())

    def renew(self) -> None:
        if self.panels is not None:
            self.prepare()

    def _panels(self) -> Panels:
        """Its weights, to be packed; its bias is copied."""
        if self.panels is None:
            both = [Matrix(self.rows), Matrix(self.rows, turned=True)]
            self.panels = Panels(both, self._new, self.lanes, self.library, pairs=self.pairs)
        if "bias" in self.layer.params:
            bias = parameter(self.layer.params, "bias")
            # A copy: the layer's may be resized meanwhile.
            self._bias = np.array(bias, self.dtype)
        return self.panels

    def forward(self, x: Array, *, once: bool = False) -> tuple[Array, Saved]:
        fixed = fix_sizes([x])
        require_features(self.layer, x, self.layer.n_in, "input 0")
        y = self._new((*x.shape[:-1], self.layer.n_out), brief=self.brief)
        given = x, self._weights(0), self._bias, y, y.size // self.layer.n_out
        self.map.forward(*given, self.workspace.threads, once=once)
        del fixed
        return y, (x,)

    def bound(self, x: Array, y: Array) -> BoundCall | None:
        if not self.takes(x, y):
            return None
        require_features(self.layer, x, self.layer.n_in, "input 0")
        given = x, self._weights(0), self._bias, y, y.size // self.layer.n_out
        return self.map.bound(*given, self.workspace.threads)

    def forward_turn(self, xs: Array, shape: Shape) -> tuple[Array, Turn]:
        y = self._new((*shape[:-1], self.layer.n_out), brief=self.brief)
        given = xs, self._weights(0), self._bias, y, math.prod(shape[:-1])
        return y, self.map.forward_turn(*given, self.workspace.threads)

    def backward_turn(
        self, xs: Array, y: Array, dy: Array, grads: Accumulator
    ) -> tuple[Array, Turn]:
        dx = self._new((*dy.shape[:-1], self.layer.n_in[0]), brief=True)
        given = dy, xs, self._weights(1), dx, grads, dy.size // self.layer.n_out
        return dx, self.map.backward_turn(*given, self.workspace.threads)

    def backward(
        self, saved: Saved, dy: Array, grads: Accumulator, into: Into = (), *, once: bool = False
    ) -> Array:
        (x,) = saved
        fixed = fix_sizes([x, dy])
        if x.shape != (*dy.shape[:-1], self.layer.n_in[0]):
            raise resized(self.layer, x, dy)
        dx = placed(self.workspace, into, x.shape, self.dtype)
        given = dy, x, self._weights(1), dx, grads, dy.size // self.layer.n_out
        self.map.backward(*given, self.workspace.threads, once=once)
        del fixed
        return dx

    def _weights(self, turned: int) -> Array:
        """The weights in panels, or the turned ones."""
        if self.panels is None:
            fill([self._panels()])
        assert self.panels is not None
        return self.panels.arrays[turned]

    def _new(self, shape: Shape, *, brief: bool = False) -> Array:
        return self.workspace.new(shape, self.dtype, brief=brief)

"""Activations outside cells by machine code, in parts that threads share."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.layers.pointwise import Activation
from rnnbp.layers.rectifiers import LeakyReLU
from rnnbp.layers.smooth_rectifiers import ELU
from rnnbp.machine.records import place
from rnnbp.machine.target import vector_bytes
from rnnbp.machine.team import threads
from rnnbp.machine.team.job import Job
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, Dtype, Saved, Shape, address, fix_sizes
from rnnbp.runners.bound import BoundCall
from rnnbp.runners.factory import LayerRunner
from rnnbp.runners.layer_deltas import Into, placed, read_as_they_lie, resized
from rnnbp.runners.llvm.activation_code import BACK, FORWARD, Numbers, library
from rnnbp.runners.llvm.activation_sizes import parts_of, together
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.turns import LayerTurns, turn_of
from rnnbp.runners.workspace import Workspace
from rnnbp.support.memo import Recent

WAKING = 2**14
"""Elements that take as long as to wake a thread."""


@final
class ActivationKernel(LayerRunner, LayerTurns):
    """Runs an activation on contiguous arrays; saves what the layer does."""

    def __init__(
        self, layer: Activation, dtype: Dtype, workspace: Workspace, *, brief: bool
    ) -> None:
        self.layer, self.dtype, self.workspace, self.brief = layer, dtype, workspace, brief
        given = type(layer).__name__, _numbers(layer), 8 * dtype.itemsize, vector_bytes()
        self.library = library(*given)
        keeps = layer.keeps((1,))
        self.of_input = keeps is not None and bool(keeps.inputs)
        """Whether it saves its input, not its output."""
        self._jobs = Recent[tuple[Shape, bool], Job](16)

    def takes(self, *arrays: object) -> bool:
        return read_as_they_lie(arrays, self.dtype)

    def forward(self, x: Array, *, once: bool = False) -> tuple[Array, Saved]:
        fixed = fix_sizes([x])
        y = self.workspace.new(x.shape, self.dtype, brief=self.brief)
        self._do(x.shape, [address(x), address(y)], back=False, once=once)
        del fixed
        return y, (x if self.of_input else y,)

    def bound(self, x: Array, y: Array) -> BoundCall | None:
        if not self.takes(x, y):
            return None
        job = self._job(x.shape, back=False)
        record = job.numbers([address(x), address(y)], False)
        return BoundCall(record, self._workers(x.shape), (), (job, x, y))

    def backward(
        self, saved: Saved, dy: Array, grads: Accumulator, into: Into = (), *, once: bool = False
    ) -> Array:
        (kept,) = saved
        fixed = fix_sizes([kept, dy])
        if kept.shape != dy.shape:
            raise resized(self.layer, kept, dy)
        dx = placed(self.workspace, into, dy.shape, self.dtype)
        self._do(dy.shape, [address(a) for a in (kept, dy, dx)], back=True, once=once)
        del fixed
        return dx

    def forward_turn(self, xs: Array, shape: Shape) -> tuple[Array, Turn]:
        y = self.workspace.new(shape, self.dtype, brief=self.brief)
        return y, turn_of(self._job(shape, back=False), xs, [y], self._workers(shape))

    def backward_turn(
        self, xs: Array, y: Array, dy: Array, grads: Accumulator
    ) -> tuple[Array, Turn]:
        dx = self.workspace.new(dy.shape, self.dtype, brief=True)
        kept = xs if self.of_input else np.full(len(xs), address(y))
        return dx, turn_of(self._job(y.shape, back=True), kept, [dy, dx, y], self._workers(y.shape))

    def _do(self, shape: Shape, bases: list[int], *, back: bool, once: bool) -> None:
        def make() -> Job:
            return self._job(shape, back=back)

        job = make() if once else self._jobs.get((shape, back), make)
        threads.do(job, bases, self._workers(shape))

    def _workers(self, shape: Shape) -> int:
        return min(self.workspace.threads, 1 + math.prod(shape) // WAKING)

    def _job(self, shape: Shape, *, back: bool) -> Job:
        n, width = parts_of(self.layer, shape)
        some = together(n, width)
        starts = np.arange(0, n, some)
        at = self.dtype.itemsize * width * starts
        counts = np.minimum(some, n - starts)
        signature, name = (BACK, "back.task") if back else (FORWARD, "forward.task")
        arrays = {key: place(k) + at for k, key in enumerate(signature.names[:-2])}
        function = self.library.address(name)
        return Job(signature.table(len(starts), function, **arrays, K=width, n=counts)[None])


def _numbers(layer: Activation) -> Numbers:
    if isinstance(layer, LeakyReLU):
        return (layer.slope,)
    return (layer.alpha,) if isinstance(layer, ELU) else ()

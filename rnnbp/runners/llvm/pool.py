"""Pooling outside cells by machine code, plane by plane, shared by threads."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.layers.pooling import MaxPool, Pool
from rnnbp.layers.reshape import shape_only
from rnnbp.machine.records import place
from rnnbp.machine.team import threads
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array, Dtype, Saved, Shape, address, fix_sizes, lies
from rnnbp.runners.factory import LayerRunner
from rnnbp.runners.layer_deltas import Into, placed, resized
from rnnbp.runners.llvm.pool_code import BACK, FORWARD, library_of
from rnnbp.runners.llvm.pool_sizes import FAR, SIZES, together
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.workspace import Workspace
from rnnbp.support.memo import Recent

WAKING = 2**14
"""Elements that take as long as to wake a thread."""
BYTE = np.dtype(np.uint8)


@final
class PoolKernel(LayerRunner):
    """Runs a MaxPool or AvgPool on contiguous planes; saves what the layer does."""

    def __init__(self, layer: Pool, dtype: Dtype, workspace: Workspace, *, brief: bool) -> None:
        self.layer, self.dtype, self.workspace, self.brief = layer, dtype, workspace, brief
        self.largest, self.axes = isinstance(layer, MaxPool), layer.windows.axes
        self.library = library_of(dtype.itemsize)
        self._sizes = Recent[Shape, Array](16)
        self._jobs = Recent[tuple[Shape, bool], Job](16)

    def takes(self, *arrays: object) -> bool:
        """Of this dtype, or what ``forward`` saves; planes are within reach."""
        for a in arrays:
            if type(a) is not np.ndarray or not (a.dtype in (self.dtype, BYTE) and lies(a)):
                return False
        last = arrays[-1]
        return isinstance(last, np.ndarray) and last.dtype == self.dtype and self._near(arrays[0])

    def _near(self, x: object) -> bool:
        """True if offsets within a plane of x, or of what keeps its shape, are below ``FAR``."""
        assert isinstance(x, np.ndarray)
        shape: Shape = x.shape if x.dtype == self.dtype else x.shape[:-1]
        return math.prod(shape[-self.axes :]) < FAR

    def forward(self, x: Array, *, once: bool = False) -> tuple[Array, Saved]:
        fixed = fix_sizes([x])
        (made,) = self.layer.output_shapes(x.shape)
        assert made is not None
        y = self.workspace.new(made, self.dtype, brief=self.brief)
        saved: Saved = (shape_only(x),)
        if self.largest:
            saved = *saved, self.workspace.new(made, BYTE, brief=self.brief)
        arrays = x, y, saved[-1], self._numbers(x.shape[-self.axes :])
        self._do(x.shape, arrays, back=False, once=once)
        del fixed
        return y, saved

    def backward(
        self, saved: Saved, dy: Array, grads: Accumulator, into: Into = (), *, once: bool = False
    ) -> Array:
        fixed = fix_sizes([*saved, dy])
        shape = saved[0].shape[:-1]
        if self.layer.output_shapes(shape) != (dy.shape,):
            raise resized(self.layer, saved[0], dy)
        dx = placed(self.workspace, into, shape, self.dtype)
        self._do(
            shape, (dy, saved[-1], dx, self._numbers(shape[-self.axes :])), back=True, once=once
        )
        del fixed
        return dx

    def _numbers(self, plane: Shape) -> Array:
        """What ``SIZES`` names, for planes of a shape."""
        return self._sizes.get(plane, lambda: self._made(plane))

    def _made(self, plane: Shape) -> Array:
        w, (made,) = self.layer.windows, self.layer.output_shapes(plane)
        assert made is not None
        before = tuple([p for p, _ in w.padding])
        columns = (plane, 1), (w.kernel, 1), (w.stride, 1), (before, 0), (made, 1)
        two = [n for values, fill in columns for n in ((fill,) * (2 - self.axes) + tuple(values))]
        found = *two, math.prod(plane), math.prod(made)
        assert len(found) == len(SIZES)
        return np.array(found, np.int64)

    def _do(self, shape: Shape, arrays: tuple[Array, ...], *, back: bool, once: bool) -> None:
        job = (
            self._job(shape, back=back)
            if once
            else self._jobs.get((shape, back), lambda: self._job(shape, back=back))
        )
        most = min(self.workspace.threads, 1 + math.prod(shape) // WAKING)
        threads.do(job, [address(a) for a in arrays], most)

    def _job(self, shape: Shape, *, back: bool) -> Job:
        planes, size = math.prod(shape[: -self.axes]), math.prod(shape[-self.axes :])
        (made,) = self.layer.output_shapes(shape[-self.axes :])
        out, some = math.prod(made or ()), together(planes, size)
        starts = np.arange(0, planes, some)
        counts, item = np.minimum(some, planes - starts), self.dtype.itemsize
        function = self.library.address(
            f"pool.{'largest' if self.largest else 'mean'}{'.back' * back}.task"
        )
        large, small = item * size * starts, item * out * starts
        which = out * starts * self.largest
        if back:
            tasks = BACK.table(
                len(starts), function, dy=place(0) + small, which=place(1) + which,
                dx=place(2) + large, sizes=place(3), n=counts,
            )  # fmt: skip
        else:
            tasks = FORWARD.table(
                len(starts), function, x=place(0) + large, y=place(1) + small,
                which=place(2) + which, sizes=place(3), n=counts,
            )  # fmt: skip
        return Job(tasks[None])

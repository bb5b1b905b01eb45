"""LayerNorm outside cells by machine code, row by row, shared by threads."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.layers.norm import LayerNorm
from rnnbp.machine.records import place
from rnnbp.machine.team import threads
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array, Dtype, Saved, address, fix_sizes, require_features
from rnnbp.runners.factory import LayerRunner
from rnnbp.runners.layer_deltas import Into, placed, read_as_they_lie, resized
from rnnbp.runners.llvm.norm_code import BACK, FORWARD, GRADIENT, library_of
from rnnbp.runners.llvm.norm_sizes import COLUMNS, TASKS
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.workspace import Workspace
from rnnbp.support.memo import Recent

WAKING = 2**14
"""Numbers that take as long as to wake a thread."""


@final
class NormKernel(LayerRunner):
    """Runs a LayerNorm on contiguous rows; saves what the layer does."""

    def __init__(
        self, layer: LayerNorm, dtype: Dtype, workspace: Workspace, *, brief: bool
    ) -> None:
        self.layer, self.dtype, self.workspace, self.brief = layer, dtype, workspace, brief
        self.size = math.prod(layer.shape)
        absent = {"weight": np.ones, "bias": np.zeros}
        self._absent = {
            key: make(layer.shape, dtype) for key, make in absent.items() if key not in layer.params
        }
        self._jobs = Recent[tuple[int, bool, float], Job](16)
        self._key = object()

    def takes(self, *arrays: object) -> bool:
        return read_as_they_lie((*arrays, *self.layer.params.values()), self.dtype)

    def forward(self, x: Array, *, once: bool = False) -> tuple[Array, Saved]:
        fixed = fix_sizes([x, *self.layer.params.values()])
        require_features(self.layer, x, self.layer.shape)
        axes = len(self.layer.shape)
        lead, new = x.shape[:-axes], self.workspace.new
        y, normal = (new(x.shape, self.dtype, brief=self.brief) for _ in range(2))
        slope = new((*lead, *(1,) * axes), self.dtype, brief=self.brief)
        arrays = x, *self._params(), y, normal, slope
        self._do(slope.size, [address(a) for a in arrays], back=False, once=once)
        del fixed
        return y, (normal, slope)

    def backward(
        self, saved: Saved, dy: Array, grads: Accumulator, into: Into = (), *, once: bool = False
    ) -> Array:
        params = self.layer.params
        fixed = fix_sizes([*saved, dy, *params.values()])
        normal, slope = saved
        if normal.shape != dy.shape or slope.size * self.size != dy.size:
            raise resized(self.layer, normal, dy)
        dx = placed(self.workspace, into, dy.shape, self.dtype)
        arrays = dy, self._params()[0], normal, slope, dx
        sums = grads.begins(self._key, lambda: [address(grads.at(params, k)) for k in params])
        self._do(slope.size, [*(address(a) for a in arrays), *sums], back=True, once=once)
        del fixed
        return dx

    def _params(self) -> list[Array]:
        found = self._absent | self.layer.params
        return [found["weight"], found["bias"]]

    def _do(self, rows: int, bases: list[int], *, back: bool, once: bool) -> None:
        key = rows, back, float(self.layer.eps)
        job = self._job(*key) if once else self._jobs.get(key, lambda: self._job(*key))
        most = min(self.workspace.threads, 1 + rows * self.size // WAKING)
        threads.do(job, bases, most)

    def _job(self, rows: int, back: bool, eps: float) -> Job:
        library, item = library_of(self.dtype.itemsize, eps), self.dtype.itemsize
        some = max(1, -(-rows // TASKS))
        starts = np.arange(0, rows, some)
        counts, far, one = np.minimum(some, rows - starts), item * self.size * starts, item * starts
        if not back:
            tasks = FORWARD.table(
                len(starts), library.address("norm.forward.task"), x=place(0) + far, w=place(1),
                b=place(2), y=place(3) + far, normal=place(4) + far, slope=place(5) + one,
                K=self.size, n=counts,
            )  # fmt: skip
            return Job(tasks[None])
        tasks = BACK.table(
            len(starts), library.address("norm.back.task"), dy=place(0) + far, w=place(1),
            normal=place(2) + far, slope=place(3) + one, dx=place(4) + far, K=self.size, n=counts,
        )  # fmt: skip
        columns = np.arange(0, self.size, COLUMNS)
        sums = [
            GRADIENT.table(
                len(columns), library.address(f"norm.{key}.task"), dy=place(0), normal=place(2),
                o=place(5 + k), K=self.size, n=rows, c=columns,
                m=np.minimum(COLUMNS, self.size - columns),
            )
            for k, key in enumerate(self.layer.params)
        ]  # fmt: skip
        return Job(np.concatenate([*sums, tasks])[None])

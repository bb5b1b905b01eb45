"""Convolutions outside cells by machine code, one image after the other, shared by threads."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.layers.conv import Convolution
from rnnbp.layers.params import parameter
from rnnbp.machine.records import place
from rnnbp.machine.team import threads
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array, Dtype, Saved, Shape, address, fix_sizes
from rnnbp.runners.factory import LayerRunner
from rnnbp.runners.layer_deltas import Into, placed, read_as_they_lie, resized
from rnnbp.runners.llvm.conv_code import BACK, BIAS, FORWARD, GRADIENT, library_of
from rnnbp.runners.llvm.conv_sizes import blocks_of, channels_of, together
from rnnbp.runners.llvm.window_code import SIZES
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.workspace import Workspace
from rnnbp.support.memo import Recent

WAKING = 10**6
"""Floating-point operations that take as long as to wake a thread."""


@final
class ConvKernel(LayerRunner):
    """Runs a convolution on contiguous images; its weights are read as they are."""

    def __init__(
        self, layer: Convolution, dtype: Dtype, workspace: Workspace, *, brief: bool = False
    ) -> None:
        self.layer, self.dtype, self.workspace, self.brief = layer, dtype, workspace, brief
        self.library = library_of(dtype.itemsize)
        self._none = None if "bias" in layer.params else np.zeros(layer.n_out, dtype)
        self._sizes = Recent[Shape, Array](16)
        self._jobs = Recent[tuple[Shape, bool], Job](16)
        self._key = object()

    def takes(self, *arrays: object) -> bool:
        return read_as_they_lie((*arrays, *self.layer.params.values()), self.dtype)

    def forward(self, x: Array, *, once: bool = False) -> tuple[Array, Saved]:
        fixed = fix_sizes([x, *self.layer.params.values()])
        (made,) = self.layer.output_shapes(x.shape[-self.layer.axes - 1 :])
        assert made is not None
        y = self.workspace.new(
            (*x.shape[: -self.layer.axes - 1], *made), self.dtype, brief=self.brief
        )
        bias = self.layer.params["bias"] if self._none is None else self._none
        arrays = x, self._weight(), bias, y, self._numbers(x.shape)
        self._do(x.shape, [address(a) for a in arrays], back=False, once=once)
        del fixed
        return y, (x,)

    def backward(
        self, saved: Saved, dy: Array, grads: Accumulator, into: Into = (), *, once: bool = False
    ) -> Array:
        (x,) = saved
        fixed = fix_sizes([x, dy, *self.layer.params.values()])
        axes = self.layer.axes + 1
        if (*x.shape[:-axes], *(self.layer.output_shapes(x.shape[-axes:])[0] or ())) != dy.shape:
            raise resized(self.layer, x, dy)
        dx = placed(self.workspace, into, x.shape, self.dtype)
        arrays = dy, self._weight(), dx, self._numbers(x.shape), x
        params = self.layer.params
        sums = grads.begins(self._key, lambda: [address(grads.at(params, k)) for k in params])
        self._do(x.shape, [*(address(a) for a in arrays), *sums], back=True, once=once)
        del fixed
        return dx

    def _weight(self) -> Array:
        return parameter(self.layer.params, "weight")

    def _numbers(self, shape: Shape) -> Array:
        """What ``SIZES`` names, for an input of a shape."""
        axes = self.layer.axes
        return self._sizes.get(shape[-axes - 1 :], lambda: self._made(shape[-axes - 1 :]))

    def _made(self, shape: Shape) -> Array:
        layer, w = self.layer, self.layer.windows
        (made,) = layer.output_shapes(shape)
        assert made is not None

        def two(values: Shape, fill: int) -> Shape:
            return (fill,) * (2 - len(values)) + tuple(values)

        inside, out, kernel = two(shape[1:], 1), two(made[1:], 1), two(w.kernel, 1)
        before = two(tuple([p for p, _ in w.padding]), 0)
        spaces = (*two(w.stride, 1), *two(w.dilation, 1), *before)
        taps = math.prod(kernel)
        totals = math.prod(inside), taps, layer.n_in * taps, math.prod(out)
        found = layer.n_in, *inside, layer.n_out, *kernel, *spaces, *out, *totals
        assert len(found) == len(SIZES)
        return np.array(found, np.int64)

    def _do(self, shape: Shape, bases: list[int], *, back: bool, once: bool) -> None:
        make = self._back if back else self._forth
        job = make(shape) if once else self._jobs.get((shape, back), lambda: make(shape))
        sizes = dict(zip(SIZES, self._numbers(shape).tolist(), strict=True))
        flops = 2 * self._images(shape) * sizes["O"] * sizes["CK"] * sizes["P"] * (1 + back)
        threads.do(job, bases, min(self.workspace.threads, 1 + flops // WAKING))

    def _images(self, shape: Shape) -> int:
        return math.prod(shape[: -self.layer.axes - 1])

    def _each(self, shape: Shape) -> tuple[Array, Array, int, int]:
        """First images of tasks, how many each has, and bytes of an image of x and of y."""
        images, item = self._images(shape), self.dtype.itemsize
        starts = np.arange(0, images, together(images))
        (made,) = self.layer.output_shapes(shape[-self.layer.axes - 1 :])
        inside = math.prod(shape[-self.layer.axes - 1 :])
        counts = np.minimum(together(images), images - starts)
        return starts, counts, item * inside, item * math.prod(made or ())

    def _forth(self, shape: Shape) -> Job:
        starts, counts, inside, out = self._each(shape)
        function = self.library.address("conv.forward.task")
        tasks = FORWARD.table(
            len(starts), function, x=place(0) + inside * starts, w=place(1), b=place(2),
            y=place(3) + out * starts, sizes=place(4), n=counts,
        )  # fmt: skip
        return Job(tasks[None])

    def _back(self, shape: Shape) -> Job:
        """The gradients first: they are the longest tasks."""
        starts, counts, inside, out = self._each(shape)
        images, blocks = self._images(shape), blocks_of(self.layer)
        deep = channels_of(self.layer)
        gradient, bias, back = (
            self.library.address(f"conv.{name}.task") for name in ("gradient", "bias", "back")
        )
        order = list(self.layer.params)
        tables = [
            GRADIENT.table(
                blocks, gradient, dy=place(0), x=place(4), o=place(5 + order.index("weight")),
                sizes=place(3), c=deep * np.arange(blocks), m=deep, n=images,
            )
        ]  # fmt: skip
        if "bias" in order:
            at = place(5 + order.index("bias"))
            tables.append(BIAS.table(1, bias, dy=place(0), o=at, sizes=place(3), n=images))
        tables.append(
            BACK.table(
                len(starts), back, dy=place(0) + out * starts, w=place(1),
                dx=place(2) + inside * starts, sizes=place(3), n=counts,
            )
        )  # fmt: skip
        return Job(np.concatenate(tables)[None])

"""Pooling: one number for each window, its largest or its mean."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.reshape import shape_only
from rnnbp.layers.windows import Sizes, Sliding, per_axis
from rnnbp.numerics import Array, Saved, Shape, ShapeError, shown

MANY = 2**16
"""Elements whose masks, of a byte each, are more than NumPy's buffers, which are not there at the
same time."""


class Pool(Layer):
    """Windows over the last axis, or the last two, as MaxPool and AvgPool share them.

    Args:
        kernel: an int for windows over the last axis, a pair for windows over the last two.
        stride: distance between windows; the kernel by default.
        padding: elements put on both sides, at most half the kernel; never the largest of a window,
            counted as zeros in its mean.

    Shapes: x (..., W) → y (..., W′), or x (..., H, W) → y (..., H′, W′), with
    W′ = (W + 2 · padding − kernel) // stride + 1. Axes before them, channels among them, are kept.

    Raises ShapeError for an input smaller than one window.
    """

    def __init__(
        self,
        kernel: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.params: dict[str, Array] = {}
        kind = type(self).__name__
        axes = len(kernel) if isinstance(kernel, Sequence) else 1
        if axes not in (1, 2):
            raise ValueError(
                f"{kind}: kernel has one axis or two, found {shown(kernel)}; give an int or a pair"
            )
        sizes = per_axis(f"{kind}: kernel", kernel, axes)
        strides = sizes if stride is None else per_axis(f"{kind}: stride", stride, axes)
        pads = per_axis(f"{kind}: padding", padding, axes, least=0)
        if any(2 * p > k for p, k in zip(pads, sizes, strict=True)):
            raise ValueError(
                f"{kind}: padding must be at most half the kernel {kernel!r}, found {padding!r}"
            )
        self.windows = Sliding(sizes, strides, (1,) * axes, tuple([(p, p) for p in pads]))

    @abstractmethod
    def forward(self, x: Array) -> tuple[Array, Saved]: ...

    @abstractmethod
    def shares(self, saved: Saved, dy: Array) -> Iterator[Array]:
        """For each tap of the windows, the delta (..., *counts) that it gets."""

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        shape = saved[0].shape[:-1]
        padded = np.zeros(self.windows.padded(shape), dy.dtype)
        taps = self.windows.taps(padded, dy.shape[-self.windows.axes :])
        shares = self.shares(saved, dy)
        for tap in taps:
            tap += next(shares)
        del shares  # with what it holds
        return (np.ascontiguousarray(self.windows.crop(padded, shape)),)

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        (made,) = self.output_shapes(*shapes)
        before, padded, out = (
            math.prod(s or ()) for s in (shapes[0], self.windows.padded(shapes[0]), made)
        )
        spare = 0 if self._evenly(shapes[0]) else buffered(rows * out)
        if padded == before:
            return Scratch(spare, rows * out + 2 * spare)
        return Scratch(
            rows * padded + spare, rows * padded + max(0, rows * (out - before) + 2 * spare)
        )

    def _evenly(self, shape: Shape) -> bool:
        """Whether the elements of a tap are at one distance throughout, so that NumPy needs no
        buffers for them."""
        w = self.windows
        return w.axes == 1 and self._counts(shape)[-1] * w.stride[0] == w.padded(shape)[-1]

    def taps(self, x: Array, fill: float) -> list[Array]:
        """The taps of ``x`` padded with ``fill``."""
        counts = self._counts(x.shape)
        return self.windows.taps(self.windows.pad(x, fill), counts)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(f"{self}: pools one input, found {len(shapes)}; pool each separately")
        (shape,) = shapes
        if shape is None:
            return (None,)
        return ((*shape[: -self.windows.axes], *self._counts(shape)),)

    def _counts(self, shape: Shape) -> Shape:
        axes = self.windows.axes
        if len(shape) < axes:
            raise ShapeError(
                f"{self}: input needs at least {axes} axes to pool, found shape {shape}; "
                f"give the kernel as an int, or put a Reshape before it"
            )
        return self.windows.counts(self, shape[-axes:])

    def describe(self) -> str:
        w = self.windows
        pads = tuple([p for p, _ in w.padding])
        return ", ".join(str(v[0] if w.axes == 1 else v) for v in (w.kernel, w.stride, pads))


@final
class MaxPool(Pool):
    """The largest element of each window; of several equal ones, the first receives the delta.

    Args:
        kernel: an int for windows over the last axis, a pair for windows over the last two.
        stride: distance between windows; the kernel by default.
        padding: elements added on both sides, at most half the kernel; never the largest of a
            window.
        name: its name in ``repr`` and errors.

    Keeps the index of that element, in a byte (two above 256 elements), not its input.

    Shapes: x (..., W) → y (..., W′), or x (..., H, W) → y (..., H′, W′), with
    W′ = (W + 2 · padding − kernel) // stride + 1. Axes before them, channels included, are kept.

    Raises ShapeError for an input smaller than one window.

    >>> import numpy as np, rnnbp as rb
    >>> rb.MaxPool(2)(np.array([1.0, 5.0, 2.0, 3.0])).tolist()
    [5.0, 3.0]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        first, *others = self.taps(x, -np.inf)
        y = first.copy()
        which = np.zeros(y.shape, np.min_scalar_type(len(others)))
        for k, tap in enumerate(others, start=1):
            larger = tap.real > y.real
            larger |= np.isnan(tap.real)
            np.copyto(y, tap, where=larger)
            np.copyto(which, which.dtype.type(k), where=larger)
        return y, (shape_only(x), which)

    def keeps(self, *shapes: Shape) -> Keeps:
        (made,) = self.output_shapes(*shapes)
        which = np.min_scalar_type(int(np.prod(self.windows.kernel)) - 1).name
        return Keeps(extras=(((*shapes[0], 0), "uint8"), (made or (), which)))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        (made,) = self.output_shapes(*shapes)
        before, out = rows * math.prod(shapes[0]), rows * math.prod(made or ())
        found, padded = (
            super().scratch(rows, *shapes),
            rows * math.prod(self.windows.padded(shapes[0])),
        )
        if out <= MANY:
            return replace(found, flags=(2 * out, 0, 0))
        if padded == before:
            return replace(found, inputs=out, flags=(2 * out, out, 0))
        # Else less than what is padded, which is there after them.
        masks = out if out >= before else 0
        return replace(found, inputs=padded + max(0, out - before), flags=(2 * out, masks, 0))

    def shares(self, saved: Saved, dy: Array) -> Iterator[Array]:
        which, zero = saved[1], dy.dtype.type(0)
        n = int(np.prod(self.windows.kernel))
        return (np.where(which == k, dy, zero) for k in range(n))


@final
class AvgPool(Pool):
    """The mean of each window, padding counted as zeros. Keeps the shape of its input.

    Args:
        kernel: an int for windows over the last axis, a pair for windows over the last two.
        stride: distance between windows; the kernel by default.
        padding: elements added on both sides, at most half the kernel.
        name: its name in ``repr`` and errors.

    Shapes: x (..., W) → y (..., W′), or x (..., H, W) → y (..., H′, W′), with
    W′ = (W + 2 · padding − kernel) // stride + 1. Axes before them, channels included, are kept.

    Raises ShapeError for an input smaller than one window.

    >>> import numpy as np, rnnbp as rb
    >>> rb.AvgPool(2)(np.array([1.0, 5.0, 2.0, 3.0])).tolist()
    [3.0, 2.5]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        first, *others = self.taps(x, 0.0)
        y = first.copy()
        for tap in others:
            y += tap
        y *= 1 / (len(others) + 1)
        return y, (shape_only(x),)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(extras=(((*shapes[0], 0), "uint8"),))

    def shares(self, saved: Saved, dy: Array) -> Iterator[Array]:
        n = int(np.prod(self.windows.kernel))
        return repeat(dy * (1 / n), n)

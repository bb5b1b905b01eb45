"""Convolution as one matrix product, windows as columns (Chellapilla et al. 2006)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, TypeAlias, final

import numpy as np
import numpy.typing as npt

from rnnbp.initializers import InitializerLike, generator_of, initialize
from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.windows import Sizes, Sliding, per_axis
from rnnbp.numerics import (
    Array,
    Saved,
    Shape,
    ShapeError,
    flag,
    float_dtype,
    mismatch,
    positive_int,
)
from rnnbp.rng import RngLike
from rnnbp.support.nearest import hint

Padding: TypeAlias = Sizes | Literal["same", "valid"]


class Convolution(Layer):
    """Cross-correlation over the last axes, y_o = Σ_c w_oc ⋆ x_c + b_o; base of Conv1D and Conv2D.

    Args:
        n_in, n_out: channels of the input and of the output.
        kernel, stride, dilation: one number, or one for each axis.
        padding: zeros on both sides, one number or one for each axis; "valid" for none; "same" for
            as many as keep the size (stride 1 only; an odd one goes after).
        bias: whether there is a b.
        weight_init, bias_init: initializers; uniform ±1/√(n_in · kernel elements) by default.
        dtype: "float32" or "float64".
        rng: seed or Generator for the initial values.
        name: what the paths of its parameters begin with.

    Keeps its input alone: the columns, as many times larger as the kernel has elements, are
    unrolled again.

    Raises ShapeError for another number of channels or an input smaller than one window.
    """

    axes: ClassVar[int]

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: Sizes,
        *,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        bias: bool = True,
        weight_init: InitializerLike = "uniform",
        bias_init: InitializerLike | None = None,
        dtype: npt.DTypeLike = "float32",
        rng: RngLike = None,
        name: str | None = None,
    ) -> None:
        kind = type(self).__name__
        self.n_in = positive_int(f"{kind}: n_in", n_in)
        self.n_out = positive_int(f"{kind}: n_out", n_out)
        super().__init__(name=name)
        self.windows = _windows(kind, self.axes, kernel, stride, padding, dilation)
        numbers, dtype = generator_of(kind, rng), float_dtype(dtype)
        shape = (self.n_out, self.n_in, *self.windows.kernel)
        self.params = {"weight": initialize(weight_init, numbers, shape, dtype, f"{kind}: weight")}
        if flag(f"{kind}: bias", bias):
            limit = 1 / math.sqrt(math.prod(shape[1:]))
            values = numbers.uniform(-limit, limit, self.n_out)
            how = (lambda _, __: values) if bias_init is None else bias_init
            self.params["bias"] = initialize(how, numbers, (self.n_out,), dtype, f"{kind}: bias")

    def forward(self, x: Array) -> tuple[Array, Saved]:
        counts = self._counts(x.shape)
        y = self._matrix() @ self._columns(x, counts)
        if "bias" in self.params:
            y += self.params["bias"][:, None]
        batch = x.shape[: -self.axes - 1]
        channels_first = y.reshape(self.n_out, math.prod(batch), *counts)
        return np.ascontiguousarray(channels_first.swapaxes(0, 1)).reshape(
            *batch, self.n_out, *counts
        ), (x,)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0,))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        counts = self._counts(shapes[0])
        columns = self.n_in * math.prod(self.windows.kernel) * math.prod(counts)
        before, out = math.prod(shapes[0]), self.n_out * math.prod(counts)
        padded = math.prod(self.windows.padded(shapes[0]))
        padding = padded if padded > before else 0
        forward = max(columns + padding - out, columns, out)
        inputs = max(columns + out - before, columns + padded)
        spare = buffered(rows * self.n_in * math.prod(counts))
        # The deltas by channel, a copy.
        turned = out if min(self.n_out, math.prod(counts)) > 1 else 0
        return Scratch(rows * forward, rows * inputs + spare, rows * (columns + padding + turned))

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        (x,) = saved
        counts = dy.shape[-self.axes :]
        batch = math.prod(x.shape[: -self.axes - 1])
        columns = self._matrix().T @ self._rows(dy)
        deltas = columns.reshape(self.n_in, math.prod(self.windows.kernel), batch, *counts)
        inside = (self.n_in, batch, *x.shape[-self.axes :])
        padded = np.zeros(self.windows.padded(inside), deltas.dtype)
        for k, tap in enumerate(self.windows.taps(padded, counts)):
            tap += deltas[:, k]
        dx = self.windows.crop(padded, inside).swapaxes(0, 1)
        return (np.ascontiguousarray(dx).reshape(x.shape),)

    def backward_params(self, saved: Saved, dy: Array) -> dict[str, Array]:
        (x,) = saved
        rows = self._rows(dy)
        product = rows @ self._columns(x, dy.shape[-self.axes :]).T
        grads: dict[str, Array] = {"weight": product.reshape(self.params["weight"].shape)}
        if "bias" in self.params:
            grads["bias"] = rows.sum(axis=1)
        return grads

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(
                f"{self}: a convolution takes one input, found {len(shapes)}; put a Concat before "
                "it"
            )
        (shape,) = shapes
        if shape is None:
            return (None,)
        if len(shape) > self.axes + 1:
            raise ShapeError(
                f"{self}: takes {self.axes + 1} feature axes, found shape {shape}; put a Reshape "
                "before it"
            )
        return ((self.n_out, *self._counts(shape)),)

    def describe(self) -> str:
        w = self.windows
        pads = tuple(
            [before if before == after else (before, after) for before, after in w.padding]
        )
        options = (("stride", w.stride, 1), ("padding", pads, 0), ("dilation", w.dilation, 1))
        shown = [f", {key}={_short(v)}" for key, v, usual in options if _short(v) != usual]
        no_bias = "" if "bias" in self.params else ", bias=False"
        return f"{self.n_in}, {self.n_out}, {_short(w.kernel)}{''.join(shown)}{no_bias}"

    def _counts(self, shape: Shape) -> Shape:
        if len(shape) <= self.axes:
            raise ShapeError(
                f"{self}: input needs a channel axis of size {self.n_in} and {self.axes} more "
                f"after it, found shape {shape}; put a Reshape before it"
            )
        sizes = shape[-self.axes :]
        if shape[-self.axes - 1] != self.n_in:
            raise ShapeError(mismatch(self, (self.n_in, *sizes), shape))
        return self.windows.counts(self, sizes)

    def _matrix(self) -> Array:
        """The weight as (n_out, n_in · kernel elements)."""
        return self.params["weight"].reshape(self.n_out, -1)

    def _columns(self, x: Array, counts: Shape) -> Array:
        """All windows of ``x``, unrolled: (n_in · kernel elements, batch · windows)."""
        batch = math.prod(x.shape[: -self.axes - 1])
        channels_first = x.reshape(batch, *x.shape[-self.axes - 1 :]).swapaxes(0, 1)
        taps = self.windows.taps(self.windows.pad(channels_first), counts)
        # ``stack`` alone would choose another order.
        columns = np.empty((self.n_in, len(taps), batch, *counts), x.dtype)
        return np.stack(taps, axis=1, out=columns).reshape(
            self.n_in * len(taps), batch * math.prod(counts)
        )

    def _rows(self, dy: Array) -> Array:
        """``dy`` as (n_out, batch · windows)."""
        batch, windows = math.prod(dy.shape[: -self.axes - 1]), math.prod(dy.shape[-self.axes :])
        return (
            dy.reshape(batch, self.n_out, windows)
            .swapaxes(0, 1)
            .reshape(self.n_out, batch * windows)
        )


@final
class Conv1D(Convolution):
    """Cross-correlation over the last axis, y_o = Σ_c w_oc ⋆ x_c + b_o.

    Args:
        n_in, n_out: channels of the input and of the output.
        kernel, stride, dilation: elements of a window, its step, and the distance of its elements.
        padding: zeros on both sides; "valid" for none; "same" to keep the size (stride 1 only; an
            odd one goes after).
        bias: False for no b.
        weight_init, bias_init: initializers; uniform ±1/√(n_in · kernel) by default.
        dtype: "float32" or "float64".
        rng: seed or Generator for the initial values.
        name: the first part of its parameters' paths.

    Keeps its input alone: the columns, larger by the number of the kernel's elements, are unrolled
    again.

    Shapes: x (..., n_in, W) → y (..., n_out, (W + padding − dilation · (kernel − 1) − 1) // stride
    + 1). Parameters: ``weight`` (n_out, n_in, kernel), ``bias`` (n_out,).

    Raises ShapeError for a wrong number of channels or an input smaller than one window.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Conv1D(3, 8, 5, padding="same")(np.zeros((2, 3, 20), "float32")).shape
    (2, 8, 20)
    """

    axes = 1


@final
class Conv2D(Convolution):
    """Cross-correlation over the last two axes, y_o = Σ_c w_oc ⋆ x_c + b_o.

    Args:
        n_in, n_out: channels of the input and of the output.
        kernel, stride, dilation: one number, or one for each axis.
        padding: zeros on both sides, one number or one for each axis; "valid" for none; "same" to
            keep the size (stride 1 only; an odd one goes after).
        bias: False for no b.
        weight_init, bias_init: initializers; uniform ±1/√(n_in · kernel elements) by default.
        dtype: "float32" or "float64".
        rng: seed or Generator for the initial values.
        name: the first part of its parameters' paths.

    Keeps its input alone: the columns, larger by the number of the kernel's elements, are unrolled
    again.

    Shapes: x (..., n_in, H, W) → y (..., n_out, H′, W′), each size as in Conv1D.
    Parameters: ``weight`` (n_out, n_in, *kernel), ``bias`` (n_out,).

    Raises ShapeError for a wrong number of channels or an input smaller than one window.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Conv2D(1, 4, 3)(np.zeros((2, 1, 8, 8), "float32")).shape
    (2, 4, 6, 6)
    """

    axes = 2


def _windows(
    kind: str, axes: int, kernel: Sizes, stride: Sizes, padding: Padding, dilation: Sizes
) -> Sliding:
    sizes = per_axis(f"{kind}: kernel", kernel, axes)
    strides = per_axis(f"{kind}: stride", stride, axes)
    dilations = per_axis(f"{kind}: dilation", dilation, axes)
    if isinstance(padding, str) and padding == "same":
        if set(strides) != {1}:
            raise ValueError(
                f"{kind}: padding 'same' needs stride 1, found {stride}; give the padding as "
                "numbers"
            )
        total = [d * (k - 1) for k, d in zip(sizes, dilations, strict=True)]
        return Sliding(sizes, strides, dilations, tuple([(n // 2, n - n // 2) for n in total]))
    if isinstance(padding, str) and padding != "valid":
        near = hint(padding, ("same", "valid"))
        raise ValueError(
            f"{kind}: padding {padding!r} is unknown{near}; use 'same', 'valid' or numbers"
        )
    pads = per_axis(f"{kind}: padding", 0 if isinstance(padding, str) else padding, axes, least=0)
    return Sliding(sizes, strides, dilations, tuple([(n, n) for n in pads]))


def _short(values: tuple[object, ...]) -> object:
    """One value where all are the same."""
    return values[0] if len(set(values)) == 1 else values

"""Normalisation over the features of one element of the batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.frozen import Check
from rnnbp.layers.primitives import Primitives
from rnnbp.layers.reshape import as_shape
from rnnbp.naming import in_full
from rnnbp.numerics import (
    Array,
    Saved,
    Shape,
    ShapeError,
    flag,
    float_dtype,
    mismatch,
    real_number,
    require_features,
    reused,
)

USUAL = 1e-5
"""ε by default, that of PyTorch."""
_eps = partial(real_number, above=0, cure="1e-5 is usual")


@final
class LayerNorm(Layer):
    """y = w ⊙ x̂ + b, x̂ = (x − mean x) / √(var x + ε) over the features (Ba et al. 2016, eq. 4).

    Args:
        shape: the size of the features, or their shape.
        eps: ε > 0.
        weight, bias: False for no w, initially 1, or no b, initially 0.
        dtype: "float32" or "float64".
        name: the first part of its parameters' paths.

    Shapes: x (..., *shape) → y (..., *shape). Parameters: ``weight`` and ``bias``, of ``shape``.
    Keeps x̂ and one number for each element of the batch.

    >>> import numpy as np, rnnbp as rb
    >>> rb.LayerNorm(2)(np.array([[1.0, 3.0]], "float32")).round(3).tolist()
    [[-1.0, 1.0]]
    """

    settable: ClassVar[Mapping[str, Check]] = {"eps": _eps}

    def __init__(
        self,
        shape: int | Sequence[int],
        *,
        eps: float = USUAL,
        weight: bool = True,
        bias: bool = True,
        dtype: npt.DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        self.shape = as_shape("LayerNorm: shape", shape)
        self.eps = _eps("LayerNorm: eps", eps)
        super().__init__(name=name)
        dtype = float_dtype(dtype)
        self.params = {}
        if flag("LayerNorm: weight", weight):
            self.params["weight"] = np.ones(self.shape, dtype)
        if flag("LayerNorm: bias", bias):
            self.params["bias"] = np.zeros(self.shape, dtype)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        require_features(self, x, self.shape)
        centred = x - self._mean(x)
        # Not abs(centred)²: the variance must be analytic in complex x.
        slope = 1 / np.sqrt(self._mean(centred * centred) + self.eps)
        normal = np.multiply(centred, slope, out=reused(centred, slope))
        y, bias = normal, self.params.get("bias")
        if "weight" in self.params:
            y = normal * self.params["weight"]
        if bias is not None:
            y = np.add(y, bias, out=None if y is normal else reused(y, bias))
        return y, (normal, slope)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(extras=((self.shape, None), ((1,) * len(self.shape), None)))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        (x,) = xs
        several = len(self.shape) > 1
        y = ops.normal(ops.same(x, (math.prod(self.shape),)) if several else x, self.eps)
        y = ops.gain(y, self.params, "weight") if "weight" in self.params else y
        y = ops.bias(y, self.params, "bias") if "bias" in self.params else y
        return (ops.same(y, self.shape) if several else y,)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        normal, slope = saved
        weighted = dy * self.params["weight"] if "weight" in self.params else None
        d = dy if weighted is None else weighted
        along = d * normal
        np.multiply(normal, self._mean(along), out=along)
        mean = self._mean(d)
        d = np.subtract(d, mean, out=None if weighted is None else reused(weighted, mean))
        np.subtract(d, along, out=along)
        along *= slope
        return (along,)

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        size = rows * math.prod(self.shape)
        forward, inputs = buffered(size), size + rows + buffered(size)
        return Scratch(forward if self.params else size, inputs, size * ("weight" in self.params))

    def backward_params(self, saved: Saved, dy: Array) -> dict[str, Array]:
        rows = (-1, *self.shape)
        grads = {}
        if "weight" in self.params:
            grads["weight"] = (dy * saved[0]).reshape(rows).sum(axis=0)
        if "bias" in self.params:
            grads["bias"] = dy.reshape(rows).sum(axis=0)
        return grads

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(
                f"{self}: normalises one input, found {len(shapes)}; give each its own LayerNorm"
            )
        if shapes[0] not in (None, self.shape):
            raise ShapeError(mismatch(self, self.shape, shapes[0] or ()))
        return (self.shape,)

    def describe(self) -> str:
        absent = "".join(f", {key}=False" for key in ("weight", "bias") if key not in self.params)
        eps = f", eps={self.eps}" if self.eps != USUAL and in_full() else ""
        return f"{self.shape if len(self.shape) > 1 else self.shape[0]}{eps}{absent}"

    def _mean(self, x: Array) -> Array:
        mean: Array = x.sum(axis=tuple(range(-len(self.shape), 0)), keepdims=True)
        # Not x.mean, which divides float32 in float64, with buffers for that: the bits are the
        # same.
        return np.divide(mean, math.prod(self.shape), out=reused(mean))

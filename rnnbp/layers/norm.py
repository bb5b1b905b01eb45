"""Normalisation over the features of one element of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import numpy.typing as npt

from rnnbp.layers.base import Keeps, Layer
from rnnbp.layers.primitives import Primitives
from rnnbp.layers.reshape import as_shape
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
)


@final
class LayerNorm(Layer):
    """y = w ⊙ x̂ + b, x̂ = (x − mean x) / √(var x + ε) over the features (Ba et al. 2016, eq. 4).

    Args:
        shape: the size of the features, or their shape.
        eps: ε, above 0.
        weight, bias: whether there is a w, initially 1, and a b, initially 0.
        dtype: "float32" or "float64".
        name: suffix of the parameter names.

    Shapes: x (..., *shape) → y (..., *shape). Parameters: ``weight`` and ``bias``, of ``shape``.
    Keeps x̂ and one number for each element of the batch.
    """

    spare = (3, 3.25, 1.25)

    def __init__(
        self,
        shape: int | Sequence[int],
        *,
        eps: float = 1e-5,
        weight: bool = True,
        bias: bool = True,
        dtype: npt.DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        self.shape = as_shape("LayerNorm: shape", shape)
        self.eps = real_number("LayerNorm: eps", eps, above=0, cure="1e-5 is usual")
        self.name = name
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
        normal = centred * slope
        y = normal * self.params["weight"] if "weight" in self.params else normal
        return (y + self.params["bias"] if "bias" in self.params else y), (normal, slope)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(extras=((self.shape, None), ((1,) * len(self.shape), None)))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...] | None:
        if len(self.shape) > 1:
            return None
        y = ops.normal(xs[0], self.eps)
        y = ops.gain(y, self.params, "weight") if "weight" in self.params else y
        return (ops.bias(y, self.params, "bias") if "bias" in self.params else y,)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        normal, slope = saved
        d = dy * self.params["weight"] if "weight" in self.params else dy
        return (slope * (d - self._mean(d) - normal * self._mean(d * normal)),)

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
            raise ShapeError(f"{self}: normalises one input, found {len(shapes)}; give each its own LayerNorm")
        if shapes[0] not in (None, self.shape):
            raise ShapeError(mismatch(self, self.shape, shapes[0] or ()))
        return (self.shape,)

    def describe(self) -> str:
        absent = "".join(f", {key}=False" for key in ("weight", "bias") if key not in self.params)
        return f"{self.shape if len(self.shape) > 1 else self.shape[0]}{absent}"

    def _mean(self, x: Array) -> Array:
        mean: Array = x.mean(axis=tuple(range(-len(self.shape), 0)), keepdims=True)
        return mean

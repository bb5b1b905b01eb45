"""A learned factor for each feature."""

from __future__ import annotations

from typing import final

import numpy.typing as npt

from rnnbp.initializers import InitializerLike, generator_of, initialize
from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import (
    Array,
    Saved,
    Shape,
    ShapeError,
    float_dtype,
    mismatch,
    positive_int,
    require_features,
)
from rnnbp.rng import RngLike


@final
class Gain(Layer):
    """y = w ⊙ x, w one number for each feature, as of peepholes. Keeps its input.

    Args:
        n: size of the input.
        weight_init: an initializer; 1 by default.
        dtype: "float32" or "float64".
        rng: seed or Generator for the initial values.
        name: the first part of its parameter's path; in a cell, its suffix.

    Shapes: x (..., n) → y (..., n). Parameter: ``weight`` (n,).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Gain(2, weight_init=3.0)(np.array([[1.0, 2.0]], "float32")).tolist()
    [[3.0, 6.0]]
    """

    spare = (0, 0, 1)

    def __init__(
        self,
        n: int,
        *,
        weight_init: InitializerLike = "ones",
        dtype: npt.DTypeLike = "float32",
        rng: RngLike = None,
        name: str | None = None,
    ) -> None:
        self.n = positive_int("Gain: n", n)
        super().__init__(name=name)
        numbers, kind = generator_of("Gain", rng), float_dtype(dtype)
        weight = initialize(weight_init, numbers, (self.n,), kind, "Gain: weight")
        self.params = {"weight": weight}

    def forward(self, x: Array) -> tuple[Array, Saved]:
        require_features(self, x, (self.n,))
        return x * self.params["weight"], (x,)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0,))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.gain(xs[0], self.params, "weight"),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy * self.params["weight"],)

    def backward_params(self, saved: Saved, dy: Array) -> dict[str, Array]:
        return {"weight": (saved[0] * dy).reshape(-1, self.n).sum(axis=0)}

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(f"{self}: takes one input, found {len(shapes)}; give each its own")
        if shapes[0] not in (None, (self.n,)):
            raise ShapeError(mismatch(self, (self.n,), shapes[0] or ()))
        return ((self.n,),)

    def describe(self) -> str:
        return f"{self.n}"

"""The layer without inputs whose output is an array that is given: a factor of ``array @ a``."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.linear import constant, constant_text
from rnnbp.numerics import Array, Dtype, Saved, Shape


@final
class ConstantLayer(Layer):
    """y = an array, without batch axes, in the model's dtype. Keeps nothing.

    Args:
        value: real and finite numbers, which are copied.
    """

    spare = (0, 0, 0)
    typed = True

    def __init__(self, value: Array) -> None:
        super().__init__()
        self.params = {}
        self.value = np.asarray(constant("a constant", value))

    def forward(self, *xs: Array, dtype: Dtype | None = None) -> tuple[Array, Saved]:
        return self.value.astype(np.float64 if dtype is None else dtype), ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        return Scratch()

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return ()

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return (self.value.shape,)

    def describe(self) -> str:
        return constant_text(self.value)

    def __repr__(self) -> str:
        return super().__repr__().replace("ConstantLayer(", "Constant(", 1)

"""Layers that act on every element alone. Each differentiates from its output where it can."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError, reused, sigmoid


class Activation(Layer):
    """One input, one output of the same shape, no parameters: so one backward method does all.

    Shapes: x (...) → y (...).
    """

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params: dict[str, Array] = {}

    @abstractmethod
    def forward(self, x: Array) -> tuple[Array, Saved]: ...

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(
                f"{self}: an activation takes one input, found {len(shapes)}; merge them first"
            )
        return shapes


class Pointwise(Activation):
    """An activation whose every element depends on one element of the input: σ in the text.

    Most differentiate from their output, which they then keep.
    """

    spare = (0, 0, 0)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(outputs=(0,))

    @abstractmethod
    def derivative(self, saved: Saved) -> Array:
        """σ′, element by element, of the shape of y: an array of its own, which the delta may be
        written to."""

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        slope = self.derivative(saved)
        dx: Array = np.multiply(dy, slope, out=reused(slope, dy))
        return (dx,)


@final
class Sigmoid(Pointwise):
    """σ(x) = 1/(1 + e^(−x)). Keeps its output: σ′ = y(1 − y).

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Sigmoid()(np.array([0.0, 2.0])).round(4).tolist()
    [0.5, 0.8808]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y = sigmoid(x)
        return y, (y,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.sigmoid(*xs),)

    def derivative(self, saved: Saved) -> Array:
        (y,) = saved
        rest = 1 - y
        derivative: Array = np.multiply(y, rest, out=reused(rest))
        return derivative


@final
class Tanh(Pointwise):
    """tanh(x). Keeps its output: tanh′ = 1 − y².

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Tanh()(np.array([0.0, 1.0])).round(4).tolist()
    [0.0, 0.7616]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y: Array = np.tanh(x)
        return y, (y,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.tanh(*xs),)

    def derivative(self, saved: Saved) -> Array:
        (y,) = saved
        square = y * y
        derivative: Array = np.subtract(1, square, out=reused(square))
        return derivative

"""Layers that act on every element alone. Each differentiates from its output where it can."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar, final

import numpy as np
from scipy import special

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.frozen import Check
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError, at_most_zero, positive, real_number, reused, sigmoid


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
            raise ShapeError(f"{self}: an activation takes one input, found {len(shapes)}; merge them first")
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


@final
class ReLU(Pointwise):
    """max(x, 0), derivative 0 at 0; NaN stays NaN, and passes its delta. Keeps its output.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.ReLU()(np.array([1.0, -2.0])).round(4).tolist()
    [1.0, 0.0]
    """

    spare_flags = (1, 1, 0)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y = np.where(at_most_zero(x), x.dtype.type(0), x)
        return y, (y,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.relu(*xs),)

    def derivative(self, saved: Saved) -> Array:
        below = at_most_zero(saved[0])
        return np.logical_not(below, out=below if isinstance(below, np.ndarray) else None)

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        found = super().scratch(rows, *shapes)
        return replace(found, inputs=buffered(found.flags[1]))


_slope = partial(real_number, above=0, cure="for slope 0 use ReLU")
_alpha = partial(real_number, above=0, cure="for alpha 0 use ReLU")


@final
class LeakyReLU(Pointwise):
    """x where x > 0, else slope · x (Maas et al. 2013). Keeps its output.

    Args:
        slope: > 0.
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.LeakyReLU(0.5)(np.array([1.0, -2.0])).round(4).tolist()
    [1.0, -1.0]
    """

    spare, spare_flags = (1, 0, 0), (1, 1, 0)
    settable: ClassVar[Mapping[str, Check]] = {"slope": _slope}

    def __init__(self, slope: float = 0.01, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.slope = _slope("LeakyReLU: slope", slope)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y = np.where(positive(x), x, x * self.slope)
        return y, (y,)

    def derivative(self, saved: Saved) -> Array:
        (y,) = saved
        derivative: Array = np.where(positive(y), y.dtype.type(1), y.dtype.type(self.slope))
        return derivative

    def describe(self) -> str:
        return f"{self.slope}"


@final
class ELU(Pointwise):
    """x where x > 0, else α(eˣ − 1) (Clevert et al. 2016, eq. 15). Keeps its output: y + α below 0.

    Args:
        alpha: α > 0.
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.ELU()(np.array([1.0, -2.0])).round(4).tolist()
    [1.0, -0.8647]
    """

    spare, spare_flags = (1, 1, 0), (1, 1, 0)
    settable: ClassVar[Mapping[str, Check]] = {"alpha": _alpha}

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.alpha = _alpha("ELU: alpha", alpha)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        above = positive(x)
        y = np.where(above, x, self.alpha * np.expm1(np.where(above, x.dtype.type(0), x)))
        return y, (y,)

    def derivative(self, saved: Saved) -> Array:
        (y,) = saved
        return np.where(positive(y), y.dtype.type(1), y + self.alpha)

    def describe(self) -> str:
        return f"{self.alpha}"


@final
class GELU(Pointwise):
    """x Φ(x), Φ the normal distribution (Hendrycks & Gimpel 2016), exact, not the tanh form. Keeps
    its input.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.GELU()(np.array([1.0, -2.0])).round(4).tolist()
    [0.8413, -0.0455]
    """

    spare = (0, 1, 0)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        phi = self._phi(x)
        return np.multiply(x, phi, out=reused(phi, x)), (x,)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0,))

    def derivative(self, saved: Saved) -> Array:
        (x,) = saved
        density = np.asarray(x * x * -0.5)
        np.exp(density, out=density)
        density *= 1 / math.sqrt(2 * math.pi)
        density *= x
        density += self._phi(x)
        return density

    def _phi(self, x: Array) -> Array:
        phi = np.asarray(x * -math.sqrt(0.5))
        special.erfc(phi, out=phi)  # ½ + ½ erf would cancel below 0
        phi *= 0.5
        return phi


@final
class Softplus(Pointwise):
    """log(1 + eˣ), without overflow. Keeps its output: the derivative is 1 − e^(−y) = σ(x).

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Softplus()(np.array([0.0, 1000.0])).round(4).tolist()
    [0.6931, 1000.0]
    """

    spare, spare_flags = (1, 0, 0), (1, 0, 0)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        small: Array = np.where(positive(x), -x, x)
        small = np.exp(small, out=reused(small))
        np.log1p(small, out=small)
        y = np.where(positive(x), x, x.dtype.type(0))
        y = np.add(y, small, out=reused(y, small))
        return y, (y,)

    def derivative(self, saved: Saved) -> Array:
        derivative = np.asarray(-saved[0])
        np.expm1(derivative, out=derivative)
        np.negative(derivative, out=derivative)
        return derivative


@final
class Identity(Activation):
    """y = x. Keeps nothing.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Identity()(np.array([1.0, -2.0])).round(4).tolist()
    [1.0, -2.0]
    """

    spare = (0, 0, 0)
    view = True

    def forward(self, x: Array) -> tuple[Array, Saved]:
        return x, ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return xs

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy,)


@final
class Scale(Activation):
    """y = scale · x + shift, both constants: ``1 - z`` of a symbolic value adds this layer. Keeps
    nothing.

    Args:
        scale: a number.
        shift: a number.
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Scale(2.0, shift=1.0)(np.array([1.0, -2.0])).round(4).tolist()
    [3.0, -3.0]
    """

    spare = (0, 0, 0)
    settable: ClassVar[Mapping[str, Check]] = {"scale": real_number, "shift": real_number}

    def __init__(self, scale: float = 1.0, shift: float = 0.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.scale, self.shift = real_number("Scale: scale", scale), real_number("Scale: shift", shift)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y = x * self.scale
        return np.add(y, self.shift, out=reused(y)), ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.scale(xs[0], self.scale, self.shift),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy * self.scale,)

    def describe(self) -> str:
        return f"{self.scale}, {self.shift}"

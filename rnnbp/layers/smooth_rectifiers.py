"""Rectifiers with a curve."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

import numpy as np
from scipy import special

from rnnbp.layers.declared import Keeps
from rnnbp.layers.frozen import Check
from rnnbp.layers.pointwise import Pointwise
from rnnbp.layers.primitives import Primitives
from rnnbp.layers.rectifiers import checked_alpha
from rnnbp.numerics import Array, Saved, Shape, positive, reused


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
    settable: ClassVar[Mapping[str, Check]] = {"alpha": checked_alpha}

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.alpha = checked_alpha("ELU: alpha", alpha)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        above = positive(x)
        y = np.where(above, x, self.alpha * np.expm1(np.where(above, x.dtype.type(0), x)))
        return y, (y,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("elu", *xs, attr=self.alpha),)

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

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.mul(xs[0], ops.apply("phi", *xs)),)

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

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("softplus", *xs),)

    def derivative(self, saved: Saved) -> Array:
        derivative = np.asarray(-saved[0])
        np.expm1(derivative, out=derivative)
        np.negative(derivative, out=derivative)
        return derivative

"""NumPy functions that stand for arithmetic: those of ``compiler.arithmetic``, without new arrays.

Results may take the place of arguments. Complex numbers, of complex steps, branch by their real
parts; for them alone are arrays made.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from rnnbp.numerics import Array
from rnnbp.runners.numpy.matrices import matrices


def toward(a: Array, b: Array, s: Array, out: Array, way: Array) -> None:
    """a + s ⊙ (b − a)."""
    np.subtract(b, a, way)
    np.multiply(way, s, way)
    np.add(a, way, out)


def absolute(x: Array, out: Array) -> None:
    """|x|, by the real part."""
    if x.dtype.kind == "c":
        np.copyto(out, np.where(x.real < 0, -x, x))
    else:
        np.absolute(x, out)


def sign(x: Array, out: Array, below: Array) -> None:
    """1, 0 or −1, by the real part; 0 for NaN."""
    np.less(x.real, 0, below)
    np.greater(x.real, 0, out)
    np.subtract(out, below, out)


def maximum(a: Array, b: Array, out: Array) -> None:
    """The larger one, by the real part; NaN where one is."""
    if a.dtype.kind == "c":
        np.copyto(out, np.where((a.real >= b.real) | np.isnan(a.real), a, b))
    else:
        np.maximum(a, b, out=out)


def minimum(a: Array, b: Array, out: Array) -> None:
    """The smaller one, by the real part; NaN where one is."""
    if a.dtype.kind == "c":
        np.copyto(out, np.where((a.real <= b.real) | np.isnan(a.real), a, b))
    else:
        np.minimum(a, b, out=out)


def above(a: Array, b: Array, out: Array, equal: Array) -> None:
    """1 where a > b or one is NaN, ½ where they are equal, else 0."""
    np.less_equal(a.real, b.real, equal)
    np.less(a.real, b.real, out)
    np.add(out, equal, out)
    np.multiply(out, 0.5, out)
    np.subtract(1, out, out)


def clip(x: Array, out: Array, low: Array, high: Array) -> None:
    """x between two numbers, by the real part."""
    if x.dtype.kind == "c":
        np.copyto(out, np.where(x.real < low.real, low, np.where(x.real > high.real, high, x)))
    else:
        np.maximum(x, low, out=out)
        np.minimum(out, high, out=out)


def inside(x: Array, out: Array, small: Array, low: Array, high: Array) -> None:
    """1 from ``low`` to ``high``, both included, else 0."""
    np.less_equal(x.real, high.real, small)
    np.greater_equal(x.real, low.real, out)
    np.multiply(out, small, out)


def leaky(x: Array, out: Array, part: Array, slope: Array) -> None:
    """x above 0, else slope · x."""
    np.multiply(x, slope, part)
    if x.dtype.kind == "c":
        np.copyto(out, np.where(x.real > 0, x, part))
    elif slope <= 1:
        np.maximum(x, part, out=out)
    else:
        np.minimum(x, part, out=out)


def leaky_slope(y: Array, out: Array, slope: Array) -> None:
    """1 above 0, else the slope."""
    np.greater(y.real, 0, out)
    if slope.real <= 1:
        np.maximum(out, slope, out=out)
        return
    np.subtract(1, out, out)
    np.multiply(out, slope, out)
    np.maximum(out, 1, out=out)


def elu(x: Array, out: Array, below: Array, alpha: Array) -> None:
    """x above 0, else α(eˣ − 1)."""
    if x.dtype.kind == "c":
        np.copyto(out, np.where(x.real > 0, x, alpha * np.expm1(np.where(x.real > 0, 0, x))))
        return
    np.minimum(x, 0, out=below)
    np.expm1(below, below)
    np.multiply(below, alpha, below)
    np.maximum(x, 0, out=out)
    np.add(out, below, out)


def elu_slope(y: Array, out: Array, above: Array, below: Array, alpha: Array) -> None:
    """1 above 0, else y + α."""
    if y.dtype.kind == "c":
        np.copyto(out, np.where(y.real > 0, 1, y + alpha))
        return
    np.less_equal(y, 0, below)
    np.greater(y, 0, above)
    np.minimum(y, 0, out=out)
    np.add(out, alpha, out)
    np.multiply(out, below, out)
    np.add(out, above, out)


def softplus(x: Array, out: Array, small: Array) -> None:
    """log(1 + eˣ), without overflow."""
    if x.dtype.kind == "c":
        over = x.real > 0
        np.copyto(out, np.where(over, x, 0) + np.log1p(np.exp(np.where(over, -x, x))))
        return
    np.absolute(x, small)
    np.negative(small, small)
    np.exp(small, small)
    np.log1p(small, small)
    np.maximum(x, 0, out=out)
    np.add(out, small, out)


def rest(y: Array, out: Array) -> None:
    """1 − e^(−y)."""
    np.negative(y, out)
    np.expm1(out, out)
    np.negative(out, out)


def phi(x: Array, out: Array) -> None:
    """Φ(x) = ½ erfc(−x / √2), which does not cancel below 0."""
    np.multiply(x, -(0.5**0.5), out)
    special.erfc(out, out)
    np.multiply(out, 0.5, out)


def by_lines(lines: int, *arrays: Array) -> tuple[Array, ...]:
    """(..., lines · n, B) as (..., lines, n, B): an axis that is divided stays a view."""
    if lines == 1:
        return arrays
    return tuple([x.reshape(*x.shape[:-2], lines, -1, x.shape[-1]) for x in arrays])


def log_softmax(x: Array, out: Array, powers: Array, top: Array, lines: int = 1) -> None:
    """x − log Σ eˣ over the features of each line."""
    x, out, powers, top = by_lines(lines, x, out, powers, top)
    if x.dtype.kind == "c":
        np.copyto(top, x.real.max(axis=-2, keepdims=True))
    else:
        np.maximum.reduce(x, axis=-2, keepdims=True, out=top)
    np.subtract(x, top, out)
    np.exp(out, powers)
    np.add.reduce(powers, axis=-2, keepdims=True, out=top)
    np.log(top, top)
    np.subtract(out, top, out)


def log_softmax_back(d: Array, y: Array, out: Array, total: Array, lines: int = 1) -> None:
    """d − e^y Σ d."""
    d, y, out, total = by_lines(lines, d, y, out, total)
    np.add.reduce(d, axis=-2, keepdims=True, out=total)
    np.exp(y, out)
    np.multiply(out, total, out)
    np.subtract(d, out, out)


def repeat(x: Array, out: Array, n: int) -> None:
    """Each feature n times."""
    np.copyto(matrices(out, n), x[..., None, :])


def total(x: Array, out: Array, lines: int = 1) -> None:
    """The sum over the features of each line."""
    x, out = by_lines(lines, x, out)
    np.add.reduce(x, axis=-2, keepdims=True, out=out)

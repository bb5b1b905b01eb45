"""Operations of several NumPy calls, on arrays (..., features, B), into arrays that are there."""

from __future__ import annotations

import numpy as np

from rnnbp.numerics import Array


def exp(x: Array, out: Array) -> None:
    """eˣ of complex numbers; beyond the range of their real parts of its end, so that 1 / (1 + eˣ) is 0 and not NaN."""
    np.exp(np.where(x.real > 700, 700, x), out)


def relu(x: Array, out: Array) -> None:
    """max(x, 0), by the real part; NaN stays NaN."""
    np.copyto(out, np.where(x.real <= 0, 0, x)) if x.dtype.kind == "c" else np.maximum(x, 0, out=out)


def step(y: Array, out: Array) -> None:
    """1 where the real part of y, which is at least 0 or NaN, is not 0; else 0."""
    np.copyto(out, y.real != 0) if y.dtype.kind == "c" else np.not_equal(y, 0, out)


def normal(x: Array, y: Array, slope: Array, spare: Array, eps: float) -> None:
    """y = (x − mean x) · slope, slope = 1/√(var x + eps); slope (..., 1, B)."""
    n = x.shape[-2]
    np.add.reduce(x, axis=-2, keepdims=True, out=slope)
    np.divide(slope, n, slope)
    np.subtract(x, slope, y)
    np.multiply(y, y, spare)
    np.add.reduce(spare, axis=-2, keepdims=True, out=slope)
    np.divide(slope, n, slope)
    np.add(slope, eps, slope)
    np.sqrt(slope, slope)
    np.divide(1, slope, slope)
    np.multiply(y, slope, y)


def normal_back(d: Array, y: Array, slope: Array, out: Array, spare: Array, mean: Array) -> None:
    """slope · (d − mean d − y · mean (d ⊙ y)), as ``LayerNorm`` has it."""
    n = d.shape[-2]
    np.multiply(d, y, spare)
    np.add.reduce(spare, axis=-2, keepdims=True, out=mean)
    np.divide(mean, n, mean)
    np.multiply(y, mean, spare)
    np.add.reduce(d, axis=-2, keepdims=True, out=mean)
    np.divide(mean, n, mean)
    np.subtract(d, mean, out)
    np.subtract(out, spare, out)
    np.multiply(out, slope, out)


def softmax(x: Array, out: Array, top: Array) -> None:
    """eˣ / Σ eˣ over the features."""
    if x.dtype.kind == "c":
        np.copyto(top, x.real.max(axis=-2, keepdims=True))
    else:
        np.maximum.reduce(x, axis=-2, keepdims=True, out=top)
    np.subtract(x, top, out)
    np.exp(out, out)
    np.add.reduce(out, axis=-2, keepdims=True, out=top)
    np.divide(out, top, out)


def softmax_back(d: Array, y: Array, out: Array, total: Array) -> None:
    """y ⊙ (d − Σ d ⊙ y)."""
    np.multiply(d, y, out)
    np.add.reduce(out, axis=-2, keepdims=True, out=total)
    np.subtract(d, total, out)
    np.multiply(out, y, out)


SPARE = {"normal": ("rows",), "normal_back": ("rows", "one"), "softmax": ("one",), "softmax_back": ("one",)}
"""What an operation needs as well: rows as its result has, or one."""

"""Functions of one number that are several nodes, or have no operator in double precision."""

from __future__ import annotations

import math

import numpy as np

from rnnbp.interchange.onnx_out.attributes import joint, number
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.writer import Writer


def scaled(to: Writer, t: Tensor, factor: float, shift: float) -> Tensor:
    """factor · t + shift."""
    if factor == -1 and shift:
        return to.emit("Sub", to.number(shift), t, shape=t.shape)
    if factor != 1:
        t = to.emit("Mul", t, to.number(factor), shape=t.shape)
    return to.emit("Add", t, to.number(shift), shape=t.shape) if shift else t


def phi(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    """Φ(x) = (1 + erf(x / √2)) / 2."""
    t = scaled(to, ts[0], 1 / math.sqrt(2), 0.0)
    return scaled(to, to.emit("Erf", t, shape=t.shape), 0.5, 0.5)


def elu(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    """α (eˣ − 1) below 0; by its operator in single precision alone, as onnxruntime has it."""
    (x,), alpha = ts, number(attr)
    if to.dtype == np.float32:
        return to.emit("Elu", x, shape=x.shape, alpha=alpha)
    below = scaled(to, to.emit("Exp", x, shape=x.shape), alpha, -alpha)
    positive = to.emit("Greater", x, to.number(0.0), shape=x.shape)
    return to.emit("Where", positive, x, below, shape=x.shape)


def softplus(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    """log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|); by its operator in single precision alone."""
    (x,) = ts
    if to.dtype == np.float32:
        return to.emit("Softplus", x, shape=x.shape)
    small = scaled(to, to.emit("Abs", x, shape=x.shape), -1.0, 0.0)
    rest = scaled(to, to.emit("Exp", small, shape=x.shape), 1.0, 1.0)
    most = to.emit("Relu", x, shape=x.shape)
    return to.emit("Add", most, to.emit("Log", rest, shape=x.shape), shape=x.shape)


def toward(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    a, b, s = ts
    moved = to.emit("Mul", s, to.emit("Sub", b, a, shape=joint(a, b)), shape=joint(a, b, s))
    return to.emit("Add", a, moved, shape=joint(*ts))

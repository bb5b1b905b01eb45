"""The primitives that layers are lowered to, as ONNX nodes: one line, or a function, for each.

A test fails by name for a primitive without a line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

from rnnbp.interchange.onnx_out.attributes import columns, joint, number
from rnnbp.interchange.onnx_out.choices import at_least, choose, drop, keep, masked, where
from rnnbp.interchange.onnx_out.curves import elu, phi, scaled, softplus, toward
from rnnbp.interchange.onnx_out.matrices import matmat, matvec, outer, transpose, vecmat
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.shaping import reduced, reshaped
from rnnbp.interchange.onnx_out.writer import Writer

Form: TypeAlias = Callable[[Writer, tuple[Tensor, ...], object], Tensor]
"""The nodes of a primitive on its arguments, by its attribute."""


def _pair(attr: object) -> tuple[float, float]:
    assert isinstance(attr, tuple)
    first, second = attr
    return first, second


def _pointwise(kind: str) -> Form:
    return lambda to, ts, _: to.emit(kind, *ts, shape=joint(*ts))


def _rated(kind: str) -> Form:
    """An operator whose attribute alpha is the primitive's number."""
    return lambda to, ts, attr: to.emit(kind, *ts, shape=ts[0].shape, alpha=number(attr))


def _along(kind: str) -> Form:
    """An operator along the last axis."""
    return lambda to, ts, _: to.emit(kind, *ts, shape=ts[0].shape, axis=-1)


def _scale(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    return scaled(to, ts[0], *_pair(attr))


def _clip(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    low, high = map(to.number, _pair(attr))
    return to.emit("Clip", ts[0], low, high, shape=ts[0].shape)


def _total(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    return reduced(to, "ReduceSum", ts[0], -1, (*ts[0].shape[:-1], 1))


def _repeated(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    """Each element n times: (m,) → (m · n,)."""
    (t,), n = ts, columns(attr)
    lines = math.prod(t.shape)
    wide = to.emit("Expand", reshaped(to, t, (lines, 1)), to.ints(1, n), shape=(lines, n))
    return reshaped(to, wide, (lines * n,))


def _normal(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    """(x − mean x) / √(var x + ε) over the last axis."""
    (x,) = ts
    lines = (*x.shape[:-1], 1)
    mean = reduced(to, "ReduceMean", x, -1, lines)
    centred = to.emit("Sub", x, mean, shape=x.shape)
    square = to.emit("Mul", centred, centred, shape=x.shape)
    variance = reduced(to, "ReduceMean", square, -1, lines)
    root = to.emit("Sqrt", scaled(to, variance, 1.0, number(attr)), shape=lines)
    return to.emit("Div", centred, root, shape=x.shape)


FORMS: Mapping[str, Form] = {
    **{
        name: _pointwise(kind)
        for name, kind in {
            "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "tanh": "Tanh",
            "sigmoid": "Sigmoid", "relu": "Relu", "reciprocal": "Reciprocal", "exp": "Exp",
            "log": "Log", "sqrt": "Sqrt", "abs": "Abs", "maximum": "Max", "minimum": "Min",
        }.items()
    },
    "leaky": _rated("LeakyRelu"),
    "elu": elu,
    "softplus": softplus,
    "softmax": _along("Softmax"),
    "log_softmax": _along("LogSoftmax"),
    "scale": _scale,
    "clip": _clip,
    "phi": phi,
    "toward": toward,
    "at_least": at_least,
    "where": where,
    "masked": masked,
    "choose": choose,
    "keep": keep,
    "drop": drop,
    "total": _total,
    "spread": _repeated,
    "repeat": _repeated,
    "normal": _normal,
    "transpose": transpose,
    "matvec": matvec,
    "vecmat": vecmat,
    "outer": outer,
    "matmat": matmat,
}  # fmt: skip
"""Of each primitive that has no method of its own in ``Primitives``."""

"""The primitives that layers are lowered to, as ONNX nodes: one line, or a function, for each.

A test fails by name for a primitive without a line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from rnnbp.compiler.matrix_pairs import sizes_of
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.writer import Writer
from rnnbp.layers.choose import SET
from rnnbp.numerics import Shape

Form: TypeAlias = Callable[[Writer, tuple[Tensor, ...], object], Tensor]
"""The nodes of a primitive on its arguments, by its attribute."""


def _number(attr: object) -> float:
    assert isinstance(attr, int | float)
    return float(attr)


def _pair(attr: object) -> tuple[float, float]:
    assert isinstance(attr, tuple)
    first, second = attr
    return first, second


def _columns(attr: object) -> int:
    assert isinstance(attr, int)
    return attr


def joint(*ts: Tensor) -> Shape:
    """The features of a pointwise result."""
    return np.broadcast_shapes(*[t.shape for t in ts])


def _pointwise(kind: str) -> Form:
    return lambda to, ts, _: to.emit(kind, *ts, shape=joint(*ts))


def _rated(kind: str) -> Form:
    """An operator whose attribute alpha is the primitive's number."""
    return lambda to, ts, attr: to.emit(kind, *ts, shape=ts[0].shape, alpha=_number(attr))


def _along(kind: str) -> Form:
    """An operator along the last axis."""
    return lambda to, ts, _: to.emit(kind, *ts, shape=ts[0].shape, axis=-1)


def scaled(to: Writer, t: Tensor, factor: float, shift: float) -> Tensor:
    """factor · t + shift."""
    if factor == -1 and shift:
        return to.emit("Sub", to.number(shift), t, shape=t.shape)
    if factor != 1:
        t = to.emit("Mul", t, to.number(factor), shape=t.shape)
    return to.emit("Add", t, to.number(shift), shape=t.shape) if shift else t


def _scale(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    return scaled(to, ts[0], *_pair(attr))


def _clip(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    low, high = map(to.number, _pair(attr))
    return to.emit("Clip", ts[0], low, high, shape=ts[0].shape)


def _phi(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    """Φ(x) = (1 + erf(x / √2)) / 2."""
    t = scaled(to, ts[0], 1 / math.sqrt(2), 0.0)
    return scaled(to, to.emit("Erf", t, shape=t.shape), 0.5, 0.5)


def _toward(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    a, b, s = ts
    moved = to.emit("Mul", s, to.emit("Sub", b, a, shape=joint(a, b)), shape=joint(a, b, s))
    return to.emit("Add", a, moved, shape=joint(*ts))


def reached(to: Writer, t: Tensor, least: float) -> Tensor:
    """Where t is at least a number, as bool."""
    return to.emit("GreaterOrEqual", t, to.number(least), shape=t.shape)


def _at_least(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    found, one = reached(to, ts[0], _number(attr)), to.number(1.0)
    return to.emit("Where", found, one, to.number(0.0), shape=ts[0].shape)


def _where(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    u, a, b = ts
    return to.emit("Where", reached(to, u, _number(attr)), a, b, shape=joint(*ts))


def _masked(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    x, mask = ts
    fill = to.number(_number(attr))
    return to.emit("Where", reached(to, mask, SET), x, fill, shape=joint(*ts))


def _choose(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    return _where(to, ts, SET)


def _keep(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    return _where(to, (*ts, to.number(0.0)), SET)


def _drop(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    return _where(to, (ts[0], to.number(0.0), ts[1]), SET)


def _total(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    return to.reduced("ReduceSum", ts[0], -1, (*ts[0].shape[:-1], 1), keepdims=1)


def _repeated(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    """Each element n times: (m,) → (m · n,)."""
    (t,), n = ts, _columns(attr)
    lines = math.prod(t.shape)
    wide = to.emit("Expand", to.same(t, (lines, 1)), to.ints(1, n), shape=(lines, n))
    return to.same(wide, (lines * n,))


def normal(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    """(x − mean x) / √(var x + ε) over the last axis."""
    (x,) = ts
    lines = (*x.shape[:-1], 1)
    mean = to.reduced("ReduceMean", x, -1, lines, keepdims=1)
    centred = to.emit("Sub", x, mean, shape=x.shape)
    square = to.emit("Mul", centred, centred, shape=x.shape)
    variance = to.reduced("ReduceMean", square, -1, lines, keepdims=1)
    root = to.emit("Sqrt", scaled(to, variance, 1.0, _number(attr)), shape=lines)
    return to.emit("Div", centred, root, shape=x.shape)


def turned(to: Writer, t: Tensor) -> Tensor:
    """The transpose of a matrix."""
    order = [*range(t.lead), t.lead + 1, t.lead]
    return to.emit("Transpose", t, shape=t.shape[::-1], perm=order)


def _transpose(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    m = _columns(attr)
    return turned(to, to.same(ts[0], (math.prod(ts[0].shape) // m, m)))


def product(to: Writer, matrix: Tensor, vector: Tensor) -> Tensor:
    """W v, of a matrix for all or one for each sequence."""
    n, _ = matrix.shape
    if matrix.lead == 0:
        return to.emit("MatMul", vector, turned(to, matrix), shape=(n,))
    column = to.axes("Unsqueeze", vector, [-1], (*vector.shape, 1))
    return to.axes("Squeeze", to.emit("MatMul", matrix, column, shape=(n, 1)), [-1], (n,))


def _matvec(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    matrix, vector = ts
    m = _columns(attr)
    return product(to, to.same(matrix, (math.prod(matrix.shape) // m, m)), vector)


def _vecmat(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    """Wᵀ v."""
    matrix, vector = ts
    m = _columns(attr)
    whole = to.same(matrix, (math.prod(matrix.shape) // m, m))
    row = to.axes("Unsqueeze", vector, [-2], (1, *vector.shape))
    return to.axes("Squeeze", to.emit("MatMul", row, whole, shape=(1, m)), [-2], (m,))


def _outer(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    a, b = ts
    (n,), (m,) = a.shape, b.shape
    column, row = to.axes("Unsqueeze", a, [-1], (n, 1)), to.axes("Unsqueeze", b, [-2], (1, m))
    return to.same(to.emit("Mul", column, row, shape=(n, m)), (n * m,))


def _matmat(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    n, k, m, left, right = sizes_of(attr)
    a = to.same(ts[0], (k, n) if left else (n, k))
    b = to.same(ts[1], (m, k) if right else (k, m))
    first, second = turned(to, a) if left else a, turned(to, b) if right else b
    return to.emit("MatMul", first, second, shape=(n, m))


FORMS: Mapping[str, Form] = {
    **{
        name: _pointwise(kind)
        for name, kind in {
            "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "tanh": "Tanh",
            "sigmoid": "Sigmoid", "relu": "Relu", "reciprocal": "Reciprocal", "exp": "Exp",
            "log": "Log", "sqrt": "Sqrt", "abs": "Abs", "maximum": "Max", "minimum": "Min",
            "softplus": "Softplus",
        }.items()
    },
    "leaky": _rated("LeakyRelu"),
    "elu": _rated("Elu"),
    "softmax": _along("Softmax"),
    "log_softmax": _along("LogSoftmax"),
    "scale": _scale,
    "clip": _clip,
    "phi": _phi,
    "toward": _toward,
    "at_least": _at_least,
    "where": _where,
    "masked": _masked,
    "choose": _choose,
    "keep": _keep,
    "drop": _drop,
    "total": _total,
    "spread": _repeated,
    "repeat": _repeated,
    "normal": normal,
    "transpose": _transpose,
    "matvec": _matvec,
    "vecmat": _vecmat,
    "outer": _outer,
    "matmat": _matmat,
}  # fmt: skip
"""Of each primitive that has no method of its own in ``Primitives``."""

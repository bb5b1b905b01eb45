"""The NumPy code of every operation: one table, and functions that stand for several calls.

Arrays are (..., features, B). A new primitive has one line here, and where no NumPy function
computes it, a function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import NEGATIVE
from rnnbp.numerics import Array
from rnnbp.runners.constants import Constant
from rnnbp.runners.numpy import arithmetic, attending, choices, matrices


class Expressions(Protocol):
    """The expressions of an operation's arguments and results, and of what else its code needs."""

    args: list[str]
    outs: list[str]
    loop: bool
    """Whether the arrays are of one step."""

    def name(self, value: Constant) -> str:
        """The name of a weight, a vector or a number."""

    def spare(self, rows: int) -> str:
        """The expression of a temporary with this many rows."""


Code: TypeAlias = Callable[[Op, Expressions], list[str]]
"""Lines of Python."""


def exp(x: Array, out: Array) -> None:
    """eˣ of complex numbers, cut off near overflow, so that 1 / (1 + eˣ) is 0 and not NaN."""
    np.exp(np.where(x.real > 700, 700, x), out)


def relu(x: Array, out: Array) -> None:
    """max(x, 0), by the real part; NaN stays NaN."""
    np.copyto(out, np.where(x.real <= 0, 0, x)) if x.dtype.kind == "c" else np.maximum(
        x, 0, out=out
    )


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


def softmax(x: Array, out: Array, top: Array, lines: int = 1) -> None:
    """eˣ / Σ eˣ over the features of each line."""
    x, out, top = arithmetic.by_lines(lines, x, out, top)
    if x.dtype.kind == "c":
        np.copyto(top, x.real.max(axis=-2, keepdims=True))
    else:
        np.maximum.reduce(x, axis=-2, keepdims=True, out=top)
    np.subtract(x, top, out)
    np.exp(out, out)
    np.add.reduce(out, axis=-2, keepdims=True, out=top)
    np.divide(out, top, out)


def softmax_back(d: Array, y: Array, out: Array, total: Array, lines: int = 1) -> None:
    """y ⊙ (d − Σ d ⊙ y)."""
    d, y, out, total = arithmetic.by_lines(lines, d, y, out, total)
    np.multiply(d, y, out)
    np.add.reduce(out, axis=-2, keepdims=True, out=total)
    np.subtract(d, total, out)
    np.multiply(out, y, out)


def repeated(x: Array, n: int) -> Array:
    """A view of x (features, B) that is the same at n steps."""
    return np.broadcast_to(x, (n, *x.shape))


LINES = -1


@dataclass(frozen=True)
class Helper:
    """A call of a function of this module: arguments, results, temporaries, the number."""

    function: Callable[..., None]
    spare: tuple[int, ...] = ()
    """Rows of each temporary; 0 for as many as the result has, ``LINES`` for one in each line."""
    named: bool = False
    """Whether numbers are constants of the arrays' dtype, which may be infinite."""

    def __call__(self, op: Op, at: Expressions) -> list[str]:
        lines = op.attr if isinstance(op.attr, int) else 1
        spare = [at.spare(lines if rows == LINES else rows) for rows in self.spare]
        numbers = [] if op.attr is None else [repr(op.attr)]
        if self.named:
            given = op.attr if isinstance(op.attr, tuple) else (op.attr,)
            numbers = [at.name(float(number)) for number in given]
        return [f"{self.function.__name__}({', '.join([*at.args, *at.outs, *spare, *numbers])})"]


def _call(name: str) -> Code:
    """One NumPy function of the arguments."""
    return lambda op, at: [f"{name}({', '.join([*at.args, *at.outs])})"]


def _with_vector(name: str) -> Code:
    """One NumPy function of the argument and a vector."""
    return lambda op, at: [f"{name}({at.args[0]}, {at.name(op.vector)}, {at.outs[0]})"]


def _linear(op: Op, at: Expressions) -> list[str]:
    return [f"{'dot' if at.loop else 'matmul'}({at.name(op.matrix)}, {at.args[0]}, {at.outs[0]})"]


def _scale(op: Op, at: Expressions) -> list[str]:
    (factor, shift), arg, out = op.affine, at.args[0], at.outs[0]
    if factor == -1 and shift:
        return [f"subtract({at.name(shift)}, {arg}, {out})"]
    if factor == 1:
        return [f"add({arg}, {at.name(shift)}, {out})"]
    first = f"multiply({arg}, {at.name(factor)}, {out})"
    return [first, f"add({out}, {at.name(shift)}, {out})"] if shift else [first]


def _sigmoid(op: Op, at: Expressions) -> list[str]:
    """1 / (1 + e⁻ᶻ), in the memory of the result."""
    out, one = at.outs[0], at.name(1.0)
    taken = at.args[0] if op.attr == NEGATIVE else out
    first = [] if op.attr == NEGATIVE else [f"multiply({at.args[0]}, {at.name(-1.0)}, {out})"]
    return [
        *first,
        f"exp({taken}, {out})",
        f"add({out}, {one}, {out})",
        f"divide({one}, {out}, {out})",
    ]


def _additive(function: Callable[..., None], spares: int) -> Code:
    """A function of the arguments, the result, the vector, and temporaries as long as that."""

    def lines(op: Op, at: Expressions) -> list[str]:
        spare = [at.spare(op.vector.count) for _ in range(spares)]
        given = [*at.args, *at.outs, at.name(op.vector), *spare]
        return [f"{function.__name__}({', '.join(given)})"]

    return lines


CODE: dict[str, Code] = {
    "add": _call("add"),
    "sub": _call("subtract"),
    "mul": _call("multiply"),
    "scale": _scale,
    "tanh": _call("tanh"),
    "sigmoid": _sigmoid,
    "relu": Helper(relu),
    "step": Helper(step),
    "linear": _linear,
    "bias": _with_vector("add"),
    "gain": _with_vector("multiply"),
    "normal": Helper(normal, spare=(0,)),
    "normal_back": Helper(normal_back, spare=(0, 1)),
    "softmax": Helper(softmax, spare=(LINES,)),
    "softmax_back": Helper(softmax_back, spare=(LINES,)),
    "copy": lambda op, at: [f"copyto({at.outs[0]}, {at.args[0]})"],
    "zeros": lambda op, at: [f"{at.outs[0]}.fill(0)"],
    "div": _call("divide"),
    "reciprocal": _call("reciprocal"),
    "exp": _call("power"),
    "log": _call("log"),
    "sqrt": _call("sqrt"),
    "abs": Helper(arithmetic.absolute),
    "sign": Helper(arithmetic.sign, spare=(0,)),
    "maximum": Helper(arithmetic.maximum),
    "minimum": Helper(arithmetic.minimum),
    "above": Helper(arithmetic.above, spare=(0,)),
    "clip": Helper(arithmetic.clip, named=True),
    "inside": Helper(arithmetic.inside, spare=(0,), named=True),
    "leaky": Helper(arithmetic.leaky, spare=(0,), named=True),
    "leaky_slope": Helper(arithmetic.leaky_slope, named=True),
    "elu": Helper(arithmetic.elu, spare=(0,), named=True),
    "elu_slope": Helper(arithmetic.elu_slope, spare=(0, 0), named=True),
    "softplus": Helper(arithmetic.softplus, spare=(0,)),
    "rest": Helper(arithmetic.rest),
    "phi": Helper(arithmetic.phi),
    "times": _with_vector("multiply"),
    "plus": _with_vector("add"),
    "spread": lambda op, at: [f"copyto({at.outs[0]}, {at.args[0]})"],
    "repeat": Helper(arithmetic.repeat),
    "total": Helper(arithmetic.total),
    "log_softmax": Helper(arithmetic.log_softmax, spare=(0, LINES)),
    "log_softmax_back": Helper(arithmetic.log_softmax_back, spare=(LINES,)),
    "matvec": Helper(matrices.matvec),
    "vecmat": Helper(matrices.vecmat),
    "outer": Helper(matrices.outer),
    "matmat": Helper(matrices.matmat),
    "transpose": Helper(matrices.transpose),
    "masked": Helper(attending.masked, spare=(0,)),
    "additive": _additive(attending.additive, 1),
    "additive_back": _additive(attending.additive_back, 2),
    "additive_keys": _additive(attending.additive_keys, 0),
    "at_least": Helper(choices.at_least, spare=(0,)),
    "where": Helper(choices.where, spare=(0,)),
    "choose": Helper(choices.choose, spare=(0,)),
    "keep": Helper(choices.keep, spare=(0,)),
    "drop": Helper(choices.drop, spare=(0,)),
    "toward": Helper(arithmetic.toward, spare=(0,)),
}
"""The code of operations by name; others are views, run by layers, or done for a whole chunk."""

CALLS: dict[str, Callable[..., object]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "exp": np.exp,
    "reciprocal": np.reciprocal,
    "power": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "matmul": np.matmul,
    "dot": np.dot,
    "copyto": np.copyto,
    "repeated": repeated,
    "outer_sum": matrices.outer_sum,
    **{
        function.__name__: function
        for function in (
            attending.additive,
            attending.additive_back,
            attending.additive_keys,
            attending.additive_sum,
        )
    },
    **{code.function.__name__: code.function for code in CODE.values() if isinstance(code, Helper)},
}
"""The functions that the code calls, by name."""

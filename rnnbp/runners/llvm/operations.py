"""The machine code of every operation: tables of those on elements and of those on whole rows.

A new primitive has one line here. Products, views, gradients and layers have none: ``groups``
arranges them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rnnbp.machine import mathematics, special
from rnnbp.machine.ir import Text
from rnnbp.runners.llvm import attending, elements, matrices, matrix_pairs, reductions

Emit: TypeAlias = Callable[[Text, Sequence[str], object], str]
"""Writes instructions for vectors of features; returns the variable of the result."""


@dataclass(frozen=True)
class Pointwise:
    """An operation on each element; one with a vector of parameters takes its elements last."""

    emit: Emit
    slow: bool = False
    """Whether it is of one argument and so long that none may wait for another in a loop over
    features: a processor sees only so far ahead that it would wait too. Long kernels call it as a
    function."""


def _instruction(name: str) -> Pointwise:
    return Pointwise(lambda t, args, _: t.op(name, *args))


def _intrinsic(name: str) -> Pointwise:
    return Pointwise(lambda t, args, _: t.intrinsic(name, *args))


def _of(function: Callable[..., str], *, slow: bool = False) -> Pointwise:
    """A function of the arguments."""
    return Pointwise(lambda t, args, _: function(t, *args), slow)


def _with_numbers(function: Callable[..., str], *, slow: bool = False) -> Pointwise:
    """A function of the arguments, and of the numbers of the attribute."""
    return Pointwise(lambda t, args, attr: function(t, *args, *elements.numbers(t, attr)), slow)


def _scale(t: Text, args: Sequence[str], affine: object) -> str:
    assert isinstance(affine, tuple)
    (x,), (factor, shift) = args, (t.lanes.constant(number) for number in affine)
    if affine[0] == -1:
        return t.op("fsub", shift, x)
    return t.fma(x, factor, shift) if affine[1] else t.op("fmul", x, factor)


def _where_positive(t: Text, x: str, value: str) -> str:
    """``value`` where x > 0 or NaN, which passes its delta on (ugt: unordered or greater)."""
    above = t.put(f"fcmp ugt {t.lanes.type} {x}, zeroinitializer")
    return t.put(
        f"select {t.lanes.bools} {above}, {t.lanes.type} {value}, {t.lanes.type} zeroinitializer"
    )


POINTWISE: dict[str, Pointwise] = {
    "add": _instruction("fadd"),
    "sub": _instruction("fsub"),
    "mul": _instruction("fmul"),
    "scale": Pointwise(_scale),
    "tanh": Pointwise(lambda t, args, _: mathematics.tanh(t, args[0]), slow=True),
    "sigmoid": Pointwise(lambda t, args, _: mathematics.sigmoid(t, args[0]), slow=True),
    "relu": Pointwise(lambda t, args, _: _where_positive(t, args[0], args[0])),
    "step": Pointwise(lambda t, args, _: _where_positive(t, args[0], t.lanes.constant(1.0))),
    "bias": _instruction("fadd"),
    "gain": _instruction("fmul"),
    "copy": Pointwise(lambda t, args, _: args[0]),
    "zeros": Pointwise(lambda t, args, _: "zeroinitializer"),
    "div": _instruction("fdiv"),
    "reciprocal": Pointwise(lambda t, args, _: t.op("fdiv", t.lanes.constant(1.0), *args)),
    "exp": _of(special.exponential, slow=True),
    "log": _of(special.log, slow=True),
    "sqrt": _intrinsic("sqrt"),
    "abs": _of(elements.size),
    "sign": _of(elements.sign),
    "maximum": _intrinsic("maximum"),
    "minimum": _intrinsic("minimum"),
    "above": _of(elements.above),
    "clip": _with_numbers(elements.clip),
    "inside": _with_numbers(elements.inside),
    "leaky": _with_numbers(elements.leaky),
    "leaky_slope": _with_numbers(elements.leaky_slope),
    "elu": _with_numbers(elements.elu, slow=True),
    "elu_slope": _with_numbers(elements.elu_slope),
    "softplus": _of(special.softplus, slow=True),
    "rest": _of(elements.rest, slow=True),
    "phi": _of(special.phi, slow=True),
    "times": _instruction("fmul"),
    "plus": _instruction("fadd"),
    "at_least": _with_numbers(elements.at_least),
    "where": _with_numbers(elements.where),
    "choose": _of(elements.choose),
    "keep": _of(elements.keep),
    "drop": _of(elements.drop),
    "masked": _with_numbers(attending.masked),
    "toward": Pointwise(lambda t, args, _: t.fma(args[2], t.op("fsub", args[1], args[0]), args[0])),
    "spread": Pointwise(lambda t, args, _: args[0]),
}
"""Operations on single elements, by name."""

SLOW = frozenset(name for name, operation in POINTWISE.items() if operation.slow)

ROWWISE: dict[str, reductions.Rowwise] = {
    "normal": reductions.normal,
    "normal_back": reductions.normal_back,
    "softmax": reductions.by_lines(reductions.softmax),
    "softmax_back": reductions.by_lines(reductions.softmax_back),
    "repeat": reductions.repeat,
    "total": reductions.by_lines(reductions.total, single=True),
    "log_softmax": reductions.by_lines(reductions.log_softmax),
    "log_softmax_back": reductions.by_lines(reductions.log_softmax_back),
    "additive": attending.additive,
    "additive_back": attending.additive_back,
    "additive_keys": attending.additive_keys,
    "matvec": matrices.matvec,
    "vecmat": matrices.vecmat,
    "outer": matrices.outer,
    "matmat": matrix_pairs.matmat,
    "transpose": matrix_pairs.transpose,
}
"""Operations on whole rows, by name."""

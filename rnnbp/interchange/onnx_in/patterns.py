"""Layers that exporters write as several nodes.

GELU before opset 20 is x · ½ · (1 + erf(x / √2)), in any order; the softplus of PyTorch is x where
x is above a limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NoReturn

from rnnbp.interchange.onnx_in.nodes import Call, Results, reads
from rnnbp.interchange.onnx_in.operands import Const, Operand, Pending, Tensor
from rnnbp.layers import GELU, Scale, Softplus

NEAR = 1e-6
"""Relative errors of constants in single precision."""
SOFTPLUS = 20.0
"""PyTorch's limit; e⁻²⁰ is 2e-9."""


@dataclass(frozen=True, eq=False)
class Erf(Pending):
    """factor · erf(x / √2) + shift, where ``value`` is x; no layer computes it alone."""

    factor: float = 1.0
    shift: float = 0.0


@reads("Erf")
def erf(call: Call) -> Results:
    """The error function of x / √2."""
    given = call.tensor()
    source = given.value.source
    if (
        source is None
        or not isinstance(source.block, Scale)
        or not _is(source.block, math.sqrt(0.5))
    ):
        refuse_erf(call)
    return Erf(source.args[0], given.axes)


def _is(block: Scale, factor: float) -> bool:
    """True if a Scale is by a number alone."""
    plain = isinstance(block.scale, float) and block.shift == 0.0
    return plain and math.isclose(float(block.scale), factor, rel_tol=NEAR)


def refuse_erf(call: Call) -> NoReturn:
    """Raise for an error function that is not part of GELU."""
    call.refuse("is an error function that is not part of GELU", "export with opset 20 or later")


def with_erf(call: Call, a: Operand | None, b: Operand | None) -> Operand | None:
    """The result of a node of which an operand is an Erf; None if none is."""
    if isinstance(a, Erf):
        return _combined(call, a, b)
    return _combined(call, b, a) if isinstance(b, Erf) else None


def _combined(call: Call, own: Erf, other: Operand | None) -> Operand:
    """A sum or product of an Erf, which is one too, or GELU."""
    kind = call.node.op_type
    number = other.number if isinstance(other, Const) else None
    if kind == "Add" and number is not None:
        return Erf(own.value, own.axes, own.factor, own.shift + number)
    if kind == "Mul" and number is not None:
        return Erf(own.value, own.axes, own.factor * number, own.shift * number)
    if kind == "Mul" and isinstance(other, Tensor) and math.isclose(own.factor, own.shift):
        factor = _multiple(other, own)
        if factor is not None:
            made = call.scope.apply(GELU(), own.value)
            whole = 2 * own.factor * factor
            near = math.isclose(whole, 1.0, rel_tol=NEAR)
            return Tensor(made if near else call.scope.apply(Scale(whole), made), own.axes)
    refuse_erf(call)


def _multiple(other: Tensor, own: Erf) -> float | None:
    """How many times x a value is."""
    if other.value is own.value:
        return 1.0
    source = other.value.source
    if source is None or not isinstance(source.block, Scale) or source.args[0] is not own.value:
        return None
    scale = source.block.scale
    return scale if isinstance(scale, float) and source.block.shift == 0.0 else None


@dataclass(frozen=True, eq=False)
class Above(Pending):
    """Where ``value`` is above a limit; only a softplus asks so."""


@reads("Greater")
def above(call: Call) -> Results:
    """A comparison with a number at which log(1 + eˣ) is x in single precision."""
    given, limit = call.tensor(), call.weight(1)
    if limit.size != 1 or float(limit.reshape(-1)[0]) < SOFTPLUS:
        call.refuse("compares values", "write the choice with Maximum, Minimum or Clip")
    return Above(given.value, given.axes)


@reads("Where")
def chosen(call: Call) -> Results:
    """A softplus, which above a limit is x."""
    flag, x, soft = call.get(0), call.tensor(1), call.tensor(2)
    source = soft.value.source
    if (
        not isinstance(flag, Above)
        or source is None
        or not isinstance(source.block, Softplus)
        or not x.value is flag.value is source.args[0]
    ):
        call.refuse("chooses between values", "write the choice with Maximum, Minimum or Clip")
    return soft

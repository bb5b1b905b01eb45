"""Penalties on values of a cell: an operation of the code that is differentiated, and no other.

Forward it is its argument. Backward it adds factor ⊙ (l1 · sign(x) + 2 · l2 · x) to the delta, and
l1 · |x| + l2 · x² to the gradient of the factor, which is a leaf and has its sum like a parameter.
So what is reported is summed as gradients are, by the chunk and in their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rnnbp.compiler.code import Code
from rnnbp.compiler.op import Op
from rnnbp.compiler.seams import Deltas
from rnnbp.compiler.weights import Vector

PENALTY = "penalty"


@dataclass(frozen=True)
class Charge:
    """What a penalty adds: the factor of its mean, and those of |x| and x²."""

    factor: Vector
    l1: float
    l2: float


def charged(ops: Iterable[Op]) -> set[int]:
    """The values that penalties take, which have deltas whatever depends on them."""
    return {op.args[0] for op in ops if op.name == PENALTY}


def send_back(to: Deltas, op: Op, d: int | None) -> None:
    """Send the delta of a penalty, None for zero, and its own on to its argument."""
    (x,), charge = op.args, op.attr
    assert isinstance(charge, Charge)
    l1, l2, parts = charge.l1, charge.l2, list[tuple[int, int]]()
    if l2:
        square = to.make("mul", x, x)
        parts.append((_scaled(to, x, 2 * l2), _scaled(to, square, l2)))
    if l1:
        parts.append((_scaled(to, to.make("sign", x), l1), _scaled(to, to.make("abs", x), l1)))
    slope, value = parts[0]
    for other_slope, other in parts[1:]:
        slope, value = to.make("add", slope, other_slope), to.make("add", value, other)
    if d is not None:
        to.send(x, d)
    to.send(x, to.make("gain", slope, attr=charge.factor))
    to.gradient("grad_bias", (value,), charge.factor)


def _scaled(to: Deltas, x: int, factor: float) -> int:
    return x if factor == 1 else to.make("scale", x, attr=(factor, 0.0))


def without_penalties(code: Code) -> Code:
    """Differentiated code, in which each penalty is its argument."""
    return code.rewrite(lambda op, _: op.args if op.name == PENALTY else None)

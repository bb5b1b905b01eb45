"""The record of a state that moves towards a value by the share that a gate says."""

from __future__ import annotations

from rnnbp.compiler.op import Op
from rnnbp.compiler.operation import Operation
from rnnbp.compiler.seams import PRODUCT, SUM, TERM, Deltas, Formula, Formulas


def _toward(to: Deltas, op: Op, d: int) -> None:
    """Of y = a + s ⊙ (b − a): d ⊙ (b − a) to s.

    Where s = σ(z) the delta of z is d ⊙ (b − a) ⊙ s ⊙ (1 − s) = d ⊙ (y − a) ⊙ (1 − s), and goes
    to z at once. Of a state, which is a before the step and y after it, and so in every tape,
    backward then needs s alone. The difference y − a is exact to the rounding of y.
    """
    a, b, s = op.args
    moved = to.make("mul", d, s)
    to.send(b, moved)
    to.send(a, to.make("sub", d, moved))
    gate = to.source(s)
    if gate is not None and gate.name == "sigmoid" and gate.attr is None:
        rest = to.make("scale", s, attr=(-1.0, 1.0))
        to.send(gate.args[0], to.make("mul", d, to.make("mul", to.make("sub", op.out, a), rest)))
    else:
        to.send(s, to.make("mul", d, to.make("sub", b, a)))


def _moved(to: Formulas, op: Op) -> Formula:
    a, b, s = op.args
    difference = f"({to.arg(b, SUM)} − {to.arg(a, TERM)})"
    return f"{to.arg(a, SUM)} + {to.arg(s, PRODUCT)} ⊙ {difference}", SUM


RECORDS = (Operation("toward", "pointwise", 3, 3, _moved, _toward),)
"""Those of ``operations`` in another module."""

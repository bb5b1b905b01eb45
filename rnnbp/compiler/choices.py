"""The records of random numbers, and of what chooses by numbers."""

from __future__ import annotations

from rnnbp.compiler.drawn import DRAWN, draw_of
from rnnbp.compiler.op import Op
from rnnbp.compiler.operation import Operation
from rnnbp.compiler.seams import ATOM, SUM, TERM, Deltas, Formula, Formulas, number
from rnnbp.layers.choose import SET


def _nothing(to: Deltas, op: Op, d: int) -> None:
    """The derivative is 0."""


def _where(to: Deltas, op: Op, d: int) -> None:
    u, a, b = op.args
    mask = to.make("at_least", u, attr=op.attr)
    to.send(a, to.make("mul", d, mask))
    to.send(b, to.make("mul", d, to.make("scale", mask, attr=(-1.0, 1.0))))


# A mask would be a factor of the delta, and 0 times an infinite delta is NaN: these select.


def _choose(to: Deltas, op: Op, d: int) -> None:
    u, a, b = op.args
    to.send(a, to.make("keep", u, d))
    to.send(b, to.make("drop", u, d))


def _keep(to: Deltas, op: Op, d: int) -> None:
    u, a = op.args
    to.send(a, to.make("keep", u, d))


def _drop(to: Deltas, op: Op, d: int) -> None:
    u, a = op.args
    to.send(a, to.make("drop", u, d))


def _condition(to: Formulas, v: int, least: object) -> str:
    assert isinstance(least, float)
    return f"{to.arg(v, SUM)} ≥ {number(least)}"


def _mask(to: Formulas, op: Op) -> Formula:
    return f"[{_condition(to, op.args[0], op.attr)}]", ATOM


def _chosen(to: Formulas, op: Op) -> Formula:
    u, a, b = op.args
    return f"{to.arg(a, TERM)} where {_condition(to, u, op.attr)} else {to.arg(b, TERM)}", SUM


def _flagged(to: Formulas, op: Op) -> Formula:
    u, a, *b = op.args
    other = to.arg(b[0], TERM) if b else "0"
    return f"{to.arg(a, TERM)} where {_condition(to, u, SET)} else {other}", SUM


def _unflagged(to: Formulas, op: Op) -> Formula:
    u, a = op.args
    return f"0 where {_condition(to, u, SET)} else {to.arg(a, TERM)}", SUM


def _drawn(_: Formulas, op: Op) -> Formula:
    draw = draw_of(op)
    each = "" if draw.per == "step" else " per sequence"
    return f"{'U(0, 1)' if draw.numbers == 'uniform' else 'N(0, 1)'}{each}", ATOM


RECORDS = (
    Operation("at_least", "pointwise", 1, 1, _mask, _nothing),
    Operation("where", "pointwise", 3, 1, _chosen, _where),
    Operation("choose", "pointwise", 3, 1, _flagged, _choose),
    Operation("keep", "pointwise", 2, 1, _flagged, _keep),
    Operation("drop", "pointwise", 2, 1, _unflagged, _drop),
    Operation(DRAWN, "drawn", 0, 0, _drawn, _nothing),
)
"""Those of ``operations`` in another module."""

"""The records of products with matrices that are values: made of features, or of each sequence.

A matrix (n, m) is n · m features, row after row.
"""

from __future__ import annotations

import math

from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.operation import Operation, called
from rnnbp.compiler.seams import ATOM, SUM, Deltas, Formula, Formulas
from rnnbp.numerics import Shape

# Adjoints


def _matvec(to: Deltas, op: Op, d: int) -> None:
    matrix, vector = op.args
    shapes = to.values.shapes
    to.send(matrix, to.make("outer", d, vector, attr=op.attr, shape=shapes[matrix]))
    to.send(vector, to.make("vecmat", matrix, d, attr=op.attr, shape=shapes[vector]))


def _vecmat(to: Deltas, op: Op, d: int) -> None:
    """Of y = Wᵀ v: dW = v dᵀ, dv = W d."""
    matrix, vector = op.args
    shapes = to.values.shapes
    to.send(matrix, to.make("outer", vector, d, attr=op.attr, shape=shapes[matrix]))
    to.send(vector, to.make("matvec", matrix, d, attr=op.attr, shape=shapes[vector]))


def _outer(to: Deltas, op: Op, d: int) -> None:
    """Of Y = a bᵀ: da = D b, db = Dᵀ a."""
    a, b = op.args
    shapes = to.values.shapes
    to.send(a, to.make("matvec", d, b, attr=op.attr, shape=shapes[a]))
    to.send(b, to.make("vecmat", d, a, attr=op.attr, shape=shapes[b]))


# Notation


def _summed(to: Formulas, op: Op) -> Formula:
    a, b = (to.arg(v, ATOM) for v in op.args)
    return f"Σ {a} {b}ᵀ", SUM


# Floating-point operations and shapes


def _whole(attr: object) -> int:
    assert isinstance(attr, int)
    return attr


def _twice(op: Op, values: Values) -> int:
    """A multiplication and an addition for each element of the matrix."""
    return 2 * values.rows(op.args[0])


def _of_columns(op: Op, values: Values) -> int:
    return values.rows(op.args[0]) * values.rows(op.args[1])


def _summed_flops(op: Op, values: Values) -> int:
    return 2 * _of_columns(op, values)


def _lines(shapes: tuple[Shape, ...], columns: object) -> tuple[Shape, ...]:
    return ((math.prod(shapes[0]) // _whole(columns),),)


def _columns(_: tuple[Shape, ...], columns: object) -> tuple[Shape, ...]:
    return ((_whole(columns),),)


def _all(shapes: tuple[Shape, ...], columns: object) -> tuple[Shape, ...]:
    return ((math.prod(shapes[0]) * _whole(columns),),)


RECORDS = (
    Operation("matvec", "rowwise", 2, _twice, called("matvec"), _matvec, _lines, still=True),
    Operation("vecmat", "rowwise", 2, _twice, called("vecmat"), _vecmat, _columns, still=True),
    Operation("outer", "rowwise", 2, _of_columns, called("outer"), _outer, _all, still=True),
    # In backward code alone:
    Operation("grad_outer", "sum", 2, _summed_flops, _summed, still=True),
)
"""Those of ``operations`` in another module; the attribute is the number of columns of the matrix.

``grad_outer`` is the sum of ``outer`` over all steps, for the delta of a static matrix.
"""

"""The records of products with matrices that are values: made of features, or of each sequence.

A matrix (n, m) is n · m features, row after row.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.operation import Operation, called
from rnnbp.compiler.seams import ATOM, PRODUCT, SUM, TERM, Deltas, Formula, Formulas
from rnnbp.numerics import Shape

Sizes: TypeAlias = tuple[int, int, int, bool, bool]
"""Of a product (n, k) (k, m): n, k, m, and whether the first factor, and the second, lie turned."""


def sizes_of(attr: object) -> Sizes:
    """The attribute of ``matmat``."""
    assert isinstance(attr, tuple)
    n, k, m, left, right = attr
    return n, k, m, left, right


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


def _matmat(to: Deltas, op: Op, d: int) -> None:
    """Of Y = A B: dA = D Bᵀ, dB = Aᵀ D; of what lies turned, the transposes of these."""
    a, b = op.args
    n, k, m, left, right = sizes_of(op.attr)

    def send(v: int, first: int, second: int, sizes: Sizes) -> None:
        to.send(v, to.make("matmat", first, second, attr=sizes, shape=to.values.shapes[v]))

    if left:
        send(a, b, d, (k, m, n, right, True))
    else:
        send(a, d, b, (n, m, k, False, not right))
    if right:
        send(b, d, a, (m, n, k, True, left))
    else:
        send(b, a, d, (k, n, m, not left, False))


def _transpose(to: Deltas, op: Op, d: int) -> None:
    (x,) = op.args
    columns = to.values.rows(x) // _whole(op.attr)
    to.send(x, to.make("transpose", d, attr=columns, shape=to.values.shapes[x]))


# Notation


def _multiplied(to: Formulas, op: Op) -> Formula:
    _n, _k, _m, left, right = sizes_of(op.attr)
    a, b = (to.arg(v, ATOM) for v in op.args)
    return f"{a}{'ᵀ' * left} {b}{'ᵀ' * right}", TERM


def _turned(to: Formulas, op: Op) -> Formula:
    return f"{to.arg(op.args[0], ATOM)}ᵀ", PRODUCT


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


def _matmat_flops(op: Op, _: Values) -> int:
    n, k, m, _left, _right = sizes_of(op.attr)
    return 2 * n * k * m


def _lines(shapes: tuple[Shape, ...], columns: object) -> tuple[Shape, ...]:
    return ((math.prod(shapes[0]) // _whole(columns),),)


def _columns(_: tuple[Shape, ...], columns: object) -> tuple[Shape, ...]:
    return ((_whole(columns),),)


def _all(shapes: tuple[Shape, ...], columns: object) -> tuple[Shape, ...]:
    return ((math.prod(shapes[0]) * _whole(columns),),)


def _matmat_shapes(_: tuple[Shape, ...], attr: object) -> tuple[Shape, ...]:
    n, _k, m, _left, _right = sizes_of(attr)
    return ((n, m),)


def _transpose_shapes(shapes: tuple[Shape, ...], columns: object) -> tuple[Shape, ...]:
    m = _whole(columns)
    return ((m, math.prod(shapes[0]) // m),)


RECORDS = (
    Operation("matvec", "rowwise", 2, _twice, called("matvec"), _matvec, _lines, still=True),
    Operation("vecmat", "rowwise", 2, _twice, called("vecmat"), _vecmat, _columns, still=True),
    Operation("outer", "rowwise", 2, _of_columns, called("outer"), _outer, _all, still=True),
    Operation(
        "matmat", "rowwise", 2, _matmat_flops, _multiplied, _matmat, _matmat_shapes, still=True
    ),
    Operation("transpose", "move", 1, 0, _turned, _transpose, _transpose_shapes),
    # In backward code alone:
    Operation("grad_outer", "sum", 2, _summed_flops, _summed, still=True),
)
"""Those of ``operations`` in another module; the attribute is the number of columns of the matrix.

``grad_outer`` is the sum of ``outer`` over all steps, for the delta of a static matrix.
"""

"""The records of products of two matrices that are values, and of transposes.

A matrix (n, m) is n · m features, row after row.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.operation import Operation
from rnnbp.compiler.seams import ATOM, PRODUCT, TERM, Deltas, Formula, Formulas
from rnnbp.numerics import Shape

Sizes: TypeAlias = tuple[int, int, int, bool, bool]
"""Of a product (n, k) (k, m): n, k, m, and whether the first factor, and the second, lie turned."""


def sizes_of(attr: object) -> Sizes:
    """The attribute of ``matmat``."""
    assert isinstance(attr, tuple)
    n, k, m, left, right = attr
    return n, k, m, left, right


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


def _multiplied(to: Formulas, op: Op) -> Formula:
    _n, _k, _m, left, right = sizes_of(op.attr)
    a, b = (to.arg(v, ATOM) for v in op.args)
    return f"{a}{'ᵀ' * left} {b}{'ᵀ' * right}", TERM


def _turned(to: Formulas, op: Op) -> Formula:
    return f"{to.arg(op.args[0], ATOM)}ᵀ", PRODUCT


def _flops(op: Op, _: Values) -> int:
    n, k, m, _left, _right = sizes_of(op.attr)
    return 2 * n * k * m


def _whole(attr: object) -> int:
    assert isinstance(attr, int)
    return attr


def _shapes(_: tuple[Shape, ...], attr: object) -> tuple[Shape, ...]:
    n, _k, m, _left, _right = sizes_of(attr)
    return ((n, m),)


def _transpose_shapes(shapes: tuple[Shape, ...], columns: object) -> tuple[Shape, ...]:
    m = _whole(columns)
    return ((m, math.prod(shapes[0]) // m),)


RECORDS = (
    Operation("matmat", "rowwise", 2, _flops, _multiplied, _matmat, _shapes, still=True),
    Operation("transpose", "move", 1, 0, _turned, _transpose, _transpose_shapes),
)
"""Those of ``operations`` in another module; the attribute of a transpose is its columns."""

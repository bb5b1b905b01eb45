"""The records of attention: values left out by a mask, and additive scores.

Of S lines of keys, (S, h) features line after line, a query p (h,) and a vector v of parameters,
the scores are s_k = v · tanh(keys_k + p) (1409.0473).
"""

from __future__ import annotations

import math

from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.operation import Flops, Notation, Operation
from rnnbp.compiler.seams import ATOM, PRODUCT, SUM, TERM, Deltas, Formula, Formulas, number
from rnnbp.compiler.weights import Vector
from rnnbp.numerics import Shape


def _masked(to: Deltas, op: Op, d: int) -> None:
    """The delta where the mask is 1; elsewhere 0, whatever it is there."""
    x, mask = op.args
    to.send(x, to.make("masked", d, mask, attr=0.0))


def _additive(to: Deltas, op: Op, d: int) -> None:
    """With e_k = tanh(keys_k + p): dkeys_k = d_k v ⊙ (1 − e_k²), dp its sum, dv = Σ_k d_k e_k."""
    keys, query = op.args
    n, shapes = op.vector.count, to.values.shapes
    both = to.make("additive_back", keys, query, d, attr=op.attr, shape=(2 * n,))
    parts = [to.make("part", both, attr=(at, at + n), shape=(n,)) for at in (0, n)]
    to.send(query, parts[0])
    to.gradient("grad_bias", (parts[1],), op.attr)
    to.send(keys, to.make("additive_keys", keys, query, d, attr=op.attr, shape=shapes[keys]))


def _left_out(to: Formulas, op: Op) -> Formula:
    x, mask = op.args
    return f"{to.arg(x, TERM)} where {to.arg(mask, ATOM)} else {number(op.number)}", SUM


def _scored(to: Formulas, op: Op) -> Formula:
    keys, query = (to.arg(v, SUM) for v in op.args)
    return f"{to.weight('v', op.vector)} · tanh({keys} + {query})", PRODUCT


def _called(name: str) -> Notation:
    """name(v, a, b)."""

    def write(to: Formulas, op: Op) -> Formula:
        args = [to.weight("a", op.vector), *(to.arg(v, SUM) for v in op.args)]
        return f"{name}({', '.join(args)})", ATOM

    return write


def _summed(to: Formulas, op: Op) -> Formula:
    keys, query, d = (to.arg(v, SUM) for v in op.args)
    return f"Σ {d} ⊙ tanh′({keys} + {query})", SUM


def _each(count: int) -> Flops:
    """So many for each feature of the keys."""

    def counted(op: Op, values: Values) -> int:
        return count * values.rows(op.args[0])

    return counted


def _lines(shapes: tuple[Shape, ...], vector: object) -> tuple[Shape, ...]:
    assert isinstance(vector, Vector)
    return ((math.prod(shapes[0]) // vector.count,),)


RECORDS = (
    Operation("masked", "pointwise", 2, 1, _left_out, _masked),
    Operation("additive", "rowwise", 2, _each(4), _scored, _additive, _lines, still=True),
    # In backward code alone:
    Operation("additive_back", "rowwise", 3, _each(8), _called("additive′"), still=True),
    Operation("additive_keys", "rowwise", 3, _each(6), _called("keys′"), still=True),
    Operation("grad_additive", "sum", 3, _each(6), _summed, still=True),
)
"""Those of ``operations`` in another module.

``masked`` is x where the mask is at least ½, else the number of the attribute; the attribute of the
others is v. ``grad_additive`` is the sum of ``additive_keys`` over all steps, for the delta of
static keys.
"""

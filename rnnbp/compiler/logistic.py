"""Which tanhs the NumPy program computes as exponentials, so that the sigmoids made of them keep their lower tail.

σ(z) = ½ + ½ tanh(z/2) is 0 in float32 where z is below −17, for tanh is −1 there: an input gate that is nearly closed,
and its gradient, would be lost. Rows of tanh(u) that nothing but ½ + ½ tanh(u) takes are therefore e^(−2u), and that is
1 / (1 + e^(−2u)): the same number, to the last place at either end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from rnnbp.compiler.code import Code, Op
from rnnbp.compiler.stacking import places
from rnnbp.numerics import Array

HALVES = (0.5, 0.5)
"""The attribute of the ``scale`` that makes a sigmoid of a tanh."""


@dataclass(frozen=True)
class Exponentials:
    """By value of a tanh, the (start, stop) of rows that are e^(−2u); and the sigmoids that are made of these."""

    rows: dict[int, list[tuple[int, int]]]
    sigmoids: frozenset[int]


def exponentials(forward: Code, backward: Code) -> Exponentials:
    """Of the codes of a cell: a tanh may be made in the one and taken by the other."""
    codes, where = (forward, backward), places(forward, backward)
    tanhs = {op.out: forward.values.rows(op.out) for code in codes for op in code.ops if op.name == "tanh"}
    free = {v: np.zeros(rows, bool) for v, rows in tanhs.items()}
    halved: dict[int, tuple[int, int, int]] = {}
    for op, v in _taken(codes):
        base, start = where.get(v, (v, 0))
        if base in free and op is not None and op.name == "scale" and op.attr == HALVES:
            halved[op.out] = base, start, start + forward.values.rows(v)
            free[base][start : halved[op.out][2]] = True
    for op, v in _taken(codes):
        base, start = where.get(v, (v, 0))
        if base in free and (op is None or not op.outs or op.out not in halved):
            free[base][start : start + forward.values.rows(v)] = False
    while mixed := [v for v, (base, a, b) in halved.items() if not free[base][a:b].all()]:
        for v in mixed:
            base, a, b = halved.pop(v)
            free[base][a:b] = False
    return Exponentials({v: list(_runs(rows)) for v, rows in free.items() if rows.any()}, frozenset(halved))


def _taken(codes: tuple[Code, Code]) -> Iterator[tuple[Op | None, int]]:
    """Every value that an operation takes, views aside; None for the outputs of a code."""
    for code in codes:
        yield from ((op, v) for op in code.ops if op.name != "part" for v in op.args)
        yield from ((None, v) for v in code.outputs if v is not None)


def _runs(rows: Array) -> Iterator[tuple[int, int]]:
    """The (start, stop) of neighbours that are True."""
    at = 0
    for yes, group in groupby(rows.tolist()):
        n = len(list(group))
        if yes:
            yield at, at + n
        at += n

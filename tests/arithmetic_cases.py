"""Layers of arithmetic with two inputs or more in every option, a last axis of 1 repeated among them."""

from __future__ import annotations

from collections.abc import Callable

from rnnbp import layers as L  # noqa: N812
from tests.layer_case import Case, Wrong, merging

WRONG = Wrong(((3,), (4,)), ("one shape", "(3,)", "(4,)", "one feature, which is repeated"))
THREE = Wrong(((4,), (1,), (3,)), ("one shape", "(4,) as input 0", "(3,) as input 2"))
REPEATED = [((4, 1), ((4,), (1,)), WRONG), ((1, 4), ((1,), (4,)), WRONG)]


def built(kind: type[L.Layer]) -> Callable[[str], L.Layer]:
    """A layer without arguments."""
    return lambda _: kind()


ARITHMETIC = [
    merging("Divide", L.Divide, 2, above=0.2),
    merging("Maximum", L.Maximum, 2),
    merging("Minimum", L.Minimum, 2),
    merging("Maximum-2axes", L.Maximum, 2, (2, 3)),
    *(
        Case(
            f"{kind.__name__}-{'-'.join(map(str, widths))}",
            built(kind),
            shapes,
            wrong,
            above=0.2,
        )
        for kind in (L.Add, L.Subtract, L.Multiply, L.Divide, L.Maximum, L.Minimum)
        for widths, shapes, wrong in REPEATED
    ),
    Case("Add-1-4-1", lambda _: L.Add(3), ((1,), (4,), (1,)), THREE),
    Case("Multiply-1-4-1", lambda _: L.Multiply(), ((1,), (4,), (1,)), THREE),
    Case("Divide-2-3-1", lambda _: L.Divide(), ((2, 3, 4), (2, 3, 1)), WRONG, above=0.2),
    Case("Multiply-2-1-3", lambda _: L.Multiply(), ((2, 1), (2, 3)), WRONG),
    Case(
        "MatVec",
        lambda _: L.MatVec(),
        ((6,), (3,)),
        Wrong(((5,), (3,)), ("a matrix", "found (5,) and (3,)")),
    ),
    Case(
        "MatVec-2axes",
        lambda _: L.MatVec(),
        ((2, 3), (3,)),
        Wrong(((2, 3), (2,)), ("a matrix", "found (2, 3) and (2,)")),
    ),
    Case(
        "MatVec-tall",
        lambda _: L.MatVec(),
        ((7, 1), (1,)),
        Wrong(((7, 1), (7,)), ("a matrix", "found (7, 1) and (7,)")),
    ),
]

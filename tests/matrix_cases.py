"""Products with matrices of features, and the parts of attention, in every option."""

from __future__ import annotations

from rnnbp.layers.additive_scores import AdditiveScores
from rnnbp.layers.masked import Masked
from rnnbp.layers.product import Product, Transpose
from tests.layer_case import Case, Wrong

MATRICES = [
    Case(
        "Product",
        lambda _: Product(),
        ((2, 3), (3,)),
        Wrong(((2, 3), (2,)), ("first axis has size 3",)),
    ),
    Case(
        "Product-turned",
        lambda _: Product(turned=True),
        ((2, 3), (2,)),
        Wrong(((2, 3), (3,)), ("first axis has size 2",)),
    ),
    Case(
        "Product-columns",
        lambda _: Product(columns=True),
        ((2, 3), (3, 4)),
        Wrong(((2, 3), (2, 4)), ("first axis has size 3",)),
    ),
    Case(
        "Product-turned-columns",
        lambda _: Product(turned=True, columns=True),
        ((2, 3), (2, 4)),
        Wrong(((2, 3), (3, 4)), ("first axis has size 2",)),
    ),
    Case(
        "Product-size",
        lambda _: Product(turned=True, size=3),
        ((2, 3), (2,)),
        Wrong(((2, 4), (2,)), ("(2, 4)", "make it (2, 3)")),
    ),
    Case(
        "Transpose",
        lambda _: Transpose(),
        ((2, 3),),
        Wrong(((2, 3, 4),), ("a matrix", "(2, 3, 4)"), forward=False),
    ),
    Case(
        "Masked",
        lambda _: Masked(-2.5),
        ((5,), (5,)),
        Wrong(((5,), (4,)), ("(5,)", "found (4,)")),
    ),
    Case(
        "Masked-2axes",
        lambda _: Masked(),
        ((5, 3), (5,)),
        Wrong(((5, 3), (3,)), ("(5, 3)", "found (3,)")),
    ),
    Case(
        "AdditiveScores",
        lambda t: AdditiveScores(3, dtype=t, rng=1),
        ((5, 3), (3,)),
        Wrong(((5, 3), (4,)), ("query has shape (4,)", "make it (3,)")),
    ),
    Case(
        "AdditiveScores-one",
        lambda t: AdditiveScores(1, dtype=t, rng=1),
        ((1, 1), (1,)),
        Wrong(((1, 2), (1,)), ("keys have shape (1, 2)", "make them (S, 1)")),
    ),
]

"""What ``a @ b`` and ``a.T`` of symbolic values add to their graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnbp.layers.product import Product, Transpose
from rnnbp.layers.symbolic import Symbolic
from rnnbp.numerics import Shape, ShapeError

if TYPE_CHECKING:
    from rnnbp.graph.values import Value


def product(a: Value, b: object) -> Value:
    """a @ b, as of NumPy's arrays of the feature shapes. Raises ShapeError or TypeError."""
    if not isinstance(b, Symbolic):
        raise TypeError(
            f"{a!r} @ {type(b).__name__}: both are values; make an array that is fixed a "
            "Parameter(shape, init=array), and freeze it in the optimizer, or a product with a "
            "learned weight Dense(n, m, bias=False)(a)"
        )
    return _product(a, b)  # type: ignore[arg-type]  # the only Symbolic there is


def _product(a: Value, b: Value) -> Value:
    left, right = _shape(a), _shape(b)
    if len(left) == len(right) == 1:
        raise ShapeError(f"{a!r} @ {b!r}: of two vectors take Sum()(a * b)")
    if not 1 <= len(left) <= 2 or not 1 <= len(right) <= 2 or left[-1] != right[0]:
        raise ShapeError(
            f"{a!r} @ {b!r}: the last axis of {left} and the first of {right} must be equal"
            f"{_turned(left, right)}"
        )
    if len(left) == 1:
        base, turned = _factor(transpose(b))
        made: Value = Product(turned=turned)(base, a)
    else:
        base, turned = _factor(a)
        made = Product(turned=turned, columns=len(right) == 2)(base, b)
    return made


def transpose(a: Value) -> Value:
    """a.T of a matrix (n, m); of a turned one the matrix itself."""
    if len(_shape(a)) != 2:
        raise ShapeError(f"{a!r}.T: only a matrix (n, m) is turned; a vector is one either way")
    base, turned = _base(a)
    made: Value = base if turned else Transpose()(a)
    return made


def _base(a: Value) -> tuple[Value, bool]:
    """A matrix, and whether what was given is its transpose."""
    source = a.source
    return (source.args[0], True) if source and isinstance(source.block, Transpose) else (a, False)


def _factor(a: Value) -> tuple[Value, bool]:
    """A matrix, and whether the product is with its transpose.

    One of parameters is turned once a run, so that cells read weights as they lie.
    """
    base, turned = _base(a)
    return (a, False) if base.per == "run" else (base, turned)


def _shape(a: Value) -> Shape:
    """The feature shape of a factor. Raises ShapeError where it is not known."""
    if a.shape is None:
        raise ShapeError(f"{a!r}: a product needs its feature shape; say it, as Input(n)")
    return a.shape


def _turned(left: Shape, right: Shape) -> str:
    """The cure where the transpose of a factor fits."""
    if len(left) == 2 and left[0] == right[0]:
        return "; the transpose of the first, .T, would fit"
    if len(right) == 2 and left[-1] == right[-1]:
        return "; the transpose of the second, .T, would fit"
    return ""

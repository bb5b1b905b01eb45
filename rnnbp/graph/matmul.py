"""What ``a @ b`` and ``a.T`` of symbolic values add to their graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnbp.layers.constant import ConstantLayer
from rnnbp.layers.product import Product, Transpose
from rnnbp.layers.symbolic import Symbolic
from rnnbp.numerics import Shape, ShapeError

if TYPE_CHECKING:
    from rnnbp.graph.values import Value


def product(a: Value, b: object) -> Value:
    """a @ b, as of NumPy's arrays of the feature shapes; b may be an array, which is a constant.

    Raises ShapeError or TypeError.
    """
    return _product(a, _value(a, b))


def product_of_array(a: object, b: Value) -> Value:
    """a @ b of an array and a value."""
    return _product(_value(b, a), b)


def _value(value: Value, other: object) -> Value:
    """The other factor of a product with ``value``: itself, or a constant of an array."""
    if isinstance(other, Symbolic):
        return other  # type: ignore[return-value]  # the only Symbolic there is
    if not isinstance(other, np.ndarray) or not other.ndim:
        raise TypeError(
            f"{value!r} has a product with a value or an array, found {type(other).__name__}; of a "
            "number write 2 * a, of a learned weight Dense(n, m, bias=False)(a)"
        )
    made: Value = value.apply_layer(ConstantLayer(other), ())
    return made


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

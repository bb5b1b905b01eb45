"""The operators of symbolic values: which layers they add to a graph."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeAlias

import numpy as np

from rnnbp.graph.slicing import sliced
from rnnbp.layers.base import Given, Layer
from rnnbp.layers.linear import Scale
from rnnbp.layers.linear import constant as checked
from rnnbp.layers.merge import Multiply
from rnnbp.layers.pairs import Divide, Maximum, Minimum
from rnnbp.layers.pointwise import Tanh
from rnnbp.layers.powers import Abs, Exp, Log, Reciprocal, Sqrt, Square
from rnnbp.layers.sums import Add, Subtract
from rnnbp.layers.symbolic import Symbolic
from rnnbp.numerics import Array, Shape
from rnnbp.wording.unsupported import OWN, POWER, Unsupported, cure

Number: TypeAlias = Any
"""Any: a number or an array, which is checked when it is used."""


class Arithmetic(Unsupported, Symbolic):
    """``+ - * /`` with values, numbers and arrays, ``** n``, ``abs``, slices, functions of NumPy."""

    shape: Shape | None

    def __add__(self, other: Arithmetic | Number) -> Self:
        if isinstance(other, Arithmetic):
            return self._by(Add(), other)
        return self._by(Scale(1.0, constant(self, other)))

    def __sub__(self, other: Arithmetic | Number) -> Self:
        if isinstance(other, Arithmetic):
            return self._by(Subtract(), other)
        return self._by(Scale(1.0, -constant(self, other)))

    def __rsub__(self, other: Number) -> Self:
        return self._by(Scale(-1.0, constant(self, other)))

    def __mul__(self, other: Arithmetic | Number) -> Self:
        if isinstance(other, Arithmetic):
            return self._by(Multiply(), other)
        return self._by(Scale(constant(self, other)))

    def __truediv__(self, other: Arithmetic | Number) -> Self:
        if isinstance(other, Arithmetic):
            return self._by(Divide(), other)
        divisor = constant(self, other)
        if not np.all(divisor):
            raise ZeroDivisionError(f"{self!r} is divided by 0")
        return self._by(Scale(1 / divisor))

    def __rtruediv__(self, other: Number) -> Self:
        dividend = constant(self, other)
        one = self._by(Reciprocal())
        return one if np.ndim(dividend) == 0 and dividend == 1 else one * dividend

    def __pow__(self, power: Number) -> Self:
        number = power.item() if isinstance(power, np.generic) else power
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise TypeError(f"{self!r} ** {type(power).__name__}: {POWER}")
        if abs(number) != 0.5 and (number == 0 or not float(number).is_integer()):
            raise TypeError(f"{self!r} ** {number}: {POWER}")
        return self._power(abs(number)) if number > 0 else 1 / self._power(abs(number))

    def _power(self, power: float) -> Self:
        """A root, or a power by as few products as binary digits have."""
        if power == 0.5:
            return self._by(Sqrt())
        found, base, left = None, self, int(power)
        while left:
            if left % 2:
                found = base if found is None else found * base
            left //= 2
            base = base._by(Square()) if left else base
        assert found is not None
        return found

    def __pos__(self) -> Self:
        return self

    def __neg__(self) -> Self:
        return self._by(Scale(-1.0))

    def __abs__(self) -> Self:
        return self._by(Abs())

    def __getitem__(self, key: object) -> Self:
        found: Self = sliced(self, self.shape, key)
        return found

    __radd__ = __add__
    __rmul__ = __mul__

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *args: Given, **options: object
    ) -> Self:
        """``array * value`` as operators, ``np.exp(value)`` as the layer; others are refused."""
        name = ufunc.__name__
        if method == "__call__" and not options:
            if len(args) == 1 and name in UNARY:
                return self._by(UNARY[name]())
            if len(args) == 2 and name in BINARY:
                found: Self = BINARY[name](*args)
                return found
        raise TypeError(f"np.{name} does not take {self!r}; {cure(name) or OWN}")

    def _by(self, layer: Layer, *others: Arithmetic) -> Self:
        output: Self = layer(self, *others)
        return output


def _either(forward: Callable[[Any, Any], Any], reflected: Callable[[Any, Any], Any]) -> Number:
    """An operator, by the method of the value that is there."""
    # Not operator.mul for both: an array on the left would ask NumPy, which asks here again.
    return lambda a, b: forward(a, b) if isinstance(a, Arithmetic) else reflected(b, a)


def _choice(layer: type[Layer], name: str) -> Callable[[Any, Any], Any]:
    """The larger or smaller of two values."""

    def choose(a: Number, b: Number) -> Number:
        if isinstance(a, Arithmetic) and isinstance(b, Arithmetic):
            return layer()(a, b)
        raise TypeError(f"np.{name} of a value and {type(b).__name__}: {cure(name)}")

    return choose


UNARY: Mapping[str, Callable[[], Layer]] = {
    "absolute": Abs,
    "fabs": Abs,
    "exp": Exp,
    "log": Log,
    "negative": lambda: Scale(-1.0),
    "reciprocal": Reciprocal,
    "sqrt": Sqrt,
    "square": Square,
    "tanh": Tanh,
}
BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "add": _either(operator.add, lambda value, a: value.__radd__(a)),
    "subtract": _either(operator.sub, lambda value, a: value.__rsub__(a)),
    "multiply": _either(operator.mul, lambda value, a: value.__rmul__(a)),
    "divide": _either(operator.truediv, lambda value, a: value.__rtruediv__(a)),
    "power": _either(operator.pow, lambda value, a: value.__rpow__(a)),
    "matmul": _either(operator.matmul, lambda value, a: value.__rmatmul__(a)),
    "maximum": _choice(Maximum, "maximum"),
    "minimum": _choice(Minimum, "minimum"),
}
"""NumPy's functions that are layers or operators, by name."""


def constant(value: Arithmetic, other: object) -> float | Array:
    """A number or an array that is combined with a value. Raises TypeError for anything else."""
    if isinstance(other, (int, float, np.integer, np.floating)) and not isinstance(other, bool):
        return float(other)
    if isinstance(other, np.ndarray):
        found = checked(f"{value!r}: the other side", other)
        return found if isinstance(found, float) else np.asarray(found)
    raise TypeError(
        "a symbolic value combines with values, numbers and arrays of numbers, found "
        f"{type(other).__name__}; {_instead(other)}"
    )


def _instead(other: object) -> str:
    if isinstance(other, list | tuple):
        return "give an array, one number for each feature: np.array(...)"
    if isinstance(other, Layer) or type(other).__name__ == "Recurrent":
        return f"call the layer on a value first, as {type(other).__name__}(...)(a)"
    return "give a number, an array or a value"

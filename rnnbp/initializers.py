"""Initial values of parameters. A weight has shape (n_out, n_in) or (n_out, n_in, *kernel).

An initializer is a function ``(rng, shape) -> float64 array``; a layer takes one, its name in
``NAMED``, a number for a constant, or an array of the parameter's shape, which is copied. All draw
in float64, so float32 and float64 models of one seed start from the same values.

>>> import rnnbp as rb
>>> rb.Dense(3, 2, weight_init="orthogonal", bias_init=0.5).params["bias"].tolist()
[0.5, 0.5]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.checks.functions import note_call
from rnnbp.numerics import Array, Dtype, DtypeError, Shape, first_bad, real_number, shown
from rnnbp.rng import RngLike, generator
from rnnbp.support.helping import names_of
from rnnbp.support.ieee import ieee
from rnnbp.support.nearest import hint, nearest
from rnnbp.wording.attributes import refusing
from rnnbp.wording.other_initializers import ours

__all__ = ["NAMED", "constant", "glorot", "he", "orthogonal", "uniform"]

__dir__ = names_of(__all__, page=False)

Initializer: TypeAlias = Callable[[np.random.Generator, Shape], Array]
InitializerLike: TypeAlias = Initializer | str | float | Array | Sequence[object]


def fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight of this shape; a vector counts as both."""
    if len(shape) < 2:
        return shape[0], shape[0]
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def constant(value: float) -> Initializer:
    """An initializer that sets every element to one value.

    Args:
        value: a finite number.

    Returns:
        A function ``(rng, shape) -> float64 array``.

    Raises TypeError or ValueError unless ``value`` is a finite number.

    >>> import rnnbp as rb
    >>> rb.Dense(3, 2, bias_init=rb.initializers.constant(1)).params["bias"].tolist()
    [1.0, 1.0]
    """
    number = real_number("constant: value", value)
    return lambda _, shape: np.full(shape, number)


def uniform(limit: float | None = None) -> Initializer:
    """An initializer that draws from U(−limit, limit).

    Args:
        limit: ≥ 0; None for 1/√fan_in (LeCun et al. 1998, "Efficient BackProp").

    Returns:
        A function ``(rng, shape) -> float64 array``.

    >>> import rnnbp as rb
    >>> weight = rb.Dense(3, 2, weight_init=rb.initializers.uniform(0.1)).params["weight"]
    >>> bool(abs(weight).max() <= 0.1)
    True
    """
    if limit is not None:
        limit = real_number("uniform: limit", limit, least=0)

    def draw(rng: np.random.Generator, shape: Shape) -> Array:
        bound = 1 / math.sqrt(fans(shape)[0]) if limit is None else limit
        return rng.uniform(-bound, bound, shape)

    return draw


def glorot(rng: np.random.Generator, shape: Shape) -> Array:
    """U(±√(6/(fan_in + fan_out))) (Glorot & Bengio 2010, eq. 16).

    Args:
        rng: a NumPy Generator.
        shape: (n_out, n_in, *kernel).

    Returns:
        A float64 array of ``shape``.

    >>> import rnnbp as rb
    >>> bool(abs(rb.Dense(4, 2, weight_init=rb.initializers.glorot).params["weight"]).max() <= 1)
    True
    """
    bound = math.sqrt(6 / sum(fans(shape)))
    return rng.uniform(-bound, bound, shape)


def he(rng: np.random.Generator, shape: Shape) -> Array:
    """N(0, 2/fan_in), for ReLU (He et al. 2015, eq. 10).

    Args:
        rng: a NumPy Generator.
        shape: (n_out, n_in, *kernel).

    Returns:
        A float64 array of ``shape``.

    >>> import numpy as np, rnnbp as rb
    >>> rb.initializers.he(np.random.default_rng(0), (200, 50)).std().round(1)
    np.float64(0.2)
    """
    return rng.normal(0.0, math.sqrt(2 / fans(shape)[0]), shape)


def orthogonal(rng: np.random.Generator, shape: Shape) -> Array:
    """Orthonormal rows or columns, whichever are fewer (Saxe et al. 2014).

    Axes after the first count as one.

    A matrix of k stacked gates, (k·n, n), is drawn gate by gate, so that each gate is orthogonal.

    Args:
        rng: a NumPy Generator.
        shape: (n_out, n_in, *kernel).

    Returns:
        A float64 array of ``shape``.

    >>> import numpy as np, rnnbp as rb
    >>> w = rb.initializers.orthogonal(np.random.default_rng(0), (2, 3))
    >>> bool(np.allclose(w @ w.T, np.eye(2)))
    True
    """
    rows, columns = shape[0], math.prod(shape[1:])
    if rows > columns and rows % columns == 0:
        return np.concatenate(
            [_orthonormal(rng, columns, columns) for _ in range(rows // columns)]
        ).reshape(shape)
    return _orthonormal(rng, rows, columns).reshape(shape)


def _orthonormal(rng: np.random.Generator, rows: int, columns: int) -> Array:
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)  # makes the draw uniform (Mezzadri 2007)
    return q if rows >= columns else q.T


NAMED: dict[str, Initializer] = {
    "zeros": constant(0.0),
    "ones": constant(1.0),
    "uniform": uniform(),
    "glorot": glorot,
    "he": he,
    "orthogonal": orthogonal,
}


def _elsewhere(name: str) -> str:
    """For an error: which of ``NAMED`` an unknown name means, or ""."""
    if (known := ours(name)) in NAMED:
        return f", it is called {known!r} here"
    if "normal" in name.casefold() or nearest(name, [*NAMED, "normal"]) == "normal":
        return ", for normal numbers give lambda rng, shape: rng.normal(0, 0.1, shape)"
    return hint(name, NAMED)


def generator_of(place: str, rng: RngLike) -> np.random.Generator:
    """The generator that a layer draws initial values from.

    Raises TypeError or ValueError unless ``rng`` is a seed.
    """
    if isinstance(rng, np.random.RandomState):
        return generator(rng)
    try:
        return generator(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{place}: rng must be a seed from 0, a Generator or None, found {shown(rng)}"
        ) from None


class Adopted:
    """An initializer whose arrays become parameters themselves, not copies: those of a file.

    Raises ValueError for a shape that none of them has; one line may stand for a vector.
    """

    def __init__(self, arrays: Iterable[Array]) -> None:
        self.arrays = tuple(arrays)

    def __call__(self, _: np.random.Generator, shape: Shape) -> Array:
        for array in self.arrays:
            if shape in (array.shape, (1, *array.shape)):
                return array.reshape(shape)
        raise ValueError(f"there is no parameter of shape {shape}")


@ieee
def initialize(
    how: InitializerLike, rng: np.random.Generator, shape: Shape, dtype: Dtype, place: str
) -> Array:
    """A new C-ordered parameter; ``place`` names it in errors.

    Raises TypeError for anything but an initializer, ValueError for an unknown name or values that
    do not fit, DtypeError for values that are not real numbers.
    """
    if isinstance(how, Adopted):
        return how(rng, shape)
    if _is_array(how):
        return _given(place, how, shape, dtype)
    function = _function(how, place)
    try:
        found = function(rng, shape)
    except Exception as error:  # whatever the user's code raises
        if how is function:
            note_call(
                error, f"{place}: its initializer", how, f"rng, {shape}", "an array of that shape"
            )
        raise
    values = plain(f"{place}: what the initializer returned", found)
    if values.shape != shape:
        cure = "return an array of the shape that it is called with"
        returned = f"shape {values.shape}" if values.ndim else shown(found)
        raise ValueError(
            f"{place}: the initializer returned {returned} for a parameter of shape {shape}; {cure}"
        )
    return _parameter(place, "the initializer returned", values, dtype)


def _given(place: str, how: object, shape: Shape, dtype: Dtype) -> Array:
    """A parameter of an array of the user's. Raises ValueError for another shape."""
    values = plain(f"{place}: the list of initial values", how)
    if values.shape != shape:
        turned = "; give its transpose, .T" * (values.shape == shape[::-1])
        raise ValueError(
            f"{place}: the initial values have shape {values.shape}, the parameter has {shape}"
            f"{turned}"
        )
    return _parameter(place, "the initial values have", values, dtype)


def _parameter(place: str, what: str, values: Array, dtype: Dtype) -> Array:
    """A copy in a dtype. Raises DtypeError or ValueError for what is not real and finite in it."""
    if values.dtype.kind not in "biuf":
        raise DtypeError(f"{place}: {what} dtype {values.dtype}; parameters are real numbers")
    parameter = np.array(values, dtype=dtype, order="C")
    if (bad := first_bad(parameter)) is not None:
        raise ValueError(
            f"{place}: {what} {values[bad]} at {list(bad)}; it must be finite in {dtype}"
        )
    return parameter


def _is_array(how: object) -> bool:
    """True for an array with axes, or a list of numbers."""
    if callable(how):  # a type has a shape of a kind, a function of the user's may have one
        return False
    return isinstance(how, (list, tuple)) or bool(getattr(how, "shape", ()))


def _function(how: InitializerLike, place: str) -> Initializer:
    if isinstance(how, str):
        if how not in NAMED:
            names = ", ".join(NAMED)
            raise ValueError(
                f"{place}: initializer {how!r} is unknown{_elsewhere(how)}; use one of {names}, a "
                "number, an array or a function"
            )
        return NAMED[how]
    if callable(how) and not isinstance(how, type):
        return how
    if not isinstance(how, (int, float, np.integer, np.floating)):
        cure = "for values of your own give lambda rng, shape: values"
        raise TypeError(
            f"{place}: an initializer is a name, a number, an array or a function, found "
            f"{shown(how)}; {cure}"
        )
    return constant(real_number(f"{place}: its initial value", how))


if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.initializers", __all__)

"""The checks that gradients pass before anything is changed."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.numerics import Array, DtypeError, ShapeError, first_bad, shown
from rnnbp.optim.extents import extents


def check_grads(
    place: str,
    params: Mapping[str, Array],
    grads: Mapping[str, Array],
    frozen: Collection[str] = (),
) -> dict[str, float]:
    """The largest |element| of each gradient. Raises unless there is a finite one of each
    parameter's shape, no other.

    As ``check_fit`` does, and FloatingPointError for NaN and infinity.
    """
    check_fit(place, params, grads, frozen)
    found = dict(zip(params, extents([grads[name] for name in params]), strict=True))
    for name, extent in found.items():
        if math.isnan(extent.largest):
            bad = first_bad(grads[name])
            raise FloatingPointError(
                f"{place}: the gradient of {name!r} has {grads[name][bad]} at {list(bad or ())}; "
                f"lower the learning rate, clip gradients, or find the overflow before it"
            )
    return {name: extent.largest for name, extent in found.items()}


def check_fit(
    place: str,
    params: Mapping[str, Array],
    grads: Mapping[str, Array],
    frozen: Collection[str] = (),
) -> None:
    """Raise unless each parameter has a gradient of its shape, and only ``frozen`` ones more.

    Raises TypeError unless it is a dict of arrays, ValueError for names, ShapeError, DtypeError.
    """
    check_named(place, grads)
    if missing := [name for name in params if name not in grads]:
        raise ValueError(
            f"{place}: the gradient of {', '.join(map(repr, missing))} is missing; give one for "
            "each parameter"
        )
    if unexpected := [name for name in grads if name not in params and name not in frozen]:
        raise ValueError(
            f"{place}: no parameter is called {', '.join(map(repr, unexpected))}; the optimised "
            f"ones are {', '.join(map(repr, params))} (of a tied parameter, its first name); to "
            "leave some as they are, build the optimiser with the model and frozen=, patterns of "
            "their names"
        )
    for name, p in params.items():
        g = grads[name]
        if g.shape != p.shape:
            raise ShapeError(
                f"{place}: the gradient of {name!r} must have shape {p.shape}, found {g.shape}"
            )
        if g.dtype.kind != "f":
            raise DtypeError(
                f"{place}: the gradient of {name!r} must be floats, found dtype {g.dtype}; convert "
                "it"
            )


def check_named(place: str, grads: object) -> None:
    """Raise TypeError unless ``grads`` is a dict of arrays."""
    if not isinstance(grads, Mapping):
        cure = (
            "pass its .grads"
            if isinstance(getattr(grads, "grads", None), Mapping)
            else "as bptt(...).grads"
        )
        raise TypeError(
            f"{place}: gradients are a dict of arrays by name, found {type(grads).__name__}; {cure}"
        )
    for name, g in grads.items():
        if type(g) is np.ndarray:
            continue
        plain(f"{place}: the gradient of {name!r}", g)
        if not isinstance(g, (np.ndarray, np.generic)):
            raise TypeError(
                f"{place}: the gradient of {name!r} must be an array, found {shown(g)}; use "
                "np.asarray"
            )

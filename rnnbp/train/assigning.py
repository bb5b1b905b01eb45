"""Arrays written into the parameters of a model, after all of them have been checked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnbp.numerics import Array, Dtype, escaped, first_bad
from rnnbp.optim.parameters import check_writable
from rnnbp.support.writes import WRITES
from rnnbp.train.misfits import check_shapes


def converted(place: str, name: str, array: Array, dtype: Dtype) -> Array:
    """An array of floats in a different dtype. Raises ValueError if that cannot hold it."""
    if array.dtype.kind != "f":
        raise ValueError(f"{place}: {escaped(name, 80)} is {array.dtype}; weights are floats")
    with np.errstate(over="ignore"):
        found = array.astype(dtype)
    if (bad := first_bad(found)) is not None and first_bad(array) is None:
        raise ValueError(
            f"{place}: {name} has {array[bad]} at {list(bad)}, which is beyond {dtype}; use "
            "model.astype"
        )
    return found


def assign(place: str, params: Mapping[str, Array], arrays: Mapping[str, Array]) -> None:
    """Copy arrays into the parameters of the same names, after all have been checked."""
    check_fits(place, params, arrays)
    WRITES.note()
    for name, p in params.items():
        p[...] = arrays[name]


def check_fits(place: str, params: Mapping[str, Array], arrays: Mapping[str, Array]) -> None:
    """Raise ValueError unless arrays are finite, with names, shapes and dtypes of ``params``."""
    check_shapes(
        place,
        {name: p.shape for name, p in params.items()},
        {name: a.shape for name, a in arrays.items()},
    )
    for name, p in params.items():
        a = arrays[name]
        if a.dtype != p.dtype:
            raise ValueError(
                f"{place}: {name} is {a.dtype} in the file and {p.dtype} in the model; "
                f"load into model.astype('{a.dtype}'), and cast that to another dtype after"
            )
        if (bad := first_bad(a)) is not None:
            raise ValueError(
                f"{place}: {name} has {a[bad]} at {list(bad)}, weights must be finite; "
                f"take a file that was saved before the training diverged"
            )
    check_writable(place, params)


def exchange(
    place: str, params: Mapping[str, Array], held: Mapping[str, Array], other: Mapping[str, Array]
) -> None:
    """Put others into the parameters, or ``held`` if an interrupt comes between."""
    try:
        assign(place, params, other)
    except BaseException:
        assign(place, params, held)
        raise

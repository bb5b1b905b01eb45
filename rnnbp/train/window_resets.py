"""The steps of a stream at which it begins anew, as they are passed to Windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.checks.arrays import as_array
from rnnbp.numerics import Array, DtypeError, ShapeError, shown


def resets_of(
    place: str, given: object, lengths: Sequence[int], *, listed: bool
) -> tuple[Array, ...]:
    """(S_k,) bool of each recording, or of the one stream; () for None.

    Args:
        lengths: the steps of each.
        listed: True if x is a list of recordings.

    Raises TypeError, DtypeError or ShapeError for what is none.
    """
    if given is None:
        return ()
    if not listed:
        return (_flags(f"{place}: reset", given, lengths[0]),)
    if not isinstance(given, list | tuple) or len(given) != len(lengths):
        raise TypeError(
            f"{place}: reset must be a list of {len(lengths)} arrays, one for each recording, found "
            f"{shown(given)}"
        )
    pairs = enumerate(zip(given, lengths, strict=True))
    return tuple([_flags(f"{place}: reset[{k}]", each, steps) for k, (each, steps) in pairs])


def either(first: Array | None, second: Array | None) -> Array | None:
    """True where one of two has a flag."""
    if first is None or second is None:
        return second if first is None else first
    found: Array = first | second
    return found


def _flags(name: str, given: object, steps: int) -> Array:
    flags = as_array(name, given, axes="(S,)")
    if flags.shape != (steps,):
        raise ShapeError(
            f"{name} must have shape ({steps},), a flag for each step of x, found {flags.shape}; of "
            f"numbers of steps make reset = np.zeros({steps}, bool), and reset[numbers] = True"
        )
    if flags.dtype != np.bool_:
        raise DtypeError(
            f"{name} has dtype {flags.dtype}, expected bool, True at the first step of an episode; "
            "give reset.astype(bool)"
        )
    return flags

"""NumPy's code of what chooses by a number, without temporaries of its own."""

from __future__ import annotations

import numpy as np

from rnnbp.numerics import Array


def at_least(x: Array, out: Array, spare: Array, least: float) -> None:
    """1 where the real part of x is at least a number, else 0."""
    np.copyto(out, _mask(x, spare, least))


def where(x: Array, a: Array, b: Array, out: Array, spare: Array, least: float) -> None:
    """a where the real part of x is at least a number, else b; out may be one of them."""
    mask = _mask(x, spare, least)
    np.copyto(out, a, where=mask)
    np.logical_not(mask, mask)
    np.copyto(out, b, where=mask)


def _mask(x: Array, spare: Array, least: float) -> Array:
    """Where x is at least a number, in the memory of ``spare``."""
    mask: Array = spare.view(np.bool_)[..., : x.shape[-1]]
    np.greater_equal(x.real, least, mask)
    return mask

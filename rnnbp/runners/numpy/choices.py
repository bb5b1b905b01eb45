"""NumPy's code of what chooses by a number, without temporaries of its own."""

from __future__ import annotations

import numpy as np

from rnnbp.layers.choose import SET
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


def choose(u: Array, a: Array, b: Array, out: Array, spare: Array) -> None:
    """a where the flag u is set, else b; out may be one of them."""
    where(u, a, b, out, spare, SET)


def keep(u: Array, a: Array, out: Array, spare: Array) -> None:
    """a where the flag u is set, else 0; out may be a."""
    mask = _mask(u, spare, SET)
    np.copyto(out, a, where=mask)
    np.logical_not(mask, mask)
    np.copyto(out, 0, where=mask)


def drop(u: Array, a: Array, out: Array, spare: Array) -> None:
    """0 where the flag u is set, else a; out may be a."""
    mask = _mask(u, spare, SET)
    np.copyto(out, 0, where=mask)
    np.logical_not(mask, mask)
    np.copyto(out, a, where=mask)


def _mask(x: Array, spare: Array, least: float) -> Array:
    """Where x is at least a number, in the memory of ``spare``."""
    mask: Array = spare.view(np.bool_)[..., : x.shape[-1]]
    np.greater_equal(x.real, least, mask)
    return mask

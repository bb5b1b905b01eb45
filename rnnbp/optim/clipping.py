"""Gradient clipping, in place, between backpropagation and the update."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from rnnbp.numerics import Array, DtypeError, real_number
from rnnbp.optim.parameters import check_named, largest, not_finite


def clip_by_value(grads: Mapping[str, Array], limit: float) -> None:
    """Clip every element to [−limit, limit], in place.

    Raises FloatingPointError, naming the parameter, for a gradient that is not finite, before any is
    clipped; ValueError for a limit not above 0 or a read-only gradient,
    TypeError for what is no dict of arrays.
    """
    limit = real_number("clip_by_value: limit", limit, above=0)
    for g in _writable("clip_by_value", grads):
        np.clip(g, -limit, limit, out=g)


def clip_by_global_norm(grads: Mapping[str, Array], max_norm: float) -> float:
    """Scale all gradients by max_norm / ‖g‖ if ‖g‖ > max_norm, in place; gives ‖g‖ as it was.

    ‖g‖ is over the elements of all arrays together (Pascanu et al. 2013, algorithm 1), in float64.
    PyTorch divides by ‖g‖ + 10⁻⁶ instead. Raises as ``clip_by_value`` does.
    """
    max_norm = real_number("clip_by_global_norm: max_norm", max_norm, above=0)
    arrays = _writable("clip_by_global_norm", grads)
    norm = global_norm(arrays)
    if norm > max_norm:
        for g in arrays:
            g *= max_norm / norm
    return norm


def global_norm(arrays: list[Array]) -> float:
    """√(Σ g²) over all elements, in float64; scaled where squares would overflow."""
    top = max(map(largest, arrays), default=0.0)
    scale = 1.0 if top < 1e140 else 2.0**-600
    squares = 0.0
    for g in arrays:
        flat = g.reshape(-1) if scale == 1.0 else g.reshape(-1) * scale
        squares += float(np.einsum("i,i->", flat, flat, dtype=np.float64))
    return math.sqrt(squares) / scale


def _writable(place: str, grads: Mapping[str, Array]) -> list[Array]:
    """The arrays, each once, all finite and writable."""
    check_named(place, grads)
    for name, g in grads.items():
        if g.dtype.kind != "f":
            raise DtypeError(f"{place}: gradient {name!r} must be floats, found dtype {g.dtype}")
        if not g.flags.writeable:
            raise ValueError(f"{place}: gradient {name!r} is read-only and is clipped in place; give a copy")
        if (bad := not_finite(g)) is not None:
            raise FloatingPointError(
                f"{place}: gradient {name!r} has {g[bad]} at {list(bad)}, which no clipping mends; "
                f"lower the learning rate, or look for the overflow"
            )
    return list({id(g): g for g in grads.values()}.values())

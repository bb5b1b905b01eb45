"""Gradient clipping, in place, between backpropagation and the update."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rnnbp import machine
from rnnbp.machine import arrays as compiled
from rnnbp.numerics import Array, DtypeError, address, first_bad, real_number
from rnnbp.optim.extents import Extent, extents
from rnnbp.optim.gradients import check_named
from rnnbp.patterns import matching
from rnnbp.support.ieee import ieee
from rnnbp.wording.renamed import warn_renamed

HUGE = 1e140
"""A number from which squares may overflow."""
SCALE = 2.0**-600
"""What such numbers are scaled by."""


@ieee
def clip_value(
    grads: Mapping[str, Array], limit: float, *, frozen: str | Collection[str] = ()
) -> None:
    """Clip every element to [−limit, limit], in place.

    Args:
        grads: gradients by name, float32 or float64, writable.
        limit: > 0.
        frozen: patterns of the names that are left out.

    Raises FloatingPointError, naming the parameter, for a gradient that is not finite, before any
    is clipped; ValueError for a limit not above 0 or a read-only gradient; TypeError for anything
    but a dict of arrays.

    >>> import numpy as np, rnnbp as rb
    >>> grads = {"weight": np.array([3.0, -0.5])}
    >>> rb.optim.clip_value(grads, 1.0)
    >>> grads["weight"].tolist()
    [1.0, -0.5]
    """
    limit = real_number("clip_value: limit", limit, above=0)
    for g in _writable("clip_value", _left("clip_value", grads, frozen))[0]:
        np.clip(g, -limit, limit, out=g)


@ieee
def clip_norm(
    grads: Mapping[str, Array], limit: float, *, frozen: str | Collection[str] = ()
) -> float:
    """Scale all gradients by limit / ‖g‖ if ‖g‖ > limit, in place.

    ‖g‖ is over the elements of all arrays together (Pascanu et al. 2013, algorithm 1), in float64.
    PyTorch divides by ‖g‖ + 10⁻⁶ instead.

    Args:
        grads: gradients by name, float32 or float64, writable.
        limit: > 0.
        frozen: patterns of the names that are left out, as those of an optimiser's frozen
            parameters.

    Returns:
        ‖g‖ before the scaling.

    Raises as ``clip_value`` does.

    >>> import numpy as np, rnnbp as rb
    >>> grads = {"weight": np.array([3.0, 4.0])}
    >>> rb.optim.clip_norm(grads, 1.0), grads["weight"].tolist()
    (5.0, [0.6000000000000001, 0.8])
    """
    limit = real_number("clip_norm: limit", limit, above=0)
    arrays, found = _writable("clip_norm", _left("clip_norm", grads, frozen))
    norm = norm_of(arrays, found)
    scale_down(arrays, norm, limit)
    return norm


def clip_by_value(grads: Mapping[str, Array], limit: float) -> None:
    """The old name of ``clip_value``."""
    warn_renamed("clip_by_value", "clip_value")
    clip_value(grads, limit)


def clip_by_global_norm(grads: Mapping[str, Array], max_norm: float) -> float:
    """The old name of ``clip_norm``."""
    warn_renamed("clip_by_global_norm", "clip_norm")
    return clip_norm(grads, max_norm)


def scale_down(arrays: Sequence[Array], norm: float, max_norm: float) -> None:
    """Scale distinct arrays of joint norm ``norm`` to ``max_norm``, in place, if it is above."""
    if not arrays or not norm > max_norm:
        return
    if machine.chosen() and compiled.takes(*arrays):
        compiled.scale(arrays, max_norm / norm)
        return
    for g in arrays:
        g *= max_norm / norm


def norm_of(arrays: Sequence[Array], found: Sequence[Extent]) -> float:
    """√(Σ g²) over all elements, in float64, from extents; scaled where squares would overflow."""
    top = max((extent.largest for extent in found), default=0.0)
    if top < HUGE:
        each = (
            e.squares if e.squares is not None else squares(g)
            for g, e in zip(arrays, found, strict=True)
        )
        return math.sqrt(sum(each))
    return math.sqrt(sum(squares(g, SCALE) for g in arrays)) / SCALE


def squares(g: Array, scale: float = 1.0) -> float:
    """Σ (scale · g)² in float64, block by block as machine code adds it up."""
    flat, total = g.reshape(-1), 0.0
    for at in range(0, flat.size, compiled.TOGETHER):
        block = flat[at : at + compiled.TOGETHER]
        scaled = block if scale == 1 else block * scale
        total += float(np.einsum("i,i->", scaled, scaled, dtype=np.float64))
    return total


def _left(
    place: str, grads: Mapping[str, Array], frozen: str | Collection[str]
) -> Mapping[str, Array]:
    """The gradients whose names match none of the patterns ``frozen``."""
    if not frozen:
        return grads
    check_named(place, grads)
    names = matching(f"{place}: frozen", frozen, grads)
    return {name: g for name, g in grads.items() if name not in names}


def _writable(place: str, grads: Mapping[str, Array]) -> tuple[list[Array], list[Extent]]:
    """The arrays, each once, all finite and writable, and their extents."""
    check_named(place, grads)
    for name, g in grads.items():
        if g.dtype.kind != "f" or g.dtype.itemsize > 8:
            raise DtypeError(
                f"{place}: gradient {name!r} must be float32 or float64, found dtype {g.dtype}"
            )
        if not g.flags.writeable:
            raise ValueError(
                f"{place}: gradient {name!r} is read-only and is clipped in place; give a copy"
            )
    # Two may be views of one.
    arrays = list({(address(g), g.shape, g.strides): g for g in grads.values()}.values())
    found = extents(arrays)
    if any(math.isnan(extent.largest) for extent in found):
        name, bad = next(
            (name, bad) for name, g in grads.items() if (bad := first_bad(g)) is not None
        )
        raise FloatingPointError(
            f"{place}: gradient {name!r} has {grads[name][bad]} at {list(bad)}, which no clipping "
            f"mends; lower the learning rate, or look for the overflow"
        )
    return arrays, found

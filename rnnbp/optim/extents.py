"""The largest element and the sum of squares of arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnbp import machine
from rnnbp.machine import arrays as compiled
from rnnbp.numerics import Array, Dtype, first_bad
from rnnbp.support.ieee import within


class Extent(NamedTuple):
    """Of an array: max |x|, NaN where an element is not finite; and Σ x² in float64, where that
    came with it.
    """

    largest: float
    squares: float | None


def extents(arrays: Sequence[Array]) -> list[Extent]:
    """The extent of each array: in one pass of machine code, or without allocating if finite."""
    found: dict[int, Extent] = {}
    if machine.chosen():
        # Mostly, and sooner done.
        if arrays and isinstance(arrays[0], np.ndarray) and compiled.takes(*arrays):
            return [_measured(*each) for each in compiled.extents(arrays)]
        taken: dict[Dtype, list[int]] = {}
        for k, a in enumerate(arrays):
            if isinstance(a, np.ndarray) and compiled.takes(a):
                taken.setdefault(a.dtype, []).append(k)
        for those in taken.values():
            measured = compiled.extents([arrays[k] for k in those])
            found |= {k: _measured(*each) for k, each in zip(those, measured, strict=True)}
    return [found[k] if k in found else _extent(a) for k, a in enumerate(arrays)]


def _measured(largest: float, squares: float) -> Extent:
    # NaN is not itself.
    return Extent(math.nan if largest == math.inf or squares != squares else largest, squares)


def _extent(g: Array) -> Extent:
    total = within(np.errstate(over="ignore", invalid="ignore"), g.sum)
    if not np.isfinite(total) and first_bad(g) is not None:
        return Extent(np.nan, None)
    return Extent(float(max(g.max(), -g.min())) if g.size else 0.0, None)

"""Which steps of a mask have weight."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from rnnbp.inputs.held import BLOCK, Held
from rnnbp.inputs.series import Series
from rnnbp.numerics import Array


def of_steps(mask: Array) -> Array:
    """(L, B) True at the steps of a mask that have weight, also of elements (L, B, n)."""
    some: Array = mask > 0
    if mask.ndim > 2:
        some = np.logical_or.reduce(some, axis=tuple(range(2, mask.ndim)))
    return some


def last_weighted(mask: Held) -> Array:
    """For each row of a mask (T, B), or of elements, its last step of weight above 0, or −1."""
    rows, last = max(1, BLOCK // max(1, mask.shape[0])), np.full(mask.shape[0], -1)
    for start in range(0, mask.steps, rows):
        some = of_steps(mask.read(slice(start, min(start + rows, mask.steps))))
        at = start + len(some) - 1 - np.argmax(some[::-1], axis=0)
        last = np.where(some.any(axis=0), at, last)
    return last


def weighted_span(mask: Series | None, blocks: Iterable[slice], steps: int) -> tuple[int, int]:
    """The first and the last of ``steps`` steps that have weight, of any row; (0, 0) for none.

    Args:
        mask: (T, B), or of elements, of which all has come. blocks: parts of it, in order.
    """
    if mask is None:
        return 0, steps - 1
    first, last = steps, 0
    for span in blocks:
        some = np.flatnonzero(of_steps(mask.again(span)).any(axis=1))
        if some.size:
            first, last = min(first, span.start + int(some[0])), span.start + int(some[-1])
    return min(first, last), last

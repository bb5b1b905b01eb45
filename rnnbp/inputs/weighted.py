"""Which steps of a mask have weight."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from rnnbp.inputs.held import BLOCK, Held
from rnnbp.inputs.series import Series
from rnnbp.numerics import Array


def last_weighted(mask: Held) -> Array:
    """For each row of a mask (T, B) its last step of weight above 0, or −1."""
    rows, last = max(1, BLOCK // max(1, mask.shape[0])), np.full(mask.shape[0], -1)
    for start in range(0, mask.steps, rows):
        some = mask.read(slice(start, min(start + rows, mask.steps))) > 0
        at = start + len(some) - 1 - np.argmax(some[::-1], axis=0)
        last = np.where(some.any(axis=0), at, last)
    return last


def weighted_span(mask: Series | None, blocks: Iterable[slice], steps: int) -> tuple[int, int]:
    """The first and the last of ``steps`` steps that have weight, of any row; (0, 0) for none.

    Args:
        mask: (T, B), of which all has come. blocks: parts of it, in order.
    """
    if mask is None:
        return 0, steps - 1
    first, last = steps, 0
    for span in blocks:
        some = np.flatnonzero((mask.again(span) > 0).any(axis=1))
        if some.size:
            first, last = min(first, span.start + int(some[0])), span.start + int(some[-1])
    return min(first, last), last

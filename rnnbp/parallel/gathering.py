"""What each process knows, brought to all of them bit for bit."""

from __future__ import annotations

import numpy as np

from rnnbp.numerics import Array
from rnnbp.parallel.exchange import Exchange
from rnnbp.parallel.sums import tree_sum


def merged(array: Array, parallel: Exchange) -> Array:
    """An array of which every process has filled entries of its own, the others being 0.

    All processes call it, and have an array of one shape and dtype. Returns a new array.
    """
    if parallel.processes == 1:
        return array.copy()
    bits = np.ascontiguousarray(array).reshape(-1).view(np.uint8)  # as -0.0 + 0.0 is 0.0
    none = np.zeros_like(bits)
    found = tree_sum((bits if k == parallel.own[0] else none for k in parallel.own), parallel)
    return found.view(array.dtype).reshape(array.shape)


def of_each(row: Array, parallel: Exchange) -> Array:
    """(processes, n): the row (n,) of each process, in all of them."""
    found = np.zeros((parallel.processes, *row.shape), row.dtype)
    found[parallel.rank] = row
    return merged(found, parallel)


def texts(text: str, parallel: Exchange) -> list[str]:
    """The text of each process, in all of them."""
    own = np.frombuffer(text.encode(), np.uint8)
    sizes = of_each(np.array([len(own)]), parallel)[:, 0]
    ends = np.cumsum(sizes)
    found = np.zeros(int(ends[-1]), np.uint8)
    found[ends[parallel.rank] - len(own) : ends[parallel.rank]] = own
    parts = np.split(merged(found, parallel), ends[:-1])
    return [part.tobytes().decode() for part in parts]

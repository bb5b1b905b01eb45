"""What losses, update rules and embeddings do to arrays, by machine code on all threads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from rnnbp.native import threads
from rnnbp.native.driving import NUMBERS
from rnnbp.native.elementwise import library
from rnnbp.native.machine import address
from rnnbp.numerics import Array

TOGETHER = 2**14
"""Numbers of a task."""
WAKING = 2**16
"""Numbers that are worth waking a thread for."""


def takes(*arrays: Array) -> bool:
    """Whether they are of float32, or all of float64, and lie together."""
    kind = arrays[0].dtype
    return kind.char in "fd" and all(a.dtype == kind and a.flags.c_contiguous for a in arrays)


def apart(arrays: Sequence[Array]) -> bool:
    """Whether no two of them lie where they could share memory."""
    spans = sorted(map(_span, (array for array in arrays if array.size)))
    return all(end <= after for (_, end), (after, _) in pairwise(spans))


def _span(array: Array) -> tuple[int, int]:
    """From the first byte of an array to that after its last; a stride may be negative."""
    if array.flags.c_contiguous:
        start = address(array)
        return start, start + array.nbytes
    steps = [(size - 1) * stride for size, stride in zip(array.shape, array.strides, strict=True)]
    start = address(array)
    return start + sum(min(step, 0) for step in steps), start + sum(max(step, 0) for step in steps) + array.itemsize


@lru_cache
def _cuts(sizes: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Arrays of these sizes as tasks: of each the number of its array, its first element, and how many it has."""
    found = [(k, at, min(TOGETHER, size - at)) for k, size in enumerate(sizes) for at in range(0, size, TOGETHER)]
    which, first, many = np.array(found, np.int64).reshape(-1, 3).T
    return which, first, many


def extents(arrays: Sequence[Array]) -> list[tuple[float, float]]:
    """(max |x|, but for NaN, and Σ x² in float64) of each array; all are of one dtype."""
    sizes = tuple(array.size for array in arrays)
    which, first, many = _cuts(sizes)
    out, starts = np.zeros((len(which), 2)), np.array([address(array) for array in arrays], np.int64)
    table = np.zeros((1, len(which), NUMBERS), np.int64)
    table[0, :, 0], table[0, :, 2] = library(arrays[0].dtype).address("extent.task"), many
    table[0, :, 1] = starts[which] + arrays[0].itemsize * first
    table[0, :, 3] = address(out) + out.strides[0] * np.arange(len(which))
    _run(table, sum(sizes))
    largest, squares = np.zeros(len(arrays)), np.bincount(which, out[:, 1], len(arrays))
    np.maximum.at(largest, which, out[:, 0])
    return list(zip(largest.tolist(), squares.tolist(), strict=True))


def adam(arrays: Sequence[tuple[Array, Array, Array, Array]], numbers: Sequence[float], *, penalty: bool) -> None:
    """Adam's update of (p, g, m, v), all of one dtype, by the ``numbers`` that ``elementwise.ADAM`` names."""
    dtype, sizes = arrays[0][0].dtype, tuple(four[0].size for four in arrays)
    which, first, many = _cuts(sizes)
    given, starts = np.array(numbers, dtype), np.array([[address(a) for a in four] for four in arrays], np.int64)
    table = np.zeros((1, len(which), NUMBERS), np.int64)
    table[0, :, 0] = library(dtype).address("adam_penalty.task" if penalty else "adam.task")
    table[0, :, 1:5] = starts[which] + dtype.itemsize * first[:, None]
    table[0, :, 5], table[0, :, 6] = many, address(given)
    _run(table, sum(sizes))


def softmax(y: Array, factors: Array, which: Array, less: Array, out: Array) -> tuple[Array, Array, Array]:
    """(largest, Σ e to what is above the largest, what is above it at ``which``) of the rows of y (N, K).

    Softmax times ``factors``, less ``less`` at which (N,), of integers in [0, K), is put in ``out``.
    """
    (n, k), item = y.shape, y.itemsize
    tops, totals, ats = np.empty((3, n), y.dtype)
    which = np.ascontiguousarray(which, np.int64)
    function, rows = library(y.dtype).address("softmax.task"), max(1, TOGETHER // max(1, k))
    at = [address(array) for array in (y, out, which, factors, less, tops, totals, ats)]
    steps = (0, item * k, 0, 0, item * k, which.itemsize, *[item] * 5)
    _run(threads.tasks([function, at[0], k, 0, *at[1:]], steps, n, rows, 3)[None], y.size)
    return tops, totals, ats


def numbered(x: Array, rows: Array, found: Array) -> Array:
    """``rows`` (K,) at x, of int64; where it is negative symbols get the next row.

    found[0] counts those that have one, which follow it. What is out of range becomes −1.
    """
    out = np.empty(x.shape, np.int64)
    number = library(np.dtype(np.float32)).function("number", 6)
    number(address(x), x.size, rows.size, address(rows), address(found), address(out))
    return out


def scattered(d: Array, x: Array, n: int) -> Array:
    """(n, K): the sums of the rows of d (N, K) where x (N,) is each of n symbols."""
    out = np.zeros((n, d.shape[1]), d.dtype)
    scatter(d, np.ascontiguousarray(x, np.int64), out)
    return out


def scatter(d: Array, x: Array, out: Array) -> None:
    """Add the rows of d (N, K) to those of out (n, K) that x (N,), of int64 in [0, n), names."""
    k, function = d.shape[1], library(d.dtype).address("scatter.task")
    table = np.zeros((1, 1, NUMBERS), np.int64)
    table[0, 0, :10] = function, address(d), k, address(x), 0, len(d), k, 0, address(out), k
    _run(table, 0)


def _run(table: Array, size: int) -> None:
    """Do the tasks, of so many numbers together, by the threads that are worth waking."""
    if table.shape[1]:
        threads.do(table, 1 if size < WAKING else min(threads.count(), 1 + size // WAKING))

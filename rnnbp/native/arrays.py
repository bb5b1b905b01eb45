"""What losses, update rules and embeddings do to arrays, by machine code on all threads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from rnnbp.native import threads
from rnnbp.native.calls import NUMBERS, table
from rnnbp.native.elementwise import library
from rnnbp.numerics import Array, address

TOGETHER = 2**14
"""Numbers of a task."""
FEW = 8
"""Tasks of an array that is only looked at."""
WAKING = 2**16
"""Numbers that are worth waking a thread for."""


def takes(*arrays: Array) -> bool:
    """Whether they are of float32, or all of float64, in this machine's order of bytes, and lie together."""
    kind = arrays[0].dtype
    return kind.char in "fd" and kind.isnative and all(a.dtype == kind and a.flags.c_contiguous for a in arrays)


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
def _split(function: int, sizes: tuple[int, ...], item: int, many: int) -> tuple[Array, Array]:
    """A function's tasks on parts of ``many`` arrays of each of these sizes at once, and of which size each is.

    The numbers of a task are where the arrays' parts begin, counted from their beginning, and how many elements it has.
    """
    cuts = [(k, at, min(TOGETHER, size - at)) for k, size in enumerate(sizes) for at in range(0, size, TOGETHER)]
    found, which = np.zeros((len(cuts), NUMBERS), np.int64), np.array([k for k, _, _ in cuts], np.int64)
    for row, (_, at, n) in zip(found, cuts, strict=True):
        row[: many + 2] = function, *[item * at] * many, n
    return found, which


def extents(arrays: Sequence[Array]) -> list[tuple[float, float]]:
    """(max |x|, but for NaN, and Σ x² in float64) of each array; all are of one dtype."""
    sizes, item = tuple([array.size for array in arrays]), arrays[0].itemsize
    tasks, which = _split(library(arrays[0].dtype).address("extent.task"), sizes, item, 1)
    out, tasks = np.zeros((len(which), 2)), tasks.copy()
    tasks[:, 1] += np.array([address(array) for array in arrays], np.int64)[which]
    tasks[:, 3] = address(out) + 16 * np.arange(len(which))
    _do(tasks, sum(sizes))
    found = [(0.0, 0.0)] * len(arrays)
    for k, (largest, squares) in zip(which.tolist(), out.tolist(), strict=True):
        found[k] = max(found[k][0], largest), found[k][1] + squares
    return found


def squares(x: Array) -> float:
    """Σ x² in float64: not finite where a number is not, or where it overflows."""
    many, item = max(TOGETHER, -(-x.size // FEW)), x.itemsize
    starts = range(0, x.size, many)
    out = np.zeros((len(starts), 2))
    function, begin, to = library(x.dtype).address("extent.task"), address(x), address(out)
    tasks = [[function, begin + item * at, min(many, x.size - at), to + 16 * k] for k, at in enumerate(starts)]
    _do(table(tasks), x.size)
    return float(sum(out[:, 1].tolist()))  # Python's floats overflow without a warning


def adam(arrays: Sequence[tuple[Array, Array, Array, Array]], numbers: Sequence[float], *, penalty: bool) -> None:
    """Adam's update of (p, g, m, v), all of one dtype, by the ``numbers`` that ``elementwise.ADAM`` names."""
    dtype, sizes = arrays[0][0].dtype, tuple([four[0].size for four in arrays])
    function = library(dtype).address("adam_penalty.task" if penalty else "adam.task")
    given, (tasks, which) = np.array(numbers, dtype), _split(function, sizes, dtype.itemsize, 4)
    tasks = tasks.copy()
    tasks[:, 1:5] += np.array([[address(a) for a in four] for four in arrays], np.int64)[which]
    tasks[:, 6] = address(given)
    _do(tasks, sum(sizes))


def softmax(y: Array, factors: Array, which: Array, less: Array, out: Array) -> tuple[Array, Array, Array]:
    """(largest, Σ e to what is above the largest, what is above it at ``which``) of the rows of y (N, K).

    Softmax times ``factors``, less ``less`` at which (N,), of integers in [0, K), is put in ``out``.
    """
    (n, k), item = y.shape, y.itemsize
    tops, totals, ats = np.empty((3, n), y.dtype)
    which = np.ascontiguousarray(which, np.int64)
    function, rows = library(y.dtype).address("softmax.task"), max(1, TOGETHER // max(1, k))
    at = [address(array) for array in (y, out, which, factors, less, tops, totals, ats)]
    tasks = [
        [function, at[0] + item * k * first, k, min(rows, n - first), at[1] + item * k * first,
         at[2] + which.itemsize * first, *(start + item * first for start in at[3:])]
        for first in range(0, n, rows)
    ]  # fmt: skip
    _do(table(tasks), y.size)
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
    _do(table([[function, address(d), k, address(x), 0, len(d), k, 0, address(out), k]]), 0)


def _do(tasks: Array, size: int) -> None:
    """Do tasks (n, NUMBERS) on so many numbers, by the threads that are worth waking."""
    if len(tasks):
        threads.do(tasks[None], 1 if size < WAKING else min(threads.count(), 1 + size // WAKING))

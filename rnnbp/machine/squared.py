"""The squared error by machine code on all threads: of arrays, of chunks, of rows of a batch."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rnnbp.machine.arrays import TOGETHER, do, workers
from rnnbp.machine.elementwise import SQUARED, library
from rnnbp.machine.records import place
from rnnbp.machine.team.job import Job
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, Shape, address, fix_sizes, lies


def readable(target: Array, dtype: np.dtype[np.floating]) -> bool:
    """True if ``squared`` reads a target as it is: of the outputs' dtype, or of float64."""
    kind = target.dtype
    return lies(target) and kind.isnative and (kind == dtype or kind == np.float64)


def squared(y: Array, target: Array, dy: Array, factor: float) -> float:
    """Σ (y − t)² in float64; 2 (y − t) factor is put in dy. All are of one shape, in C order."""
    fixed, out = fix_sizes([y, target]), np.empty(_parts(y))
    given = y, target, np.array([factor], y.dtype), dy, out
    do(
        _job(_function(y, target), y.size, y.itemsize, target.itemsize),
        [*map(address, given)],
        y.size,
    )
    del fixed
    return float(out.sum())


def squared_turn(
    y: Array, at: Array, target: Array, dy: Array, factor: float
) -> tuple[Turn, Array]:
    """(``squared`` of arrays like y, its sums by round and part).

    Args:
        at: by round, the address of y. target: (rounds, ...), or the reverse of such an array.
        dy, factor: the same for all rounds.
    """
    rounds = np.arange(len(at))
    out, scale = np.empty((len(at), _parts(y))), np.array([factor], y.dtype)
    bases = np.empty((len(at), 5), np.int64)
    bases[:, 0], bases[:, 2], bases[:, 3] = at, address(scale), address(dy)
    for column, array in ((1, target), (4, out)):
        bases[:, column] = address(array) + array.strides[0] * rounds
    job = _job(_function(y, target), y.size, y.itemsize, target.itemsize)
    return Turn(job, bases, workers(y.size), kept=(y, target, scale, dy)), out


def _function(y: Array, target: Array) -> int:
    """The function's address, as a task."""
    return library(y.dtype).address(
        "squared.task" if y.dtype == target.dtype else "squared_wide.task"
    )


def _parts(y: Array) -> int:
    return -(-y.size // TOGETHER)


@lru_cache(64)
def _job(function: int, size: int, item: int, of_target: int) -> Job:
    """A function on parts of arrays of this size; they are y, the target, the factor, dy, sums."""
    at = np.arange(0, size, TOGETHER)
    tasks = SQUARED.table(
        len(at), function, y=place(0) + item * at, ldy=0, t=place(1) + of_target * at, ldt=0, N=1,
        K=np.minimum(TOGETHER, size - at), factor=place(2), dy=place(3) + item * at,
        out=place(4) + 8 * np.arange(len(at)),
    )  # fmt: skip
    return Job(tasks[None])


def readable_rows(target: Array, shape: Shape, dtype: np.dtype[np.floating]) -> bool:
    """True if ``squared_rows`` reads a target (L, B, ...) as it is.

    Args:
        shape: of a row's features, which lie one after the other.
        dtype: of the outputs.
    """
    if target.dtype != dtype or not target.dtype.isnative or not target.flags.aligned:
        return False
    item, lead = dtype.itemsize, target.strides[:2]
    if target.shape[2:] != shape or any(step < 0 or step % item for step in lead):
        return False
    along = item
    for size, step in zip(reversed(shape), reversed(target.strides[2:]), strict=True):
        if size > 1 and step != along:
            return False
        along *= size
    return True


def squared_rows(
    y: Array, target: Array, order: Array | None, ends: Array | None, factor: float
) -> tuple[float, Array]:
    """(Σ (y − t)², 2 (y − t) factor) of rows of which some end; the derivative is 0 from there on.

    Args:
        y: (L, R, ...), in C order.
        target: (L, B, ...), a ``readable_rows``.
        order: (R,) by row of y the row of the target, in [0, B); None for the same.
        ends: (R,) how many steps of each row count, in [0, L]; None for all.
    """
    (length, rows), dy = y.shape[:2], np.empty_like(y)
    if order is None and ends is None and target.shape == y.shape and lies(target):
        return squared(y, target, dy, factor), dy
    fixed = fix_sizes([y, target])
    order = np.arange(rows) if order is None else order
    ends = np.full(rows, length) if ends is None else ends
    table = _table(y, (target.strides[0], target.strides[1]), order, ends)
    out, scale = np.empty(len(table)), np.array([factor], y.dtype)
    if len(table):
        do(Job(table[None]), [address(a) for a in (y, target, scale, dy, out)], y.size)
    del fixed
    for r in np.flatnonzero(ends < length):
        dy[ends[r] :, r] = 0
    return float(out.sum()), dy


def _table(y: Array, strides: tuple[int, int], order: Array, ends: Array) -> Array:
    """Tasks of parts of rows; the arrays are y, the target, the factor, dy, and the sums."""
    # By the shapes and ends alone, so that sums have the same bits by any number of threads.
    (length, rows), item = y.shape[:2], y.itemsize
    features = y.size // max(1, length * rows)
    most = max(1, TOGETHER // max(1, features))
    starts = np.arange(0, length, most)
    at, row = np.nonzero(starts[:, None] < ends)
    start = starts[at]
    own = item * features * (start * rows + row)
    return SQUARED.table(
        len(at),
        library(y.dtype).address("squared.task"),
        y=place(0) + own,
        ldy=rows * features,
        t=place(1) + strides[0] * start + strides[1] * order[row],
        ldt=strides[0] // item,
        N=np.minimum(most, ends[row] - start),
        K=features,
        factor=place(2),
        dy=place(3) + own,
        out=place(4) + 8 * np.arange(len(at)),
    )

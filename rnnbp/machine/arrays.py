"""What losses and update rules do to arrays, by machine code on all threads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np

from rnnbp.machine.elementwise import EXTENT, SOFTMAX, UPDATE, library
from rnnbp.machine.records import place
from rnnbp.machine.tasks import Column, Signature
from rnnbp.machine.team import threads
from rnnbp.machine.team.job import Job
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, ShapeError, address, fix_sizes

PLAIN = (np.ndarray, np.memmap)
"""Types whose attributes are NumPy's; a user's subclass may say anything of its shape."""
TOGETHER = 2**14
"""Elements of a task."""
# Adam takes 15 µs for this many (Xeon, float32), and taking a task some 0.1 µs. Larger tasks leave
# threads waiting for the last one. Sums of squares are added up task by task, so another number
# gives other last bits of a gradient's norm.

FEW = 8
"""Tasks of an array that is only checked, so that their table stays small for any size."""
WAKING = 2**16
"""Elements per extra thread that make waking it worthwhile."""
# The caller does not wait for it to start. They take Adam 40 µs, and a sum of squares 20 µs (Xeon,
# float32); a thread that sleeps has begun after 20 µs. Too small: the caller pays for a system
# call, and has done all before the thread comes.


def takes(*arrays: Array) -> bool:
    """True if all are float32 or all float64, native, in C order and of ``PLAIN``."""
    # A plain loop, which takes less time than a generator: each step of training asks this.
    kind = arrays[0].dtype
    if kind.char not in "fd" or not kind.isnative:
        return False
    for a in arrays:
        flags = a.flags
        if type(a) not in PLAIN or a.dtype != kind or not (flags.c_contiguous and flags.aligned):
            return False
    return True


def apart(arrays: Sequence[Array]) -> bool:
    """True if no two of them can share memory."""
    # By the bytes that they span, sorted: n log n, where NumPy's may_share_memory takes n² calls.
    spans = sorted(map(_span, (array for array in arrays if array.size)))
    return all(end <= after for (_, end), (after, _) in pairwise(spans))


def _span(array: Array) -> tuple[int, int]:
    """From the first byte of an array to that after its last; a stride may be negative."""
    if array.flags.c_contiguous:
        start = address(array)
        return start, start + array.nbytes
    steps = [(size - 1) * stride for size, stride in zip(array.shape, array.strides, strict=True)]
    start = address(array)
    below, above = sum(min(step, 0) for step in steps), sum(max(step, 0) for step in steps)
    return start + below, start + above + array.itemsize


@lru_cache(64)
def _split(
    function: int,
    signature: Signature,
    sizes: tuple[int, ...],
    item: int,
    out: int = 0,
    most: int = TOGETHER,
) -> tuple[Job, list[int]]:
    """A function on parts of several arrays of each of these sizes.

    Args:
        function: its address, as a task. signature: arrays of one size, how many numbers a part
            has, one more array, and any that all parts share. The job's arrays come size by size,
            these last.
        item: bytes of a number. out: bytes of that one more array for each part.
        most: numbers of a part.

    Returns:
        The job, and for each part the index of its size.
    """
    cuts = [(k, at, min(most, n - at)) for k, n in enumerate(sizes) for at in range(0, n, most)]
    which, starts, counts = np.array(cuts, np.int64).reshape(-1, 3).T
    split = signature.names.index("n")
    parts, (count, last, *shared) = signature.names[:split], signature.names[split:]
    columns = {
        part: place(1) * (which * len(parts) + a) + item * starts for a, part in enumerate(parts)
    }
    columns[count] = counts
    after = len(sizes) * len(parts)
    columns[last] = place(after) + out * np.arange(len(cuts))
    columns |= {name: np.array(place(after + 1 + k)) for k, name in enumerate(shared)}
    return Job(signature.table(len(cuts), function, **columns)[None]), which.tolist()


def extents(arrays: Sequence[Array]) -> list[tuple[float, float]]:
    """(max |x|, but for NaN, and Σ x² in float64) of each array; all are of one dtype."""
    fixed = fix_sizes(arrays)
    dtype, sizes = arrays[0].dtype, tuple([array.size for array in arrays])
    job, which = _split(library(dtype).address("extent.task"), EXTENT, sizes, dtype.itemsize, 16)
    out = np.empty((len(which), 2))
    do(job, [address(array) for array in (*arrays, out)], sum(sizes))
    del fixed
    found = [(0.0, 0.0)] * len(arrays)
    for k, (largest, squares) in zip(which, out.tolist(), strict=True):
        most, total = found[k]
        found[k] = largest if largest > most else most, total + squares
    return found


def scale(arrays: Sequence[Array], factor: float) -> None:
    """Multiply arrays of one dtype by a number, in place."""
    fixed = fix_sizes(arrays)
    dtype, sizes = arrays[0].dtype, tuple([array.size for array in arrays])
    job, _ = _split(library(dtype).address("scale.task"), EXTENT, sizes, dtype.itemsize)
    number = np.array(factor, dtype)
    do(job, [address(array) for array in (*arrays, number)], sum(sizes))
    del fixed


def finite(x: Array) -> bool:
    """True if no number of x is NaN or infinite."""
    fixed = fix_sizes([x])
    function, most = library(x.dtype).address("finite.task"), max(TOGETHER, -(-x.size // FEW))
    job, parts = _split(function, EXTENT, (x.size,), x.itemsize, 8, most)
    out = np.empty(len(parts))
    do(job, [address(x), address(out)], x.size)
    del fixed
    return not any(out.tolist())  # a few numbers, for which NumPy takes six times as long


def adam(
    arrays: Sequence[tuple[Array, Array, Array, Array]],
    numbers: Sequence[float],
    *,
    kind: Literal["", "_penalty", "_clip"] = "",
) -> bool:
    """Adam's update of (p, g, m, v), all of one dtype, by the numbers of ``array_code.ADAM``.

    Args:
        kind: "_penalty" where λ counts, "_clip" where g is to be multiplied first, in place.

    Returns:
        True if all parameters are finite after it.

    Raises ShapeError where the four are not of one shape.
    """
    # m and v are the optimiser's own, so nobody resizes them.
    fixed = fix_sizes([array for four in arrays for array in four[:2]])
    for p, g, m, v in arrays:
        if not p.shape == g.shape == m.shape == v.shape:
            raise ShapeError(
                f"Adam: a parameter, its gradient and state have shapes {shapes_of((p, g, m, v))}"
            )
    dtype, sizes = arrays[0][0].dtype, tuple([four[0].size for four in arrays])
    function, item = library(dtype).address(f"adam{kind}.task"), dtype.itemsize
    given, (job, parts) = np.array(numbers, dtype), _split(function, UPDATE, sizes, item, item)
    out = np.empty(len(parts), dtype)
    each = [address(a) for four in arrays for a in four]
    do(job, [*each, address(out), address(given)], sum(sizes))
    del fixed
    return not out.any()


@lru_cache(64)
def _softmax(function: int, n: int, k: int, item: int) -> Job:
    """Softmax of n rows of k numbers of ``item`` bytes; its arrays as ``softmax`` passes them."""
    rows = max(1, TOGETHER // max(1, k))
    at = np.arange(0, n, rows)
    numbers: dict[str, Column] = {"K": k, "N": np.minimum(rows, n - at)}
    whole = {"y": place(0) + item * k * at, "out": place(1) + item * k * at}
    each = {name: place(a) + item * at for a, name in enumerate(_EACH_ROW, 3)}
    tasks = SOFTMAX.table(len(at), function, which=place(2) + 8 * at, **numbers, **whole, **each)
    return Job(tasks[None])


_EACH_ROW = ("factors", "less", "tops", "totals", "ats")
"""Arrays of ``softmax`` with one number for each row."""


def softmax(
    y: Array, factors: Array, which: Array, less: Array, out: Array
) -> tuple[Array, Array, Array]:
    """(top = max y, Σ eʸ⁻ᵗᵒᵖ, y − top at ``which``) of the rows of y (N, K).

    Softmax times ``factors``, less ``less`` at which (N,), of integers in [0, K), is put in
    ``out``.
    """
    fixed = fix_sizes([y])
    n, k = y.shape
    if out.shape != y.shape or not which.shape == factors.shape == less.shape == (n,):
        raise ShapeError(
            f"softmax: rows {y.shape} with arrays of shapes "
            f"{shapes_of((out, which, factors, less))}"
        )
    tops, totals, ats = np.empty((3, n), y.dtype)
    which = np.ascontiguousarray(which, np.int64)
    job = _softmax(library(y.dtype).address("softmax.task"), n, k, y.itemsize)
    given = y, out, which, factors, less, tops, totals, ats
    do(job, [address(array) for array in given], y.size)
    del fixed
    return tops, totals, ats


def softmax_turn(
    y: Array, at: Array, factors: Array, which: Array, less: Array, out: Array
) -> tuple[Turn, Array, Array]:
    """(``softmax`` of arrays like y, totals, ats), each with a row for each round.

    Args:
        at: by round, the address of y. which: (rounds, N), int64. factors, less: (rounds, N).
            Their rows may lie anyhow, and be the same for all rounds.
        out: the same for all rounds.
    """
    rounds, n = which.shape
    totals, ats = found = np.empty((2, rounds, n), y.dtype)
    tops = np.broadcast_to(np.empty(n, y.dtype), which.shape)  # which nobody reads
    bases = np.empty((rounds, 8), np.int64)
    bases[:, 0], bases[:, 1] = at, address(out)
    for column, array in enumerate((which, factors, less, tops, *found), 2):
        bases[:, column] = address(array) + array.strides[0] * np.arange(rounds)
    job = _softmax(library(y.dtype).address("softmax.task"), n, y.shape[1], y.itemsize)
    kept = y, factors, which, less, out, tops
    return Turn(job, bases, workers(y.size), kept=kept), totals, ats


def shapes_of(arrays: Iterable[Array]) -> str:
    """Their shapes, for an error."""
    return ", ".join(str(array.shape) for array in arrays)


def do(job: Job, bases: list[int], size: int) -> None:
    """Do a job on this many numbers, by the threads that are worth waking."""
    threads.do(job, bases, workers(size))


def workers(size: int) -> int:
    """The threads that are worth waking for this many numbers."""
    return 1 if size < WAKING else min(threads.count(), 1 + size // WAKING)

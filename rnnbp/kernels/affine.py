"""Affine maps outside the loops of cells, and their gradients, as tasks for threads: (tasks, NUMBERS)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from rnnbp.compiler.code import Rows
from rnnbp.interpreter import Accumulator
from rnnbp.kernels.tasks import TOGETHER
from rnnbp.native import threads
from rnnbp.native.calls import in_turn
from rnnbp.native.machine import Library, address
from rnnbp.numerics import Array

WAKING = 10**7
"""Floating-point operations that take as long as to wake a thread."""


def products(library: Library, a: Array, weights: Array, out: Array, bias: Array | None = None) -> Array:
    """out (N, M) = bias + a (N, K) times packed weights."""
    (n, depth), rows = a.shape, out.shape[1]
    found = _products(n, depth, rows, a.itemsize).copy()
    found[:, 0], found[:, 3], found[:, 8] = library.address("product.task"), address(weights), address(bias)
    found[:, 1] += address(a)
    found[:, 6] += address(out)
    return found


@lru_cache(256)
def _products(n: int, depth: int, rows: int, item: int) -> Array:
    """The tasks but for addresses, which are counted from the beginning of the arrays."""
    starts = range(0, n, TOGETHER)
    tasks = [
        [0, item * k * depth, depth, 0, rows, depth, item * k * rows, rows, 0, 0, min(TOGETHER, n - k), 0]
        for k in starts
    ]
    return np.array(tasks, np.int64)


class Gradients:
    """Of the lanes of weights (M, K), one below the other: dᵀ x is added, d (N, M), x (N, K).

    Lanes that are the same weights once more are done after one another.
    """

    def __init__(self, library: Library, lanes: Sequence[Rows], depth: int, item: int) -> None:
        tasks, outputs = list[list[int]](), list[list[tuple[int, int, int]]]()
        at, across = 0, sum(lane.count for lane in lanes)
        owners = [(id(lane.owner), lane.key) for lane in lanes]
        for k, lane in enumerate(lanes):
            which = owners.index(owners[k])
            for first in range(0, lane.count, TOGETHER):
                many, start = min(TOGETHER, lane.count - first), lane.start + first
                # the number of the lane is where the function goes
                tasks.append([k, item * (at + first), across, 0, depth, 0, many, depth, item * depth * start, depth, 0])
                outputs.append([(which, start, start + many)])
            at += lane.count
        self._function, self._lanes = library.address("gradient.task"), list(lanes)
        self._tasks = np.array(in_turn(tasks, outputs), np.int64)

    def tasks(self, d: Array, x: Array, grads: Accumulator) -> Array:
        """What adds them to ``grads``."""
        found, totals = self._tasks.copy(), [address(grads.at(lane.owner, lane.key)) for lane in self._lanes]
        found[:, 8] += np.array(totals, np.int64)[found[:, 0]]
        found[:, 0], found[:, 3], found[:, 5] = self._function, address(x), len(x)
        found[:, 1] += address(d)
        return found


def run(tasks: Sequence[Array], flops: int, n: int) -> None:
    """Do them, by n threads at the most."""
    threads.do(np.concatenate(tasks)[None], min(n, 1 + flops // WAKING))

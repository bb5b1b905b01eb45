"""Affine maps outside the loops of cells, and their gradients, as tasks for threads: (tasks, NUMBERS)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

import numpy as np

from rnnbp.compiler.code import Rows
from rnnbp.interpreter import Accumulator
from rnnbp.kernels.cell import Gradient
from rnnbp.kernels.places import Place
from rnnbp.kernels.tasks import STEPS, TOGETHER, Tasks
from rnnbp.native import threads
from rnnbp.native.machine import Library
from rnnbp.numerics import Array, address

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
    """Of the lanes of weights (M, K), one below the other: dᵀ x is added, d (N, M), x (N, K); and of a bias, Σ d."""

    def __init__(
        self, library: Library, lanes: Sequence[Rows], depth: int, item: int, bias: Rows | None = None
    ) -> None:
        ends = list(accumulate((lane.count for lane in lanes), initial=0))
        x, deltas = Place("x", "step", 0, 0, depth), [Place("d", "step", 0, at, ends[-1]) for at in ends]
        found = [Gradient((lane,), lane.count, d, x, depth) for lane, d in zip(lanes, deltas, strict=False)]
        found += [] if bias is None else [Gradient((bias,), bias.count, deltas[0], None, 0)]
        gradient, sums = (library.address(f"{name}.task") for name in ("gradient", "sums"))
        self._tasks = Tasks(found, (gradient, sums, 0), 1, item)
        self._piece = self._tasks.pieces(np.zeros(1, np.int64), np.ones(1, np.int64), [0] * len(self._tasks.names))

    def tasks(self, d: Array, x: Array, grads: Accumulator) -> Array:
        """What adds them to ``grads``."""
        places = {"": 0, "d": address(d), "x": address(x)}
        found: Array = self._tasks.table(self._piece, [places[name] for name in self._tasks.names], grads)[0]
        found[:, STEPS] = len(d)
        return found


def run(tasks: Sequence[Array], flops: int, n: int) -> None:
    """Do them, by n threads at the most."""
    threads.do(np.concatenate(tasks)[None], min(n, 1 + flops // WAKING))

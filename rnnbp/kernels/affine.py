"""Affine maps outside the loops of cells, and their gradients, as tasks for threads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.compiler.code import Rows
from rnnbp.interpreter import Accumulator
from rnnbp.kernels.tasks import TOGETHER
from rnnbp.native import threads
from rnnbp.native.machine import Library, address
from rnnbp.numerics import Array

WAKING = 10**7
"""Floating-point operations that take as long as to wake a thread."""


def products(library: Library, a: Array, weights: Array, out: Array, bias: Array | None = None) -> Array:
    """out (N, M) = bias + a (N, K) times packed weights."""
    (n, depth), rows, item = a.shape, out.shape[1], a.itemsize
    function, begin, end, panels, start = library.address("product.task"), *map(address, (a, out, weights, bias))
    numbers = [function, begin, depth, panels, rows, depth, end, rows, start, 0, 0]
    return threads.tasks(numbers, [0, item * depth, 0, 0, 0, 0, item * rows, 0, 0, 0, 0], n, TOGETHER, 10)


def gradients(library: Library, d: Array, x: Array, lanes: Sequence[Rows], grads: Accumulator) -> Array:
    """Of the lanes of weights (M, K), one below the other: dᵀ x is added, d (N, M), x (N, K)."""
    (n, depth), item, at, found = x.shape, x.itemsize, 0, list[Array]()
    function, deltas, other, across = library.address("gradient.task"), address(d), address(x), d.shape[1]
    steps = [0, item, 0, 0, 0, 0, 0, 0, item * depth, 0]
    for lane in lanes:
        total = address(grads.at(lane.owner, lane.key)) + item * depth * lane.start
        numbers = [function, deltas + item * at, across, other, depth, n, 0, depth, total, depth]
        found.append(threads.tasks(numbers, steps, lane.count, TOGETHER, 6))
        at += lane.count
    return np.concatenate(found)


def sums(library: Library, d: Array, total: Array) -> Array:
    """Σ d over the rows of d (N, M) is added to total (M,)."""
    n, m = d.shape
    function = library.address("sums.task")
    return threads.tasks([function, address(d), m, 0, 0, n, 0, 0, address(total)], [0] * 9, m, m, 6)


def run(tasks: Sequence[Array], flops: int, n: int) -> None:
    """Do them, by n threads at the most."""
    threads.do(np.concatenate(tasks)[None], min(n, 1 + flops // WAKING))

"""Affine maps outside the loops of cells, and their gradients, as tasks for threads."""

from __future__ import annotations

from collections.abc import Sequence

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


def products(library: Library, a: Array, weights: Array, out: Array, bias: Array | None = None) -> list[list[int]]:
    """out (N, M) = bias + a (N, K) times packed weights."""
    (n, depth), rows, item = a.shape, out.shape[1], a.itemsize
    function, begin, end, panels, start = library.address("product.task"), *map(address, (a, out, weights, bias))

    def part(first: int) -> list[int]:
        at, to = begin + item * first * depth, end + item * first * rows
        return [function, at, depth, panels, rows, depth, to, rows, start, 0, min(TOGETHER, n - first), 0]

    return [part(first) for first in range(0, n, TOGETHER)]


def gradients(library: Library, d: Array, x: Array, lanes: Sequence[Rows], grads: Accumulator) -> list[list[int]]:
    """Of the lanes of weights (M, K), one below the other: dᵀ x is added, d (N, M), x (N, K).

    Lanes that are the same weights once more are done after one another.
    """
    (n, depth), item, at, tasks = x.shape, x.itemsize, 0, list[list[int]]()
    function, deltas, other, across = library.address("gradient.task"), address(d), address(x), d.shape[1]
    for lane in lanes:
        total = address(grads.at(lane.owner, lane.key)) + item * depth * lane.start
        for first in range(0, lane.count, TOGETHER):
            many, out = min(TOGETHER, lane.count - first), total + item * depth * first
            tasks.append(
                [function, deltas + item * (at + first), across, other, depth, n, many, depth, out, depth, 0, 0]
            )
        at += lane.count
    return tasks if len(lanes) == 1 else in_turn(tasks, [[(0, t[8], t[8] + item * depth * t[6])] for t in tasks])


def run(tasks: Sequence[Sequence[int]], flops: int, n: int) -> None:
    """Do them, by n threads at the most."""
    threads.do(np.array([tasks], np.int64), min(n, 1 + flops // WAKING))

"""The matrix products of a forward and backward pass and nothing else, each in the layout that is fastest here.

The layout is chosen for each product by itself, so that a program of the same calls hardly takes less. Another
library's products may be faster, and cost less to call, which is most of the time at batch 1.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from peers_problem import GATES, Prepared, Problem

TRIAL = 0.005
"""Seconds that a layout is tried for, or one call."""
WIDE = 1024
"""Steps times batch of a product that waits for no step before it; longer ones gain nothing, and leave the cache."""

Call = Callable[[], Any]


def seconds(call: Call) -> float:
    """Of one call, the least seen."""
    call()
    least, end = math.inf, time.perf_counter() + TRIAL
    while True:
        began = time.perf_counter()
        call()
        now = time.perf_counter()
        least = min(least, now - began)
        if now >= end:
            return least


def product(m: int, k: int, n: int, dtype: Any) -> Call:
    """(m, k) by (k, n), or the transposed of it; operands in C order or transposed views."""
    rng = np.random.default_rng(0)
    a, b = rng.random((m, k), dtype), rng.random((k, n), dtype)
    a_t, b_t = np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)
    straight = [(left, right, np.empty((m, n), dtype)) for left, right in ((a, b), (a_t.T, b))]
    turned = [
        (left, right, np.empty((n, m), dtype))
        for left, right in ((b_t, a_t), (b_t, a.T), (b.T, a_t))
    ]
    calls = [partial(np.matmul, left, right, out=out) for left, right, out in straight + turned]
    return min(calls, key=seconds)


def repeated(calls: Iterable[tuple[Call, int]]) -> None:
    for call, times in calls:
        for _ in range(times):
            call()


def recurrent_rows(cell: str, units: int) -> tuple[int, ...]:
    """Rows of each product with a state within a step; that of an MGU's candidate needs the gate first."""
    return (units, units) if cell == "mgu" else (GATES.get(cell, 1) * units,)


def prepared(problem: Problem) -> Prepared:
    (steps, batch, inputs), units, dtype = problem.x.shape, problem.target.shape[2], problem.x.dtype
    recurrent = recurrent_rows(problem.cell, units)
    rows = sum(recurrent)
    together = min(steps, -(-WIDE // batch))
    calls = []
    for taken, times in ((together, steps // together), (steps % together, 1)):
        if columns := taken * batch:
            sizes = [
                (rows, inputs, columns),  # from x
                (inputs, rows, columns),  # dx
                (rows, columns, inputs),  # gradient of the weights of x
                *((r, columns, units) for r in recurrent),  # and of those of the state
            ]
            calls += [(product(*size, dtype), times) for size in sizes]
    for r in recurrent:
        calls += [
            (product(r, units, batch, dtype), steps),
            (product(units, r, batch, dtype), steps),
        ]
    return partial(repeated, calls), lambda _: {}

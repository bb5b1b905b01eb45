"""The floating-point operations of a pass's products and nothing else: fused multiply-adds in registers, no memory.

What that takes is the measured peak of the processor, under the same load and on as many threads as the others.
"""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import Any

import numpy as np
from peers_bound import recurrent_rows
from peers_problem import Prepared, Problem
from processes import POOLS

from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.target import vector_bytes

CHAINS = 24
"""Sums side by side, more than a multiply-add takes cycles."""


def adds(lanes: Lanes) -> Any:
    """A function that does CHAINS vectors of multiply-adds, a number of times that it is passed."""
    t = Text(lanes)
    starts = [(lanes.type, lanes.constant(1 + k / 64)) for k in range(CHAINS)]
    with t.loop(0, "%n", carried=starts) as loop:
        loop.after += [
            t.fma(value, lanes.constant(0.999), lanes.constant(0.001)) for value in loop.carried
        ]
    for value in loop.carried:
        t.store(value, "%out")
    library = Library("\n".join([*sorted(t.needs), t.function("adds", ["i64 %n", "ptr %out"])]))
    return library, library.function("adds", 2)


def operations(problem: Problem) -> int:
    """Of all products: three by each weight, forward, backward and in its gradient, a step and sequence."""
    (steps, batch, inputs), units = problem.x.shape, problem.target.shape[2]
    return 3 * 2 * sum(recurrent_rows(problem.cell, units)) * (inputs + units) * steps * batch


def work(function: Any, turns: int) -> None:
    out = np.empty(64, np.uint8)
    function(turns, out.ctypes.data)


def prepared(problem: Problem) -> Prepared:
    n, size = int(os.environ[POOLS[0]]), vector_bytes()
    lanes = Lanes(8 * problem.x.itemsize, size // problem.x.itemsize)
    library, function = adds(lanes)
    turns = operations(problem) // (2 * lanes.n * CHAINS * n)

    def run(_: Library = library) -> None:  # the code stays as long as this
        threads = [threading.Thread(target=partial(work, function, turns)) for _ in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run, lambda _: {}

"""Stacks of Recurrents of 6 features or 11 symbols, and 7 outputs, whose layers may be lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rnnbp as rb
from rnnbp.machine.team import lanes
from rnnbp.runners import lane_shares, thread_shares
from rnnbp.support.memo import Recent


def calls_of_lanes(monkeypatch: pytest.MonkeyPatch, what: Callable[[Any, int], int]) -> list[int]:
    """``what`` of the lanes and rounds of each call that runs lanes, which even short rounds do."""
    found, run = list[int](), lanes.run
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    monkeypatch.setattr(thread_shares, "FIXED", 10**9)
    monkeypatch.setattr(lane_shares, "_known", Recent(8))

    def noted(some: Any, rounds: int, shares: Any) -> None:
        found.append(what(some, rounds))
        run(some, rounds, shares)

    monkeypatch.setattr(lanes, "run", noted)
    return found


def read_out(n_in: int, n: int) -> rb.Recurrent:
    """A Recurrent whose y is no state of its, and whose weights of y have deltas of y alone."""
    x, h = rb.Input(n_in), rb.State(n, "h")
    after = rb.Tanh()(rb.Dense((n_in, n), n, rng=1)(x, h))
    return rb.Recurrent(rb.Cell(x, {h: after}, output=rb.Dense(n, n, rng=2)(after)))


MODELS: dict[str, Callable[[], rb.Sequential]] = {
    "two": lambda: rb.Sequential(rb.LSTM(6, 20, rng=0), rb.LSTM(20, 7, rng=1)),
    "four": lambda: rb.Sequential(
        rb.GRU(6, 17, rng=0),
        rb.LSTM(17, 24, rng=1),
        rb.RNN(24, 9, rng=2),
        rb.LSTM(9, 16, rng=3),
        rb.Dense(16, 12, rng=4),
        rb.Tanh(),
        rb.Dense(12, 7, rng=5),
    ),
    "symbols": lambda: rb.Sequential(
        rb.Embedding(11, 6, rng=0), rb.LSTM(6, 18, rng=1), rb.LSTM(18, 18, rng=2), rb.Dense(18, 7)
    ),
    "y of its own": lambda: rb.Sequential(read_out(6, 10), read_out(10, 8), read_out(8, 7)),
}

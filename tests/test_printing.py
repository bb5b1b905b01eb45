"""Printing to terminals that are not UTF-8."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.support.printing import for_stdout

KINDS = ("Advance", "Keep", "Record", "Rebuild", "Backward")
COSTS = rb.Costs(dict.fromkeys(KINDS, 1e-4), dict.fromkeys(KINDS, 1e-6))


def terminal(encoding: str) -> io.TextIOWrapper:
    """What stands for a terminal of that encoding."""
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")


def plan() -> Any:
    loss = rb.losses.MeanSquaredError()
    return rb.plan(rb.LSTM(8, 32, rng=0), loss, steps=100, batch=2, budget="4 MB", costs=COSTS)


def explanation() -> Any:
    return rb.explain(rb.LSTM(64, 128))


def gradients() -> Any:
    return rb.check_grads(rb.Dense(3, 2, dtype="float64", rng=0), np.ones((2, 4, 3)))


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "encoding", ["ascii", "cp1252", "cp437", "latin-1", "utf-8", "utf-16", "cp037"]
)
@pytest.mark.parametrize("make", [explanation, plan, gradients, lambda: COSTS])
def test_results_are_printed(make: Any, encoding: str) -> None:
    made = make()
    with redirect_stdout(terminal(encoding)) as stdout:
        print(made)
        stdout.flush()
        written = stdout.buffer.getvalue().decode(encoding)
        assert written == f"{made}\n"
    assert not {"?", "�"} & set(written)
    assert written.count("\n") == f"{made}\n".count("\n") > 1


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", "h' = 0.5 * tanh(W.T v^2) - b; deja -> ??"),
        ("cp1252", "h' = ½ * tanh(W.T v²) - b; déjà -> ??"),
        ("utf-8", "h′ = ½ ⊙ tanh(Wᵀ v²) − b; déjà → ж?"),
    ],
)
def test_signs_of_formulas_become_plain_ones(encoding: str, expected: str) -> None:
    with redirect_stdout(terminal(encoding)):
        assert for_stdout("h′ = ½ ⊙ tanh(Wᵀ v²) − b; déjà → ж\ud800") == expected


@pytest.mark.parametrize("stdout", [None, io.StringIO(), object()])
def test_a_stdout_without_an_encoding(stdout: Any) -> None:
    with redirect_stdout(stdout):
        found = for_stdout("½")
    assert found == "½"

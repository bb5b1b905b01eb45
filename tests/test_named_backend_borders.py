"""The backend "llvm" named in a call, and a cell that runs as Python all the same: one warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.plain_layers import MSE, AsPython
from tests.plans import COSTS

X = np.random.default_rng(0).standard_normal((4, 2, 3)).astype(np.float32)
TARGET = np.zeros((4, 2, 4), np.float32)
CALLS: dict[str, Callable[..., Any]] = {
    "bptt": lambda model, **named: rb.bptt(model, X, TARGET, MSE, **named),
    "forecast": lambda model, **named: rb.forecast(model, MSE, steps=4, batch=2, **named),
    "plan": lambda model, **named: rb.plan(
        model, MSE, steps=4, batch=2, budget="1 MB", costs=COSTS, **named
    ),
}
NAMED: list[Any] = ["llvm", rb.Backend("llvm"), rb.Backend("llvm", without=("joined",))]


class Another(AsPython):
    """Another one."""


def own() -> rb.Layer:
    """A layer that is not lowered."""
    return AsPython(rb.Tanh())


def cell(*layers: rb.Layer) -> rb.Recurrent:
    """A cell of a person's own with these activations one after the other."""
    x, h = rb.Input(3), rb.State(4, "h")
    new = rb.Dense((3, 4), 4, rng=0)(x, h)
    for layer in layers:
        new = layer(new)
    return rb.Recurrent(rb.Cell(x, {h: new}, output=new, name="own"))


def warned(call: Callable[[], object]) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return found


@pytest.mark.quick
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_it_is_said_once_with_layers_and_cure(call: Callable[..., Any]) -> None:
    model = cell(own(), rb.Tanh(), Another(rb.ELU()), rb.Sigmoid(), own())
    (found,) = warned(lambda: [call(model, backend="llvm") for _ in range(3)])
    assert (
        "own: backend 'llvm' was named, and NumPy runs this cell, which is slower, as AsPython(), "
        "Another() run as Python; write their lower, see help(rnnbp.Layer), or move "
        in str(found.message)
    )
    assert found.category is RuntimeWarning
    assert found.filename == __file__


@pytest.mark.parametrize("named", NAMED, ids=str)
def test_a_backend_is_a_name_too(named: object) -> None:
    found = warned(lambda: CALLS["bptt"](cell(own()), backend=named))
    assert ["AsPython" in str(w.message) and "its lower" in str(w.message) for w in found] == [True]


def test_calls_warn_of_a_cell_once_in_all() -> None:
    model = cell(own())
    assert len(warned(lambda: [call(model, backend="llvm") for call in CALLS.values()])) == 1


def test_each_cell_of_a_model_is_named() -> None:
    model = rb.Sequential(cell(own()), rb.Dense(4, 3, rng=0), rb.LSTM(3, 3, rng=0), cell(own()))
    assert len(warned(lambda: CALLS["bptt"](model, backend="llvm"))) == 2


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("backend", [None, "numpy", "interpreter", rb.Backend("numpy")], ids=str)
def test_nothing_is_said_where_llvm_was_not_named(call: Callable[..., Any], backend: Any) -> None:
    assert warned(lambda: call(cell(own()), backend=backend)) == []


def test_the_environment_names_nothing_in_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    assert warned(lambda: CALLS["bptt"](cell(own()))) == []


@pytest.mark.parametrize(
    "model",
    [
        rb.Sequential(AsPython(rb.Tanh()), rb.LSTM(3, 3, rng=0), own(), rb.Dense(3, 4, rng=0)),
        rb.LSTM(3, 4, rng=0),
        rb.Sequential(AsPython(rb.Tanh()), rb.Dense(3, 4, rng=0)),
    ],
    ids=str,
)
def test_layers_outside_of_cells_do_not_count(model: Any) -> None:
    assert warned(lambda: CALLS["bptt"](model, backend="llvm")) == []


def test_a_layer_that_no_step_reaches_does_not_count() -> None:
    """It runs once a run, from a parameter, and the steps are machine code."""
    x, h, w = rb.Input(3), rb.State(4, "h"), rb.Parameter((4, 4), name="w")
    new = rb.Tanh()(rb.Dense(3, 4, rng=0)(x) + AsPython(rb.Tanh())(w) @ h)
    model = rb.Recurrent(rb.Cell(x, {h: new}, output=new))
    assert warned(lambda: CALLS["bptt"](model, backend="llvm")) == []

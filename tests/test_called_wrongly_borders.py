"""What is called, or used, in a way that it is not meant for: the error says in which way it is."""

from __future__ import annotations

import copy
import inspect
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import rnnbp as rb


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (rb.compare, "the comparison is rnnbp.compare.sweep(model, x, target, loss)"),
        (rb.gradcheck, "gradients are checked by rnnbp.check_grads(model, x, target, loss)"),
        (rb.train, "training is rnnbp.fit(model, data, loss), or rnnbp.Trainer"),
        (rb.optim, "it has the optimisers, as rnnbp.optim.Adam(model)"),
        (rb.losses, "it has the losses, as rnnbp.losses.CrossEntropy()"),
        (rb.layers, "it has the layers, as rnnbp.layers.Dense(3, 4)"),
        (rb.initializers, "it has the first values of weights, as rnnbp.initializers.constant(0)"),
        (rb.schedules, "it has the schedules, as rnnbp.schedules.Revolve(slots=4)"),
        (rb.actions, "it has the actions of a schedule, as rnnbp.actions.Record(0)"),
        (rb.memory, "a block is measured by with rnnbp.memory.measure() as used: ..."),
    ],
)
def test_a_module_that_is_called_says_which_function_is_meant(module: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        module(rb.LSTM(3, 4), batch=2)
    assert str(caught.value) == f"{module.__name__} is a module; {text}"
    assert isinstance(module, ModuleType)
    assert inspect.ismodule(module)


def work() -> int:
    return int(np.ones(1000, "float32").sum())


@pytest.mark.parametrize("name", ["measure", "high_water"])
def test_measuring_a_function_says_that_a_block_is_measured(name: str) -> None:
    with pytest.raises(TypeError) as caught:
        getattr(rb.memory, name)(work)
    assert str(caught.value) == (
        f"{name}: takes nothing by position, found 1 arguments; it measures a block: "
        f"with rnnbp.memory.{name}() as used: work(...)"
    )


def test_measuring_without_with_says_so() -> None:
    used: Any = rb.memory.measure()
    work()
    with pytest.raises(AttributeError) as caught:
        _ = used.peak_bytes
    assert str(caught.value) == (
        "measure() has no attribute 'peak_bytes'; it measures a block: "
        "with rnnbp.memory.measure() as used: ..., then used.peak_bytes"
    )
    assert repr(used) == (
        "<measure(): it measures a block: with rnnbp.memory.measure() as used: ..., then "
        "print(used)>"
    )


def test_a_copy_of_what_measures_comes_to_an_end() -> None:
    assert repr(copy.copy(rb.memory.measure())).startswith("<measure(): ")


def test_measure_still_decorates_a_function_and_lets_errors_through() -> None:
    assert [rb.memory.measure()(work)(), rb.memory.high_water()(work)()] == [1000, 1000]
    twice = rb.memory.measure()(work)
    assert [twice(), twice()] == [1000, 1000]
    with pytest.raises(ZeroDivisionError), rb.memory.measure() as used:
        _ = 1 / 0
    assert used.peak_bytes >= 0


@pytest.mark.parametrize(
    ("module", "name", "text"),
    [
        (rb.compare, "compare", "the comparison is rnnbp.compare.sweep(model, x, target, loss)"),
        (rb.compare, "sweeps", "did you mean 'sweep'?"),
        (rb.memory, "profile", "rnnbp.memory.measure() measures a block of code, rnnbp.forecast"),
        (rb.memory, "mesure", "did you mean 'measure'?"),
        (rb, "sweep", "it is rnnbp.compare.sweep"),
        (rb, "measure", "it is rnnbp.memory.measure"),
        (rb, "grad_check", "it is called check_grads here"),
    ],
)
def test_a_name_that_a_module_does_not_have(module: Any, name: str, text: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(module, name)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("eps", "the step goes with the method, 'complex' or 'central'; tolerance= is the largest"),
        ("atol", "it is called 'tolerance' here"),
    ],
)
def test_options_of_other_gradient_checks(option: str, text: str) -> None:
    x: Any = np.zeros((3, 2, 3), "float32")
    with pytest.raises(TypeError) as caught:
        rb.check_grads(rb.LSTM(3, 4), x, **{option: 1e-4})
    assert text in str(caught.value)

"""Errors out of functions of the user's say which argument that is, and how it was called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()
X, Y = np.zeros((4, 3, 2), "float32"), np.zeros((4, 3, 1), "float32")


def model() -> rb.Dense:
    return rb.Dense(2, 1, rng=0)


def fit(**options: Any) -> Any:
    return rb.fit(model(), rb.Sequences(X, Y, batch_size=2), MSE, epochs=1, **options)


def adam(**options: Any) -> Any:
    net = model()
    return rb.Trainer(net, rb.optim.Adam(net, **options), MSE).fit(
        rb.Sequences(X, Y, batch_size=2), epochs=1
    )


def returns(value: Any) -> Callable[..., Any]:
    return lambda *given: value


def no_argument() -> float:
    return 1e-3


def of_a_slip(step: int) -> float:
    return 1e-3 / step


def without_rng(shape: Any) -> Any:
    return np.zeros(shape)


class NoOutputs(rb.losses.Loss):
    def summed(self, y: Any, target: Any, weights: Any = None) -> Any:
        return 0.0, np.zeros_like(y)

    def weight(self, target: Any, weights: Any = None) -> float:  # type: ignore[override]  # that is the mistake
        return 1.0


class NoNumber(NoOutputs):
    def weight(self, target: Any, weights: Any = None, *, outputs: Any = None) -> Any:
        return None


RATE = "it is to return the rate of that step, a number from 0"
RAISED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "an initializer": (
        lambda: rb.Dense(2, 1, weight_init=without_rng),  # type: ignore[arg-type]
        TypeError,
        "in Dense: weight: its initializer, the function without_rng, called as (rng, (1, 2)); it "
        "is to return an array",
    ),
    "an initializer of a recurrent layer": (
        lambda: rb.GRU(2, 1, bias_init=without_rng),  # type: ignore[arg-type]
        TypeError,
        "its initializer, the function without_rng, called as (rng, (3,)); it is to return an "
        "array of that shape",
    ),
    "a rate of fit": (
        lambda: fit(learning_rate=no_argument),
        TypeError,
        f"in Trainer: learning_rate, the function no_argument, called as (0); {RATE}",
    ),
    "a rate of an optimiser": (
        lambda: adam(learning_rate=of_a_slip),
        ZeroDivisionError,
        f"in Adam: learning_rate, the function of_a_slip, called as (0); {RATE}",
    ),
    "a rate of a group": (
        lambda: adam(groups={"bias": {"learning_rate": of_a_slip}}),
        ZeroDivisionError,
        f"in Adam: groups: learning_rate, the function of_a_slip, called as (0); {RATE}",
    ),
    "a callback": (
        lambda: fit(callbacks=[no_argument]),
        TypeError,
        "in callbacks, the function no_argument, called as (event); it is to return nothing",
    ),
    "a function of the epoch": (
        lambda: rb.fit(model(), lambda epoch: [][epoch], MSE, epochs=1),
        IndexError,
        "in Batches, the function <lambda>, called as (0); it is to return an iterator of the "
        "batches of an epoch",
    ),
    "a function of the number of chunks": (
        lambda: rb.bptt(model(), X, Y, MSE, checkpoint=no_argument),  # type: ignore[arg-type]
        TypeError,
        "in checkpoint, the function no_argument, called as (1); it is to return a schedule of "
        "chunks",
    ),
    "a function of names": (
        lambda: rb.save_weights(model(), "unused", rename=no_argument),  # type: ignore[arg-type]
        TypeError,
        "rename, the function no_argument, called as ('weight'); it is to return another name, or "
        "None to leave it out",
    ),
    "the weight of a loss": (
        lambda: rb.bptt(model(), X, Y, NoOutputs()),
        TypeError,
        "in the loss NoOutputs(), the function NoOutputs.weight, called as (target, weights, "
        "outputs=(4, 3, 1))",
    ),
    "the weight of a loss alone": (
        lambda: NoOutputs()(Y, Y),
        TypeError,
        "in the loss NoOutputs(), the function NoOutputs.weight, called as (target, weights, "
        "outputs=(4, 3, 1))",
    ),
}


@pytest.mark.parametrize("case", RAISED)
def test_what_a_function_raises_gets_a_note(case: str) -> None:
    call, kind, note = RAISED[case]
    with pytest.raises(kind) as caught:
        call()
    assert note in "\n".join(caught.value.__notes__)


RETURNED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "an initializer's shape": (
        lambda: rb.Dense(2, 1, weight_init=returns(np.zeros(3))),
        ValueError,
        r"Dense: weight: the initializer returned shape \(3,\) for a parameter of shape \(1, 2\); "
        r"return an array of the",
    ),
    "an initializer's None": (
        lambda: rb.Dense(2, 1, weight_init=returns(None)),
        ValueError,
        r"Dense: weight: the initializer returned None for a parameter of shape \(1, 2\)",
    ),
    "a rate below 0": (
        lambda: fit(learning_rate=returns(-1)),
        ValueError,
        r"Trainer: learning_rate\(0\) must lie in \[0, inf\), found -1.0; return a number from 0",
    ),
    "a rate that is text": (
        lambda: adam(learning_rate=returns("a")),
        TypeError,
        r"Adam: learning_rate\(0\) must be a number .*found 'a'; <lambda> is to return a number "
        r"from 0",
    ),
    "no weight": (
        lambda: rb.bptt(model(), X, Y, NoNumber()),
        TypeError,
        r"NoNumber\(\): weight\(\) returned None; return a number, the sum of the weights",
    ),
}


@pytest.mark.parametrize("case", RETURNED)
def test_what_a_function_returns_is_said(case: str) -> None:
    call, kind, words = RETURNED[case]
    with pytest.raises(kind, match=words):
        call()


def test_names_and_numbers_get_no_note() -> None:
    with pytest.raises(ValueError, match="the initializer returned 1e") as caught:
        rb.Dense(2, 1, weight_init=1e300)
    assert not hasattr(caught.value, "__notes__")


BUDGETS: dict[str, Callable[[], Any]] = {
    "bptt": lambda: rb.bptt(model(), X, Y, MSE, checkpoint=1e6),  # type: ignore[arg-type]
    "of NumPy": lambda: rb.bptt(model(), X, Y, MSE, checkpoint=np.float32(1e6)),  # type: ignore[arg-type]
    "fit": lambda: fit(checkpoint=1e6),
    "a Trainer": lambda: rb.Trainer(model(), "adam", MSE, checkpoint=1e6),  # type: ignore[arg-type]
    "forecast": lambda: rb.forecast(model(), MSE, steps=4, batch=3, checkpoint=1e6),  # type: ignore[arg-type]
    "plan": lambda: rb.plan(model(), MSE, steps=4, batch=3, budget=1e6),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", BUDGETS)
def test_a_budget_that_is_a_float_is_told_the_integer(case: str) -> None:
    with pytest.raises((TypeError, rb.BudgetError), match=r"integer.*give 1000000, or as '64 MB'"):
        BUDGETS[case]()


@pytest.mark.parametrize("value", [None, True, 2.5, float("inf"), float("nan"), object()])
def test_what_cannot_be_a_checkpoint(value: Any) -> None:
    with pytest.raises(
        TypeError, match=r"checkpoint is .*no schedule; use 'all', 'sqrt', a schedule"
    ):
        rb.bptt(model(), X, Y, MSE, checkpoint=value)

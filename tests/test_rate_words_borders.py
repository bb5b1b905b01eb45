"""Learning rates and optimisers that do not fit, and calls that mean something else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

x = np.zeros((8, 6, 3), "float32")
target = np.zeros((8, 6, 1), "float32")
data = rb.Sequences(x, target, batch_size=4)
MSE = rb.losses.MeanSquaredError()
Call = Callable[[], Any]


def model() -> rb.Sequential:
    return rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 1, rng=1))


def fit(**options: Any) -> rb.train.History:
    return rb.fit(model(), data, MSE, epochs=1, **options)


optim: Any = rb.optim  # whose calls are wrong on purpose
PLATEAU = rb.optim.OnPlateau(0.1)
TOLD: dict[str, tuple[Call, str]] = {
    "a cosine of epochs": (
        lambda: optim.Cosine(1e-2, epochs=30),
        "Cosine: unknown option 'epochs'; rates count steps: Cosine(1e-2, steps=epochs * "
        "data.batches_per_epoch)",
    ),
    "a decay of epochs": (
        lambda: optim.StepDecay(1e-2, epochs=30),
        "rates count steps: StepDecay(1e-2, every=epochs * data.batches_per_epoch)",
    ),
    "a warm-up of epochs": (
        lambda: optim.WarmUp(optim.Constant(1e-2), warmup_epochs=3),
        "rates count steps: WarmUp(rate, steps=epochs * data.batches_per_epoch)",
    ),
    "a warm-up of a number": (
        lambda: optim.WarmUp(1e-2, 20),
        "WarmUp: schedule must be a function of the step, found 0.01; write optim.Constant(0.01)",
    ),
    "a warm-up and a plateau": (
        lambda: optim.WarmUp(PLATEAU, 20),
        "it follows validation losses and not the step, and the two cannot be combined: take it "
        "alone, or warm up a Cosine or StepDecay",
    ),
    "min_delta": (
        lambda: fit(min_delta=0.1),
        "fit: unknown option 'min_delta'; for patience any improvement counts; another rule is a "
        "callback of your own, which ends the run by event.stop(reason)",
    ),
    "a forecast of outputs": (
        lambda: rb.forecast(model(), x, steps=12),  # type: ignore[call-arg,arg-type]
        "forecast: batch missing; of outputs predict(model, x) is meant, this one is of bytes; it "
        "takes sizes, not arrays: forecast(model, loss, steps=T, batch=B)",
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_the_error_says_what_to_write(name: str) -> None:
    call, told = TOLD[name]
    with pytest.raises(TypeError, match=re.escape(told) + "$"):
        call()


def test_generate_leads_to_the_feedback_of_outputs() -> None:
    with pytest.raises(AttributeError, match=r"feed each output back: stepper = rnnbp\.Stepper"):
        rb.generate  # type: ignore[attr-defined]  # noqa: B018


def test_an_optimizer_of_another_model_is_told_by_its_own_name() -> None:
    with pytest.raises(ValueError, match=r"build it of this one, as AdamW\(model\)"):
        fit(optimizer=rb.optim.AdamW(model(), 1e-2))


@pytest.mark.parametrize(
    ("rate", "value"), [(0.02, r"0\.02"), (rb.optim.Constant(1e-2), r"\.\.\.")]
)
def test_the_old_name_of_a_rate_does_not_repeat_a_schedule(rate: Any, value: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"write learning_rate={value}$"):
        fit(lr=rate)


def test_features_that_are_missing_are_told_in_a_sentence() -> None:
    told = "an axis is missing, the features come last: 3 numbers for each step of each sequence"
    with pytest.raises(rb.ShapeError, match=told + "$"):
        rb.bptt(model(), x[..., 0], target, MSE)
    with pytest.raises(rb.ShapeError, match=r"give x\[..., None\], and likewise for the target$"):
        rb.bptt(rb.LSTM(1, 1), x[..., 0], target, MSE)


@pytest.mark.parametrize(
    ("n", "cause"),
    [
        (1, "; give x[..., None], and likewise for the target"),
        (3, ": 3 numbers for each step of each sequence"),
    ],
)
def test_fit_names_the_users_own_shape_of_them(n: int, cause: str) -> None:
    source = rb.Sequences(x[..., 0], target, batch_size=4)
    told = f"Sequences: x has shape (8, 6), and the model takes (N, T, {n}): an axis is missing, "
    with pytest.raises(rb.ShapeError, match=re.escape(f"{told}the features come last{cause}")):
        rb.fit(rb.LSTM(n, 1), source, MSE, epochs=1)


def test_two_rates_that_were_both_given_are_warned_of() -> None:
    net = model()
    adam = rb.optim.Adam(net, 1e-2)
    told = r"learning_rate=0\.0001 is used in the place of the optimizer's own, 0\.01; give one"
    with pytest.warns(UserWarning, match=told):
        rb.fit(net, data, MSE, adam, learning_rate=1e-4, epochs=1)
    assert adam.learning_rate == 1e-4
    rb.fit(net, data, MSE, adam, learning_rate=1e-3, epochs=1)  # goes on, with a rate of its own
    rb.fit(net, data, MSE, rb.optim.Adam(net), learning_rate=1e-4, epochs=1)
    rb.fit(net, data, MSE, rb.optim.Adam(net, 1e-4), learning_rate=1e-4, epochs=1)
    adam = rb.optim.Adam(net, rb.optim.Cosine(0.1, 9))
    with pytest.warns(UserWarning, match="in the place of the optimizer's own, Cosine"):
        rb.fit(net, data, MSE, adam, learning_rate=rb.optim.Constant(0.1), epochs=1)
    groups = {"1.*": {"learning_rate": 0.05}}  # half of the optimiser's
    sgd = rb.optim.SGD(net, 0.1, groups=groups)
    rb.fit(net, data, MSE, sgd, learning_rate=rb.optim.Constant(0.2), epochs=1)
    rb.fit(net, data, MSE, rb.optim.SGD(net, 0.1), learning_rate=PLATEAU, validation=data, epochs=1)


@pytest.mark.parametrize("place", ["fit", "the optimizer"])
def test_a_run_that_never_left_its_warm_up_is_warned_of(place: str) -> None:
    net, rate = model(), rb.optim.WarmUp(rb.optim.Constant(1e-2), 1000)
    given = {
        "fit": {"learning_rate": rate},
        "the optimizer": {"optimizer": rb.optim.Adam(net, rate)},
    }
    told = "fit: the run ended after 4 steps, within the 1,000 of its warm-up, so that the rate was"
    with pytest.warns(UserWarning, match=told):
        rb.fit(net, data, MSE, **given[place], epochs=2)


def test_a_warm_up_that_ends_is_no_matter() -> None:
    fit(learning_rate=rb.optim.WarmUp(rb.optim.Constant(1e-2), 2))


HOLED = np.zeros((8, 6, 3), "float32")
HOLED[5, 2, 1] = np.nan
RECIPE = (
    "inputs must be finite. For gaps write known = np.isfinite(x); x = np.concatenate([np.where("
    "known, x, 0), ~known], axis=-1), as in help('rnnbp.missing'); "
)
ENDS = {
    "without a mask": ({}, "padding is left out by a mask or lengths"),
    "with one": (
        {"mask": np.ones((8, 6))},
        "a mask leaves out only what comes after the last step of its sequence that has weight, "
        "since before that the state would carry it on: move padding there, or put 0 in its place",
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_gaps_are_told_the_recipe_and_one_clause_of_padding(how: str) -> None:
    options, end = ENDS[how]
    source = rb.Sequences(HOLED, target, batch_size=4, **options)
    with pytest.raises(ValueError, match=re.escape(RECIPE)) as caught:
        rb.fit(model(), source, MSE, epochs=1)
    assert str(caught.value).endswith(RECIPE + end)

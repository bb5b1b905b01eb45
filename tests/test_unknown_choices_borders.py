"""Texts that name a choice: an unknown one is refused with the nearest, and all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.support.nearest import hint, nearest

X, Y = np.zeros((5, 2, 3), "float32"), np.zeros((5, 2, 4), "float32")
MSE = rb.losses.MeanSquaredError()
CHOICES: dict[str, tuple[Callable[[], Any], str]] = {
    "optimizer": (
        lambda: rb.fit(rb.LSTM(3, 4), [(X, Y)], MSE, "Adam"),
        r"'sgd', .*found 'Adam' \(did you mean 'adam'",
    ),
    "slip in it": (
        lambda: rb.fit(rb.LSTM(3, 4), [(X, Y)], MSE, "rmspop"),
        "did you mean 'rmsprop'",
    ),
    "backend": (
        lambda: rb.bptt(rb.LSTM(3, 4), X, Y, MSE, backend="lvm"),
        r"'lvm' is unknown \(did you mean 'llvm'\?\); use one of",
    ),
    "another case": (lambda: rb.Backend("NumPy"), "did you mean 'numpy'"),
    "rule": (
        lambda: rb.Backend("numpy", without=["join"]),
        r"rule 'join' is unknown \(did you mean 'joined'",
    ),
    "checkpoint": (
        lambda: rb.bptt(rb.LSTM(3, 4), X, Y, MSE, checkpoint="squirt"),
        r"did you mean 'sqrt'\?\); use 'all', 'sqrt'",
    ),
    "simulate": (lambda: rb.simulate("al", 4), r"checkpoint 'al' is unknown \(did you mean 'all'"),
    "schedule": (
        lambda: rb.compare.sweep(rb.LSTM(3, 4), X, Y, MSE, schedules=["Revolv"]),
        "did you mean 'revolve'",
    ),
    "initializer": (
        lambda: rb.Dense(3, 4, weight_init="orthogonl"),
        r"did you mean 'orthogonal'\?\); use one of zeros",
    ),
    "xavier": (
        lambda: rb.Dense(3, 4, weight_init="xavier_uniform"),
        "it is called 'glorot' here; use one of zeros",
    ),
    "normal": (
        lambda: rb.LSTM(3, 4, recurrent_init="random_normal"),
        "lambda rng, shape: rng.normal",
    ),
    "initial": (lambda: rb.LSTM(3, 4, initial="learn"), "did you mean 'learned'"),
    "activation": (
        lambda: rb.RNN(3, 4, activation="gelu"),
        "is 'tanh' or 'relu', found 'gelu'; others are Cells",
    ),
    "padding": (lambda: rb.Conv1D(3, 4, 2, padding="Same"), "did you mean 'same'"),
    "mode": (lambda: rb.optim.OnPlateau(0.1, mode="maxi"), "did you mean 'max'"),
    "method": (lambda: rb.check_grads(rb.LSTM(3, 4), X, method="complx"), "did you mean 'complex'"),
}


@pytest.mark.parametrize("case", CHOICES)
def test_an_unknown_choice_names_the_nearest(case: str) -> None:
    call, text = CHOICES[case]
    with pytest.raises(ValueError, match=text):
        call()


def test_capital_letters_and_dashes_do_not_matter_and_what_is_far_is_not_named() -> None:
    assert nearest("Every_K", ["all", "every-k"]) == "every-k"
    assert nearest("colour", ["all", "every-k"]) == ""
    assert hint(3, ["all"]) == ""


@pytest.mark.quick
@pytest.mark.parametrize(
    ("loss", "built"),
    [
        ("mse", "MeanSquaredError"),
        ("cross_entropy", "CrossEntropy"),
        ("categorical_crossentropy", "CrossEntropy"),
        ("BCE", "BinaryCrossEntropy"),
        ("l1", "MeanAbsoluteError"),
        (rb.losses.Huber, "Huber"),
        (3, "MeanSquaredError"),
    ],
)
def test_a_loss_that_is_not_built_is_named(loss: Any, built: str) -> None:
    with pytest.raises(TypeError, match=rf"build it first, as losses\.{built}\(\)"):
        rb.bptt(rb.LSTM(3, 4), X, Y, loss)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("0.weight_ix", "did you mean '0.weight_ih'?"),
        ("weight_hh", "did you mean '0.weight_hh'?"),
        ("zzz", "the names are 0.weight_ih, 0.bias_ih, 0.weight_hh, 0.bias_hh"),
    ],
)
def test_a_parameter_that_is_not_there_has_a_note_with_the_nearest_name(
    name: str, note: str
) -> None:
    with pytest.raises(KeyError, match=name) as found:
        rb.Sequential(rb.LSTM(3, 4)).params[name]
    assert found.value.__notes__ == [note]

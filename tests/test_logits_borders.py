"""A model that ends in the softmax or sigmoid of its loss is warned of, where its user calls."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(8, 5, 3)).astype(np.float32), RNG.integers(0, 4, 8)
DATA = rb.Sequences(X, LABELS, last=True, batch_size=4)
CE, BCE = rb.losses.CrossEntropy(), rb.losses.BinaryCrossEntropy()
YES = np.zeros((8, 5, 4), np.float32)


def net(*more: rb.Layer) -> rb.Sequential:
    return rb.Sequential(rb.LSTM(3, 6, rng=0), rb.Dense(6, 4, rng=1), *more)


def own_cell() -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(4, "h")
    new = rb.Tanh()(rb.Dense((3, 4), 4)(x, h))
    return rb.Recurrent(rb.Cell(x, {h: new}, rb.Softmax()(new)))


CALLS: dict[str, Callable[[Any], Any]] = {
    "fit": lambda m: rb.fit(m, DATA, CE, steps=1),
    "Trainer": lambda m: rb.Trainer(m, rb.optim.Adam(m), CE).fit(DATA, steps=1),
    "evaluate": lambda m: rb.evaluate(m, DATA, CE),
    "bptt": lambda m: rb.bptt(m, X.copy(), np.zeros((8, 5), int), CE),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_softmax_before_a_cross_entropy_is_warned_of_once(call: Callable[[Any], Any]) -> None:
    model = net(rb.Softmax())
    with pytest.warns(
        UserWarning, match=r"ends in Softmax\(\).*leave the last layer out.*logits"
    ) as found:
        call(model)
    assert [each.filename for each in found] == [__file__]
    call(model)  # warnings are errors here
    with pytest.warns(UserWarning, match="leave the last layer out"):
        call(net(rb.Softmax()))


@pytest.mark.parametrize(
    ("model", "loss", "target", "words"),
    [
        (
            net(rb.LogSoftmax()),
            CE,
            np.zeros((8, 5), int),
            "softmax is taken twice, for the same loss; leave",
        ),
        (net(rb.Sigmoid()), CE, np.zeros((8, 5), int), r"ends in Sigmoid\(\), and CrossEntropy"),
        (
            net(rb.Sigmoid()),
            BCE,
            YES,
            r"BinaryCrossEntropy\(\) has the sigmoid in it, .*Sigmoid\(\)\(y\)",
        ),
        (net(rb.Softmax()), BCE, YES, r"ends in Softmax\(\), and BinaryCrossEntropy"),
        (
            net(rb.Softmax(), rb.Reshape(4, (2, 2))),
            BCE,
            YES.reshape(8, 5, 2, 2),
            r"ends in Softmax\(\)",
        ),
        (own_cell(), CE, np.zeros((8, 5), int), r"ends in Softmax\(\)"),
    ],
    ids=["log-softmax", "sigmoid", "binary", "softmax binary", "reshaped", "in a cell"],
)
def test_other_ends_are_warned_of(
    model: Any, loss: rb.losses.Loss, target: np.ndarray, words: str
) -> None:
    with pytest.warns(UserWarning, match=words):
        rb.bptt(model, X.copy(), target, loss)


@pytest.mark.parametrize(
    ("model", "loss", "target"),
    [
        (net(), CE, np.zeros((8, 5), int)),
        (net(rb.Sigmoid()), rb.losses.MeanSquaredError(), YES),
        (net(rb.Softmax(), rb.Dense(4, 4)), CE, np.zeros((8, 5), int)),
    ],
    ids=["logits", "squares", "within"],
)
def test_others_are_not(model: Any, loss: rb.losses.Loss, target: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(rb.bptt(model, X.copy(), target, loss).loss)

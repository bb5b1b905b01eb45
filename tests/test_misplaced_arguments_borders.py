"""Arguments in another's place, as other libraries have them: the error says where they go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

X, Y = np.zeros((10, 5, 4), np.float32), np.zeros((10, 5), int)
DATA, CE = rb.Sequences(X, Y, batch_size=5), rb.losses.CrossEntropy()
T, LABELS = X.swapaxes(0, 1).copy(), Y.T.copy()


def model() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(4, 8, rng=0), rb.Dense(8, 3, rng=1))


def trainer() -> Any:
    made = model()
    return rb.Trainer(made, rb.optim.Adam(made), CE)


ONE_SOURCE = r"x and target go into one source, Sequences\(x, target, batch_size=32\)"
ORDER = r"the order is \(model, x, target, loss\)"
NAMED = r"build it first, as losses\.CrossEntropy\(\)"
LOSS: Any = rb.losses.CrossEntropy
PLANNED: dict[str, Any] = {"steps": 10, "batch": 2}
CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "epochs by position": (lambda: trainer().fit(DATA, 2), r"write epochs=2"),
    "epochs by position, in fit": (lambda: rb.fit(model(), DATA, CE, "adam", 3), "write epochs=3"),  # type: ignore[misc]
    "Keras's fit": (lambda: trainer().fit(X, Y, epochs=1), ONE_SOURCE),
    "Keras's fit with a batch size": (lambda: trainer().fit(X, Y, 32), ONE_SOURCE),
    "fit(epoch=2)": (
        lambda: trainer().fit(DATA, epoch=2),
        r"unknown option 'epoch' \(did you mean 'epochs'",
    ),
    "Keras's evaluate": (lambda: trainer().evaluate(X, Y), ONE_SOURCE),
    "evaluate with a loss": (
        lambda: trainer().evaluate(DATA, CE),
        r"the loss is the Trainer's: evaluate\(data\)",
    ),
    "evaluate of x and a loss": (lambda: trainer().evaluate(X, CE), ONE_SOURCE),
    "evaluate of x": (
        lambda: trainer().evaluate(X),
        r"Trainer\.evaluate: data must be a source of batches",
    ),
    "predict of x": (
        lambda: trainer().predict(X),
        r"Trainer\.predict: data must be a source of batches",
    ),
    "check_grads, loss first": (lambda: rb.check_grads(model(), CE, T, LABELS), ORDER),
    "check_grads, a function": (
        lambda: rb.check_grads(model(), lambda y, t: (0.0, y), T, LABELS),
        ORDER,
    ),
    "check_grads, loss second": (lambda: rb.check_grads(model(), T, CE, LABELS), ORDER),
    "bptt": (lambda: rb.bptt(model(), T, CE, LABELS), ORDER),
    "plan of a class": (lambda: rb.plan(model(), LOSS, budget="1 MB", **PLANNED), NAMED),
    "forecast of a class": (lambda: rb.forecast(model(), LOSS, **PLANNED), NAMED),
    "bptt of a class": (lambda: rb.bptt(model(), T, LABELS, LOSS), NAMED),
    "a loss of no kind": (lambda: rb.plan(model(), 3, budget="1 MB", **PLANNED), "build it first"),  # type: ignore[arg-type]
    "a cell": (
        lambda: rb.Sequential(rb.LSTM(4, 8).cell, rb.Dense(8, 3)),
        r"a Cell is one step: give Recurrent\(cell\)",
    ),
}


@pytest.mark.parametrize("case", CALLS)
def test_misplaced(case: str) -> None:
    call, text = CALLS[case]
    with pytest.raises(TypeError, match=text):
        call()


H = rb.Input(4)
BUILT: dict[str, tuple[Callable[[], Any], str]] = {
    "Tanh": (lambda: rb.Tanh(H), r"Tanh\(\)\(h\)"),  # type: ignore[call-arg]
    "Softmax": (lambda: rb.Softmax(H), r"Softmax\(\)\(h\)"),  # type: ignore[call-arg]
    "of an array": (lambda: rb.Tanh(X), r"Tanh\(\)\(h\)"),  # type: ignore[call-arg]
    "Dense": (lambda: rb.Dense(H), r"Dense\(n_in, n_out\)\(h\)"),  # type: ignore[call-arg, arg-type]
    "Keras's Dense": (lambda: rb.Dense(4, 5, H), r"Dense\(n_in, n_out\)\(h\)"),  # type: ignore[misc]
    "Dropout": (lambda: rb.Dropout(H), r"Dropout\([^)]*\)\(h\)"),  # type: ignore[arg-type]
    "LSTM": (lambda: rb.LSTM(4, 8, H), r"LSTM\(n_in, n\)\(h\)"),  # type: ignore[misc]
    "Add": (lambda: rb.Add(H, H), r"Add\(\)\(a, b\)"),  # type: ignore[call-arg]
    "Concat": (lambda: rb.Concat(H, H), r"Concat\(\.\.\.\)\(a, b\)"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", BUILT)
def test_a_layer_is_built_before_it_is_called(case: str) -> None:
    call, text = BUILT[case]
    with pytest.raises(TypeError, match=text):
        call()
    x = rb.Input(4)
    assert rb.Graph(x, rb.Tanh()(rb.Dense(4, 3)(x))).value_shapes((4,))[-1] == (3,)

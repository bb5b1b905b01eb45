"""NumPy's settings after an interrupt in code of others.

Its own printing, callbacks, sources, losses, layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import shown

X = np.linspace(-1, 1, 48, dtype=np.float32).reshape(8, 2, 3)
Y = X.copy()
ROWS = rb.Sequences(Y, Y, batch_size=4)
MSE = rb.losses.MeanSquaredError()
LIST = [X[0, 0], np.float32(1e9)]


def model() -> rb.Sequential:
    return rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 3, rng=1))


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    """As they were, whatever a test does."""
    before = np.geterr()
    yield
    np.seterr(**before)


WRONG: dict[str, Callable[[], object]] = {
    "shown": lambda: shown(LIST),
    "Sequential": lambda: rb.Sequential(rb.Dense(3, 3), LIST),
    "RNN": lambda: rb.RNN(3, 4, activation=LIST),  # type: ignore[arg-type]
    "Conv1D": lambda: rb.Conv1D(3, 3, kernel=[LIST]),  # type: ignore[list-item]
    "MaxPool": lambda: rb.MaxPool([[X[0, 0]]]),  # type: ignore[list-item]
    "Dropout": lambda: rb.Dropout(LIST),  # type: ignore[arg-type]
    "rng": lambda: rb.Dense(3, 3, rng=LIST),  # type: ignore[arg-type]
    "lr": lambda: rb.optim.SGD(model(), learning_rate=LIST),  # type: ignore[arg-type]
    "OnPlateau": lambda: rb.optim.OnPlateau(0.1, mode=LIST),  # type: ignore[arg-type]
    "Trainer": lambda: rb.Trainer(model(), LIST, MSE),  # type: ignore[arg-type]
    "seed": lambda: rb.Trainer(model(), rb.optim.SGD(model()), MSE, seed=LIST),  # type: ignore[arg-type]
    "on_nonfinite": lambda: rb.fit(model(), ROWS, MSE, steps=1, on_nonfinite=LIST),
    "schedule": lambda: rb.schedules.EveryK(LIST, 2),  # type: ignore[arg-type]
    "tier": lambda: rb.schedules.EveryK(4, 2, tier=LIST),  # type: ignore[arg-type]
    "simulate": lambda: rb.simulate([LIST], 3),  # type: ignore[list-item]
    "as_model": lambda: rb.Trainer(LIST, rb.optim.SGD(model()), MSE),
    "forecast": lambda: rb.forecast(LIST, MSE, steps=3, batch=2),
}


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="its settings are in no context"
)
@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_an_interrupt_while_numpy_prints(
    call: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, enter = np.geterr(), np.errstate.__enter__

    def interrupted(self: Any) -> None:
        enter(self)
        raise KeyboardInterrupt  # too early for ``__exit__``

    with monkeypatch.context() as patch:  # no longer: pytest prints arrays too
        patch.setattr(np.errstate, "__enter__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            call()
    assert np.geterr() == before


def leave_changed(*_: object) -> Any:
    """As a library's ``errstate`` that is interrupted."""
    np.seterr(over="raise", divide="ignore")
    raise KeyboardInterrupt


class Source(rb.Sequences):
    batch = leave_changed


class Layer(rb.ReLU):
    forward = leave_changed


class Sized(rb.Layer):
    """Is asked for its sizes before a run."""

    scratch = leave_changed

    def __init__(self) -> None:
        self.params = {}

    def forward(self, x: Any) -> Any:  # type: ignore[override]
        return x, ()

    def backward_inputs(self, saved: Any, dy: Any) -> Any:
        return (dy,)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes

    def keeps(self, *shapes: Any) -> rb.Keeps:
        return rb.Keeps()


INTERRUPTED: dict[str, Callable[[], object]] = {
    "callback": lambda: rb.fit(model(), ROWS, MSE, steps=1, callbacks=[leave_changed]),
    "source": lambda: rb.fit(model(), Source(Y, Y, batch_size=4), MSE, steps=1),
    "validation": lambda: rb.fit(
        model(), ROWS, MSE, epochs=1, validation=Source(Y, Y, batch_size=4)
    ),
    "loss": lambda: rb.bptt(model(), X, None, leave_changed),
    "stream": lambda: rb.bptt(
        model(), map(leave_changed, [X]), None, lambda y, _: (0.0, y), steps=8
    ),
    "evaluate": lambda: rb.evaluate(model(), X, None, leave_changed),
    "layer": lambda: rb.predict(rb.Sequential(rb.RNN(3, 4), Layer()), X),
    "layer alone": lambda: Layer()(X),
    "forecast": lambda: rb.forecast(rb.Sequential(rb.RNN(3, 4), Sized()), MSE, steps=8, batch=2),
    "plan": lambda: rb.plan(
        rb.Sequential(rb.RNN(3, 4), Sized()), MSE, budget="9 MB", steps=8, batch=2
    ),
}


@pytest.mark.parametrize("call", INTERRUPTED.values(), ids=INTERRUPTED)
def test_an_interrupt_in_code_of_others(call: Callable[[], object]) -> None:
    before = np.geterr()
    with pytest.raises(KeyboardInterrupt):
        call()
    assert np.geterr() == before


def test_what_a_callback_sets_on_purpose_stays() -> None:
    rb.fit(model(), ROWS, MSE, steps=1, callbacks=[lambda _: np.seterr(over="raise")])
    assert np.geterr()["over"] == "raise"

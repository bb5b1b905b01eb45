"""What is said once: suggestions for names that there are not, and warnings."""

from __future__ import annotations

import sys
import warnings
from typing import Any, ClassVar

import numpy as np
import pytest

import rnnbp as rb

NETWORK = rb.Sequential(rb.Dense(2, 2))
NAMES: dict[str, tuple[Any, str, str]] = {
    "a module": (rb, "LSTMM", "LSTM"),
    "a module within": (rb.losses, "MeanSquaredEror", "MeanSquaredError"),
    "a layer": (rb.LSTM(3, 4), "cel", "cell"),
    "a network": (NETWORK, "parms", "params"),
    "a value": (rb.Input(3), "shap", "shape"),
    "an optimiser": (rb.optim.SGD(NETWORK), "learning_rat", "learning_rate"),
}


@pytest.mark.quick
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_suggested_once(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    owner, given, near = NAMES[name]
    with pytest.raises(AttributeError) as caught:
        getattr(owner, given)
    sys.__excepthook__(caught.type, caught.value, None)  # as at the end of a program
    text = capsys.readouterr().err
    assert text.lower().count("did you mean") == 1
    assert text.count(repr(near)) == 1


def test_advice_of_ours_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AttributeError, match="it is called Dense here") as caught:
        _ = rb.Linear
    sys.__excepthook__(caught.type, caught.value, None)
    assert "id you mean" not in capsys.readouterr().err
    assert not hasattr(rb, "Linear")
    assert np.isfinite(getattr(NETWORK, "nothing", 0))


class AsPython(rb.Layer):
    """tanh, which no kernel knows."""

    params: ClassVar[dict[str, np.ndarray]] = {}

    def forward(self, x: Any) -> Any:
        return np.tanh(x), (x,)

    def backward_inputs(self, saved: Any, dy: Any) -> Any:
        return (dy * (1 - np.tanh(saved[0]) ** 2),)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def recurrent(*, reverse: bool = False) -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(4, "h")
    h_new = AsPython()(rb.Dense((3, 4), 4, rng=0)(x, h))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new), reverse=reverse)


def test_a_cell_that_runs_as_python_is_warned_of_once() -> None:
    model, x, target = recurrent(), np.ones((7, 3, 3), "float32"), np.zeros((7, 3, 4), "float32")
    ways: list[dict[str, Any]] = [
        {},
        {"lengths": [7, 3, 2]},
        {"lengths": [7, 7, 2], "chunk": 2},
        {"reset": np.zeros((7, 3), bool)},
    ]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for way in ways:
            rb.bptt(model, x, target, rb.losses.MeanSquaredError(), backend="llvm", **way)
        other = recurrent(reverse=True)
        rb.bptt(other, x, target, rb.losses.MeanSquaredError(), backend="llvm", lengths=[7, 3, 2])
    assert len(found) == 2
    assert all(
        "backend 'llvm' was named, and NumPy runs this cell" in str(w.message) for w in found
    )

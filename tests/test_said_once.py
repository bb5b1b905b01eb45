"""What is said once: suggestions for names that there are not, and warnings."""

from __future__ import annotations

import sys
from typing import Any

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

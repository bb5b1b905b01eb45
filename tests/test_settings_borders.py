"""What layers say of themselves is spelled anew where it was changed between runs, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.model_split import Parts
from rnnbp.inputs.problem import as_model


def parts(layer: rb.Layer) -> Parts:
    return Parts(as_model(rb.Sequential(rb.LSTM(2, 3, rng=0), layer)))


def test_settings_are_the_same_object_while_nothing_is_changed() -> None:
    found = parts(rb.Dropout(0.5))
    assert found.settings() is found.settings()


@pytest.mark.parametrize("values", [(1, True), (True, 1), (1, 1.0), (0.0, -0.0), (0.25, 0.5), ((1,), (2,)), (1, "1")])
def test_a_changed_attribute_is_seen(values: tuple[Any, Any]) -> None:
    layer: Any = rb.Dropout(0.5)
    found = parts(layer)
    layer.extra = values[0]
    before = found.settings()
    layer.extra = values[1]
    after = found.settings()
    assert repr(before) != repr(after)
    layer.extra = values[0]
    assert repr(found.settings()) == repr(before)


def test_a_list_within_a_tuple_is_looked_at_each_time() -> None:
    layer: Any = rb.Dropout(0.5)
    layer.extra = ([1],)
    found = parts(layer)
    before = found.settings()
    layer.extra[0].append(2)
    assert found.settings() != before


def test_a_probability_that_is_changed_between_runs_counts_in_the_next() -> None:
    dropout: Any = rb.Dropout(0.5)
    model = rb.Sequential(rb.LSTM(2, 3, rng=0), dropout)
    x, target = np.ones((5, 2, 2), np.float32), np.zeros((5, 2, 3), np.float32)
    losses = []
    for p in (0.5, 0.0, 0.5):
        dropout.p = p
        losses.append(rb.bptt(model, x, target, rb.losses.MeanSquaredError()).loss)
    plain = rb.evaluate(model, x, target, rb.losses.MeanSquaredError())[0]
    assert losses[0] == losses[2] != losses[1]
    assert losses[1] == pytest.approx(plain, rel=1e-6)

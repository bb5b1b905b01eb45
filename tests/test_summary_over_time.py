"""Summaries of networks over time: axes, directions, bytes kept and operations."""

from __future__ import annotations

from typing import Any

import pytest

import rnnbp as rb
from tests.over_time_cases import EVERY, as_graph, axis_of
from tests.planned_networks import B, T, tagger, translator

MSE = rb.losses.MeanSquaredError()


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes longer than such summaries."""
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")


def test_axes_and_directions_are_shown() -> None:
    text = str(translator().summary())
    assert "(source, B, 6), (B, 6), (B, 6)" in text
    assert "(T, B, 2)" in text
    assert "RNN(4, 6, reverse=True)" in str(tagger().summary())
    text = str(translator().summary(steps={"source": 40, "time": 30}, batch=3))
    assert "(40, 3, 6), (3, 6), (3, 6)" in text
    assert "40 steps of 'source', 30 steps of 'time' and 3 sequences" in text


def test_what_is_kept_is_what_the_tapes_of_a_run_hold() -> None:
    """Of all sweeps, at full caching; a static head has no tape."""
    model = rb.Sequential(rb.Bidirectional(rb.GRU(3, 6, rng=0), rb.GRU(3, 6, rng=1)), rb.ReLU())
    found = model.summary(steps=T, batch=B, chunk=8)
    forecast = rb.forecast(model, MSE, steps=T, batch=B, chunk=8)
    tapes = forecast.peak_bytes_by_kind["tape"]
    assert found.kept_bytes == pytest.approx(tapes, rel=0.01)  # the state that enters counts too
    assert sum(row.kept_bytes or 0 for row in found.rows) == found.kept_bytes


def test_operations_are_those_of_each_direction_alone() -> None:
    pair = rb.Bidirectional(rb.GRU(3, 6, rng=0), rb.GRU(3, 6, rng=1))
    alone = rb.GRU(3, 6, rng=0).summary(steps=T, batch=B).flops
    assert pair.summary(steps=T, batch=B).flops == 2 * (alone or 0)


@pytest.mark.one_in(9, "name")
@pytest.mark.parametrize("name", EVERY)
def test_of_every_network(name: str) -> None:
    graph: Any = as_graph(EVERY[name]())
    steps = {axis_of(graph, k): 7 for k, per in enumerate(graph.pers) if per == "step"}
    shapes = [(3,) if shape is None else shape for shape in graph.input_shapes]
    given = steps if len(steps) > 1 else 7, 2
    found = graph.summary(*given, x_shape=tuple(shapes) if len(shapes) > 1 else shapes[0])
    assert found.kept_bytes > 0
    assert found.flops > 0


def test_one_number_of_steps_for_two_axes_is_refused() -> None:
    with pytest.raises(TypeError, match="summary: steps is 40, and the model has the time axes"):
        translator().summary(steps=40, batch=3)

"""Two scripts of a newcomer, a profile of schedules and a cell of one's own, and their slips."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()
T, B = 400, 4
RNG = np.random.default_rng(0)
X, TARGET = (RNG.normal(size=(T, B, n)).astype("float32") for n in (3, 2))
MODEL = rb.Sequential(rb.LSTM(3, 16, rng=1), rb.Dense(16, 2, rng=2))


# A profile


@pytest.mark.parametrize(
    "schedule", ["all", "sqrt", rb.schedules.Revolve(slots=3), rb.schedules.ThinTapes()]
)
def test_what_is_forecast_is_counted_and_traced(schedule: Any) -> None:
    found = rb.forecast(MODEL, MSE, steps=T, batch=B, checkpoint=schedule)
    rb.bptt(MODEL, X, TARGET, MSE, checkpoint=schedule)  # compiles, and fills caches
    rb.release_memory()
    with rb.memory.measure() as used:
        result = rb.bptt(MODEL, X, TARGET, MSE, checkpoint=schedule)
    assert result.stats.peak_bytes == found.peak_bytes
    assert used.peak_bytes == pytest.approx(found.peak_bytes + found.object_bytes, abs=100_000)


RESULT = rb.bptt(MODEL, X[:9], TARGET[:9], MSE)
PEAK = "the most bytes of arrays at once are its peak_bytes; Python's objects take about object_"


@pytest.mark.parametrize(
    ("of", "name", "text"),
    [
        (RESULT, "peak_bytes", "'Gradients' object has no attribute 'peak_bytes'; it is stats."),
        (RESULT, "seconds", "it is stats.seconds"),
        (RESULT.stats, "peak", f"'Stats' object has no attribute 'peak'; {PEAK}"),
        (RESULT.stats, "peak_byte", "did you mean 'peak_bytes'?"),
        (RESULT.stats, "elapsed", "it is called seconds here"),
        (rb.forecast(MODEL, MSE, steps=T, batch=B), "bytes", f"no attribute 'bytes'; {PEAK}"),
        (rb.simulate(rb.schedules.Revolve(9, 3)), "steps_re_run", "did you mean 'steps_rerun'?"),
    ],
)
def test_a_figure_by_another_name_is_found(of: Any, name: str, text: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(of, name)
    assert text in str(caught.value)


def test_a_simulation_is_shown_in_a_few_lines() -> None:
    assert repr(rb.simulate(rb.schedules.Revolve(10, 3))) == (
        "Simulation: 10 chunks\n"
        "  steps  25 run, 15 of them again, 0 rebuilt; in 10 chunks\n"
        "  held   3 checkpoints, 1 tape at most"
    )


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        ("revolve", "it is a class, checkpoint=rnnbp.schedules.Revolve(slots=...)"),
        ("Revolve", "it is a class, checkpoint=rnnbp.schedules.Revolve(slots=...)"),
        ("thin", "it is a class, checkpoint=rnnbp.schedules.ThinTapes()"),
        ("none", "'all', the default, keeps everything and runs nothing again"),
        (None, "'all', the default, keeps everything and runs nothing again"),
        (
            "sqr",
            "checkpoint 'sqr' is unknown (did you mean 'sqrt'?); use 'all', 'sqrt', a schedule",
        ),
    ],
)
def test_a_schedule_by_a_name_that_is_none(schedule: Any, text: str) -> None:
    for run in (
        lambda: rb.bptt(MODEL, X, TARGET, MSE, checkpoint=schedule),
        lambda: rb.forecast(MODEL, MSE, steps=T, batch=B, checkpoint=schedule),
    ):
        with pytest.raises((ValueError, TypeError)) as caught:
            run()
        assert text in str(caught.value)


@pytest.mark.parametrize("function", [rb.plan, rb.forecast])
def test_arrays_where_sizes_are_taken(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError) as caught:
        function(MODEL, X, TARGET, MSE)
    name = function.__name__
    end = f"it takes sizes, not arrays: {name}(model, loss, steps=T, batch=B)"
    assert str(caught.value).endswith(end)


# A cell


class Cube(rb.Layer):
    def forward(self, inputs: Any, context: Any) -> Any:
        return inputs[0] ** 3, inputs


class Ratio(rb.losses.Loss):
    pass


class Gate(Cube):
    @abstractmethod
    def gate(self) -> float:
        """A method that classes of this user's own have, not those of the library."""


class Open(Gate):
    def output_shapes(self, *shapes: Any) -> Any:
        return shapes

    def backward_inputs(self, saved: Any, deltas: Any) -> Any:
        return deltas


def narrow() -> rb.Cell:
    x, h = rb.Input(3), rb.State(4, "h")
    return rb.Cell(x, {h: rb.Dense(3, 5)(x)}, h)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (
            lambda: Cube(),
            "Cube: it lacks backward_inputs and output_shapes, which each Layer of your own needs; "
            "help(rnnbp.layers.Layer) shows one",
        ),
        (
            lambda: Ratio(),
            "Ratio: it lacks summed and weight, which each Loss of your own needs; "
            "help(rnnbp.losses.Loss) shows one",
        ),
        (
            lambda: rb.Layer(),  # type: ignore[abstract]  # what users do
            "Layer: it is a base of classes, which write backward_inputs and forward and "
            "output_shapes; see help(rnnbp.layers.Layer)",
        ),
        (
            lambda: rb.Cell(rb.Input(3), {}),  # type: ignore[call-arg]  # what users do
            "Cell: output missing; give Cell(x, {h: h_new}, output=h_new)",
        ),
        (
            lambda: Open(),  # type: ignore[abstract]  # what users do
            "Can't instantiate abstract class Open with abstract method gate",
        ),
        (narrow, "Cell: state h is (4,), its next value (5,); make their shapes equal"),
        (lambda: rb.explain(rb.GRU), "build one first: GRU(n_in, n)"),
        (
            lambda: rb.check_grads(rb.Dense(3, 4), X[0]),
            "to check the layer alone, give a tuple of its inputs, as (x,)",
        ),
    ],
)
def test_a_slip_in_a_cell_or_layer_of_ones_own(build: Callable[[], Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        build()
    assert str(caught.value).endswith(text)
    assert rb.check_grads(rb.Dense(3, 4), (X[0],)).worst < 1e-12

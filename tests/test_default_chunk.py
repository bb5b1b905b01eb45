"""The length of chunks where none is named: by the model's shape, and the same wherever it is needed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.inputs.chunk_length import default_chunk, default_chunks
from rnnbp.inputs.models import as_network

MSE = rb.losses.MeanSquaredError()
T = 624


def series(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def lstm(inputs: int, units: int) -> int:
    """Operations of a step of an LSTM: its products and biases, and 20 to 40 for each unit."""
    return 2 * 4 * units * (inputs + units) + 30 * units


@pytest.mark.parametrize("batch", [1, 2, 32])
@pytest.mark.parametrize(("inputs", "units"), [(32, 48), (48, 96), (256, 256)])
def test_a_chunk_makes_as_many_operations_as_hide_its_cost(
    inputs: int, units: int, batch: int
) -> None:
    enough = 1e8 / (batch * lstm(inputs, units))
    found = default_chunk(as_network(rb.LSTM(inputs, units)), [(inputs,)], batch, 10**6)
    assert found == pytest.approx(min(max(enough, 32), 1024), rel=0.03)


SHARES = [(1, 32), (32, 32), (512, 32), (513, 33), (624, 39), (1000, 63), (2000, 125)]


@pytest.mark.parametrize(("steps", "length"), [*SHARES, (16_384, 1024), (10**9, 1024)])
def test_a_sequence_has_sixteen_chunks_or_they_are_of_32_steps(steps: int, length: int) -> None:
    assert default_chunk(as_network(rb.LSTM(2, 3)), [(2,)], 1, steps) == length


def test_each_time_axis_has_its_own() -> None:
    source, text = rb.Input(2, axis="source"), rb.Input(256, axis="time")
    graph = rb.Graph((source, text), (rb.LSTM(2, 3)(source), rb.LSTM(256, 256)(text)))
    steps = {"source": 1000, "time": 100_000}
    found = default_chunks(graph, [(2,), (256,)], 1, steps)
    assert found == {"source": 63, "time": pytest.approx(1e8 / lstm(256, 256), rel=0.03)}


@pytest.mark.parametrize(("steps", "length"), [(512, 32), (700, 44), (1000, 63), (10**5, 64)])
def test_rows_of_different_lengths_have_longer_ones(steps: int, length: int) -> None:
    graph, times = as_network(rb.LSTM(64, 256)), {"time": steps}
    assert default_chunks(graph, [(64,)], 32, times, ["time"]) == {"time": length}
    assert default_chunks(graph, [(64,)], 32, times) == {"time": 32}


def test_a_ragged_run_and_its_forecast_take_the_longer_ones() -> None:
    model, (x, target) = rb.LSTM(48, 96, rng=0), (series(T, 2, n, seed=n) for n in (48, 96))
    lengths = np.array([100, T])
    run, how = partial(rb.bptt, model, x, target, MSE, lengths=lengths), {"steps": T, "batch": 2}
    found, named = run(), run(chunk=39)
    assert all(np.array_equal(found.grads[k], named.grads[k]) for k in named.grads)
    assert found.stats.peak_bytes == named.stats.peak_bytes != run(chunk=32).stats.peak_bytes
    forecast = partial(rb.forecast, model, MSE, **how, lengths=lengths)
    assert forecast().peak_bytes == forecast(chunk=39).peak_bytes != forecast(chunk=32).peak_bytes


def test_what_looks_up_a_series_counts_as_much_and_has_the_shortest() -> None:
    inside, h = rb.Input(2), rb.State(4, "h")
    memory, mask = (rb.Input(None, name, per="sequence") for name in ("memory", "mask"))
    context = rb.Attention("dot")(h, memory, mask)
    new = rb.Dense((2, 4, 4), 4)(inside, h, context)
    cell = rb.Cell((inside, memory, mask), {h: new}, output=new)
    source, text = rb.Input(2, axis="source"), rb.Input(2, axis="time")
    whole = rb.WholeSeries()(rb.GRU(2, 4)(source))
    graph = as_network(rb.Graph((source, text), rb.Recurrent(cell)(text, *whole)))
    steps = {"source": 1000, "time": 2000}
    assert default_chunks(graph, [(2,), (2,)], 1, steps) == {"source": 63, "time": 32}


MODELS = {
    "one sweep": lambda: rb.Sequential(rb.LSTM(2, 3, rng=0), rb.Dense(3, 1, rng=1)),
    "a network": lambda: rb.Sequential(
        rb.Bidirectional(rb.LSTM(2, 3, rng=0), rb.LSTM(2, 3, rng=2)), rb.Dense(6, 1, rng=1)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_run_its_forecast_and_summary_take_the_same(name: str) -> None:
    model, x, target = MODELS[name](), series(T, 2, 2), series(T, 2, 1, seed=1)
    run, how = partial(rb.bptt, model, x, target, MSE), {"steps": T, "batch": 2}
    found, named = run(), run(chunk=39)
    assert all(np.array_equal(found.grads[k], named.grads[k]) for k in named.grads)
    assert found.stats.peak_bytes == named.stats.peak_bytes != run(chunk=32).stats.peak_bytes
    assert rb.forecast(model, MSE, **how).peak_bytes == found.stats.peak_bytes
    assert model.summary(**how) == model.summary(**how, chunk=39) != model.summary(**how, chunk=32)


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_a_comparison_takes_the_same_for_its_base(name: str) -> None:
    model, x, target = MODELS[name](), series(T, 2, 2), series(T, 2, 1, seed=1)
    compared = rb.compare.sweep(model, x, target, MSE, shares=(100,), schedules=("all",))
    assert compared.reference.choice.chunk == 39


@pytest.mark.parametrize("name", MODELS)
def test_training_fits_a_schedule_to_the_chunks_of_a_batch(name: str) -> None:
    x, target = series(2, T, 2), series(2, T, 1, seed=1)
    losses = []
    for chunk in (None, 39):
        model, schedule = MODELS[name](), rb.schedules.Revolve(3, 2)
        options = {"epochs": 1, "checkpoint": schedule, "chunk": chunk}
        history = rb.fit(model, rb.Sequences(x, target, batch_size=2), loss=MSE, **options)
        losses.append((history.losses, model.params["1.weight"].tolist()))
    assert losses[0] == losses[1]


def test_a_stream_that_may_end_soon_has_the_shortest() -> None:
    model, x, target = MODELS["one sweep"](), series(T, 2, 2), series(T, 2, 1, seed=1)
    named = rb.bptt(model, x, target, MSE, chunk=32)
    found = rb.bptt(model, iter(np.split(x, 4)), target, MSE)
    assert all(np.array_equal(found.grads[k], named.grads[k]) for k in named.grads)

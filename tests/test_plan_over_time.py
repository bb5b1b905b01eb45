"""Plans and forecasts of networks over time: what a run counts, and what a plan shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.network_plan import NetworkPlan
from rnnbp.sweeps import planned
from tests.planned_networks import B, T, tagger, translator
from tests.plans import COSTS

LENGTHS = np.array([60, 12, 27, 60, 39])
CE, MSE = rb.losses.CrossEntropy(), rb.losses.MeanSquaredError()
LOSS: dict[str, Any] = {"tag": CE, "class": 0.5 * CE}
HOW: dict[str, dict[str, Any]] = {"whole": {}, "ragged": {"lengths": LENGTHS}}


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes longer than such runs."""
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")


def tagged() -> tuple[Any, ...]:
    """x and target of the tagger."""
    rng = np.random.default_rng(0)
    x = {"x": rng.integers(0, 9, (T, B)), "more": rng.normal(size=(B, 2)).astype("float32")}
    return x, {"tag": rng.integers(0, 4, (T, B)), "class": rng.integers(0, 3, B)}


def plan(budget: Any = "200 kB", **options: Any) -> Any:
    given = {"steps": T, "batch": B, "costs": COSTS, **options}
    return rb.plan(tagger(), LOSS, budget=budget, **given)


def run(**options: Any) -> rb.Gradients:
    return rb.bptt(tagger(), *tagged(), LOSS, **options)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
def test_a_forecast_is_what_a_run_counts(checkpoint: str, how: str) -> None:
    options = {"checkpoint": checkpoint, "chunk": 8, **HOW[how]}
    found = rb.forecast(tagger(), LOSS, steps=T, batch=B, **options)
    stats = run(**options).stats
    assert 0 <= found.peak_bytes - stats.peak_bytes <= 200  # deltas of static values, at the most
    for name in ("chunks", "counts", "peak_slots", "peak_tapes", "steps_run", "steps_rerun"):
        assert getattr(found, name) == getattr(stats, name), name


@pytest.mark.one_in(2, "how")
@pytest.mark.parametrize("how", HOW)
def test_a_plan_is_what_the_budget_itself_takes(how: str) -> None:
    found = plan(**HOW[how])
    assert isinstance(found, NetworkPlan)
    by_plan, by_budget = (run(checkpoint=c, **HOW[how]) for c in (found, "200 kB"))
    assert by_plan.stats.counts == by_budget.stats.counts == found.forecast.counts
    assert by_plan.stats.peak_bytes == by_budget.stats.peak_bytes <= found.peak_bytes
    assert by_plan.loss == by_budget.loss
    assert found.chosen.bytes <= found.budget == 200_000
    again = rb.forecast(tagger(), LOSS, steps=T, batch=B, checkpoint=found, **HOW[how])
    assert again.peak_bytes == found.peak_bytes


def test_what_a_plan_shows() -> None:
    found = plan(lengths=LENGTHS)
    text = str(found)
    assert [sweep.axis for sweep in found.sweeps] == ["time"] * len(found.sweeps)
    assert any(layer.endswith("(reverse)") for sweep in found.sweeps for layer in sweep.layers)
    assert all(sweep.name in text for sweep in found.sweeps)
    assert sum(sweep.counts.steps_rerun for sweep in found.sweeps) == found.forecast.steps_rerun
    assert sum(sweep.seconds for sweep in found.sweeps) == pytest.approx(found.seconds)
    assert f"of 200 kB ({200_000:,} bytes)" in text
    assert "edges" in text
    assert max(map(len, text.splitlines())) <= 100
    assert repr(found).startswith("NetworkPlan: ")


def test_a_plan_names_layers_in_full() -> None:
    x = rb.Input(3, "x")
    pair = rb.Bidirectional(rb.RNN(3, 2, rng=0), rb.RNN(3, 2, rng=1), name="read_what_people_wrote")
    found = rb.plan(rb.Graph(x, pair(x)), MSE, steps=20, batch=2, budget="1 MB", costs=COSTS)
    text = str(found)
    assert "2 layers" in text
    assert "read_what_people_wrote.forward, read_what_people_wrote.backward (reverse)" in text
    assert max(map(len, text.splitlines())) <= 100


def test_rows_for_other_budgets() -> None:
    found = plan()
    rows = found.rows
    assert len(rows) > 2
    assert [each.bytes for each in rows] == sorted({each.bytes for each in rows})
    assert [each.seconds for each in rows] == sorted(each.seconds for each in rows)[::-1]
    assert found.chosen in rows
    assert all(each.name in str(found) for each in rows)


def test_rows_of_long_schedules_are_priced_by_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = plan().rows
    monkeypatch.setattr(planned, "MOST", 0)
    counted = plan().rows
    assert [each.name for each in counted] == [each.name for each in rows]
    seconds = [each.seconds for each in rows]
    assert [each.seconds for each in counted] == pytest.approx(seconds, rel=0.02)


def test_rows_that_end_take_less_time() -> None:
    whole, ragged = (plan("2 MB", chunk=6, **HOW[how]).seconds for how in HOW)
    assert ragged < 0.8 * whole


def test_steps_and_chunks_by_axis() -> None:
    given: dict[str, Any] = {"steps": {"source": 40, "time": 30}, "batch": 3, "costs": COSTS}
    found = rb.plan(translator(), MSE, budget="1 MB", chunk={"source": 8}, **given)
    assert found.chunks["source"] == 8
    assert {sweep.axis: sweep.chunk for sweep in found.sweeps} == found.chunks
    rng = np.random.default_rng(0)
    x = tuple(rng.normal(size=(n, 3, 3)).astype("float32") for n in (40, 30))
    target, chunks = np.zeros((30, 3, 2), "float32"), {"source": 8, "time": 5}
    by_plan = rb.bptt(translator(), x, target, MSE, checkpoint=found)
    by_chunk = rb.bptt(translator(), x, target, MSE, chunk=chunks)
    assert by_plan.stats.peak_bytes <= found.peak_bytes
    assert by_chunk.stats.chunks == 5 + 6
    assert by_chunk.loss == pytest.approx(by_plan.loss, rel=1e-5)


def test_budgets_by_part() -> None:
    given: dict[str, Any] = {"steps": {"source": 200, "time": 200}, "batch": 3, "costs": COSTS}
    fixed = given | {"chunk": 8}
    free = rb.plan(translator(), MSE, budget="4 MB", **fixed)
    assert {sweep.name for sweep in free.sweeps} == {"all cached"}
    parts = {"encoder": "60 kB", "decoder": "4 MB"}
    found = rb.plan(translator(), MSE, budget=parts, **fixed)
    encoder, decoder = found.sweeps[0], found.sweeps[-1]
    assert (encoder.part, decoder.part) == ("encoder", "decoder")
    assert encoder.peak_bytes <= 60_000 < free.sweeps[0].peak_bytes
    assert decoder.name == "all cached"
    by_axis = rb.plan(translator(), MSE, budget={"source": "60 kB", "all": "2 MB"}, **fixed)
    assert by_axis.sweeps[0].name == encoder.name
    assert by_axis.budget == 2_000_000


ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "axis": ({"steps": {"tme": 60}}, "steps has 'tme', which is no time axis of the model"),
    "steps": ({"steps": 0}, "plan: steps must be"),
    "lengths": ({"lengths": [61, 1, 1, 1, 1]}, "lengths is 61 at sequence 0, beyond T = 60"),
    "chunk": ({"chunk": {"source": 3}}, "chunk has 'source', which is no time axis"),
    "part": ({"budget": {"encoder": "1 MB"}}, "budget has 'encoder', which names no part"),
    "bytes": ({"budget": {"time": "1 XB"}}, r"budget\['time'\] '1 XB' is not a number of bytes"),
    "no parts": ({"budget": {}}, "budget is an empty dict"),
    "least": ({"budget": "10 kB"}, "bytes are enough, as"),
    "least of a part": (
        {"budget": {"time": "10 kB", "all": "1 MB"}},
        r"budget\['time'\] of 10 kB .*bytes are enough",
    ),
    "loss": ({"loss": {"tag": CE}}, "loss has nothing for the output 'class'"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_a_bad_call_names_the_value(case: str) -> None:
    options, message = ERRORS[case]
    given: dict[str, Any] = {"steps": T, "batch": B, "budget": "1 MB", "loss": LOSS}
    with pytest.raises((TypeError, ValueError), match=message):
        rb.plan(tagger(), costs=COSTS, **(given | options))


def test_several_axes_need_steps_by_axis() -> None:
    with pytest.raises(TypeError, match="steps is 60, and the model has the time axes 'source'"):
        rb.plan(translator(), MSE, steps=60, batch=B, budget="1 MB")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "the plan is for 60 steps, found 50 steps"),
        ({"dx": False}, "the plan is for dx=True, found dx=False"),
        ({"chunk": 7}, "the plan is for chunks of .* found chunk=7"),
    ],
)
def test_another_run_than_was_planned_is_refused(options: Any, message: str) -> None:
    x, target = tagged()
    x, target = x | {"x": x["x"][:50]}, target | {"tag": target["tag"][:50]}
    with pytest.raises(rb.BudgetError, match=message):
        rb.bptt(tagger(), x, target, LOSS, checkpoint=plan("1 MB", chunk=8), **options)


def test_rows_that_take_more_than_was_planned_are_refused() -> None:
    short = LENGTHS // 4
    short[0] = T
    cached = plan("1 MB", lengths=short, chunk=4)
    found = replace(cached, budget=cached.chosen.bytes + 2**16)
    run(checkpoint=found, lengths=short)
    with pytest.raises(rb.BudgetError, match=r"this run would need .* the lengths"):
        run(checkpoint=found, lengths=LENGTHS)


def test_a_plan_of_one_sweep_is_for_no_network_and_the_other_way_round() -> None:
    model, x = rb.LSTM(3, 4, rng=0), np.zeros((T, B, 3), "float32")
    target = np.zeros((T, B, 4), "float32")
    given: dict[str, Any] = {"steps": T, "batch": B, "budget": "1 MB", "costs": COSTS}
    of_sweep, of_rows = rb.plan(model, MSE, **given), rb.plan(model, MSE, lengths=LENGTHS, **given)
    rb.bptt(model, x, target, MSE, checkpoint=of_rows, lengths=LENGTHS)
    with pytest.raises(TypeError, match="a plan of a model of one sweep"):
        rb.bptt(model, x, target, MSE, checkpoint=of_sweep, lengths=LENGTHS)
    with pytest.raises(rb.BudgetError, match="the plan is for a network over time"):
        rb.bptt(model, x, target, MSE, checkpoint=of_rows)
    ahead: dict[str, Any] = {"steps": T, "batch": B}
    with pytest.raises(rb.BudgetError, match="the plan is for a network over time"):
        rb.forecast(model, MSE, checkpoint=of_rows, **ahead)
    with pytest.raises(TypeError, match="a plan of a model of one sweep"):
        rb.forecast(model, MSE, checkpoint=of_sweep, lengths=LENGTHS, **ahead)
    with pytest.raises(TypeError, match="chunk=4 is for networks over time"):
        rb.plan(model, MSE, chunk=4, **given)


def test_training_by_a_plan_plans_other_batches_anew() -> None:
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(n, 3)).astype("float32") for n in (60, 12, 27, 40)]
    data = rb.Sequences(series, [0, 1, 1, 0], batch_size=2, shuffle=False)

    def model() -> rb.Sequential:
        both = rb.Bidirectional(rb.GRU(3, 4, rng=0), rb.GRU(3, 4, rng=1))
        return rb.Sequential(both, rb.MeanOverTime(), rb.Dense(8, 2, rng=2))

    given: dict[str, Any] = {"steps": 60, "batch": 2, "budget": "400 kB", "dx": False}
    found = rb.plan(model(), CE, lengths=np.array([60, 12]), costs=COSTS, **given)
    losses = [rb.fit(model(), data, CE, epochs=2, checkpoint=c).losses for c in ("all", found)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)

"""A budget of bytes: kept, predicted to the byte, and never slower for being larger."""

from __future__ import annotations

from functools import partialmethod
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.inputs.problem import as_model
from rnnbp.planning.budget import SPARE, parse_budget
from rnnbp.planning.costs import Costs
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.support.memo import Recent
from tests import models
from tests.schedule_checks import figures

calibration = import_module("rnnbp.bptt.calibration")
measuring = import_module("rnnbp.bptt.measuring")
known_plans = import_module("rnnbp.bptt.known_plans")
MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()
STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}
COSTS = Costs(dict.fromkeys(STEP, 0.5), STEP)
T, B = 96, 4


def real(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def lstm() -> tuple[Any, ...]:
    return rb.LSTM(8, 32, rng=0), real(T, B, 8), real(T, B, 32), MSE


def stack() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return models.stack(), rng.integers(0, 7, (T, B)), rng.integers(0, 7, (T, B)), CE


def planned(case: tuple[Any, ...], budget: int | str) -> rb.Plan:
    model, x, _, loss = case
    return rb.plan(model, loss, steps=T, batch=B, budget=budget, x_shape=x.shape[2:], costs=COSTS)


def least_of(case: tuple[Any, ...]) -> int:
    with pytest.raises(
        rb.BudgetError, match=r"too small for any schedule; .* bytes\) are enough"
    ) as caught:
        planned(case, 1000)
    assert caught.value.least is not None
    assert f"({caught.value.least:,} bytes) are enough" in str(caught.value)
    return caught.value.least


def spread(least: int, most: int, count: int) -> list[int]:
    """Budgets in equal ratios."""
    return [int(n) for n in np.ceil(np.geomspace(least, most, count))]


@pytest.mark.long
@pytest.mark.parametrize("build", [lstm, stack])
def test_thirty_budgets_are_kept_and_predicted(build: Any) -> None:
    """From the least that works to all cached: bytes within the budget, equal to the forecast; seconds never grow."""
    case = build()
    model, x, target, loss = case
    least, most = least_of(case), planned(case, "1 GB").forecast.peak_bytes
    seconds, chosen = [], set()
    for budget in spread(least, round(1.1 * most) + 500_000, 30):
        plan = planned(case, budget)
        stats = rb.bptt(model, x, target, loss, checkpoint=plan).stats
        assert stats.peak_bytes <= budget
        assert stats.peak_bytes <= plan.chosen.bytes
        assert {name: getattr(stats, name) for name in figures(plan.forecast)} == figures(
            plan.forecast
        )
        assert plan.chosen.seconds == pytest.approx(plan.forecast.seconds, rel=1e-4)
        seconds.append(plan.chosen.seconds)
        chosen.add(plan.chosen.name)
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] > 1.3 * seconds[-1]
    assert len(chosen) > 4


@pytest.mark.quick
@pytest.mark.parametrize("build", [lstm, stack])
def test_the_least_budget_works_and_a_byte_less_does_not(build: Any) -> None:
    case = build()
    least = least_of(case)
    assert planned(case, least).forecast.peak_bytes <= least
    with pytest.raises(rb.BudgetError):
        planned(case, least - 1)


@pytest.mark.quick
def test_too_small_a_budget_is_refused_with_nothing_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the budget: no costs are measured below the least, and they are from there on."""
    model, runs = rb.LSTM(8, 32, rng=0), []
    monkeypatch.setattr(calibration, "_known", Recent(256))
    monkeypatch.setattr(calibration, "measured", lambda *_: runs.append(1) or COSTS)
    least = least_of(lstm())
    for budget in (1, 80_000, least // 2, least - 1):
        with pytest.raises(rb.BudgetError, match=rf"\({least:,} bytes\) are enough"):
            rb.plan(model, MSE, steps=T, batch=B, budget=budget)
    assert not runs
    assert rb.plan(model, MSE, steps=T, batch=B, budget=least).costs == COSTS
    assert runs


@pytest.mark.parametrize("room", [1, 80_000, 10**6, 10**9])
def test_costs_can_be_measured_in_any_room(room: int) -> None:
    found = measuring.measured(sizes_of(as_model(rb.LSTM(8, 64, rng=0)), (8,), B, MSE), room)
    assert all(found.step[kind] > 0 for kind in STEP)


def test_a_single_step_needs_no_slot() -> None:
    case = rb.LSTM(8, 32, rng=0), real(1, B, 8), real(1, B, 32), MSE
    with pytest.raises(rb.BudgetError, match="are enough") as caught:
        rb.bptt(*case, checkpoint="1 kB")
    least = caught.value.least
    assert least is not None
    stats = rb.bptt(*case, checkpoint=least).stats
    assert 0.8 * (least - SPARE) < stats.peak_bytes + stats.object_bytes <= least - SPARE


@pytest.mark.quick
@pytest.mark.parametrize("build", [lstm, stack])
def test_gradients_under_a_budget_are_those_of_full_caching(build: Any) -> None:
    case = build()
    model, x, target, loss = case
    plan = planned(case, round(1.3 * least_of(case)))
    found = rb.bptt(model, x, target, loss, checkpoint=plan)
    cached = rb.bptt(model, x, target, loss, chunk=plan.chunk)
    rebuilt = found.stats.steps_rebuilt
    for path, grad in cached.grads.items():
        if rebuilt:
            np.testing.assert_allclose(
                found.grads[path], grad, rtol=1e-4, atol=1e-5 * np.abs(grad).max()
            )
        else:
            np.testing.assert_array_equal(found.grads[path], grad)
    assert found.stats.steps_rerun + rebuilt > 0


@pytest.mark.parametrize("make", [lstm, pytest.param(stack, marks=pytest.mark.long)])
def test_a_budget_is_planned_for_once(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a model that is a layer by itself too; another budget, and another length, are planned for anew."""
    model, x, target, loss = make()
    seen, choose = list[tuple[int, int]](), known_plans.choose

    def noted(sizes: Any, steps: int, budget: int, *more: Any) -> Any:
        seen.append((steps, budget))
        return choose(sizes, steps, budget, *more)

    monkeypatch.setattr(known_plans, "choose", noted)
    for budget, steps in ((2, T), (2, T), (3, T), (3, T), (3, T // 2), (3, T // 2)):
        rb.bptt(model, x[:steps], target[:steps], loss, checkpoint=f"{budget} MB")
    assert seen == [(T, 2 * 10**6), (T, 3 * 10**6), (T // 2, 3 * 10**6)]


def test_bptt_plans_by_itself() -> None:
    model, x, target, loss = lstm()
    everything = rb.bptt(model, x, target, loss)
    found = rb.bptt(model, x, target, loss, checkpoint="500 kB")
    assert found.stats.peak_bytes <= 430_000 < everything.stats.peak_bytes
    np.testing.assert_allclose(found.dx, everything.dx, rtol=1e-3, atol=1e-6)


BUDGETS: dict[Any, int] = {
    "64MB": 64_000_000,
    "64 MB": 64_000_000,
    "64 MiB": 64 * 2**20,
    "1.5 gb": 1_500_000_000,
    "2 KiB": 2048,
    " 10 k ": 10_000,
    "123": 123,
    "7 B": 7,
    4096: 4096,
}


@pytest.mark.parametrize("budget", BUDGETS)
def test_budgets_are_read(budget: Any) -> None:
    assert parse_budget(budget) == BUDGETS[budget]


@pytest.mark.parametrize(
    "budget",
    ["", "MB", "64 XB", "-3 MB", "1e6", "64 M B", "nan", "0", 0, -1, 1.5, None, True, "0.2 B"],
)
def test_other_budgets_are_refused(budget: Any) -> None:
    with pytest.raises(rb.BudgetError, match="budget"):
        parse_budget(budget)


@pytest.mark.quick
def test_a_plan_prints_as_a_table() -> None:
    lines = str(planned(lstm(), "1 MB")).splitlines()
    assert [line.split()[0] for line in lines[:5]] == [
        "schedule",
        "bytes",
        "arrays",
        "objects",
        "free",
    ]
    assert [line.split()[0] for line in lines[5:7]] == ["steps", "seconds"]
    rows = lines[9:]
    assert sum("*" in row for row in rows) == 1
    assert len(rows) >= 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checkpoint": "500 kB", "chunk": 4}, "a budget chooses the chunks too, found chunk=4"),
        ({"checkpoint": "500 kB", "horizon": 4}, "leave chunk and horizon out"),
        (
            {"checkpoint": "10 B"},
            r"a budget of 10 bytes is too small for any schedule; .* bytes\) are enough",
        ),
        ({"checkpoint": "-1 MB"}, "budget '-1 MB' is not a number of bytes"),
        ({"checkpoint": "10 apples"}, "budget '10 apples' is not a number of bytes"),
    ],
)
def test_errors_of_budgets_in_bptt(options: Any, message: str) -> None:
    with pytest.raises(rb.BudgetError, match=message):
        rb.bptt(*lstm(), **options)


def test_a_plan_for_other_chunks_is_refused() -> None:
    with pytest.raises(rb.BudgetError, match=r"the plan is for chunks of \d+ steps, found chunk=5"):
        rb.bptt(*lstm(), checkpoint=planned(lstm(), "1 MB"), chunk=5)


def test_costs_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that only the actions move, each by a line of its own, the costs are these lines."""
    module, clock = import_module("rnnbp.bptt.measuring"), [0.0]
    lines = {kind: (1e-4 * k, 1e-5 * step) for k, (kind, step) in enumerate(STEP.items(), 1)}

    def moving(self: Any, *args: Any, fixed: float, step: float, method: Any) -> Any:
        clock[0] += fixed + step * self.problem.chunk
        return method(self, *args)

    for kind, (fixed, step) in lines.items():
        method = getattr(module.Chunks, kind.lower())
        monkeypatch.setattr(
            module.Chunks,
            kind.lower(),
            partialmethod(moving, fixed=fixed, step=step, method=method),
        )
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    found = rb.calibrate(rb.LSTM(8, 64, rng=0), batch=8)
    for kind, (fixed, step) in lines.items():
        assert found.fixed[kind] == pytest.approx(fixed, rel=1e-6)
        assert found.step[kind] == pytest.approx(step, rel=1e-6)
    assert str(found).splitlines()[0].split() == ["µs", "a", "chunk", "a", "step"]


def test_costs_are_measured_once_for_a_structure() -> None:
    first = rb.calibrate(rb.LSTM(3, 5, rng=0), batch=2)
    assert rb.calibrate(rb.LSTM(3, 5, rng=1), batch=2) is first
    assert rb.plan(rb.LSTM(3, 5, rng=2), MSE, steps=9, batch=2, budget="1 MB").costs is first
    others = [rb.LSTM(3, 6, rng=0), rb.LSTM(3, 5, rng=0, dtype="float64"), rb.GRU(3, 5, rng=0)]
    assert all(rb.calibrate(model, batch=2) is not first for model in others)
    assert rb.calibrate(rb.LSTM(3, 5, rng=0), batch=3) is not first


def test_a_forecast_has_seconds_where_it_has_costs() -> None:
    """40 steps in chunks of 8, a checkpoint at each: 4 chunks run twice."""
    found = rb.forecast(
        lstm()[0],
        MSE,
        steps=40,
        batch=B,
        chunk=8,
        checkpoint=lambda n: rb.schedules.EveryK(n, 1),
        costs=COSTS,
    )
    assert found.seconds == 4 * 0.5 + 32 * 1.0 + 5 * 0.5 + 40 * 1.2 + 5 * 0.5 + 40 * 2.0
    assert rb.forecast(lstm()[0], MSE, steps=40, batch=B).seconds is None


def test_a_plan_needs_no_loss() -> None:
    with_loss, without = (
        rb.plan(lstm()[0], *loss, steps=T, batch=B, budget="1 MB", costs=COSTS)
        for loss in ([MSE], [])
    )
    assert with_loss == without


DISK = Costs(dict.fromkeys(STEP, 0.5) | {"write": 0.3, "read": 0.3}, STEP)


def wide() -> tuple[Any, ...]:
    """States of 16 kB: those of ``lstm`` are smaller than what a file of one takes in memory."""
    return rb.LSTM(8, 512, rng=0), real(T, B, 8), real(T, B, 512), MSE


def gained_by_a_disk(case: tuple[Any, ...], budgets: list[int]) -> int:
    """At how many budgets a disk is faster; it is never slower.

    Bytes in RAM and on disk are within theirs, figures as predicted, gradients those of RAM.
    """
    model, x, target, loss = case
    gained = 0
    for budget in budgets:
        given = {"steps": T, "batch": B, "budget": budget, "x_shape": x.shape[2:], "costs": DISK}
        without, found = rb.plan(model, loss, **given), rb.plan(model, loss, **given, disk="200 kB")
        assert found.chosen.seconds <= without.chosen.seconds
        gained += found.chosen.seconds < without.chosen.seconds
        run = rb.bptt(model, x, target, loss, checkpoint=found)
        assert run.stats.peak_bytes <= budget
        assert run.stats.peak_slots_by_tier["disk"] * found.sizes.slot <= 200_000
        assert {name: getattr(run.stats, name) for name in figures(found.forecast)} == figures(
            found.forecast
        )
        assert run.loss == pytest.approx(
            rb.bptt(model, x, target, loss, chunk=found.chunk).loss, rel=1e-6
        )
    return gained


@pytest.mark.long
@pytest.mark.parametrize("build", [lstm, stack])
def test_a_disk_gains_nothing_where_states_are_smaller_than_their_files_in_memory(
    build: Any,
) -> None:
    """A state of ``lstm`` takes 1 kB, a file of one 1.5 kB in memory, and the first 3.5 kB more."""
    case = build()
    assert gained_by_a_disk(case, spread(least_of(case), 4 * least_of(case), 12)) == 0


@pytest.mark.long
def test_a_disk_makes_small_budgets_faster() -> None:
    case = wide()
    assert gained_by_a_disk(case, spread(least_of(case), least_of(case) + 400_000, 12)) > 0


def test_the_disk_is_measured_and_shown(tmp_path: Any) -> None:
    case = wide()
    least, given = (
        least_of(case),
        {"steps": T, "batch": B, "costs": DISK, "disk": "1 GB", "folder": tmp_path},
    )
    plans = [
        rb.plan(case[0], MSE, budget=budget, **given)
        for budget in spread(least, least + 400_000, 12)
    ]
    found = next(plan for plan in plans if "on disk" in plan.chosen.name)
    assert any(
        line.startswith("disk ") and "checkpoints written" in line
        for line in str(found).splitlines()
    )
    costs = rb.plan(
        rb.LSTM(8, 32, rng=0), MSE, steps=50, batch=B, budget="1.1 MB", disk="1 GB", folder=tmp_path
    ).costs
    assert 0 < costs.fixed["write"] < 1
    assert 0 < costs.fixed["read"] < 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("disk", [0, -1, "none", 1.5])
def test_nonsense_for_a_disk_is_refused(disk: Any) -> None:
    with pytest.raises(rb.BudgetError, match="disk"):
        rb.plan(
            rb.LSTM(8, 32, rng=0), MSE, steps=50, batch=B, budget="1.1 MB", disk=disk, costs=COSTS
        )


def test_a_folder_that_cannot_be_written_to_is_an_error_before_the_run(tmp_path: Any) -> None:
    with pytest.raises(rb.StorageError, match=r"no file can be made in .*nowhere"):
        rb.plan(
            rb.LSTM(8, 32, rng=0),
            MSE,
            steps=50,
            batch=B,
            budget="1.1 MB",
            disk="1 MB",
            folder=tmp_path / "nowhere",
            costs=COSTS,
        )


def test_a_run_that_was_not_planned_is_refused() -> None:
    """Another batch would take more than the plan says, another length needs another schedule."""
    model, x, target, loss = lstm()
    least = planned(lstm(), least_of(lstm()))
    with pytest.raises(
        rb.BudgetError,
        match=r"the plan is for .* but this run would need .*: the batch size, the loss, or",
    ):
        rb.bptt(model, np.tile(x, (1, 4, 1)), np.tile(target, (1, 4, 1)), loss, checkpoint=least)
    with pytest.raises(
        rb.BudgetError, match=r"the plan is for \d+ chunks of \d+ steps, found 50 steps; plan anew"
    ):
        rb.bptt(model, x[:50], target[:50], loss, checkpoint=least)
    with pytest.raises(
        rb.BudgetError, match="the plan is for dx=True, found dx=False; plan for that"
    ):
        rb.bptt(model, x, target, loss, checkpoint=least, dx=False)


def test_an_output_that_feeds_the_body_is_predicted() -> None:
    """The output of a cell that is no state of it, and that another Recurrent takes, is in the tape."""
    x, h = rb.Input(4), rb.State(4)
    new = rb.Tanh()(rb.Dense((4, 4), 4, rng=0)(x, h))
    wide = rb.Recurrent(rb.Cell(x, {h: new}, output=rb.Dense(4, 400, rng=1)(new)))
    model, given, target = (
        rb.Sequential(wide, rb.RNN(400, 4, rng=2)),
        real(256, 8, 4),
        real(256, 8, 4),
    )
    stats = rb.bptt(model, given, target, MSE, chunk=16).stats
    assert rb.forecast(model, MSE, steps=256, batch=8, chunk=16).peak_bytes == stats.peak_bytes
    assert rb.bptt(model, given, target, MSE, checkpoint=2_000_000).stats.peak_bytes <= 2_000_000


def test_a_dropout_of_nothing_is_predicted() -> None:
    model = rb.Sequential(
        rb.LSTM(5, 5, rng=0),
        rb.Dropout(0.0),
        rb.Dense(5, 4, rng=1),
        rb.LSTM(4, 4, rng=2),
        rb.Dropout(0.0),
        rb.Dense(4, 2, rng=3),
    )
    stats = rb.bptt(model, real(27, 3, 5), real(27, 3, 2), MSE, chunk=6, checkpoint="sqrt").stats
    assert (
        rb.forecast(model, MSE, steps=27, batch=3, chunk=6, checkpoint="sqrt").peak_bytes
        == stats.peak_bytes
    )


def test_checkpoints_on_disk_take_one_file_and_little_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import tracemalloc

    from rnnbp.storage import scratch

    made, make = [], scratch.nameless
    monkeypatch.setattr(scratch, "nameless", lambda folder: made.append(1) or make(folder))
    model, steps = rb.LSTM(8, 32, rng=0), 2000
    x, target = real(steps, B, 8), real(steps, B, 32)
    on_disk = lambda n: rb.schedules.EveryK(n, 1, "disk")  # noqa: E731
    rb.bptt(model, x[:80], target[:80], MSE, checkpoint=on_disk, chunk=8, dx=False)
    made.clear()
    tracemalloc.start()
    stats = rb.bptt(model, x, target, MSE, checkpoint=on_disk, chunk=8, dx=False).stats
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(made) == 1
    assert stats.peak_slots_by_tier["disk"] == 249
    assert peak - stats.peak_bytes < 249 * 2500 + 150_000


def test_a_model_without_states_fits_a_budget() -> None:
    model = rb.Sequential(rb.Dense(4, 2, rng=1))
    stats = rb.bptt(model, real(50, 3, 4), real(50, 3, 2), MSE, checkpoint="1 MB").stats
    assert stats.peak_bytes <= 10**6


@pytest.mark.parametrize(
    ("fixed", "step", "error", "message"),
    [
        ({}, {}, ValueError, "Costs: fixed must have Advance, Keep"),
        (STEP | {"advance": 1.0}, STEP, ValueError, "Costs: fixed must have"),
        (STEP, STEP | {"Record": -1.0}, ValueError, "Costs: seconds of Record must lie in"),
        (STEP, STEP | {"Record": "x"}, TypeError, "Costs: seconds of Record must be a number"),
        (
            dict.fromkeys(STEP, 0.0),
            dict.fromkeys(STEP, 0.0),
            ValueError,
            "Costs: every action takes time",
        ),
        (None, None, TypeError, "Costs: fixed and step are dicts"),
    ],
)
def test_costs_that_cannot_be(fixed: Any, step: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Costs(fixed, step)

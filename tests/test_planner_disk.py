"""Plans with checkpoints on disk: never slower, within both budgets; unusable folders."""

from __future__ import annotations

from typing import Any

import pytest

import rnnbp as rb
from rnnbp.planning.costs import Costs
from tests.plans import COSTS, MSE, STEP, B, T, least_of, lstm, real, spread, stack
from tests.schedule_checks import figures

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
    """A file takes 1.5 kB in memory, the first 3.5 kB more; a state of ``lstm`` takes 1 kB."""
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
    using = [plan for plan in plans if "on disk" in plan.chosen.name]
    assert using
    for found in using:
        lines = [line for line in str(found).splitlines() if line.startswith("disk ")]
        assert "checkpoints written" in "".join(lines)
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

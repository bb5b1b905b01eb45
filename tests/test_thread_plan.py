"""What a plan says that threads share is what the threads of its run share."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.machine.team import lanes, rounds, threads
from rnnbp.machine.team.beside import Beside
from rnnbp.machine.team.job import JOB, Job
from rnnbp.machine.team.lanes import Lane
from rnnbp.machine.team.rounds import Turn
from rnnbp.planning.plan import Plan
from rnnbp.planning.thread_plan import ThreadPlan, Way
from rnnbp.runners.llvm import sharing
from rnnbp.runners.llvm.sharing import part_of
from rnnbp.runners.thread_shares import Share
from tests.helpers import UseThreads, reals

pytest.importorskip("llvmlite")
N_IN, KINDS = 8, ("Advance", "Keep", "Record", "Rebuild", "Backward")
COSTS = rb.Costs(dict.fromkeys(KINDS, 1e-6), dict.fromkeys(KINDS, 1e-5))
"""With these, chunks are short."""
LONG = rb.Costs(dict.fromkeys(KINDS, 1.0), dict.fromkeys(KINDS, 1e-5))
MSE = rb.losses.MeanSquaredError()
ONE, KERNEL = Way("one thread"), JOB.offset["kernel"]


def stack(depth: int, n: int) -> rb.Sequential:
    sizes = [N_IN, *[n] * depth]
    return rb.Sequential(*(rb.LSTM(a, b, rng=0) for a, b in pairwise(sizes)), rb.Dense(n, 3, rng=1))


def both_ways() -> rb.Sequential:
    one, other = rb.LSTM(N_IN, 64, rng=0), rb.LSTM(N_IN, 64, rng=1, reverse=True)
    return rb.Sequential(rb.Bidirectional(one, other), rb.GRU(128, 64, rng=2), rb.Dense(64, 3))


def units_by(job: Job, n: int, *, units: bool) -> list[Way]:
    """How threads share a job; none where it is no kernel."""
    batch = job._start[JOB.offset["batch"]]
    taken = n if units else min(n, batch)
    way = Way("units" if units else "rows", taken) if taken > 1 else ONE
    return [way] * bool(job._start[KERNEL])


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Way]:
    """How threads have shared the kernels of runs, call by call."""
    found = list[Way]()
    do, in_rounds, in_lanes, beside = threads.do, rounds.run, lanes.run, Beside.run

    def one(job: Job, bases: list[int], n: int, *, units: bool = False) -> None:
        found.extend(units_by(job, n, units=units))
        do(job, bases, n, units=units)

    def turns(given: Sequence[Turn], count: int) -> None:
        for turn in given:
            found.extend(units_by(turn.job, turn.n, units=turn.units))
        in_rounds(given, count)

    def layers(
        some: Sequence[Lane], count: int, shares: Sequence[Sequence[tuple[int, int]]]
    ) -> None:
        before = len(found)
        in_lanes(some, count, shares)
        found[before:] = [Way("layers", len(shares))]  # and not the job that goes through them

    def directions(self: Beside, n: int) -> None:
        found.append(Way("directions", min(n, len(self._jobs))))
        beside(self, n)

    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    monkeypatch.setattr(threads, "do", one)
    monkeypatch.setattr(rounds, "run", turns)
    monkeypatch.setattr(lanes, "run", layers)
    monkeypatch.setattr(Beside, "run", directions)
    return found


def planned(model: rb.Sequential, steps: int, batch: int, budget: str, **how: Any) -> Plan:
    given = {"steps": steps, "batch": batch, "budget": budget, "loss": MSE, "costs": COSTS}
    return rb.plan(model, x_shape=(N_IN,), **(given | {"backend": "llvm"} | how))


def run(model: rb.Sequential, plan: Plan, batch: int, loss: Any = MSE) -> None:
    x = reals(plan.steps, batch, N_IN, dtype="float32")
    target = reals(plan.steps, batch, 3, dtype="float32")
    rb.bptt(model, x, target, loss, checkpoint=plan, backend="llvm")


def ways(found: ThreadPlan) -> set[Way]:
    return {way for layer in found.layers for way in (layer.forward, layer.backward)}


CASES: dict[str, tuple[Callable[[], rb.Sequential], int, int, set[str]]] = {
    "few rows": (lambda: stack(1, 192), 2, 2, {"units"}),
    "many rows": (lambda: stack(1, 64), 48, 2, {"rows"}),
    "of many threads": (lambda: stack(1, 192), 3, 4, {"units"}),
    "small": (lambda: stack(1, 8), 3, 2, {"one thread"}),
    "16 rows": (lambda: stack(2, 64), 16, 2, {"rows"}),
    "one of several": (lambda: stack(1, 64), 2, 2, {"one thread", "rows"}),
    "both directions": (both_ways, 4, 2, {"directions", "rows"}),
    "many rows both ways": (both_ways, 24, 2, {"rows"}),
    "one thread": (lambda: stack(2, 64), 4, 1, {"one thread"}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_run_shares_what_its_plan_says(
    case: str, ran: list[Way], use_threads: UseThreads
) -> None:
    build, batch, count, kinds = CASES[case]
    model = build()
    use_threads(count)
    plan = planned(model, 96, batch, "60 MB")
    run(model, plan, batch)
    assert set(ran) == ways(plan.threads)
    assert ({way.by for way in ran}, plan.threads.count) == (kinds, count)


STACKS = {"two": (2, "6 MB", 2), "two, in segments": (2, "2 MB", 11), "four": (4, "4 MB", 11)}
"""With how many calls of lanes: segments are recorded and go back, after all chunks are advanced."""


@pytest.mark.parametrize("name", STACKS)
def test_lanes_run_where_a_plan_says_so(name: str, ran: list[Way], use_threads: UseThreads) -> None:
    depth, budget, calls = STACKS[name]
    model = stack(depth, 64)
    use_threads(2)
    plan = planned(model, 320, 4, budget)
    run(model, plan, 4)
    assert ways(plan.threads) == {Way("layers", 2)}
    assert ran.count(Way("layers", 2)) == calls
    assert plan.threads.speed > max(plan.threads.others.values(), default=1)


def own(y: Any, target: Any) -> tuple[Any, Any]:
    return float(((y - target) ** 2).sum()), 2 * (y - target)


def test_with_a_loss_in_python_lanes_run_forward_alone(
    ran: list[Way], use_threads: UseThreads
) -> None:
    model = stack(2, 64)
    use_threads(2)
    plan = planned(model, 320, 4, "6 MB", loss=own)
    run(model, plan, 4, own)
    (layer, _) = plan.threads.layers
    assert (layer.forward, layer.backward) == (Way("layers", 2), Way("rows", 2))
    assert ran.count(Way("layers", 2)) == 1


@pytest.mark.parametrize(("tier", "lanes_run"), [("ram", True), ("disk", False)])
def test_chunks_run_one_by_one_where_checkpoints_are_on_disk(
    tier: str, lanes_run: bool, ran: list[Way], use_threads: UseThreads
) -> None:
    model = stack(2, 64)
    use_threads(2)
    plan = planned(model, 320, 4, "6 MB")
    schedule = rb.schedules.EveryK(plan.forecast.chunks, k=3, tier=tier)
    plan = replace(plan, chosen=replace(plan.chosen, schedule=schedule))
    run(model, plan, 4)
    assert (Way("layers", 2) in ways(plan.threads)) == lanes_run
    assert (ran.count(Way("layers", 2)) > 1) == lanes_run  # one call advances the first chunks
    assert ("lanes " in str(plan)) == lanes_run


@pytest.mark.long
def test_a_plan_that_was_pickled_says_the_same(use_threads: UseThreads) -> None:
    use_threads(2)
    for model, budget in ((stack(2, 64), "6 MB"), (both_ways(), "20 MB")):
        plan = planned(model, 320, 4, budget)
        assert pickle.loads(pickle.dumps(plan)).threads == plan.threads


def test_the_line_of_a_network_names_layers(use_threads: UseThreads) -> None:
    use_threads(3)
    text = " ".join(str(planned(both_ways(), 96, 4, "60 MB")).split())
    of = "0.forward, 0.backward (reverse)"
    assert f"threads 3: directions side by side by 2 threads of {of}; rows of 1; 1." in text
    use_threads(1)
    assert "threads 1 " in " ".join(str(planned(both_ways(), 96, 4, "60 MB")).split())


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("rows", [1, 2, 5, 8])
def test_units_are_taken_where_they_are_no_slower_by_estimate(rows: int, n: int) -> None:
    least, layout = (
        sharing.READING * rows // 4,
        SimpleNamespace(batch=n * rows, dtype=np.dtype("f4")),
    )
    found = list[tuple[bool, bool]]()
    for weights in (1, least // 2, least - 1, least, least + 1, 3 * least):
        kernel: Any = SimpleNamespace(weights=weights)
        by_rows, by_units = (part_of(kernel, layout, Share(n, units)) for units in (False, True))
        found.append((sharing.by_units(kernel, layout, n), by_units <= by_rows))
    assert found == [(False, False)] * 3 + [(True, True)] * 3


@pytest.mark.long
@pytest.mark.parametrize("cell", [rb.LSTM(N_IN, 192, rng=0), rb.MinGRU(N_IN, 256, rng=0)])
def test_explain_has_the_rows_up_to_which_a_plan_shares_units(
    cell: rb.Recurrent, use_threads: UseThreads
) -> None:
    use_threads(2)
    found = rb.explain(cell)
    (most, back) = found.units_up_to or (0, 0)
    assert most == back > 0
    assert f"where each would have at most {most} rows of the batch, else the rows" in str(found)
    for rows, by in ((2 * most - 1, "units"), (2 * most, "units"), (2 * most + 1, "rows")):
        plan = planned(rb.Sequential(cell), 256, rows, "100 MB", costs=LONG)
        assert ways(plan.threads) == {Way(by, 2)}


def test_explain_says_that_units_are_never_shared() -> None:
    found = rb.explain(rb.RNN(2, 3))
    assert found.units_up_to == (0, 0)
    assert "threads share the rows of the batch, however few there are" in str(found).splitlines()


def test_numpy_leaves_its_products_to_blas(ran: list[Way], use_threads: UseThreads) -> None:
    use_threads(2)
    plan = planned(stack(2, 8), 96, 4, "60 MB", backend="numpy")
    assert ways(plan.threads) == {Way("NumPy")}
    assert "threads    1: NumPy, with BLAS's own threads" in str(plan).splitlines()

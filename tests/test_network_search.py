"""The search for the schedules of all sweeps together, compared with trying every one."""

from __future__ import annotations

import contextlib
import itertools
import math
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.inputs.models import as_network
from rnnbp.planning.budget import BudgetError, with_margin
from rnnbp.planning.network_objects import NETWORK
from rnnbp.schedules import Revolve
from rnnbp.sweeps.dry_network import dry_network
from rnnbp.sweeps.joint_ledger import JointLedger, forecasts_of, ledger_of
from rnnbp.sweeps.joint_search import fastest
from rnnbp.sweeps.layouts import Layout
from rnnbp.sweeps.lengths import Lengths
from rnnbp.sweeps.menus import thinned
from rnnbp.sweeps.network_plan import choice_of
from rnnbp.sweeps.outputs import outputs_of, stages_of_network
from rnnbp.sweeps.wanted import Wanted

RAGGED = np.array([60, 12, 27, 60, 39])
WHOLE = np.full(5, 60)


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes longer than such searches."""
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")


def given(lengths: Any) -> tuple[Any, ...]:
    """(network, stages, what is wanted) of two layers of both directions and a head."""
    first = rb.Bidirectional(rb.GRU(3, 8, rng=0), rb.RNN(3, 8, rng=1))
    second = rb.Bidirectional(rb.RNN(16, 8, rng=2), rb.RNN(16, 8, rng=3))
    graph = as_network(rb.Sequential(first, second, rb.Dense(16, 4, rng=4)))
    network = dry_network(graph, [(3,)], {"time": Lengths("time", 60, lengths)}, None)
    loss = rb.losses.MeanSquaredError()
    outputs = [each.with_loss(loss, 1.0, 4) for each in outputs_of(network)]
    return network, stages_of_network(network), Wanted(graph, outputs, False, True)


def layout(lengths: Any, *, disk: bool = False) -> Layout:
    return Layout(*given(lengths), {"time": 6}, disk=disk)


def every(of: Layout) -> list[tuple[int, float]]:
    """(bytes by the ledger, seconds) of all combinations of schedules."""
    found = []
    for picks in itertools.product(*[menu.options for menu in of.menus]):
        peak = JointLedger(of.found, [pick.forecast for pick in picks]).peak
        objects = NETWORK + sum(pick.objects for pick in picks)
        found.append((peak + objects, sum(pick.seconds for pick in picks)))
    return found


@pytest.mark.parametrize("disk", [False, True])
@pytest.mark.parametrize("lengths", [WHOLE, RAGGED], ids=["whole", "ragged"])
def test_no_combination_within_a_budget_is_faster(lengths: Any, disk: bool) -> None:
    of = layout(lengths, disk=disk)
    combinations, (edges, parts) = every(of), (of._handed, ("",) * len(of.menus))
    menus = [menu.options for menu in of.menus]
    for room in np.linspace(*np.quantile([n for n, _ in combinations], [0, 1]), 9):
        found = fastest(menus, of.levels, edges, room, parts, {})
        best = min(seconds for n, seconds in combinations if n <= room)
        assert found is not None
        assert (found.bytes, found.seconds) in combinations
        assert found.bytes <= room
        assert found.seconds == best
    assert of.least.bytes == min(n for n, _ in combinations)


@pytest.mark.parametrize("disk", [False, True])
@pytest.mark.parametrize("chunk", [1, 7, 60])
@pytest.mark.parametrize("lengths", [WHOLE, RAGGED], ids=["whole", "ragged"])
def test_no_schedules_need_less_than_the_floor(lengths: Any, chunk: int, disk: bool) -> None:
    of = Layout(*given(lengths), {"time": chunk}, disk=disk)
    assert of.least.bytes / 3 < of.floor <= of.least.bytes


@pytest.mark.parametrize("lengths", [pytest.param(WHOLE, marks=pytest.mark.long), RAGGED], ids=str)
def test_the_least_that_an_error_names_is_enough_and_a_byte_less_is_not(lengths: Any) -> None:
    case = given(lengths)
    with pytest.raises(BudgetError, match="too small for any schedule") as caught:
        choice_of(*case, 1000)
    least = caught.value.least
    assert least is not None
    found = choice_of(*case, least)
    assert with_margin(found.bytes) == least
    with pytest.raises(BudgetError):
        choice_of(*case, least - 1)


@pytest.mark.parametrize("lengths", [WHOLE, RAGGED], ids=["whole", "ragged"])
def test_what_is_left_out_of_a_schedule_changes_no_peak(lengths: Any) -> None:
    for menu in layout(lengths).menus:
        schedules = [each.schedule for each in menu.candidates]
        for schedule in [*schedules, Revolve(math.ceil(60 / 6), 3)]:
            whole, part = (ledger_of(menu.sweep) for _ in range(2))
            assert whole.forecast(schedule) == part.forecast(thinned(schedule))


def test_the_least_of_rows_that_end_is_less() -> None:
    whole, ragged = (layout(lengths).least.bytes for lengths in (WHOLE, RAGGED))
    assert ragged < whole


def test_a_choice_takes_what_the_ledger_says() -> None:
    case = given(RAGGED)
    found = choice_of(*case, 350_000)
    of = Layout(*case, found.chunks, disk=found.disk)
    peak = JointLedger(of.found, forecasts_of(of.found, found.schedules)).peak
    assert peak < found.bytes <= 350_000


@pytest.mark.long
@pytest.mark.parametrize("beyond", [1, 20_000])
def test_a_tight_budget_is_used_up_by_short_chunks(beyond: int) -> None:
    """Those of a length that a person may name are no faster."""
    with pytest.raises(BudgetError) as caught:
        choice_of(*given(RAGGED), 1, {"time": 8})
    assert caught.value.least is not None
    budget = caught.value.least - beyond  # chunks of 8 steps do not fit, or hardly
    found = choice_of(*given(RAGGED), budget)
    named = []
    for chunk in (1, 2, 4):
        with contextlib.suppress(BudgetError):
            named.append(choice_of(*given(RAGGED), budget, {"time": chunk}).seconds)
    assert named
    assert found.seconds <= min(named)

"""Networks over time: the same bits under every schedule and any number of threads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import UseThreads, assert_same_arrays, assert_same_named
from tests.over_time_cases import case
from tests.over_time_choice import quickly
from tests.over_time_gradients import assert_all_derivatives
from tests.over_time_models import EVERY

REPLAYING: dict[str, Any] = {
    "sqrt": "sqrt",
    "every chunk": lambda n: rb.schedules.EveryK(n, 1),
    "every third": lambda n: rb.schedules.EveryK(n, 3),
    "every chunk, on disk": lambda n: rb.schedules.EveryK(n, 1, tier="disk"),
    "revolve": lambda n: rb.schedules.Revolve(n, 1),
    "HSM": lambda n: rb.schedules.HSM(n, 2),
    "ISM": lambda n: rb.schedules.ISM(n, 2),
    "MSM": lambda n: rb.schedules.MSM(n, 3, 2),
    "two-table optimum": lambda n: rb.schedules.Optimal(n, 4, 2),
    "multistage": lambda n: rb.schedules.Multistage(n, 1, 2),
    "disk-revolve": lambda n: rb.schedules.DiskRevolve(n, 1, 1.0, 1.0),
    "online": lambda n: rb.schedules.Online(2)(n),
}
SOME = (
    "lstm", "three of both", "skips", "all reductions", "by bridges", "several", "dropped",
    "penalised",
)  # fmt: skip


def assert_same(found: Any, expected: Any) -> None:
    """That loss, gradients and states have the same bits."""
    assert found.loss == expected.loss
    assert_same_named(found.grads, expected.grads)
    assert_same_arrays(flat(found.dx), flat(expected.dx))
    for one, other in ((found.state, expected.state), (found.dstate, expected.dstate)):
        assert_same_arrays(flat(one), flat(other))


def flat(given: Any) -> list[Any]:
    """The arrays of a tuple or dict, in order."""
    parts = list(given.values()) if isinstance(given, dict) else given
    if not isinstance(parts, tuple | list):
        return [parts]
    return [array for part in parts for array in flat(part)]


@pytest.mark.parametrize("schedule", quickly(REPLAYING, "disk-revolve", "ISM"))
@pytest.mark.parametrize("name", quickly(SOME, "dropped"))
def test_every_schedule_that_replays(name: str, schedule: str) -> None:
    one = case(name)
    assert_same(one.bptt(checkpoint=REPLAYING[schedule]), one.bptt())


@pytest.mark.parametrize("threads", quickly([2, 3], 2))
@pytest.mark.parametrize("name", quickly(EVERY, "backward"))
def test_any_number_of_threads(name: str, threads: int, use_threads: UseThreads) -> None:
    one = case(name).by("llvm")
    use_threads(1)
    expected = one.bptt(checkpoint="sqrt")
    use_threads(threads)
    assert_same(one.bptt(checkpoint="sqrt"), expected)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("name", quickly(EVERY, "backward"))
def test_compiled_cells(name: str, backend: str) -> None:
    one = case(name).by(backend)
    found, expected = one.bptt(), case(name).bptt()
    assert found.loss == pytest.approx(expected.loss, rel=1e-13)
    assert_all_derivatives(one.reference(), one.grads(found))


@pytest.mark.long
@pytest.mark.parametrize("name", EVERY)
def test_a_second_run_has_the_same_bits(name: str) -> None:
    one = case(name)
    assert_same(one.bptt(), one.bptt())


@pytest.mark.long
@pytest.mark.parametrize("name", EVERY)
def test_schedules_that_rebuild_agree(name: str) -> None:
    one = case(name)
    found = one.bptt(checkpoint=rb.schedules.ThinTapes)
    assert_all_derivatives(one.reference(), one.grads(found))


@pytest.mark.long
@pytest.mark.parametrize("name", ["three of both", "by bridges", "all reductions"])
def test_single_precision(name: str) -> None:
    one = case(name)
    exact = one.bptt()
    single = replace(
        one,
        model=one.model.astype("float32"),
        given=replace(one.given, inputs=[a.astype("float32") for a in one.given.inputs]),
    )
    for key, grad in single.bptt().grads.items():
        np.testing.assert_allclose(grad, exact.grads[key], rtol=0, atol=2e-6, err_msg=key)

"""Long inputs: streams and maps give the bits of arrays, and hold nothing as long as they."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_bits
from tests.plans import COSTS
from tests.streamed import CASES, CE, MSE, B, T, assert_same_but_dx, pieces, reals
from tests.streamed import folder as folder  # a fixture


@pytest.mark.one_in(2)
@pytest.mark.parametrize("lengths", [(1,), (4,), (5, 2), (T,), (0, 9)])
@pytest.mark.parametrize("schedule", ["all", rb.schedules.Online(2), rb.schedules.Online(4)])
@pytest.mark.parametrize("case", CASES)
def test_a_stream_of_unknown_length_gives_the_bits_of_an_array(
    case: str, schedule: Any, lengths: Any
) -> None:
    model, x, target, loss = CASES[case]
    found = rb.bptt(
        model, pieces(x, *lengths), pieces(target, 3), loss, chunk=4, checkpoint=schedule
    )
    expected = rb.bptt(model, x, target, loss, chunk=4, checkpoint=schedule)
    assert_same_but_dx(found, expected)
    assert found.stats.counts == expected.stats.counts
    assert found.stats.steps_rerun == expected.stats.steps_rerun


@pytest.mark.quick
@pytest.mark.parametrize(
    "schedule",
    [
        "all",
        "sqrt",
        lambda n: rb.schedules.Revolve(n, 2),
        lambda n: rb.schedules.DiskRevolve(n, 1, 0.1, 0.1),
    ],
)
@pytest.mark.parametrize("case", CASES)
def test_a_stream_of_known_length_runs_every_schedule(case: str, schedule: Any) -> None:
    model, x, target, loss = CASES[case]
    found = rb.bptt(model, pieces(x, 5), target, loss, chunk=4, checkpoint=schedule, steps=T)
    assert_same_but_dx(found, rb.bptt(model, x, target, loss, chunk=4, checkpoint=schedule))


@pytest.mark.quick
@pytest.mark.parametrize("unknown", [True, False])
def test_masks_may_be_streams(unknown: bool) -> None:
    model, x, target, loss = CASES["symbols"]
    mask = np.random.default_rng(2).random((T, B)) < 0.5
    mask[:8] = False  # whole chunks without weight
    given = {} if unknown else {"steps": T}
    found = rb.bptt(
        model, pieces(x, 5), pieces(target, 2), loss, mask=pieces(mask, 7), chunk=4, **given
    )
    assert_same_bits(found, rb.bptt(model, x, target, loss, mask=mask, chunk=4))
    assert_same_bits(rb.bptt(model, x, target, loss, mask=pieces(mask, 7), chunk=4), found)
    value, state = rb.evaluate(
        model, pieces(x, 5), pieces(target, 2), loss, mask=pieces(mask, 7), chunk=4
    )
    expected, ending = rb.evaluate(model, x, target, loss, mask=mask, chunk=4)
    assert value == expected
    np.testing.assert_array_equal(state[0][0], ending[0][0])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_weights_that_are_no_whole_numbers_add_up_to_the_same_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps, batch, chunk = (
        int(rng.integers(100, 400)),
        int(rng.integers(1, 5)),
        int(rng.integers(1, 20)),
    )
    model = rb.RNN(2, 3, rng=0, dtype="float64")
    x, target, mask = (
        rng.normal(size=(steps, batch, 2)),
        rng.normal(size=(steps, batch, 3)),
        rng.random((steps, batch)),
    )
    expected = rb.bptt(model, x, target, MSE, mask=mask, chunk=chunk)
    for part in ({}, {"steps": steps}):
        found = rb.bptt(
            model, pieces(x, 5), pieces(target, 5), MSE, mask=pieces(mask, 7), chunk=chunk, **part
        )
        assert_same_but_dx(found, expected)
    assert_same_bits(rb.bptt(model, x, target, MSE, mask=pieces(mask, 7), chunk=chunk), expected)
    assert (
        rb.evaluate(model, x, target, MSE, mask=mask, chunk=chunk)[0]
        == rb.evaluate(model, pieces(x, 5), target, MSE, mask=pieces(mask, 7), chunk=chunk)[0]
    )


def test_a_function_as_loss_and_no_target() -> None:
    model, x, _, _ = CASES["floats"]

    def loss(y: np.ndarray, target: Any) -> Any:
        return float(y.sum()), np.ones_like(y)

    assert_same_but_dx(
        rb.bptt(model, pieces(x, 5), None, loss, chunk=4), rb.bptt(model, x, None, loss, chunk=4)
    )


@pytest.mark.parametrize(
    ("budget", "most"),
    [("550 kB", 550_000), ("580 kB", 580_000), ("1 MB", 10**6)],
    ids=["550 kB", "580 kB", "1 MB"],
)
def test_a_budget_holds_for_a_stream_of_unknown_length(budget: str, most: int) -> None:
    model, steps = rb.LSTM(4, 16, rng=0), 1000
    x, target = reals(steps, B, 4), reals(steps, B, 16)
    found = rb.bptt(model, pieces(x, 50), pieces(target, 50), MSE, checkpoint=budget)
    assert found.stats.peak_bytes <= most
    cached = rb.bptt(model, x, target, MSE)
    assert found.loss == pytest.approx(cached.loss, rel=1e-5)
    for path, grad in cached.grads.items():
        np.testing.assert_allclose(
            found.grads[path], grad, rtol=1e-3, atol=1e-5 * np.abs(grad).max()
        )


def test_too_small_a_budget_for_a_stream_names_the_least_that_works() -> None:
    model, x, target = rb.LSTM(4, 16, rng=0), reals(T, B, 4), reals(T, B, 16)
    with pytest.raises(
        rb.BudgetError,
        match=r"a budget of 10 kB \(10,000 bytes\) is too small for any schedule; .* are enough",
    ) as caught:
        rb.bptt(model, pieces(x, 5), target, MSE, checkpoint="10 kB")
    least = caught.value.least
    assert least is not None
    assert rb.bptt(model, pieces(x, 5), target, MSE, checkpoint=least).stats.peak_bytes <= least


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    place = tmp_path_factory.mktemp("maps") / "bytes.npy"
    np.save(place, np.random.default_rng(3).integers(0, 50, (200_001, 1)).astype(np.uint8))
    whole = np.load(place, mmap_mode="r")
    return whole[:-1], whole[1:]


def test_nothing_is_as_long_as_a_mapped_sequence(mapped: Any) -> None:
    """200,000 steps, mapped: traced memory stays below a budget, the ledger is the forecast."""
    model = rb.Sequential(rb.Embedding(50, 2, rng=0), rb.RNN(2, 2, rng=1), rb.Dense(2, 50, rng=2))
    x, target = (a[:20_000] for a in mapped)
    plan = rb.plan(model, CE, steps=len(x), batch=1, budget="800 kB", dx=False, costs=COSTS)
    rb.bptt(model, x[:500], target[:500], CE)
    tracemalloc.start()
    found = rb.bptt(model, x, target, CE, checkpoint=plan)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.stats.peak_bytes == plan.forecast.peak_bytes <= 800_000
    assert peak < 800_000


def test_the_gradient_by_a_mapped_x_is_kept_when_asked_for(tmp_path: Path) -> None:
    model, x, target, loss = CASES["floats"]
    np.save(tmp_path / "x.npy", x)
    there = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert rb.bptt(model, there, target, loss).dx is None
    np.testing.assert_array_equal(
        rb.bptt(model, there, target, loss, dx=True).dx, rb.bptt(model, x, target, loss).dx
    )
    without = rb.bptt(model, x, target, loss, dx=False)
    assert without.dx is None
    kept = rb.bptt(model, x, target, loss)
    gradients = [found.stats.peak_bytes_by_kind["gradients"] for found in (kept, without)]
    assert gradients[0] - gradients[1] == x.nbytes


class Slices:
    """What h5py and zarr give: a shape, a dtype, and slices that are read when asked for."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, span: slice) -> np.ndarray:
        found = self.array[span].copy()
        self.most = max(self.most, len(found))
        return found


def test_what_is_read_in_slices_is_never_read_whole() -> None:
    model, x, target, loss = CASES["floats"]
    long, wanted = np.tile(x, (200, 1, 1)), np.tile(target, (200, 1, 1))
    source, goal = Slices(long), Slices(wanted)
    found = rb.bptt(model, source, goal, loss, checkpoint="sqrt", chunk=16)
    assert_same_but_dx(found, rb.bptt(model, long, wanted, loss, checkpoint="sqrt", chunk=16))
    assert max(source.most, goal.most) < len(long) / 2

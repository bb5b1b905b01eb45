"""Bytes of losses of all steps at once: forecast, plan, budget and tracemalloc agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.own_losses import ErrorToSignal, esr, squares
from tests.schedule_checks import figures
from tests.traced_runs import BACKENDS, SCHEDULES, real, traced

OUTPUTS = "outputs of all steps"
LONG = [
    pytest.param(name, marks=pytest.mark.long)
    for name in ("interpreter", *BACKENDS)
    if name != "numpy"
]
EACH = dict.fromkeys(("Advance", "Keep", "Record", "Rebuild", "Backward"), 1e-4)
COSTS = rb.Costs(EACH, EACH)


def model() -> Any:
    made: Any = {"dtype": "float64", "rng": 0}
    return rb.Sequential(
        rb.Dense(8, 6, **made),
        rb.GRU(6, 16, **made),
        rb.LayerNorm(16, dtype="float64"),
        rb.Dense(16, 5, **made),
    )


def energy(y: Any, target: Any) -> Any:
    """Half of the sum of squares, divided by that of the target; no other array than dy."""
    ratio = 1 / float(np.vdot(target, target))
    return 0.5 * ratio * float(np.vdot(y, y)), y * ratio


energy.spare = 0  # type: ignore[attr-defined]  # functions may have attributes
WHOLE = rb.losses.WholeSequence(energy)
DEFAULT = rb.losses.WholeSequence(esr)


def data(steps: int = 29, batch: int = 300) -> tuple[Any, Any]:
    return real(steps, batch, 8, dtype="float64"), real(steps, batch, 5, dtype="float64")


@pytest.mark.parametrize("loss", [WHOLE, pytest.param(DEFAULT, marks=pytest.mark.long)])
@pytest.mark.parametrize("backend", ["numpy", *LONG])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_forecast_is_what_a_run_counts(schedule: str, backend: str, loss: Any) -> None:
    how = {"checkpoint": SCHEDULES[schedule], "chunk": 8, "backend": backend}
    stats = rb.bptt(model(), *data(), loss, **how).stats
    told = rb.forecast(model(), loss, steps=29, batch=300, **how)
    assert {name: getattr(stats, name) for name in figures(told)} == figures(told)
    assert told.output_bytes == 29 * 300 * 5 * 8
    assert told.peak_bytes_by_kind[OUTPUTS] == told.output_bytes


@pytest.mark.parametrize("horizon", [4, 8])
def test_so_it_is_of_truncated_runs(horizon: int) -> None:
    how: Any = {"chunk": 4, "horizon": horizon, "backend": "numpy"}
    stats = rb.bptt(model(), *data(22), DEFAULT, **how).stats
    told = rb.forecast(model(), DEFAULT, steps=22, batch=300, **how)
    assert {name: getattr(stats, name) for name in figures(told)} == figures(told)


@pytest.mark.parametrize("chunk", [8, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 29))])
@pytest.mark.parametrize("backend", ["numpy", *LONG])
@pytest.mark.parametrize("schedule", ["revolve", pytest.param("all", marks=pytest.mark.long)])
def test_bytes_are_what_tracemalloc_finds(schedule: str, backend: str, chunk: int) -> None:
    run = {"checkpoint": SCHEDULES[schedule], "chunk": chunk, "backend": backend, "loss": WHOLE}
    peak, stats = traced(model(), *data(), **run)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**16), f"tracemalloc {peak}, told {told}"


@pytest.mark.parametrize("chunk", [4, pytest.param(64, marks=pytest.mark.long)])
def test_a_wide_output_is_most_of_what_is_held(chunk: int) -> None:
    """The call of the loss is the peak: y, dy, and what the function takes."""
    net = rb.Sequential(
        rb.RNN(8, 2, dtype="float64", rng=0), rb.Dense(2, 40, dtype="float64", rng=0)
    )
    x, target = real(64, 50, 8, dtype="float64"), real(64, 50, 40, dtype="float64")
    how: Any = {"chunk": chunk, "checkpoint": SCHEDULES["revolve"], "backend": "numpy"}
    peak, stats = traced(net, x, target, WHOLE, **how)
    told = rb.forecast(net, WHOLE, steps=64, batch=50, **how)
    assert {name: getattr(stats, name) for name in figures(told)} == figures(told)
    assert told.peak_bytes > 2 * target.nbytes
    assert abs(peak - told.peak_bytes - told.object_bytes) <= 2**16
    assert rb.forecast(net, DEFAULT, steps=64, batch=50, **how).peak_bytes > 4 * target.nbytes


def test_a_forecast_and_a_budget_that_is_too_small_say_so() -> None:
    told = "y and dy of all steps are held, 144 kB: checkpoints save less"
    how: Any = {"steps": 60, "batch": 60, "backend": "numpy"}
    assert told in repr(rb.forecast(model(), DEFAULT, **how))
    assert "y and dy" not in repr(rb.forecast(model(), squares, **how))
    with pytest.raises(
        rb.BudgetError,
        match=r"bytes are enough, .* this loss needs of all steps at once, take 144 kB each",
    ):
        rb.plan(model(), DEFAULT, **how, budget="500 kB", costs=COSTS)


def test_all_steps_are_run_once_more() -> None:
    found = [
        rb.bptt(model(), *data(), loss, chunk=8, backend="numpy").stats
        for loss in (squares, DEFAULT)
    ]
    assert [s.steps_run for s in found] == [29, 58]
    assert [s.steps_rerun for s in found] == [0, 29]
    assert [s.output_bytes for s in found] == [0, 29 * 300 * 5 * 8]


@pytest.mark.parametrize("loss", [DEFAULT, pytest.param(WHOLE, marks=pytest.mark.long)])
def test_a_plan_counts_them_and_says_so(loss: Any) -> None:
    how: Any = {
        "steps": 60,
        "batch": 60,
        "budget": "5 MB",
        "dx": False,
        "costs": COSTS,
        "backend": "numpy",
    }
    plan = rb.plan(model(), loss, **how)
    assert (
        "loss       y and dy of all steps are held, 144 kB, under any schedule: checkpoints save "
        "less" in str(plan)
    )
    assert "y and dy of all steps" not in str(rb.plan(model(), squares, **how))
    stats = rb.bptt(model(), *data(60, 60), loss, checkpoint=plan, backend="numpy").stats
    assert {name: getattr(stats, name) for name in figures(plan.forecast)} == figures(plan.forecast)
    assert stats.peak_bytes <= 5_000_000


@pytest.mark.long
@pytest.mark.parametrize("loss", [WHOLE, DEFAULT])
def test_the_least_budget_works(loss: Any) -> None:
    with pytest.raises(
        rb.BudgetError, match=r"too small for any schedule; .* bytes are enough"
    ) as caught:
        rb.bptt(model(), *data(200, 60), loss, checkpoint="700 kB")
    least = caught.value.least
    peak, stats = traced(model(), *data(200, 60), loss, checkpoint=least)
    assert max(peak, stats.peak_bytes) <= least
    with pytest.raises(rb.BudgetError):
        rb.bptt(model(), *data(200, 60), loss, checkpoint=least - 1)


def pieces(array: Any, length: int) -> Iterator[Any]:
    return (array[k : k + length] for k in range(0, len(array), length))


@pytest.mark.parametrize("length", [1, 5, 29])
def test_streams_of_known_length(length: int) -> None:
    x, target = data(29, 3)
    mask = np.random.default_rng(0).random((29, 3)) > 0.3
    streams = {
        "mask": pieces(mask, length),
        "chunk": 8,
        "dx": False,
        "steps": 29,
        "backend": "numpy",
    }
    found = rb.bptt(model(), pieces(x, length), pieces(target, length), DEFAULT, **streams)
    expected = rb.bptt(model(), x, target, ErrorToSignal(), chunk=8, mask=mask, backend="numpy")
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    for name, grad in expected.grads.items():
        np.testing.assert_allclose(found.grads[name], grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("call", [rb.bptt, rb.evaluate])
def test_streams_of_unknown_length(call: Any) -> None:
    x, target = data(29, 3)
    with pytest.raises(
        ValueError,
        match=r"WholeSequence\(esr\) takes y of all steps, .* unknown length; give steps=",
    ):
        call(model(), pieces(x, 5), pieces(target, 5), DEFAULT)


@pytest.mark.parametrize("kind", ["view of y", "strided", "part of more", "float32"])
def test_whatever_memory_dy_has(kind: str) -> None:
    """It is held for the whole run, and must be no more than it was said to be."""
    kinds: dict[str, Any] = {
        "view of y": lambda y: y,
        "strided": lambda y: np.asfortranarray(y),
        "part of more": lambda y: np.concatenate([y, y])[: len(y)],
        "float32": lambda y: y.astype("float32"),
    }
    loss = rb.losses.WholeSequence(lambda y, t: (0.5 * float((y**2).sum()), kinds[kind](y)))
    found = rb.bptt(model(), *data(29, 30), loss, chunk=8, backend="numpy")
    plain = rb.bptt(
        model(),
        *data(29, 30),
        lambda y, t: (0.5 * float((y**2).sum()), y),
        chunk=8,
        backend="numpy",
    )
    for name, grad in plain.grads.items():
        np.testing.assert_allclose(
            found.grads[name], grad, rtol=1e-5, atol=1e-5 * np.abs(grad).max()
        )
    told = rb.forecast(model(), loss, steps=29, batch=30, chunk=8, backend="numpy")
    assert found.stats.peak_bytes <= told.peak_bytes


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_derivative_that_is_not_finite(bad: float) -> None:
    def loss(y: Any, target: Any) -> Any:
        dy = np.zeros_like(y)
        dy[17, 2, 1] = bad
        return 0.0, dy

    with pytest.raises(
        ValueError,
        match=r"WholeSequence\(loss\) returned dy = .* at \[17, 2, 1\]; it must be finite",
    ):
        rb.bptt(model(), *data(29, 3), rb.losses.WholeSequence(loss), chunk=8, backend="numpy")


@pytest.mark.quick
def test_training_of_the_last_step() -> None:
    """A ratio loss with ``Sequences(last=True)``, epochs and validation."""
    x, target = real(12, 20, 8, dtype="float64"), real(12, 5, dtype="float64")
    source = rb.Sequences(x, target, last=True, batch_size=4)
    net = rb.RNN(8, 5, dtype="float64", rng=0)
    history = rb.fit(
        net, source, DEFAULT, "adam", learning_rate=1e-2, epochs=3, chunk=6, validation=source
    )
    assert history.losses[-1] < history.losses[0]
    assert len(history.validation_losses) == 3


@pytest.mark.long
@pytest.mark.parametrize("name", ["revolve", "sqrt"])
def test_a_comparison_of_schedules(name: str) -> None:
    x, target = data(24, 4)
    found = rb.compare.sweep(model(), x, target, DEFAULT, chunk=4, repeats=1, schedules=[name])
    assert found.rows

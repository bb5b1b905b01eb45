"""Bytes of losses of one's own: the first check of a function is within the ledger."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.own_losses import elements, esr, mean, squares, steps
from tests.traced_runs import real

LONG = pytest.mark.long
STEPS, BATCH, UNITS = 16, 100, 64
MODEL = rb.RNN(8, UNITS, dtype="float64", rng=0)
X, TARGET = real(STEPS, BATCH, 8, dtype="float64"), real(STEPS, BATCH, UNITS, dtype="float64")
MASK = np.random.default_rng(0).random((STEPS, BATCH)) > 0.3


def energy(spare: int) -> Any:
    """A new function, which no run has checked, with this many temporary arrays."""

    def loss(y: Any, target: Any) -> Any:
        kept = [y * 2.0 for _ in range(spare)]
        return 0.5 * float(np.vdot(y, y)), y.copy() if kept or spare == 0 else y

    loss.spare = spare  # type: ignore[attr-defined]  # functions may have attributes
    return loss


def by_steps(spare: int) -> Any:
    def loss(y: Any, target: Any) -> Any:
        kept = [y * 2.0 for _ in range(spare - 1)]
        return y**2, 2 * y if len(kept) == spare - 1 else y

    loss.spare = spare  # type: ignore[attr-defined]
    return rb.losses.PerStep(loss)


KINDS: dict[Any, Any] = {
    rb.losses.PerStep: (elements, steps),
    rb.losses.WholeSequence: (esr, squares),
}


def peak(made: Callable[[], Any], **how: Any) -> tuple[int, Any]:
    """tracemalloc's peak in a run of a function that is checked in it, and the run's figures."""
    rb.bptt(MODEL, X, TARGET, made(), backend="numpy", **how)
    rb.release_memory()
    gc.collect()
    loss = made()
    tracemalloc.start()
    try:
        stats = rb.bptt(MODEL, X, TARGET, loss, backend="numpy", **how).stats
        return tracemalloc.get_traced_memory()[1], stats
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("chunk", [8, pytest.param(1, marks=LONG)])
@pytest.mark.parametrize("spare", [2, *(pytest.param(n, marks=LONG) for n in (0, 1))])
@pytest.mark.parametrize("kind", [energy, by_steps])
@pytest.mark.parametrize("mask", [None, pytest.param(MASK, marks=LONG)])
def test_a_check_takes_no_more_than_the_run(kind: Any, spare: int, chunk: int, mask: Any) -> None:
    found, stats = peak(lambda: kind(spare), chunk=chunk, mask=mask)
    told = stats.peak_bytes + stats.object_bytes
    assert found <= told + max(told // 100, 2**16), f"tracemalloc {found}, told {told}"


@pytest.mark.parametrize("spare", [2, pytest.param(3, marks=LONG)])
def test_forecasts_of_values_of_steps(spare: int) -> None:
    found, stats = peak(lambda: by_steps(spare), chunk=16)
    told = rb.forecast(MODEL, by_steps(spare), steps=STEPS, batch=BATCH, chunk=16, backend="numpy")
    assert stats.peak_bytes == told.peak_bytes
    assert abs(found - told.peak_bytes - told.object_bytes) <= max(found // 100, 2**16)


@pytest.mark.parametrize(
    ("loss", "divisor"),
    [
        (squares, lambda t: 1.0),
        (rb.losses.PerStep(elements), np.size),
        (rb.losses.PerStep(steps), np.size),
        (rb.losses.WholeSequence(esr), lambda t: (t**2).sum()),
    ],
)
def test_a_model_without_time(loss: Any, divisor: Any) -> None:
    """A function sees (B, n), of rows that count; others (1, B, n)."""
    net = rb.Dense(3, 2, dtype="float64", rng=0)
    x, target = real(6, 3, dtype="float64"), real(6, 2, dtype="float64")
    mask = np.array([1, 0, 1, 1, 0, 1], bool)
    found = rb.backprop(net, x, target, loss, mask=mask, backend="numpy")
    d = (rb.predict(net, x[None])[0][0] - target)[mask]
    assert found.loss == pytest.approx((d**2).sum() / divisor(target[mask]), rel=1e-12)
    np.testing.assert_allclose(
        found.grads["bias"], 2 * d.sum(axis=0) / divisor(target[mask]), rtol=1e-12
    )


def test_a_function_of_rows_sees_no_time() -> None:
    shapes = []

    def loss(y: Any, target: Any) -> Any:
        shapes.append((y.shape, target.shape))
        return mean(y, target)

    net, x, target = rb.Dense(3, 2, rng=0), real(6, 3), real(6, 2)
    rb.backprop(net, x, target, loss, backend="numpy")
    rb.backprop(net, x, target, loss, mask=np.arange(6) < 4, backend="numpy")
    assert shapes == [((6, 2), (6, 2)), ((4, 2), (4, 2))]


def trainer(loss: Any, folder: Path) -> Any:
    net = rb.RNN(3, 2, dtype="float64", rng=0)
    return rb.Trainer(net, rb.optim.Adam(net, 1e-2), loss, chunk=5, folder=folder)


@pytest.mark.parametrize("kind", [rb.losses.PerStep, rb.losses.WholeSequence])
def test_a_snapshot_knows_the_function(kind: Any, tmp_path: Path) -> None:
    one, other = KINDS[kind]
    windows = rb.Windows(
        real(80, 3, dtype="float64"), real(80, 2, dtype="float64"), horizon=10, batch_size=2
    )
    first = trainer(kind(one), tmp_path).fit(windows, steps=2).losses
    assert trainer(kind(one), tmp_path).resume().fit(windows, epochs=1).losses[:2] == first
    with pytest.raises(ValueError, match="loss"):
        trainer(kind(other), tmp_path).resume()


def test_a_mean_with_the_last_steps_in_several_chunks() -> None:
    """In one chunk it is right; in several it would depend on them."""
    x, target = real(4, 40, 3, dtype="float64"), real(4, 2, dtype="float64")
    alike = rb.Sequences(x, target, last=True, batch_size=4)
    mask = np.arange(40) < np.array([40, 20, 33, 5])[:, None]
    ragged = rb.Sequences(x, target, last=True, mask=mask, batch_size=4)

    def fit(source: Any, loss: Any) -> Any:
        return rb.fit(
            rb.RNN(3, 2, dtype="float64", rng=0), source, loss, "sgd", learning_rate=0.1, epochs=2
        ).losses

    np.testing.assert_allclose(
        fit(alike, mean), fit(alike, rb.losses.MeanSquaredError()), rtol=1e-12
    )
    with pytest.raises(ValueError, match=r"mean does not add up over steps.*PerStep"):
        fit(ragged, mean)
    np.testing.assert_allclose(
        fit(ragged, rb.losses.PerStep(elements)),
        fit(ragged, rb.losses.MeanSquaredError()),
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    "loss", [squares, rb.losses.PerStep(elements), rb.losses.WholeSequence(esr)]
)
def test_a_batch_of_padding_alone_teaches_nothing(loss: Any) -> None:
    net, mask = rb.RNN(3, 2, dtype="float64", rng=0), np.array([[True] * 6] * 2 + [[False] * 6] * 2)
    given = real(4, 6, 3, dtype="float64"), real(4, 6, 2, dtype="float64")
    source = rb.Sequences(*given, mask=mask, batch_size=2, shuffle=False)
    found = rb.fit(net, source, loss, "sgd", learning_rate=0.0001, epochs=1, validation=source)
    assert np.isnan(found.losses[1])
    assert (found.weightless, found.skipped) == (1, 0)
    part = rb.evaluate(net, given[0][:2].swapaxes(0, 1), given[1][:2].swapaxes(0, 1), loss)[0]
    assert found.validation_losses[-1] == pytest.approx(part, rel=1e-12)

"""Runs of networks over time: the same bits whatever the schedule, bytes as they were forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.inference import predict
from rnnbp.schedules import resolve
from rnnbp.sweeps.joint_ledger import JointLedger, forecasts_of
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.network_run import NetworkRun
from rnnbp.sweeps.stage_bytes import bytes_of
from tests.helpers import reals

LENGTHS = np.array([9, 20, 14])
SCHEDULES: dict[str, Any] = {
    "sqrt": "sqrt",
    "two slots": lambda chunks: rb.schedules.Revolve(chunks, 2),
    "every 2": lambda chunks: rb.schedules.EveryK(chunks, 2),
    "budget": "1 MB",
}
MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes longer than such runs."""
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")


def tagger() -> rb.Graph:
    """Two layers of both directions, a head at every step and one of the last step."""
    x = rb.Input(3, "x")
    y = rb.Bidirectional(rb.LSTM(3, 4, rng=0), rb.GRU(3, 4, rng=1))(x)
    y = rb.Bidirectional(rb.RNN(8, 3, rng=2), rb.RNN(8, 3, rng=3))(y)
    last = rb.Dense(6, 2, rng=5)(rb.Last()(y))
    return rb.Graph(x, {"tag": rb.Dense(6, 4, rng=4)(y), "class": last})


X = reals(20, 3, 3, dtype="float32")
TARGET = {"tag": np.arange(60).reshape(20, 3) % 4, "class": np.array([0, 1, 1])}
LOSS = {"tag": CE, "class": (0.5, CE)}


def run(**options: Any) -> rb.Gradients:
    return rb.bptt(tagger(), X, TARGET, LOSS, chunk=4, **options)


def same(one: rb.Gradients, other: rb.Gradients) -> None:
    assert one.loss == other.loss
    assert (one.dx == other.dx).all()
    for name, grad in one.grads.items():
        assert (grad == other.grads[name]).all(), name


@pytest.mark.parametrize("checkpoint", [*list(SCHEDULES)[:3]])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "ragged"])
def test_same_bits_under_every_schedule(checkpoint: str, lengths: Any) -> None:
    same(run(lengths=lengths), run(lengths=lengths, checkpoint=SCHEDULES[checkpoint]))


@pytest.mark.quick
def test_loss_by_output_and_its_weight() -> None:
    found = run(return_y=True)
    y = found.y
    expected = {name: LOSS_OF[name](y[name], TARGET[name])[0] for name in y}
    assert found.losses == pytest.approx(expected, rel=1e-6)
    assert found.loss == pytest.approx(expected["tag"] + 0.5 * expected["class"], rel=1e-6)
    assert y["tag"].shape == (20, 3, 4)
    assert y["class"].shape == (3, 2)


LOSS_OF = {"tag": CE, "class": CE}


def test_predict_and_evaluate_agree_with_bptt() -> None:
    found = run(return_y=True, lengths=LENGTHS, training=False)
    y, state = predict(tagger(), X, chunk=4, lengths=LENGTHS)
    for name, values in y.items():
        np.testing.assert_array_equal(values, found.y[name])
    assert [len(each) for each in state] == [2, 1, 1, 1]
    last, _ = predict(tagger(), X, chunk=4, lengths=LENGTHS, last=True)
    np.testing.assert_array_equal(last["tag"], y["tag"][LENGTHS - 1, [0, 1, 2]])
    assert not y["tag"][9:, 0].any()


def test_a_model_of_one_sweep_takes_lengths_too() -> None:
    model, x = rb.LSTM(3, 4, rng=0), X.copy()
    x[9:, 0], x[14:, 2] = np.nan, np.inf
    y, ((h, _),) = predict(model, x, chunk=4, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS):
        alone, ((h_alone, _),) = predict(model, X[:length, row : row + 1])
        np.testing.assert_allclose(y[:length, row], alone[:, 0], rtol=0, atol=1e-6)
        np.testing.assert_allclose(h[row], h_alone[0], rtol=0, atol=1e-6)


def ran(monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[rb.Gradients, NetworkRun]:
    """A run, and what it was made of."""
    kept: list[NetworkRun] = []
    forward = NetworkRun.forward
    monkeypatch.setattr(NetworkRun, "forward", lambda self: (kept.append(self), forward(self)))
    return run(**options), kept[0]


def forecast(network: PosedNetwork, of: NetworkRun) -> int:
    found = bytes_of(network, of.stages, of.wanted)
    sweeps = enumerate(found.sweeps)
    schedules = [resolve(of.schedules(k), each.rows.chunks) for k, each in sweeps]
    return JointLedger(found, forecasts_of(found, schedules)).peak


@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "ragged"])
def test_the_ledger_is_as_forecast(
    checkpoint: str, lengths: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, of = ran(monkeypatch, checkpoint=checkpoint, lengths=lengths)
    assert abs(found.stats.peak_bytes - forecast(of.network, of)) <= 1024


def test_a_budget_is_kept_with_edges_on_disk_where_they_do_not_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, of = ran(monkeypatch, checkpoint="1 MB")
    assert found.stats.peak_bytes + found.stats.object_bytes <= 10**6
    assert not of.wanted.place.disk
    with pytest.raises(rb.BudgetError, match="bytes are enough"):
        run(checkpoint="50 kB")

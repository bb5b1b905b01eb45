"""Python's own objects of networks over time: those that are there at the ledger's peak."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.ledger import Ledger
from rnnbp.planning.network_objects import NETWORK, PeakWay, SweepObjects, bytes_at
from rnnbp.schedules import Revolve
from tests.over_time_layers import IN
from tests.over_time_models import EVERY

MSE = rb.losses.MeanSquaredError()
FIRST, SECOND = SweepObjects(most=700, stays=400, held=30), SweepObjects(90, 50, 2)
BY_WAY = {
    1: 400 + 30,
    2: 400 + 30 + 50 + 2,
    3: 400 + 30 + 90,  # the second runs backward, the first is in its pause
    4: 700 + 50,
}


@pytest.mark.parametrize("way", BY_WAY)
def test_sweeps_keep_jobs_and_hold_what_lies_around_tapes_in_their_pauses(way: int) -> None:
    assert bytes_at([FIRST, SECOND], way) == NETWORK + BY_WAY[way]


def test_what_is_held_before_the_first_sweep_is_of_its_way() -> None:
    assert bytes_at([FIRST, SECOND], 0) == bytes_at([FIRST, SECOND], 1)


def test_the_peak_is_in_the_way_that_first_reaches_it() -> None:
    ledger = Ledger()
    peak = PeakWay(ledger)
    for held in (1000, 5000, 5000, 3000):
        peak.begin()
        with ledger.reserve("tape", held):
            pass
    assert peak.at == 2


@pytest.mark.parametrize("lengths", [None, np.array([40, 9, 23])], ids=["whole", "ragged"])
@pytest.mark.parametrize(
    "checkpoint", ["all", "sqrt", lambda n: Revolve(n, 2)], ids=["all", "sqrt", "revolve"]
)
@pytest.mark.parametrize("name", ["both", "conditioned", "skips"])
def test_a_forecast_tells_what_the_run_tells(
    name: str, checkpoint: Any, lengths: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")  # compiling takes longer
    model, x = EVERY[name](), np.random.default_rng(0).normal(size=(40, 3, IN))
    y, _ = rb.predict(model, x, lengths=lengths)
    how = {"checkpoint": checkpoint, "chunk": 8, "lengths": lengths}
    run = rb.bptt(model, x, np.zeros_like(y), MSE, **how).stats
    told = rb.forecast(model, MSE, steps=40, batch=3, **how)
    assert (told.peak_bytes, told.object_bytes) == (run.peak_bytes, run.object_bytes)

"""What snapshots call this library's functions and classes stays as it was when their modules move."""

from __future__ import annotations

import pytest

import rnnbp as rb
from rnnbp.train.bytecode import library_name


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (rb.Options, "rnnbp.cells.Options"),
        (rb.LSTM, "rnnbp.cells.LSTM"),
        (rb.Cell, "rnnbp.cell.Cell"),
        (rb.Sequential, "rnnbp.graph.Sequential"),
        (rb.Recurrent, "rnnbp.recurrent.Recurrent"),
        (rb.State, "rnnbp.values.State"),
        (rb.Costs, "rnnbp.bptt.costs.Costs"),
        (rb.Plan, "rnnbp.bptt.planner.Plan"),
        (rb.Backend, "rnnbp.bptt.backend.Backend"),
        (rb.simulate, "rnnbp.simulation.simulate"),
        (rb.forecast, "rnnbp.bptt.forecast.forecast"),
        (rb.bptt, "rnnbp.bptt.engine.bptt"),
        (rb.predict, "rnnbp.train.public.predict"),
        (rb.Dense, "rnnbp.layers.dense.Dense"),
    ],
)
def test_they_are_filed_under_the_names_that_older_snapshots_have(what: type, name: str) -> None:
    assert library_name(what) == name

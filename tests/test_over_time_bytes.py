"""Ledger, forecast and tracemalloc of networks over time: 43 models, edges in memory and in files."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.axes import is_over_time
from tests.over_time_bytes import MSE, Bytes, Problem, problem_of, wide_models
from tests.over_time_choice import quickly
from tests.over_time_models import WITH_RESETS
from tests.over_time_reference import as_graph

MODELS = wide_models(12)
OF_ONE_LENGTH = [name for name, build in MODELS.items() if is_over_time(as_graph(build()))]
"""Those that are networks over time where all rows have one length too."""


def assert_told(found: Bytes) -> None:
    """That the forecast, the ledger and tracemalloc agree, to 1 % or 64 KiB."""
    assert abs(found.forecast - found.ledger) <= max(found.ledger // 100, 2**16), found
    assert found.off == 0, found


@pytest.mark.long
@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
@pytest.mark.parametrize("name", quickly(MODELS))
def test_edges_in_memory(name: str, checkpoint: str) -> None:
    resets = name in WITH_RESETS[::3]
    assert_told(problem_of(MODELS[name](), resets=resets).bytes(checkpoint=checkpoint))


@pytest.mark.long
@pytest.mark.parametrize("name", quickly(MODELS, few=10))
def test_edges_on_disk(name: str) -> None:
    assert_told(problem_of(MODELS[name]()).bytes(disk=True, checkpoint="sqrt"))


@pytest.mark.long
@pytest.mark.parametrize("name", quickly(OF_ONE_LENGTH, few=10))
def test_rows_of_one_length(name: str) -> None:
    assert_told(problem_of(MODELS[name](), ragged=False).bytes(checkpoint="sqrt"))


def test_losses_of_outputs_of_one_sweep_are_there_together() -> None:
    rng, x = np.random.default_rng(3), rb.Input(64, "x")
    outputs = {"a": rb.Tanh()(x), "b": rb.Sigmoid()(x), "largest": rb.MaxOverTime()(rb.Tanh()(x))}
    series = rng.normal(size=(64, 64, 64))
    target = {"a": series, "b": series, "largest": series[0]}
    of = Problem(rb.Graph(x, outputs), series, target, {"a": MSE, "b": 0.5 * MSE, "largest": MSE})
    assert_told(of.bytes(checkpoint="all", lengths=rng.integers(30, 65, 64)))

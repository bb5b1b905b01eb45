"""Ledger, forecast and tracemalloc of networks over time: 43 models, edges in memory and in files."""

from __future__ import annotations

import pytest

from tests.over_time_bytes import Bytes, problem_of, wide_models
from tests.over_time_choice import quickly
from tests.over_time_models import WITH_RESETS

MODELS = wide_models(12)


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
@pytest.mark.parametrize("name", quickly(MODELS))
def test_edges_on_disk(name: str) -> None:
    assert_told(problem_of(MODELS[name]()).bytes(disk=True, checkpoint="sqrt"))


@pytest.mark.long
@pytest.mark.parametrize("name", quickly(MODELS))
def test_rows_of_one_length(name: str) -> None:
    assert_told(problem_of(MODELS[name](), ragged=False).bytes(checkpoint="sqrt"))

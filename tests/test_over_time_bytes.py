"""Ledger, forecast and tracemalloc of networks over time: 43 models, edges in memory and in files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from rnnbp.graph.axes import is_over_time
from tests.over_time_bytes import Bytes, problem_of, wide_models
from tests.over_time_choice import quickly
from tests.over_time_models import WITH_RESETS
from tests.over_time_reference import as_graph

MODELS = wide_models(12)
OF_ONE_LENGTH = [name for name, build in MODELS.items() if is_over_time(as_graph(build()))]
"""Those that are networks over time where all rows have one length too."""
BEYOND_IN_MEMORY = ("largest without recurrents",)
BEYOND_ON_DISK = (
    *("largest without recurrents", "read both ways", "conditioned", "two axes"),
    *(f"random {k}" for k in (3, 4, 10, 11)),
)
"""Runs that hold 16 to 67 kB more than 1 % or 64 KiB above what is told: a copy of the delta of a
chunk, as where an edge in a file has several. Not mended yet."""


def known(beyond: Sequence[str]) -> list[Any]:
    """The models, those marked that hold more than is told.

    Not strictly: for some it depends on the number of threads, whose workspaces differ.
    """
    mark = pytest.mark.xfail(reason="a copy of a delta is not told", strict=False)
    return [
        pytest.param(*each.values, marks=[*each.marks, *[mark] * (each.values[0] in beyond)])
        for each in quickly(MODELS)
    ]


def assert_told(found: Bytes) -> None:
    """That the forecast, the ledger and tracemalloc agree, to 1 % or 64 KiB."""
    assert abs(found.forecast - found.ledger) <= max(found.ledger // 100, 2**16), found
    assert found.off == 0, found


@pytest.mark.long
@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
@pytest.mark.parametrize("name", known(BEYOND_IN_MEMORY))
def test_edges_in_memory(name: str, checkpoint: str) -> None:
    resets = name in WITH_RESETS[::3]
    assert_told(problem_of(MODELS[name](), resets=resets).bytes(checkpoint=checkpoint))


@pytest.mark.long
@pytest.mark.parametrize("name", known(BEYOND_ON_DISK))
def test_edges_on_disk(name: str) -> None:
    assert_told(problem_of(MODELS[name]()).bytes(disk=True, checkpoint="sqrt"))


@pytest.mark.long
@pytest.mark.parametrize("name", quickly(OF_ONE_LENGTH))
def test_rows_of_one_length(name: str) -> None:
    assert_told(problem_of(MODELS[name](), ragged=False).bytes(checkpoint="sqrt"))

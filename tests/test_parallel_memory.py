"""Sums over shards leave their memory to the next sum, and never memory that is in use."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.memory_pool import LEAST
from rnnbp.numerics import address
from tests.simulated_processes import run, shards_of, tree_by_halves

pytestmark = pytest.mark.alike
SHAPE = (3, LEAST // 8)
"""Of arrays that are large enough for the pool, in every dtype here."""


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_sums_that_are_held_stay_as_they_are(processes: int) -> None:
    values = [shards_of(5, "float32", (k, *SHAPE)) for k in (1, 2, 1, 1)]
    values[2] = [2 * array for array in values[0]]
    wanted = [tree_by_halves(each) for each in values]

    def several(p: rb.parallel.Exchange) -> list[np.ndarray]:
        return [rb.parallel.tree_sum((each[k] for k in p.own), p) for each in values]

    for found in run(processes, 5, several):
        assert all(map(np.array_equal, found, wanted))
        assert not np.shares_memory(found[0], found[2])
        assert not np.shares_memory(found[0], found[3])


def test_a_part_of_a_sum_keeps_its_memory() -> None:
    parallel, values = rb.parallel.Alone(shards=2), [np.ones(SHAPE)] * 2
    row = rb.parallel.tree_sums([{"a": value} for value in values], parallel)["a"][1:2, 1:].T
    assert not np.shares_memory(row, rb.parallel.tree_sum(values, parallel))
    assert (row == 2).all()


@pytest.mark.parametrize("shards", [1, 2, 8, 11])
def test_sums_that_are_dropped_leave_their_memory(shards: int) -> None:
    parallel, values = rb.parallel.Alone(shards=shards), [np.ones(SHAPE)] * shards
    first = {address(rb.parallel.tree_sum(values, parallel)) for _ in range(4)}
    later = {address(rb.parallel.tree_sum(values, parallel)) for _ in range(20)}
    assert later <= first


@pytest.mark.parametrize(("shards", "most"), [(1, 1), (2, 1), (4, 2), (16, 4)])
def test_few_arrays_are_allocated_and_nothing_is_kept_while_measured(
    shards: int, most: int
) -> None:
    """A shard whose neighbour is read already is added to it, without a copy."""
    parallel, value = rb.parallel.Alone(shards=shards), np.ones((40, 1000))
    with rb.memory.measure() as used:
        rb.parallel.tree_sum([value] * shards, parallel)
    assert most * value.nbytes <= used.peak_bytes < (most + 0.5) * value.nbytes
    assert used.kept_bytes < value.nbytes / 4


def test_an_exchange_that_was_used_can_be_pickled() -> None:
    parallel = rb.parallel.Alone(shards=2)
    rb.parallel.tree_sum([np.ones(SHAPE)] * 2, parallel)
    assert pickle.loads(pickle.dumps(parallel)).own == range(2)

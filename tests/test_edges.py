"""Series between sweeps: what a sweep of either direction reads of them, and adds to their deltas."""

from __future__ import annotations

import numpy as np
import pytest

from rnnbp.ledger import Ledger
from rnnbp.memory_pool import Reuse
from rnnbp.sweeps.blocks import Place
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.edges import Edge
from rnnbp.sweeps.lengths import Lengths
from tests.helpers import reals

LENGTHS = {"ragged": [3, 7, 1, 5], "whole": [6, 6, 6], "one step": [1, 1], "one row": [5]}
F64 = np.dtype(np.float64)
each_length = pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
each_chunk = pytest.mark.parametrize("chunk", [1, 2, 3, 20])
each_place = pytest.mark.parametrize("disk", [False, True], ids=["memory", "disk"])
each_way = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])


def rows_of(lengths: list[int], chunk: int) -> ChunkRows:
    return ChunkRows(Lengths("time", max(lengths), np.array(lengths)), chunk)


def in_time_of(rows: ChunkRows, x: np.ndarray, *, reverse: bool) -> list[np.ndarray]:
    """By chunk, x (T, rows, n) of sorted rows in the time of a sweep, NaN where a row has ended."""
    turned = np.full_like(x, np.nan)
    for row, length in enumerate(rows.lengths.sorted):
        turned[:length, row] = x[:length, row][::-1] if reverse else x[:length, row]
    starts = [n * rows.chunk for n in range(rows.chunks)]
    return [turned[start : start + rows.chunk, : rows.live(n)] for n, start in enumerate(starts)]


def edge_of(rows: ChunkRows, *, reverse: bool, once: bool = False, disk: bool = False) -> Edge:
    found = Edge(rows, (2,), F64, Ledger(), Reuse(), Place(disk), reverse=reverse, once=once)
    found.open()
    return found


def written(rows: ChunkRows, x: np.ndarray, edge: Edge) -> None:
    for n, block in enumerate(in_time_of(rows, x, reverse=edge.reverse)):
        edge.write(n, np.nan_to_num(block, nan=9.0))


@pytest.mark.quick
@each_length
@each_chunk
@each_way
@each_place
def test_either_direction_reads_its_own_time(
    lengths: list[int], chunk: int, reverse: bool, disk: bool
) -> None:
    rows = rows_of(lengths, chunk)
    x, edge = reals(rows.steps, rows.batch, 2), edge_of(rows, reverse=reverse, disk=disk)
    written(rows, x, edge)
    for way in (False, True):
        for n, expected in enumerate(in_time_of(rows, x, reverse=way)):
            found, alive = edge.read(n, reverse=way), ~np.isnan(expected)
            assert found.shape == expected.shape
            assert np.isfinite(found).all()
            np.testing.assert_array_equal(found[alive], expected[alive])


@each_length
@each_chunk
@each_way
@each_place
def test_deltas_of_both_directions_are_summed(
    lengths: list[int], chunk: int, reverse: bool, disk: bool
) -> None:
    rows = rows_of(lengths, chunk)
    x, edge = reals(rows.steps, rows.batch, 2), edge_of(rows, reverse=reverse, disk=disk)
    written(rows, x, edge)
    edge.turn()
    given = {way: reals(rows.steps, rows.batch, 2, seed=3 + way) for way in (False, True)}
    for way, deltas in given.items():
        for n, dx in enumerate(in_time_of(rows, deltas, reverse=way)):
            edge.add(n, np.nan_to_num(dx), reverse=way)
    expected = in_time_of(rows, given[False] + given[True], reverse=reverse)
    for n, dy in enumerate(expected):
        np.testing.assert_allclose(edge.delta(n), np.nan_to_num(dy), rtol=0, atol=1e-15)


@each_length
@each_chunk
@each_way
@each_place
def test_deltas_take_the_place_of_values_that_are_read_once(
    lengths: list[int], chunk: int, reverse: bool, disk: bool
) -> None:
    rows = rows_of(lengths, chunk)
    x = reals(rows.steps, rows.batch, 2)
    edge = edge_of(rows, reverse=False, once=True, disk=disk)
    written(rows, x, edge)
    before = edge.ledger.total
    edge.turn()
    deltas = reals(rows.steps, rows.batch, 2, seed=3)
    blocks = in_time_of(rows, deltas, reverse=reverse)
    for n in reversed(range(rows.chunks)):  # those before it can still be read
        expected = in_time_of(rows, x, reverse=reverse)[n]
        alive = ~np.isnan(expected)
        np.testing.assert_array_equal(edge.read(n, reverse=reverse)[alive], expected[alive])
        edge.add(n, np.nan_to_num(blocks[n]), reverse=reverse)
    for n, dy in enumerate(in_time_of(rows, deltas, reverse=False)):
        np.testing.assert_array_equal(edge.delta(n), np.nan_to_num(dy))
    assert edge.ledger.total == before


def test_the_ledger_counts_what_is_in_memory() -> None:
    rows = rows_of([6, 6, 6], 4)
    edge = edge_of(rows, reverse=False)
    assert edge.ledger.total == 18 * 2 * 8
    edge.turn()
    assert edge.ledger.total == 2 * 18 * 2 * 8
    edge.read_by_all()
    edge.close()
    assert edge.ledger.total == 0
    assert edge_of(rows, reverse=False, disk=True).ledger.total == 0

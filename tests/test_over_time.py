"""Blocks from a series to a static value: values and deltas of chunks, by true lengths."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from rnnbp.graph.over_time import Last, MaxOverTime, MeanOverTime, WholeSeries
from rnnbp.graph.over_time.base import OverTime, Reduced
from tests.helpers import reals

F64 = np.dtype(np.float64)
LENGTHS = {
    "ragged": (9, 9, 7, 4, 4, 1),
    "all of one length": (6, 6, 6),
    "one step": (1, 1),
    "one row": (5,),
}
BLOCKS = [Last(), MeanOverTime(), MaxOverTime(), WholeSeries()]
directions = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
each_length = pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
each_block = pytest.mark.parametrize("block", BLOCKS, ids=repr)
each_chunk = pytest.mark.parametrize("chunk", [1, 2, 4, 20])


def last(row: np.ndarray, steps: int) -> np.ndarray:
    return row[-1]


def mean(row: np.ndarray, steps: int) -> np.ndarray:
    return row.sum(axis=0) / len(row)


def largest(row: np.ndarray, steps: int) -> np.ndarray:
    return np.take_along_axis(row, row.real.argmax(axis=0)[None], axis=0)[0]


def whole(row: np.ndarray, steps: int) -> np.ndarray:
    return np.concatenate([row, np.zeros((steps - len(row), *row.shape[1:]), row.dtype)])


EXPECTED = dict(zip(BLOCKS, (last, mean, largest, whole), strict=True))
"""Of one row alone, (steps, features), the value of the block."""


def rows_of(lengths: tuple[int, ...], seed: int = 3, features: int = 2) -> list[np.ndarray]:
    return [reals(n, features, seed=seed + k) for k, n in enumerate(lengths)]


def padded(rows: list[np.ndarray], *, reverse: bool) -> np.ndarray:
    """(T, B, n) in the time of a sweep, NaN past the end of a row."""
    found = np.full((len(rows[0]), len(rows), *rows[0].shape[1:]), np.nan, rows[0].dtype)
    for k, row in enumerate(rows):
        found[: len(row), k] = row[::-1] if reverse else row
    return found


def reduced(
    block: OverTime, rows: list[np.ndarray], chunk: int, *, reverse: bool = False
) -> Reduced:
    """The accumulators of a run chunk by chunk, each of the rows alive in it."""
    lengths, y = np.array([len(row) for row in rows]), padded(rows, reverse=reverse)
    found = block.begin(len(rows), len(y), y.shape[2:], y.dtype, reverse=reverse)
    for start in range(0, len(y), chunk):
        live = int((lengths > start).sum())
        found.take(start, y[start : start + chunk, :live], lengths[:live])
    return found


def value(block: OverTime, rows: list[np.ndarray], chunk: int, *, reverse: bool) -> np.ndarray:
    return reduced(block, rows, chunk, reverse=reverse).values()[0]


@pytest.mark.quick
@pytest.mark.one_in(3, "block", "reverse")
@each_block
@each_length
@each_chunk
@directions
def test_values_are_those_of_each_row_alone(
    block: OverTime, lengths: tuple[int, ...], chunk: int, reverse: bool
) -> None:
    rows = rows_of(lengths)
    expected = [EXPECTED[block](row, lengths[0]) for row in rows]
    found = value(block, rows, chunk, reverse=reverse)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.one_in(3, "block", "reverse")
@each_block
@each_length
@each_chunk
@directions
def test_deltas_are_the_complex_step(
    block: OverTime, lengths: tuple[int, ...], chunk: int, reverse: bool
) -> None:
    rows, direction = rows_of(lengths), rows_of(lengths, seed=50)
    found = reduced(block, rows, chunk, reverse=reverse)
    weights = reals(*found.values()[0].shape, seed=9)
    dy, steps = np.zeros((lengths[0], len(rows), 2)), np.array(lengths)
    for start in range(0, lengths[0], chunk):
        live, length = int((steps > start).sum()), min(chunk, lengths[0] - start)
        dy[start : start + length, :live] = found.delta(start, length, live, (weights, None))
    moved = [row + 1e-40j * by for row, by in zip(rows, direction, strict=True)]
    expected = (value(block, moved, chunk, reverse=reverse) * weights).sum().imag / 1e-40
    along = np.nan_to_num(padded(direction, reverse=reverse))
    assert (dy * along).sum() == pytest.approx(expected, rel=1e-13)
    assert not dy[np.isnan(padded(rows, reverse=reverse))].any()


@each_chunk
@directions
def test_a_mask_says_which_steps_of_a_memory_are_there(chunk: int, reverse: bool) -> None:
    _, mask = reduced(WholeSeries(), rows_of((4, 3, 1)), chunk, reverse=reverse).values()
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0]]


@each_chunk
@directions
def test_the_first_of_equal_elements_has_the_gradient_of_a_maximum(
    chunk: int, reverse: bool
) -> None:
    rows = [np.array([[1.0], [7.0], [7.0], [0.0], [7.0]]), np.array([[2.0], [2.0]])]
    found, places = reduced(MaxOverTime(), rows, chunk, reverse=reverse), []
    for start in range(0, 5, chunk):
        live, length = 1 + (start < 2), min(chunk, 5 - start)
        delta = found.delta(start, length, live, (np.ones((2, 1)),))
        places += [(start + t, row) for t, row in np.argwhere(delta[..., 0])]
    assert sorted(places) == ([(1, 1), (3, 0)] if reverse else [(0, 1), (1, 0)])


@each_chunk
@pytest.mark.parametrize(("reverse", "place"), [(False, 1), (True, 2)])
def test_the_first_nan_has_the_gradient_of_a_maximum(chunk: int, reverse: bool, place: int) -> None:
    row = np.array([[9.0], [np.nan], [5.0], [np.nan]])
    found = reduced(MaxOverTime(), [row], chunk, reverse=reverse)
    deltas = [
        found.delta(start, min(chunk, 4 - start), 1, (np.ones((1, 1)),))
        for start in range(0, 4, chunk)
    ]
    assert np.concatenate(deltas).ravel().tolist() == np.eye(4)[place].tolist()


@directions
def test_a_maximum_of_infinities_and_nan_is_that_of_numpy(reverse: bool) -> None:
    rows = [np.array([[-np.inf, 1.0, np.inf], [-np.inf, np.nan, 3.0], [-np.inf, 5.0, np.nan]])]
    found = value(MaxOverTime(), rows, 1, reverse=reverse)
    np.testing.assert_array_equal(found, [[-np.inf, np.nan, np.nan]])


def test_a_mean_of_a_hundred_thousand_steps_of_single_precision_is_exact_to_it() -> None:
    row = np.full((100_000, 1), 0.1, np.float32)
    (found,) = reduced(MeanOverTime(), [row], 50_000).values()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 0.1, rtol=1e-7)


@each_block
def test_deltas_have_the_dtype_of_what_reaches_them(block: OverTime) -> None:
    rows = [row.astype(np.float32) for row in rows_of((4, 2))]
    found = reduced(block, rows, 3)
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}
    assert found.delta(0, 3, 2, (found.values()[0], None)).dtype == np.float32


@each_block
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_are_those_of_the_arrays_that_are_held(block: OverTime, dtype: str) -> None:
    found = block.begin(5, 7, (3, 2), np.dtype(dtype))
    held = sum(array.nbytes for array in found.arrays())
    assert block.nbytes(5, 7, (3, 2), np.dtype(dtype)) == held


@pytest.mark.parametrize("block", [MeanOverTime(), MaxOverTime()], ids=repr)
def test_temporary_bytes_are_declared(block: OverTime) -> None:
    y, lengths = reals(64, 32, 256), np.full(32, 64)
    found = block.begin(32, 64, (256,), F64)
    found.take(0, y, lengths)  # what Python itself keeps is there
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        found.take(0, y, lengths)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    declared = block.spare(64, 32, (256,), F64)
    assert abs(peak - declared) <= 0.01 * declared + 16384

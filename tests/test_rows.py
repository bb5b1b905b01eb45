"""Rows of different lengths: alive, ended, counted; against a count row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnbp.inputs.rows import Rows


def rows_of(lengths: list[int]) -> Rows:
    return Rows(np.array(sorted(lengths, reverse=True), np.int64))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=9),
    start=st.integers(0, 25),
    length=st.integers(1, 7),
)
def test_rows_of_a_chunk(lengths: list[int], start: int, length: int) -> None:
    rows, known = rows_of(lengths), sorted(lengths, reverse=True)
    live = sum(n > start for n in known)
    assert rows.live(start) == live
    assert rows.ends(start, length) == slice(sum(n > start + length for n in known), live)
    mask = rows.alive_at(start, length, "float32")
    assert mask.dtype == np.float32
    expected = [[float(start + t < n) for n in known[:live]] for t in range(length)]
    np.testing.assert_array_equal(mask, np.reshape(expected, (length, live)))
    assert rows.alive_at(start, length).dtype == np.bool_


@settings(max_examples=15, deadline=None, derandomize=True)
@given(lengths=st.lists(st.integers(1, 20), min_size=1, max_size=9), chunk=st.integers(1, 25))
def test_steps_of_all_chunks(lengths: list[int], chunk: int) -> None:
    rows, steps = rows_of(lengths), max(lengths)
    starts = range(0, steps, chunk)
    assert (rows.batch, rows.steps, rows.total) == (len(lengths), steps, sum(lengths))
    assert rows.counts(chunk) == [rows.live(start) for start in starts]
    whole = np.concatenate([np.ravel(rows.alive_at(s, min(chunk, steps - s))) for s in starts])
    assert (whole.sum(), whole.size) == (sum(lengths), rows.run(chunk))


@pytest.mark.quick
def test_rows_end_once() -> None:
    rows = rows_of([5, 9, 2, 9, 4])
    assert [rows.ends(start, 4) for start in (0, 4, 8)] == [slice(3, 5), slice(2, 3), slice(0, 2)]
    assert rows.counts(4) == [5, 3, 2]

"""Iterables that are no data, and what is said of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.iterables import ITEMS, trainer

BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "a pair of arrays": (
        ITEMS[0],
        TypeError,
        r"found tuple; wrap arrays in Sequences\(x, y, ...\)",
    ),
    "a list of arrays": ([*ITEMS[0]], TypeError, "found list; wrap arrays"),
    "an array": (ITEMS[0][0], TypeError, "found ndarray; wrap arrays"),
    "a dict": ({"x": 1}, TypeError, "found dict"),
    "text": ("abc", TypeError, "found str"),
    "no batches": ([], ValueError, "number of batches must be at least 1, found 0"),
    "an empty loader": (iter(()), ValueError, "an iterator that has been used up; give a new one"),
    "four parts": (
        [(*ITEMS[0], 1, 2)],
        TypeError,
        r"must be \(x, target\), \(x, target, mask\) or a Batch",
    ),
    "dicts": ([{"x": 1, "y": 2}], TypeError, "its keys are 'x', 'y': choose two"),
    "a short loader": (
        rb.Batches(iter(ITEMS), batches_per_epoch=9),
        ValueError,
        "the epoch was to have 9",
    ),
    "no iterator": (
        lambda epoch: 3,
        TypeError,
        "the function of the epoch returned 3; return an iterator",
    ),
    "long": (
        rb.Batches([(*ITEMS[0], [6, 1, 1])]),
        ValueError,
        r"lengths\[0\] is 6, which must lie in \[1, 5\]",
    ),
    "a label": (
        rb.Batches([(np.zeros((3, 5, 2)), np.zeros(3, int))], batch_first=True),
        rb.ShapeError,
        "say last=True",
    ),
    "steps": (
        rb.Batches([(np.zeros((3, 5, 2)), np.zeros((3, 4)))], batch_first=True),
        rb.ShapeError,
        r"axes \(3, 5\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_source(case: str) -> None:
    data, error, message = BAD[case]
    with pytest.raises(error, match=message):
        trainer().fit(data, epochs=2)


@pytest.mark.parametrize("given", [np.zeros(3), "abc", {"x": 1}, 5, list])
def test_what_no_batches_are_made_of(given: Any) -> None:
    with pytest.raises(TypeError, match="Batches: expected an iterable"):
        rb.Batches(given)

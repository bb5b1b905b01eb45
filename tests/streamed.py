"""Sequences in pieces, and the folder that their streams go to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests import helpers, models
from tests.helpers import assert_same_bits

MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()
T, B = 23, 3


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the streams go; nothing is left there."""
    place = tmp_path / "streams"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    assert list(place.iterdir()) == []


reals = partial(helpers.reals, dtype=np.float32)


def symbols(steps: int = T) -> np.ndarray:
    """Random symbols."""
    return np.random.default_rng(1).integers(0, 7, (steps, B))


def pieces(array: np.ndarray, *lengths: int) -> Iterator[np.ndarray]:
    """An array in pieces of these lengths, over and over."""
    start = k = 0
    while start < len(array):
        yield array[start : start + lengths[k % len(lengths)]].copy()
        start += lengths[k % len(lengths)]
        k += 1


CASES: dict[str, tuple[Any, Any, Any, Any]] = {
    "floats": (rb.LSTM(4, 5, rng=0), reals(T, B, 4), reals(T, B, 5), MSE),
    "float64 for a float32 model": (
        rb.GRU(4, 5, rng=0),
        reals(T, B, 4).astype(np.float64),
        reals(T, B, 5),
        MSE,
    ),
    "symbols": (models.stack(), symbols(), symbols(), CE),
    "bytes": (models.stack(), symbols().astype(np.uint8), symbols().astype(np.uint8), CE),
}


def assert_same_but_dx(found: rb.Gradients, expected: rb.Gradients) -> None:
    """That a stream's run has the same bits as an array's, and no dx."""
    assert_same_bits(found, replace(expected, dx=None))

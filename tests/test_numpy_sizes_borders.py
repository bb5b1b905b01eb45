"""Sizes that are numbers of NumPy, as arrays and searches over parameters have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

pytestmark = pytest.mark.alike
TWO, FEW = np.int64(2), np.float32(0.25)
BUILD: dict[str, Callable[[Any, Any], Any]] = {
    "LSTM": lambda n, r: rb.LSTM(n, n, projection=n - 1, dropout=r, zoneout=r, rng=0),
    "GRU": lambda n, r: rb.GRU(n, n, recurrent_dropout=r, rng=0),
    "RNN": lambda n, r: rb.RNN(n, n, rng=0),
    "MinGRU": lambda n, r: rb.MinGRU(n, n, rng=0),
    "SLSTM": lambda n, r: rb.SLSTM(n, n, rng=0),
    "LRU": lambda n, r: rb.LRU(n, n, rng=0),
    "IndRNN": lambda n, r: rb.IndRNN(n, n, rng=0),
    "Split": lambda n, r: rb.Sequential(rb.Dense(n, 2 * n, rng=0), rb.Dense(2 * n, n, rng=0)),
    "Dense": lambda n, r: rb.Sequential(rb.Dense([n], n, rng=0), rb.Dropout(r), rb.LeakyReLU(r)),
    "Embedding": lambda n, r: rb.Sequential(rb.Embedding(n, n, rng=0), rb.LayerNorm(n, eps=r)),
}


@pytest.mark.parametrize("name", BUILD)
def test_a_model_of_numpy_sizes_is_that_of_plain_ones_and_is_saved(
    name: str, tmp_path: Path
) -> None:
    found, plain = BUILD[name](TWO, FEW), BUILD[name](2, 0.25)
    path = tmp_path / "model.safetensors"
    rb.save(found, path)
    assert repr(rb.load(path)) == repr(found) == repr(plain)
    assert rb.load(path).params == plain.params


def test_parts_of_numpy_sizes() -> None:
    sizes: Any = (TWO, np.int32(3))
    assert repr(rb.Split(*sizes)) == "Split(2, 3)"
    assert repr(rb.Concat(*sizes)) == "Concat(2, 3)"


def test_a_layer_that_is_built_from_an_array_says_that_it_is_called_on_it() -> None:
    wrong: Any = np.ones((3, 2), "float32")
    with pytest.raises(TypeError, match=r"Split: a layer is built first, and then called on value"):
        rb.Split(2, 3, wrong)

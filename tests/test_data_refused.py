"""What sources of batches refuse, and what they say."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import ShapeError
from rnnbp.train import Examples, Sequences, Windows

X = np.zeros((6, 4, 2))

BAD = {
    "short stream": (
        lambda: Windows(X[:2], X[:2], horizon=1, batch_size=3),
        ValueError,
        "2 steps is too short for 3 lanes",
    ),
    "empty stream": (
        lambda: Windows([], [], horizon=1, batch_size=1),
        ValueError,
        "0 steps is too short",
    ),
    "stream lengths": (
        lambda: Windows(X, X[:5], horizon=1, batch_size=1),
        ShapeError,
        r"target has shape \(5, 4, 2\)",
    ),
    "no axis": (
        lambda: Windows(3.0, None, horizon=1, batch_size=1),
        ShapeError,
        r"x has shape \(\)",
    ),
    "horizon": (
        lambda: Windows(X, X, horizon=0, batch_size=1),
        ValueError,
        "horizon must be at least 1",
    ),
    "lanes": (
        lambda: Windows(X, X, horizon=1, batch_size=1.5),
        TypeError,
        "batch_size must be an integer",
    ),
    "one symbol": (
        lambda: Windows.next_symbol([1], horizon=1, batch_size=1),
        ValueError,
        "no symbol has a next one",
    ),
    "text axes": (
        lambda: Windows.next_symbol([[1, 2]], horizon=1, batch_size=1),
        ShapeError,
        "one axis of integers",
    ),
    "float text": (
        lambda: Windows.next_symbol([1.0, 2.0], horizon=1, batch_size=1),
        ShapeError,
        "found float64",
    ),
    "str text": (
        lambda: Windows.next_symbol("text", horizon=1, batch_size=1),
        ShapeError,
        "np.frombuffer",
    ),
    "no sequences": (
        lambda: Sequences(X[:0], X[:0], batch_size=1),
        ValueError,
        "there are no data",
    ),
    "no examples": (
        lambda: Examples(X[:0], X[:0], batch_size=1),
        ValueError,
        "Examples: there are no data",
    ),
    "target rows": (
        lambda: Sequences(X, X[:5], batch_size=1),
        ShapeError,
        r"target must begin with the axes \(6, 4\)",
    ),
    "target steps": (
        lambda: Sequences(X, X[:, :3], batch_size=1),
        ShapeError,
        "one for each step of each sequence",
    ),
    "target per row": (
        lambda: rb.fit(
            rb.Dense(X.shape[2], 1),
            Sequences(X, X[:, 0, 0], batch_size=1),
            rb.losses.MeanSquaredError(),
            epochs=1,
        ),
        ShapeError,
        "one for each sequence, and the model has an output at each step; say last=True",
    ),
    "last rows": (
        lambda: Sequences(X, X[:5, 0], last=True, batch_size=1),
        ShapeError,
        r"axes \(6,\).*one for each sequence",
    ),
    "last without": (
        lambda: Sequences(X, None, last=True, batch_size=1),
        ValueError,
        "target is None",
    ),
    "mask": (
        lambda: Sequences(X, X, mask=X[:, :3, 0], batch_size=1),
        ShapeError,
        "mask must begin",
    ),
    "no last step": (
        lambda: Sequences(
            X, np.zeros(6), mask=np.arange(6)[:, None] * np.ones(4) != 4, last=True, batch_size=1
        ),
        ValueError,
        "sequence 4 has no last step",
    ),
    "axes": (
        lambda: Sequences(X[0, 0], None, batch_size=1),
        ShapeError,
        r"x must have axes \(N, T, ...\)",
    ),
    "shuffle": (
        lambda: Examples(X, X, batch_size=1, shuffle="no"),
        TypeError,
        "Examples: shuffle must be True or False",
    ),
    "last": (
        lambda: Sequences(X, X, batch_size=1, last="no"),
        TypeError,
        "Sequences: last must be True or False",
    ),
    "order of axes": (
        lambda: Sequences(X, X, batch_size=1, batch_first="T"),
        TypeError,
        "batch_first must be True or False, found 'T'",
    ),
    "size": (
        lambda: Sequences(X, X, batch_size=0),
        ValueError,
        "Sequences: batch_size must be at least 1",
    ),
    "seed": (lambda: Sequences(X, X, batch_size=1, seed=-1), ValueError, "seed must lie in"),
    "index": (
        lambda: Windows(X, X, horizon=2, batch_size=1).batch(0, 3),
        IndexError,
        r"no batch 3 of epoch 0.*\[0, 3\)",
    ),
    "minus": (lambda: Sequences(X, X, batch_size=4).batch(0, -1), IndexError, "no batch -1"),
    "epoch": (
        lambda: Examples(X, X, batch_size=4).batch(-1, 0),
        IndexError,
        "no batch 0 of epoch -1",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()

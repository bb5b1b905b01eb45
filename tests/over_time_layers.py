"""Layers of networks over time that tests run: small, in float64, of fixed numbers."""

from __future__ import annotations

from typing import Any

import rnnbp as rb

IN, N, SYMBOLS = 3, 2, 5
Options = dict[str, Any]


def of(seed: int) -> Options:
    """Options of a layer: its numbers, and float64."""
    return {"dtype": "float64", "rng": seed}


def lstm(seed: int, n_in: int = IN, n: int = N, **options: Any) -> Any:
    return rb.LSTM(n_in, n, **of(seed), **options)


def gru(seed: int, n_in: int = IN, n: int = N, **options: Any) -> Any:
    return rb.GRU(n_in, n, **of(seed), **options)


def rnn(seed: int, n_in: int = IN, n: int = N, **options: Any) -> Any:
    return rb.RNN(n_in, n, **of(seed), **options)


def dense(seed: int, n_in: int | tuple[int, ...] = N, n: int = N) -> Any:
    return rb.Dense(n_in, n, **of(seed))

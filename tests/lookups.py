"""Models that take symbols, of every kind of cell, and whether they look up what is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.bptt.chunk import Chunks
from rnnbp.inputs.pose import pose
from tests.models import minimal_gated_unit

SYMBOLS, UNITS = 20, 24
CELLS: dict[str, Callable[..., rb.Recurrent]] = {"lstm": rb.LSTM, "gru": rb.GRU, "rnn": rb.RNN}


def cell_of(kind: str, n_in: int, dtype: str) -> rb.Recurrent:
    """Of every kind; ``unit`` is not built in."""
    return (
        minimal_gated_unit(n_in, UNITS, dtype)
        if kind == "unit"
        else CELLS[kind](n_in, UNITS, rng=1, dtype=dtype)
    )


def layer_of(kind: str, dtype: str) -> Any:
    """A OneHot, or an Embedding of 13 features."""
    return (
        rb.OneHot(SYMBOLS, dtype)
        if kind == "onehot"
        else rb.Embedding(SYMBOLS, 13, rng=0, dtype=dtype)
    )


def model_of(layer: Any, cell: str, dtype: str = "float64") -> rb.Sequential:
    """The layer, a cell of this kind, a head."""
    return rb.Sequential(
        layer, cell_of(cell, layer.n_out, dtype), rb.Dense(UNITS, SYMBOLS, rng=2, dtype=dtype)
    )


def symbols(steps: int = 50, batch: int = 6, n: int = SYMBOLS - 3) -> tuple[np.ndarray, np.ndarray]:
    """x, of which some symbols never come and others come late, and targets."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, n, (steps, batch))
    x[: steps // 2] //= 2
    return x, rng.integers(0, SYMBOLS, (steps, batch))


def tables(model: Any, x: np.ndarray) -> int:
    """How many Recurrents look their input up."""
    return len(
        Chunks(pose(model, x, chunk=8, state=None, backend="llvm"), seed=0, training=True).tables
    )

"""Sequences of several lengths, and a network for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()
LENGTHS = np.array([5, 1, 9, 3, 9, 2, 7, 4, 1, 6])
N, STEPS = len(LENGTHS), 9
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 3)) for n in LENGTHS]
TARGETS = [RNG.normal(size=(n, 2)) for n in LENGTHS]


def labels() -> np.ndarray:
    """A class of three for each."""
    return np.arange(N) % 3


def net(n_out: int = 2) -> rb.Sequential:
    """A network in float64."""
    return rb.Sequential(
        rb.LSTM(3, 4, dtype="float64", rng=0), rb.Dense(4, n_out, dtype="float64", rng=1)
    )


def padded(items: Sequence[np.ndarray], fill: float) -> np.ndarray:
    """(N, T, ...): the items, and ``fill`` past their ends."""
    shape = len(items), max(map(len, items)), *items[0].shape[1:]
    found = np.full(shape, fill, items[0].dtype)
    for row, item in zip(found, items, strict=True):
        row[: len(item)] = item
    return found


class Table:
    """What a table of pandas offers, as far as it is used."""

    def __init__(self, values: np.ndarray, columns: list[str]) -> None:
        self.values, self.columns, self.iloc = values, columns, None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> object:
        return iter(self.columns)

    def to_numpy(self) -> np.ndarray:
        return self.values

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.values


def table(values: np.ndarray, columns: str = "abc") -> Table:
    """A table of three columns."""
    return Table(values, list(columns))

"""Values of one row of a batch, for the reference of networks over time, and what reduces a series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rnnbp.rng import Context

Array: TypeAlias = npt.NDArray[Any]
ORDER = ("step", "sequence", "run")


def finest(items: Iterable[Item]) -> str:
    """How often what is computed from such values changes."""
    return min((item.per for item in items), key=ORDER.index, default="run")


@dataclass(frozen=True)
class Item:
    """A value of one row.

    Attributes:
        array: a series (steps of the row, ...), a static value (...), or one of the run (...).
        per: "step", "sequence" or "run".
        axis: of a series.
        backward: True if it comes of reverse Recurrents alone: its numbers are drawn from its end.
    """

    array: Array
    per: str
    axis: str = ""
    backward: bool = False

    def at(self, t: int) -> Array:
        """The value at a step, with an axis for a batch of one, but for one of the run."""
        if self.per == "run":
            return self.array
        return self.array[t : t + 1] if self.per == "step" else self.array[None]


class RowContext:
    """What a random layer draws from: a row of what the whole batch would draw."""

    length = None

    def __init__(self, whole: Context, batch: int, row: int | None) -> None:
        self.whole, self.batch, self.row = whole, batch, row
        self.training, self.dtype = whole.training, whole.dtype

    def uniform(self, shape: tuple[int, ...], **options: Any) -> Array:
        return self._cut(self.whole.uniform(self._wide(shape), **options))

    def normal(self, shape: tuple[int, ...], **options: Any) -> Array:
        return self._cut(self.whole.normal(self._wide(shape), **options))

    def _wide(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape if self.row is None else (self.batch, *shape[1:])

    def _cut(self, drawn: Array) -> Array:
        return drawn if self.row is None else drawn[self.row : self.row + 1]


def _last(series: Item) -> list[Item]:
    return [Item(series.array[-1], "sequence")]


def _mean(series: Item) -> list[Item]:
    return [Item(series.array.sum(axis=0) / len(series.array), "sequence")]


def _largest(series: Item) -> list[Item]:
    """Of equal ones the first, by the real part."""
    at = series.array.real.argmax(axis=0)
    return [Item(np.take_along_axis(series.array, at[None], axis=0)[0], "sequence")]


def _whole(series: Item) -> list[Item]:
    mask = np.ones(len(series.array), series.array.dtype)
    return [Item(series.array, "sequence"), Item(mask, "sequence")]


OVER_TIME = {
    "Last": _last,
    "MeanOverTime": _mean,
    "MaxOverTime": _largest,
    "WholeSeries": _whole,
}
"""What becomes of the series of a row alone, by the name of the block."""

"""From a series to a static value: what a network says, and what a run accumulates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np

from rnnbp.graph.timed import Timed
from rnnbp.graph.values import Outputs, Per, Value
from rnnbp.layers.symbolic import refuse_list
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.wording.arguments import Named


class OverTime(Named, Timed):
    """A block that makes static values (B, ...) of a series (T, B, ...), by true lengths."""

    n_outputs = 1
    name: ClassVar[str | None] = None
    params: ClassVar[Mapping[str, Array]] = {}
    """It has no parameters, and so no path of them that a name would begin."""
    keeps_values: ClassVar[bool] = True
    """True if the values of a run are among its ``arrays``, and not new ones."""
    in_pers: ClassVar[tuple[Per, ...]] = ("step",)
    out_pers: ClassVar[tuple[Per, ...]] = ("sequence",)

    def __call__(self, *series: Value) -> Outputs:
        """The static values of a symbolic series."""
        for value in series:
            if not isinstance(value, Value):
                refuse_list(self, series)
                raise TypeError(
                    f"{self} is called on a symbolic value, or stands in a Sequential, found "
                    f"{type(value).__name__}; for arrays use predict"
                )
        self.check_args(series)
        return series[0].apply_layer(self, series)

    def check_args(self, args: Sequence[Value]) -> None:
        if len(args) != 1:
            raise TypeError(f"{self}: takes one series, found {len(args)}; call it on each")
        if args[0].per != "step":
            raise ValueError(
                f"{self}: takes a series, found {args[0]!r}, which has one value for all steps; "
                "leave it out"
            )

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return shapes

    @abstractmethod
    def begin(
        self, batch: int, steps: int, shape: Shape, dtype: Dtype, *, reverse: bool = False
    ) -> Reduced:
        """Returns the accumulators of a run.

        Args:
            batch, steps: B and T, the longest row.
            shape: features of the series.
            dtype: of its elements.
            reverse: True for a series whose chunks come in the time of the reverse direction: step
                τ of a row of ``length`` steps is its step length − 1 − τ.
        """

    @abstractmethod
    def nbytes(self, batch: int, steps: int, shape: Shape, dtype: Dtype) -> int:
        """Returns the bytes that accumulators hold from ``begin`` on."""

    def spare(self, length: int, rows: int, shape: Shape, dtype: Dtype) -> int:
        """Returns the peak temporary bytes of ``take`` on a chunk, at most."""
        return 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Reduced(ABC):
    """The accumulators of one block in one run.

    Rows are those of a sweep, sorted by length, the longest first; a chunk has the first ``rows``
    of them. Chunks come in order, from step 0.

    Args:
        batch: B, all rows.
        reverse: see ``OverTime.begin``.
    """

    def __init__(self, batch: int, *, reverse: bool) -> None:
        self.lengths, self.reverse = np.zeros(batch, np.int64), reverse

    def take(self, start: int, y: Array, lengths: Array) -> None:
        """Adds a chunk on the first pass; what is past the end of a row is not looked at.

        Args:
            start: its first step.
            y: (L, rows, ...).
            lengths: (rows,), of these rows.
        """
        self.lengths[: len(lengths)] = lengths
        for rows, steps in live_parts(start, len(y), lengths):
            self.add(start, y[:steps, rows], rows)

    @abstractmethod
    def add(self, start: int, y: Array, rows: slice) -> None:
        """Adds the steps y (steps, some rows, ...) of rows that all are alive in each of them."""

    @abstractmethod
    def values(self) -> tuple[Array, ...]:
        """Returns the static values, (B, ...) each, once all chunks have been taken."""

    def delta(self, start: int, length: int, rows: int, deltas: Sequence[Array | None]) -> Array:
        """Returns the delta of a chunk of the series, (length, rows, ...), 0 past a row's end.

        Args:
            start: its first step.
            length, rows: its size.
            deltas: of the values, (B, ...); None for one that the loss does not depend on.
        """
        delta = deltas[0]
        if delta is None:
            raise ValueError("no delta has reached the static values of a series; skip its chunks")
        found = np.zeros((length, rows, *self.features(delta)), delta.dtype)
        for part, steps in live_parts(start, length, self.lengths[:rows]):
            self.send(start, delta[part], part, found[:steps, part])
        return found

    def features(self, delta: Array) -> Shape:
        """Features of the series, for the delta of its first value."""
        return delta.shape[1:]

    @abstractmethod
    def send(self, start: int, delta: Array, rows: slice, out: Array) -> None:
        """Writes the delta of some rows into ``out`` (steps, rows, ...), which is 0."""

    def arrays(self) -> tuple[Array, ...]:
        """Returns all arrays that are held, for the ledger."""
        return (self.lengths,)


def live_parts(start: int, length: int, lengths: Array) -> Iterator[tuple[slice, int]]:
    """Rows next to one another that have as many steps in a chunk, and how many these are."""
    steps = np.minimum(lengths - start, length)
    edges = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(steps)]
    for first, end in pairwise(edges):
        yield slice(first, end), int(steps[first])


def of_rows(lengths: Array, like: Array) -> Array:
    """Lengths (rows,) with axes of 1 for the features of ``like`` (rows, ...)."""
    return lengths.reshape(-1, *[1] * (like.ndim - 1))


LENGTH = 8
"""Bytes of the length of a row."""

"""Tables of addresses for ``driving``: where the arrays of each piece of a chunk begin, and its gradients' tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.interpreter import Accumulator
from rnnbp.kernels.cell import Gradient
from rnnbp.kernels.driving import NUMBERS
from rnnbp.kernels.machine import address
from rnnbp.kernels.places import Place
from rnnbp.numerics import Array

TOGETHER = 96
"""Rows of a parameter's gradient in a task: whole blocks of registers."""
STEPS = 5
"""The number of a task that is its steps times batch."""


@dataclass(frozen=True)
class Pieces:
    """The pieces of a chunk, the last steps first.

    Args:
        arrays: by name. along: those among them that have all steps of the chunk.
        batch: B. starts, lengths: steps of each piece.
    """

    arrays: dict[str, Array]
    along: frozenset[str]
    batch: int
    starts: Array
    lengths: Array

    def places(self, names: Iterable[str]) -> Array:
        """(pieces, arrays): where they begin."""
        found = np.array([self._at(name) for name in names], np.int64)
        return found[:, 0] + self.starts[:, None] * found[:, 1]

    def tasks(self, gradients: Sequence[Gradient], functions: tuple[int, int], grads: Accumulator) -> Array:
        """(pieces, tasks, numbers); functions: the addresses of ``gradient`` and of ``sums``."""
        found = [task for g in gradients for task in self._of(g, functions, grads)]
        table = np.array(found, np.int64).reshape(-1, 2, NUMBERS)
        tasks: Array = table[:, 0] + self.starts[:, None, None] * table[:, 1]
        tasks[:, :, STEPS] = self.lengths[:, None] * self.batch
        return tasks

    def _of(self, g: Gradient, functions: tuple[int, int], grads: Accumulator) -> Iterator[tuple[list[int], list[int]]]:
        """The tasks of a parameter: their numbers at the first step, and how these move from step to step."""
        item = next(iter(self.arrays.values())).itemsize
        (deltas, moves), step = self._spot(g.deltas), item * max(1, g.depth)
        totals = [address(grads.at(part.owner, part.key)) + step * part.start for part in g.totals]
        for first in range(0, g.rows, TOGETHER):
            many, (out, *second) = min(TOGETHER, g.rows - first), (total + step * first for total in totals)
            other, its, width = (*self._spot(g.other), g.other.width) if g.other else (sum(second), 0, 0)
            numbers = [deltas + item * first, g.deltas.width, other, width, 0, many, g.depth, out, g.depth]
            yield [functions[g.other is None], *numbers], [0, moves, 0, its, *[0] * (NUMBERS - 4)]

    def _spot(self, place: Place) -> tuple[int, int]:
        """Where a place begins, and the bytes from step to step."""
        at, moves = self._at(place.name)
        item = self.arrays[place.name].itemsize
        return at + item * (place.later * self.batch * place.width + place.row), moves

    def _at(self, name: str) -> tuple[int, int]:
        array = self.arrays.get(name)
        return address(array), array.strides[0] if array is not None and name in self.along else 0

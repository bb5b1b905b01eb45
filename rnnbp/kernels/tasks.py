"""Tables of addresses for threads: where the arrays of each piece of a chunk begin, and its gradients' tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.compiler.code import Rows
from rnnbp.interpreter import Accumulator
from rnnbp.kernels.cell import Gradient
from rnnbp.kernels.places import Place
from rnnbp.native.driving import NUMBERS
from rnnbp.native.machine import address
from rnnbp.numerics import Array

TOGETHER = 96
"""Rows of a parameter's gradient in a task: whole blocks of registers."""
DELTAS, OTHER, STEPS, TOTAL = 1, 3, 5, 8
"""The numbers of a task that depend on the arrays: three addresses, and steps times batch."""


@dataclass(frozen=True)
class Pieces:
    """The pieces of a chunk, the last steps first.

    Args:
        arrays: by name. along: those among them that have all steps of the chunk.
        starts, lengths: steps of each piece.
    """

    arrays: Mapping[str, Array]
    along: frozenset[str]
    starts: Array
    lengths: Array

    def spots(self, names: Iterable[str]) -> Array:
        """(arrays, 2): where they begin, and the bytes from step to step; zeros for what there is not."""
        found = [(self.arrays.get(name), name in self.along) for name in names]
        spots = [(address(a), a.strides[0] if a is not None and along else 0) for a, along in found]
        return np.array(spots, np.int64).reshape(-1, 2)

    def places(self, names: Iterable[str]) -> Array:
        """(pieces, arrays): where they begin in each piece."""
        spots = self.spots(names)
        found: Array = spots[:, 0] + self.starts[:, None] * spots[:, 1]
        return found


class Tasks:
    """What is read off the deltas of a piece, in parts that any thread may do.

    Args:
        functions: the addresses of ``gradient``, ``sums`` and ``scatter``. batch: B. item: bytes of a number.
    """

    def __init__(self, gradients: Sequence[Gradient], functions: tuple[int, int, int], batch: int, item: int) -> None:
        self.names: dict[str, int] = {"": 0}
        self.totals: dict[tuple[int, str], Rows] = {}
        self._batch, self._item, self._functions = batch, item, functions
        for g in gradients:
            self.names |= {p.name: len(self.names) for p in (g.deltas,) if p.name not in self.names}
            self.names |= {p.name: len(self.names) for p in (g.other,) if p is not None and p.name not in self.names}
            self.totals |= {(id(part.owner), part.key): part for part in g.totals}
        self._order = {key: len(self.names) + k for k, key in enumerate(self.totals)}
        rows = [row for g in gradients for first in range(0, g.rows, TOGETHER) for row in self._row(g, first)]
        self._numbers, self._which = np.array(rows, np.int64).reshape(-1, 2, NUMBERS).transpose(1, 0, 2)

    @property
    def count(self) -> int:
        return len(self._numbers)

    def _row(self, g: Gradient, first: int) -> tuple[list[int], list[int]]:
        """The numbers of a task, addresses counted from the beginning of an array; and the numbers of these arrays."""
        item, many = self._item, min(TOGETHER, g.rows - first)
        step = item if g.by_symbol else item * max(1, g.depth)
        out, *second = ((self._order[id(t.owner), t.key], step * (t.start + first)) for t in g.totals)
        deltas = self.names[g.deltas.name], self._offset(g.deltas) + item * first
        other = (self.names[g.other.name], self._offset(g.other)) if g.other else (second or [(0, 0)])[0]
        width = g.other.width if g.other else 0
        function = self._functions[2 if g.by_symbol else g.other is None]
        numbers = [function, deltas[1], g.deltas.width, other[1], width, 0, many, g.depth]
        return [*numbers, out[1], g.depth, 0], [0, deltas[0], 0, other[0], 0, 0, 0, 0, out[0], 0, 0]

    def _offset(self, place: Place) -> int:
        return self._item * (place.later * self._batch * place.width + place.row)

    def table(self, pieces: Pieces, grads: Accumulator) -> Array:
        """(pieces, tasks, numbers)."""
        totals = [(address(grads.at(part.owner, part.key)), 0) for part in self.totals.values()]
        spots = np.concatenate([pieces.spots(self.names), np.array(totals, np.int64).reshape(-1, 2)])
        here, moves = (spots[self._which, k] for k in (0, 1))
        found: Array = (self._numbers + here) + pieces.starts[:, None, None] * moves
        found[:, :, STEPS] = pieces.lengths[:, None] * self._batch
        return found

"""Tables of addresses for threads: where the arrays of each piece of a chunk begin, and its gradients' tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from rnnbp.compiler.code import Rows
from rnnbp.interpreter import Accumulator
from rnnbp.kernels.cell import Gradient
from rnnbp.kernels.places import Place
from rnnbp.native.calls import NUMBERS, together
from rnnbp.numerics import Array, address

TOGETHER = 96
"""Rows of a parameter's gradient in a task: whole blocks of registers."""
DELTAS, OTHER, STEPS, TOTAL = 1, 3, 5, 8
"""The numbers of a task that depend on the arrays: three addresses, and steps times batch."""


class Spots:
    """Where arrays begin: ``fixed`` ones are looked at once, the others given by their addresses."""

    def __init__(self, names: Iterable[str], fixed: Mapping[str, Array]) -> None:
        self.names = list(names)
        self._found = [address(fixed.get(name)) for name in self.names]
        self._open = [(k, name) for k, name in enumerate(self.names) if name not in fixed]

    def of(self, given: Mapping[str, int]) -> list[int]:
        """An address for each name, 0 for what there is not."""
        found = self._found.copy()
        for k, name in self._open:
            found[k] = given.get(name, 0)
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
        parts = [(g, first) for g in gradients for first in range(0, g.rows, TOGETHER)]
        turns = together([self._outputs(g, first) for g, first in parts])
        turns.sort(key=lambda turn: -sum(_work(*parts[k]) for k in turn))  # the least last: all end at about one time
        rows = [row for turn in turns for place, k in enumerate(turn) for row in self._row(*parts[k], place > 0)]
        self._numbers, self._which = np.array(rows, np.int64).reshape(-1, 2, NUMBERS).transpose(1, 0, 2)

    @property
    def count(self) -> int:
        return len(self._numbers)

    def _outputs(self, g: Gradient, first: int) -> list[tuple[int, int, int]]:
        """Of each parameter that a task adds to its number, and the rows."""
        starts = [(self._order[id(t.owner), t.key], t.start + first) for t in g.totals]
        return [(which, start, start + _many(g, first)) for which, start in starts]

    def _row(self, g: Gradient, first: int, follows: bool) -> tuple[list[int], list[int]]:
        """The numbers of a task, addresses counted from the beginning of an array; and the numbers of these arrays."""
        item, many = self._item, _many(g, first)
        step = item if g.by_symbol else item * max(1, g.depth)
        out, *second = ((self._order[id(t.owner), t.key], step * (t.start + first)) for t in g.totals)
        deltas = self.names[g.deltas.name], self._offset(g.deltas) + item * first
        other = (self.names[g.other.name], self._offset(g.other)) if g.other else (second or [(0, 0)])[0]
        width = g.other.width if g.other else 0
        function = self._functions[2 if g.by_symbol else g.other is None]
        numbers = [function, deltas[1], g.deltas.width, other[1], width, 0, many, g.depth]
        return [*numbers, out[1], g.depth, 0, follows], [0, deltas[0], 0, other[0], 0, 0, 0, 0, out[0], 0, 0, 0]

    def _offset(self, place: Place) -> int:
        return self._item * (place.later * self._batch * place.width + place.row)

    def pieces(self, starts: Array, lengths: Array, moves: Sequence[int]) -> Array:
        """(pieces, tasks, numbers) but for addresses, of pieces from ``starts`` on, of ``lengths`` steps.

        Args:
            moves: bytes from step to step of each of the arrays ``names``.
        """
        along = np.array([*moves, *[0] * len(self.totals)], np.int64)
        found: Array = self._numbers + starts[:, None, None] * along[self._which]
        found[:, :, STEPS] = lengths[:, None] * self._batch
        return found

    def table(self, pieces: Array, spots: list[int], grads: Accumulator) -> Array:
        """(pieces, tasks, numbers), with the addresses of the arrays ``names`` and of the sums of gradients."""
        totals = [address(grads.at(part.owner, part.key)) for part in self.totals.values()]
        found: Array = pieces + np.array([*spots, *totals], np.int64)[self._which]
        return found


def _many(g: Gradient, first: int) -> int:
    """Rows of a task."""
    return min(TOGETHER, g.rows - first)


def _work(g: Gradient, first: int) -> int:
    """What a task takes, roughly."""
    return _many(g, first) * max(1, g.depth)


class Pieces:
    """A chunk in pieces, from the last to the first: all of their tables but what is given with a chunk.

    Args:
        spots, others: of the arrays of the kernel, and of its tasks. moves: bytes from step to step of those that are
            given. length: of the chunk; piece: of a piece, in steps.
    """

    def __init__(
        self, spots: Spots, others: Spots, tasks: Tasks, moves: Mapping[str, int], length: int, piece: int
    ) -> None:
        self._spots, self._others, self._tasks = spots, others, tasks
        starts = np.arange(0, length, piece)[::-1].copy()
        self.lengths = np.minimum(piece, length - starts)
        self._steps = starts[:, None] * np.array([moves.get(name, 0) for name in spots.names], np.int64)
        self._table = tasks.pieces(starts, self.lengths, [moves.get(name, 0) for name in others.names])

    def places(self, given: Mapping[str, int]) -> Array:
        """(pieces, arrays): where each piece of the kernel's arrays begins."""
        found: Array = self._steps + np.array(self._spots.of(given), np.int64)
        return found

    def tasks(self, given: Mapping[str, int], grads: Accumulator) -> Array:
        """(pieces, tasks, numbers): what is read off the deltas of each."""
        return self._tasks.table(self._table, self._others.of(given), grads)

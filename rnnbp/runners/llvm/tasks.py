"""Tables of places for threads: of the arrays of each piece of a chunk, and its gradients' tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rnnbp.compiler.code import Rows
from rnnbp.machine.calls import NUMBERS, place, together
from rnnbp.machine.team.threads import Job
from rnnbp.numerics import Array, address
from rnnbp.runners.interpreter.run import Accumulator
from rnnbp.runners.llvm.cell import Gradient
from rnnbp.runners.llvm.places import Place

TOGETHER = 96
"""Rows of a parameter's gradient in a task: whole blocks of registers."""
STEPS = 5
"""The number of a task that is steps times batch."""


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


def places_of(arrays: int) -> Array:
    """(1, arrays): the places of a job's first arrays."""
    return place(1) * np.arange(arrays)[None]


class Tasks:
    """What is read off the deltas of a piece, in parts that any thread may do.

    Args:
        functions: the addresses of ``gradient``, ``sums`` and ``scatter``. batch: B. item: bytes of a number.
    """

    def __init__(self, gradients: Sequence[Gradient], functions: tuple[int, int, int], batch: int, item: int) -> None:
        self.names: dict[str, int] = {}
        self.totals: dict[Any, Rows] = {}
        self._batch, self._item, self._functions = batch, item, functions
        for name in (p.name for g in gradients for p in (g.deltas, g.other) if p is not None):
            self.names.setdefault(name, len(self.names))
        for g in gradients:
            self.totals |= {_sum(part): part for part in g.totals}
        self._order = {key: len(self.names) + k for k, key in enumerate(self.totals)}
        self.nothing = len(self.names) + len(self.totals)
        """The number of the array that is none; after those of the arrays ``names`` and of the sums of gradients."""
        parts = [(g, first) for g in gradients for first in range(0, g.rows, TOGETHER)]
        turns = together([self._outputs(g, first) for g, first in parts])
        turns.sort(key=lambda turn: -sum(_work(*parts[k]) for k in turn))  # the least last: all end at about one time
        rows = [self._row(*parts[k], at > 0) for turn in turns for at, k in enumerate(turn)]
        both = np.array(rows, np.int64).reshape(-1, 2, NUMBERS)
        self._numbers, self._which = np.ascontiguousarray(both.transpose(1, 0, 2))

    @property
    def count(self) -> int:
        return len(self._numbers)

    def nbytes(self, pieces: int) -> int:
        """What they take for this many pieces."""
        return pieces * int(self._numbers.nbytes)

    def _outputs(self, g: Gradient, first: int) -> list[tuple[int, int, int]]:
        """Of each parameter that a task adds to its number, and the rows."""
        starts = [(self._order[_sum(t)], t.start + first) for t in g.totals]
        return [(which, start, start + _many(g, first)) for which, start in starts]

    def _row(self, g: Gradient, first: int, follows: bool) -> tuple[list[int], list[int]]:
        """The numbers of a task, places counted from where their arrays begin; and the arrays, −1 for other numbers."""
        item, many = self._item, _many(g, first)
        step = item if g.by_symbol else item * max(1, g.depth)
        out, *second = ((self._order[_sum(t)], step * (t.start + first)) for t in g.totals)
        deltas = self.names[g.deltas.name], self._offset(g.deltas) + item * first
        other = (self.names[g.other.name], self._offset(g.other)) if g.other else (second or [(self.nothing, 0)])[0]
        width = g.other.width if g.other else 0
        function = self._functions[2 if g.by_symbol else g.other is None]
        numbers = [function, deltas[1], g.deltas.width, other[1], width, 0, many, g.depth]
        numbers += [out[1], g.depth, 0, follows]
        return numbers, [-1, deltas[0], -1, other[0], -1, -1, -1, -1, out[0], -1, -1, -1]

    def _offset(self, place: Place) -> int:
        return self._item * (place.later * self._batch * place.width + place.row)

    def pieces(self, starts: Array, lengths: Array, moves: Sequence[int], arrays: int = 0) -> Array:
        """(pieces, tasks, NUMBERS), of pieces from ``starts`` on, of ``lengths`` steps.

        Args:
            moves: bytes from step to step of each of the arrays ``names``. arrays: how many the job has before these.
        """
        along = np.array([*moves, *[0] * (self.nothing + 2 - len(moves))], np.int64)
        steps = along[self._which]  # the last is of those that are none
        first = self._numbers + np.where(self._which < 0, 0, place(1) * (self._which + arrays))
        found = np.empty((len(starts), *first.shape), np.int64)
        for piece, start in zip(found, starts, strict=True):  # all at once would take NumPy's buffers, thrice as large
            np.multiply(steps, start, out=piece)
            piece += first
        found[:, :, STEPS] = lengths[:, None] * self._batch
        return found

    def sums(self, grads: Accumulator) -> list[int]:
        """Where the sums of gradients begin, and what is none."""
        return grads.begins(
            self, lambda: [*(address(grads.at(part.owner, part.key)) for part in self.totals.values()), 0]
        )


def _sum(part: Rows) -> Any:
    """What tells a gradient from others: parameters that are tied, one array, have one."""
    return id(part.owner[part.key]) if part.key in part.owner else (id(part.owner), part.key)


def _many(g: Gradient, first: int) -> int:
    """Rows of a task."""
    return min(TOGETHER, g.rows - first)


def _work(g: Gradient, first: int) -> int:
    """What a task takes, roughly."""
    return _many(g, first) * max(1, g.depth)


class Pieces:
    """A chunk in pieces, from the last to the first, as a job.

    Args:
        run: the address of the kernel. spots, others: of its arrays, and of those of its tasks. moves: bytes from step
            to step of those that are given. length: of the chunk; piece: of a piece, in steps. batch: B.
    """

    def __init__(
        self, run: int, spots: Spots, others: Spots, tasks: Tasks, moves: Mapping[str, int],
        *, length: int, piece: int, batch: int,
    ) -> None:  # fmt: skip
        self._spots, self._others, self._tasks = spots, others, tasks
        starts = np.arange(0, length, piece)[::-1].copy()
        lengths = np.minimum(piece, length - starts)
        along, more = ([moves.get(name, 0) for name in some.names] for some in (spots, others))
        places = places_of(len(along)) + starts[:, None] * np.array(along, np.int64)
        table = tasks.pieces(starts, lengths, more, len(along))
        self.job = Job(table, run=run, places=places, lengths=lengths, batch=batch, block=piece, flush=True)

    def bases(self, given: Mapping[str, int], grads: Accumulator) -> list[int]:
        """Where the job's arrays begin."""
        return [*self._spots.of(given), *self._others.of(given), *self._tasks.sums(grads)]

"""Tables for threads: places of a piece's arrays, and tasks that read gradients off deltas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import TypeAlias, final

import numpy as np

from rnnbp.compiler.weights import Rows
from rnnbp.machine.elementwise import DELTA_SUM
from rnnbp.machine.records import place
from rnnbp.machine.tasks import ROW, together
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array, address
from rnnbp.runners.llvm.gradients import Gradient
from rnnbp.runners.llvm.operands import Operand
from rnnbp.runners.sums import Accumulator

TOGETHER = 96
"""Rows of a parameter's gradient in a task."""
# 16 blocks of 6 rows, so none is cut. Fewer rows: the same inputs are read from the cache by more
# tasks. More: a gradient of few rows is one task, and other threads have nothing to do.

NO_ARRAY = -1
"""Stands for the array of a number that is not a place."""

GradientKey: TypeAlias = int | tuple[int, str]
"""What tells one parameter's gradient from others."""


@final
class Addresses:
    """Where arrays begin: those of ``fixed`` are looked up once, the others passed at each call."""

    def __init__(self, names: Iterable[str], fixed: Mapping[str, Array]) -> None:
        self.names = list(names)
        self._found = [address(fixed.get(name)) for name in self.names]
        self._open = [(k, name) for k, name in enumerate(self.names) if name not in fixed]

    def of(self, given: Mapping[str, int]) -> list[int]:
        """An address for each name; 0 for an array that there is not."""
        found = self._found.copy()
        for k, name in self._open:
            found[k] = given.get(name, 0)
        return found

    def table(self, rounds: int, given: Mapping[str, Array | int]) -> Array:
        """(rounds, names): the same of addresses by round, or of one for all."""
        found = np.empty((rounds, len(self.names)), np.int64)
        found[:] = self._found
        for k, name in self._open:
            found[:, k] = given.get(name, 0)
        return found


def first_places(arrays: int) -> Array:
    """(1, arrays): the places at which a job's first arrays begin."""
    return place(1) * np.arange(arrays)[None]


@final
class Tasks:
    """What is read off the deltas of a piece, in parts that any thread may do.

    The arrays of these tasks are those that ``names`` lists, then the gradients' sums, then one
    that stands for none, whose address is 0.

    Args:
        functions: the addresses of ``gradient``, ``sums`` and ``scatter``, as tasks. batch: B.
        item: bytes of a number.
    """

    def __init__(
        self,
        gradients: Sequence[Gradient],
        functions: tuple[int, int, int],
        batch: int,
        item: int,
    ) -> None:
        self.names: dict[str, int] = {}
        self.totals: dict[GradientKey, Rows] = {}
        self._batch, self._item, self._functions = batch, item, functions
        read = (p.name for g in gradients for p in (g.deltas, g.other) if p is not None)
        for name in read:
            self.names.setdefault(name, len(self.names))
        for g in gradients:
            self.totals |= {_sum(part): part for part in g.totals}
        self._order = {key: len(self.names) + k for k, key in enumerate(self.totals)}
        self.nothing = len(self.names) + len(self.totals)
        """The index of the array that stands for none."""
        parts = [(g, first) for g in gradients for first in range(0, g.rows, TOGETHER)]
        groups = together([self._outputs(g, first) for g, first in parts])
        # The most work first: a long task that is taken last would keep all other threads waiting.
        groups.sort(key=lambda group: -sum(_work(*parts[k]) for k in group))
        rows = [self._row(*parts[k], at > 0) for group in groups for at, k in enumerate(group)]
        both = np.array(rows, np.int64).reshape(-1, 2, ROW)
        self._numbers, self._arrays = np.ascontiguousarray(both.transpose(1, 0, 2))
        order = [parts[k][0] for group in groups for k in group]
        self._later = tuple([found for task, g in enumerate(order) for found in _later(task, g)])
        self._key = object()

    def of_batch(self, batch: int) -> Tasks:
        """The same tasks for another number of rows."""
        found, more = copy(self), self._item * (batch - self._batch)
        found._batch, found._numbers = batch, self._numbers.copy()
        for task, column, width in self._later:
            found._numbers[task, column] += more * width
        return found

    @property
    def count(self) -> int:
        """Tasks of a piece."""
        return len(self._numbers)

    def nbytes(self, pieces: int) -> int:
        """Bytes of the table for this many pieces."""
        return pieces * int(self._numbers.nbytes)

    def _outputs(self, g: Gradient, first: int) -> list[tuple[int, int, int]]:
        """The rows of each sum that a task adds to, as (sum, start, end)."""
        starts = [(self._order[_sum(t)], t.start + first) for t in g.totals]
        return [(which, start, start + _many(g, first)) for which, start in starts]

    def _row(self, g: Gradient, first: int, follows: bool) -> tuple[list[int], list[int]]:
        """A task whose places are offsets, and the array of each number (NO_ARRAY: not a place)."""
        item = self._item
        step = item if g.by_symbol else item * max(1, g.depth)
        sums = [(self._order[_sum(t)], step * (t.start + first)) for t in g.totals]
        d = self.names[g.deltas.name], self._offset(g.deltas) + item * first
        # ``sums`` takes a second sum where ``gradient`` takes the other factor of its product.
        x = (self.nothing, 0) if len(sums) < 2 else sums[1]
        if g.other is not None:
            x = self.names[g.other.name], self._offset(g.other)
        arrays = {"d": d[0], "x": x[0], "o": sums[0][0]}
        numbers = DELTA_SUM.row(
            self._functions[2 if g.by_symbol else g.other is None],
            follows,
            d=d[1],
            ldd=g.deltas.width,
            x=x[1],
            ldx=g.other.width if g.other else 0,
            N=0,  # steps times batch, which differs from piece to piece
            M=_many(g, first),
            K=g.depth,
            o=sums[0][1],
            ldo=g.depth,
        )
        which = [NO_ARRAY] * ROW
        for name, array in arrays.items():
            which[DELTA_SUM.column[name]] = array
        return numbers, which

    def _offset(self, operand: Operand) -> int:
        """Bytes from the start of an array to a place in its first step."""
        return self._item * (operand.span.later * self._batch * operand.width + operand.row)

    def pieces(self, starts: Array, lengths: Array, moves: Sequence[int], arrays: int = 0) -> Array:
        """(pieces, tasks, ROW), of pieces that begin at the steps ``starts``, of ``lengths`` steps.

        Args:
            moves: bytes from step to step of each of the arrays ``names``. arrays: how many the job
                has before these.
        """
        # One 0 more than there are arrays: NO_ARRAY, -1, counts from the end and finds it.
        along = np.array([*moves, *[0] * (self.nothing + 2 - len(moves))], np.int64)
        steps = along[self._arrays]
        is_number = self._arrays == NO_ARRAY
        first = self._numbers + np.where(is_number, 0, place(1) * (self._arrays + arrays))
        found = np.empty((len(starts), *first.shape), np.int64)
        # Piece by piece: all at once would take temporaries of three times the table.
        for piece, start in zip(found, starts, strict=True):
            np.multiply(steps, start, out=piece)
            piece += first
        found[:, :, DELTA_SUM.column["N"]] = lengths[:, None] * self._batch
        return found

    def sums(self, grads: Accumulator) -> list[int]:
        """The addresses of the gradients' sums, and 0 for the array that stands for none."""
        parts = self.totals.values()
        return grads.begins(
            self._key, lambda: [*(address(grads.at(part.owner, part.key)) for part in parts), 0]
        )


def _sum(part: Rows) -> GradientKey:
    """What tells a gradient from others: tied parameters, which are one array, have one."""
    # A stand-in for the table's deltas is no array yet: it is known by its owner.
    return id(part.owner[part.key]) if part.key in part.owner else (id(part.owner), part.key)


def _later(task: int, g: Gradient) -> Iterator[tuple[int, int, int]]:
    """The operands of a task that begin a step later: (task, column, numbers of a row)."""
    for name, operand in (("d", g.deltas), ("x", g.other)):
        if operand is not None and operand.span.later:
            yield task, DELTA_SUM.column[name], operand.span.later * operand.width


def _many(g: Gradient, first: int) -> int:
    """Rows of a task."""
    return min(TOGETHER, g.rows - first)


def _work(g: Gradient, first: int) -> int:
    """Multiplications of a task for each step, or additions where it has none."""
    return _many(g, first) * max(1, g.depth)


@final
class Pieces:
    """A chunk in pieces, from the last to the first, as a job.

    Args:
        run: the address of the kernel. own, read: of its arrays, and of those that its tasks read.
        moves: bytes from step to step of the arrays that are passed at each call.
        length: of the chunk, in steps. piece: of a piece, in steps. batch: B.
    """

    def __init__(
        self, run: int, own: Addresses, read: Addresses, tasks: Tasks, moves: Mapping[str, int],
        *, length: int, piece: int, batch: int,
    ) -> None:  # fmt: skip
        self._own, self._read, self._tasks = own, read, tasks
        starts = np.arange(0, length, piece)[::-1].copy()
        lengths = np.minimum(piece, length - starts)
        # Arrays that live for one piece do not move: each piece uses them again from their start.
        along, more = ([moves.get(name, 0) for name in some.names] for some in (own, read))
        places = first_places(len(along)) + starts[:, None] * np.array(along, np.int64)
        table = tasks.pieces(starts, lengths, more, len(along))
        self.job = Job(
            table, run=run, places=places, lengths=lengths, batch=batch, block=piece, flush=True
        )

    def bases(self, given: Mapping[str, int], grads: Accumulator) -> list[int]:
        """The addresses of the job's arrays."""
        return [*self._own.of(given), *self._read.of(given), *self._tasks.sums(grads)]

    def table(self, rounds: int, given: Mapping[str, Array | int], grads: Accumulator) -> Array:
        """(rounds, arrays): the same of addresses by round, or of one for all."""
        sums = self._tasks.sums(grads)
        own, read = self._own.table(rounds, given), self._read.table(rounds, given)
        first, end = own.shape[1], own.shape[1] + read.shape[1]
        found = np.empty((rounds, end + len(sums)), np.int64)
        found[:, :first], found[:, first:end], found[:, end:] = own, read, sums
        return found

"""Chunks of a model whose Recurrents may be lanes, each with a workspace of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.bptt.chunk import Chunks
from rnnbp.bptt.lane_rounds import LaneRounds
from rnnbp.bptt.node_runners import cell_sizes
from rnnbp.inputs.held import Held
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, lies
from rnnbp.runners.lane_shares import ROOM
from rnnbp.runners.lanes import (
    MOST_CHUNKS,
    MOST_ROWS,
    between_bytes,
    delta_bytes,
    delta_shape,
    lanes_of,
)
from rnnbp.runners.runner_sizes import RunnerSizes
from rnnbp.runners.turns import TurnRunner

BYTES = 2**15
"""Of the numbers of symbols of chunks that are advanced by one call, at most."""


class LaneChunks(Chunks):
    """Runs chunks of a problem; several Advances of a stack by one call."""

    def begin(self, problem: Problem, *, seed: int, training: bool) -> None:
        super().begin(problem, seed=seed, training=training)
        self.lanes: tuple[int, ...] = ()
        """The Recurrents by number, in order; () where they are no lanes."""
        self._cells: dict[int, RunnerSizes] = {}
        if len(self.parts.recurrent) > 1 and problem.batch <= MOST_ROWS:
            self._divide(problem)

    def _divide(self, problem: Problem) -> None:
        """Find the lanes, and give each but the last a workspace; that has the one of the model."""
        cells = cell_sizes(problem, self.parts)
        self.lanes = lanes_of(self.parts, cells)
        shared = self.workspace
        self._cells = {number: cells[number] for number in self.lanes}
        for number in self.lanes[:-1]:
            if number not in shared.apart:
                between = between_bytes(cells[number], problem.chunk)
                shared.apart[number] = shared.another(between)
            shared.apart[number].threads = shared.threads

    @property
    def lane_cells(self) -> list[RunnerSizes]:
        """The sizes of the lanes, in order; none where there are none."""
        return [*self._cells.values()]

    def rest(self) -> Chunks:
        self._cells.clear()
        return super().rest()

    @property
    def delta_bytes(self) -> int:
        """As of ``lanes``."""
        return delta_bytes(self.lanes, self._cells, self.problem.chunk)

    def between(self, number: int, count: int) -> list[Array]:
        """The buffers in which a lane has its y, or finds the deltas of it: by round, in turn."""
        shape = delta_shape(self._cells[number], self.problem.chunk)
        found = self.workspace.apart[number].lasting(shape, self.problem.dtype, ROOM)
        return [found[k % ROOM] for k in range(count)]

    @property
    def in_one_go(self) -> bool:
        return super().in_one_go or self._lanes_in_one_go

    @property
    def _lanes_in_one_go(self) -> bool:
        x, parts, dtype = self.problem.x, self.parts, self.problem.dtype
        array = x.array if isinstance(x, Held) else None
        if not self.lanes or array is None or parts.fixed or parts.widened:
            return False
        first = parts.body[0]
        plain = lies(array) and array.dtype == dtype
        return tuple(first.args) == (parts.x,) and (plain or first.number in self.tables)

    def advance_all(self, n: int, wanted: tuple[bool, ...], states: States) -> list[States]:
        if not self.lanes:
            return super().advance_all(n, wanted, states)
        found, problem = list[States](), self.problem
        length, count = problem.chunk, len(wanted)
        most = BYTES // (8 * length * problem.batch) if self.tables else count
        most = max(1, min(most, MOST_CHUNKS))
        whole = count - (problem.length(n + count - 1) < length)
        for start in range(0, whole, most):
            some = wanted[start : min(whole, start + most)]
            found += self._advanced(n + start, (*some[:-1], True), states)
            states = found[-1]
        if whole < count:
            found.append(self.advance(n + whole, states))
        return [after if yes else () for after, yes in zip(found, wanted, strict=True)]

    def _advanced(self, n: int, wanted: tuple[bool, ...], states: States) -> list[States]:
        """The states after chunks of full length from n on, where ``wanted``; () elsewhere."""
        count, length = len(wanted), self.problem.chunk
        whole = self.problem.inputs(n, count)
        for table in self.tables.values():
            whole = table.numbers(whole)
        xs = [whole[at : at + length] for at in range(0, count * length, length)]
        programs = self._programs()
        rounds = LaneRounds(self, self.lane_cells)
        plan, turns = rounds.forward(count), list[list[Turn]]()
        found = [tuple([_like(of) for of in states]) if yes else () for yes in wanted]
        for k, (number, program) in enumerate(zip(self.lanes, programs, strict=True)):
            ys = [] if number == self.lanes[-1] else self.between(number, count)
            ends = [after[k] if after else () for after in found]
            turns.append(program.advance(xs, ys, states[k], ends, rounds.threads_of(plan)))
            xs = ys
        rounds.run(plan, turns, count, room=ROOM)
        return found

    def _programs(self) -> Sequence[TurnRunner]:
        found = [self.programs[number].turns for number in self.lanes]
        return [turns for turns in found if turns is not None]


def _like(state: Sequence[Array]) -> tuple[Array, ...]:
    """Arrays for a state."""
    return tuple([np.empty(array.shape, array.dtype) for array in state])

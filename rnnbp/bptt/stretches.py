"""Stretches: chunks one after the other that machine code runs in rounds, without Python between.

So a chunk costs little more than its kernels. Bits are those of chunks that run one by one.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import partial
from typing import final

import numpy as np

from rnnbp.bptt.accumulators import Accumulators
from rnnbp.bptt.chunk import DeltaStates
from rnnbp.bptt.chunk_tapes import ChunkTape
from rnnbp.bptt.lane_chunks import LaneChunks
from rnnbp.bptt.lane_rounds import LaneRounds
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.held import Held
from rnnbp.inputs.series import counted_from
from rnnbp.inputs.states import States
from rnnbp.losses.as_loss import row_bytes_in_rounds
from rnnbp.losses.in_rounds import InRounds, LossRounds
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, address, lies
from rnnbp.runners.lane_shares import ROOM, LanePlan
from rnnbp.runners.stretch_length import in_rounds, most_chunks
from rnnbp.runners.tapes import Tape
from rnnbp.runners.turns import LayerTurns, TurnRunner


@final
class StretchRunner:
    """Runs stretches of a chain: symbols or numbers; Recurrents; Denses behind; a loss.

    Args:
        chunks: of the problem. losses: of that problem.
    """

    def __init__(self, chunks: LaneChunks, losses: ChunkLosses) -> None:
        self.chunks, self.losses, self.problem = chunks, losses, chunks.problem
        parts = chunks.parts
        first = parts.body[0].number if parts.body else -1
        self.table = chunks.tables.get(first)
        """Of the symbols that x is; None for numbers."""
        self.spelled = int(self.table is not None)
        """Layers of the body before its Recurrents."""
        found = {node.number: chunks.programs[node.number].turns for node in parts.recurrent}
        turning = {number: turns for number, turns in found.items() if turns is not None}
        self.programs: list[TurnRunner] = [*turning.values()]
        self.rounds = LaneRounds(chunks, chunks.lane_cells)
        layers = dict[int, LayerTurns]()
        for node in parts.tail:
            layer = chunks.layers.get(node.number)
            if isinstance(layer, LayerTurns):
                layers[node.number] = layer
        self.layers = [*layers.values()]
        self._row_bytes = row_bytes_in_rounds(losses.loss, self.problem.dtype.itemsize)
        self.able = self._able({*turning, *layers})
        """Whether Python need not be between chunks that are recorded."""
        self.reverses = self.able and self._row_bytes is not None
        """Whether it need not be between those that go backward, as far as is known."""

    def _able(self, turning: Container[int]) -> bool:
        """True if all of the model runs in rounds; ``turning``: the nodes that prepare them."""
        problem, objective = self.problem, self.losses.objective
        read = objective.mask is None and objective.see is None and problem.known
        whole = in_rounds(self.chunks.parts, turning, spelled=self.spelled)
        return read and isinstance(problem.x, Held) and whole and self.most > 1

    @property
    def most(self) -> int:
        """The most chunks of a stretch."""
        problem, chunks = self.problem, self.chunks
        return most_chunks(
            work=sum(program.flops(problem.chunk) for program in self.programs),
            rows=problem.chunk * problem.batch,
            row_bytes=self._row_bytes or 0,
            lanes=bool(chunks.lanes),
            room=chunks.delta_bytes if self.spelled else None,
        )

    def record(self, n: int, count: int, states: States) -> list[ChunkTape]:
        """The tapes of ``count`` chunks from n on; the state before them is ``states``."""
        problem, chunks = self.problem, self.chunks
        problem.x.check_there()
        plan, xs = self.rounds.forward(count), self._inputs(n, count)
        threads = self.rounds.threads_of(plan)
        turns, tapes = list[list[Turn]](), list[list[Tape]]()
        body = chunks.parts.body[self.spelled :]
        for node, program, state in zip(body, self.programs, states, strict=True):
            found = program.record(xs, state, chunks.context(n, node), threads)
            turns.append(found.turns)
            tapes.append(found.tapes)
            xs = found.ys
        self.rounds.run(plan, turns, count, room=0)
        keys, saved = chunks.parts.frontier, [()] * self.spelled
        return [
            ChunkTape([of[k] for of in tapes], [*saved], dict.fromkeys(keys, y))
            for k, y in enumerate(xs)
        ]

    def _inputs(self, n: int, count: int) -> list[Array]:
        """What the first Recurrent takes of ``count`` chunks from n on."""
        problem = self.problem
        x = problem.x.array if isinstance(problem.x, Held) else None
        plain = x is not None and lies(x) and x.dtype == problem.dtype
        if not (plain or self.spelled):
            return [problem.inputs(k) for k in range(n, n + count)]  # copies
        whole, length = problem.inputs(n, count), problem.chunk
        if self.table is not None:
            whole = self.table.numbers(whole)
        xs = [whole[at : at + length] for at in range(0, count * length, length)]
        return xs if self.table is None else [x.copy() for x in xs]  # each tape holds its own

    def backward(
        self,
        n: int,
        tapes: Sequence[ChunkTape],
        dstates: DeltaStates,
        grads: Accumulators,
        dx: Array | None,
    ) -> list[float] | None:
        """The parts of the loss of chunks from n down, whose ``tapes`` these are; None where Python
        has to run them one by one.

        Args:
            dstates: goes from the state after them to that before them.
            dx: (T, B, ...), for the delta of x; None where it is not wanted.
        """
        self.problem.x.check_there()  # tapes have views of it
        (key,) = self.chunks.parts.frontier
        y, turns, given = tapes[0].frontier[key], list[Turn](), list[tuple[Array, Array]]()
        at = np.array([address(tape.frontier[key]) for tape in tapes], np.int64)
        for layer in self.layers:
            y, turn = layer.forward_turn(at, y.shape)
            given.append((at, y))
            turns.append(turn)
            at = np.full(len(tapes), address(y), np.int64)
        loss = self._loss(y, at, n)
        self.reverses = loss is not None
        if loss is None:
            return None
        turns, dy = [*turns, loss.turn], loss.dy
        for layer, saved in zip(reversed(self.layers), reversed(given), strict=True):
            dy, turn = layer.backward_turn(*saved, dy, grads)
            turns.append(turn)
        plan = self.rounds.back(len(tapes))
        first, *others = self._recurrents(plan, n, tapes, dy, dstates, grads, dx)
        self.rounds.run(plan, [[*turns, *first], *others], len(tapes), room=ROOM)
        total = self.losses.objective.total
        return [value / total for value in loss.values()]

    def _loss(self, y: Array, at: Array, n: int) -> LossRounds | None:
        """The loss of the chunks from n down, whose outputs are like y, at the addresses ``at``."""
        losses, problem = self.losses, self.problem
        objective, first = losses.objective, n + 1 - len(at)
        span = slice(problem.span(first).start, problem.span(n).stop)
        if objective.target is None or not isinstance(losses.loss, InRounds):
            return None
        target = objective.target.read(span)
        new, factor = partial(losses.memory.new, brief=True), 1 / objective.total
        with counted_from(span.start):
            return losses.loss.in_rounds(y, at, target, new, factor)

    def _recurrents(
        self,
        plan: LanePlan | None,
        n: int,
        tapes: Sequence[ChunkTape],
        dy: Array,
        dstates: DeltaStates,
        grads: Accumulators,
        dx: Array | None,
    ) -> list[list[Turn]]:
        """The way back of the Recurrents, the last one first."""
        turns, body = list[list[Turn]](), self.chunks.parts.body[self.spelled :]
        threads, dys = self.rounds.threads_of(plan), [dy] * len(tapes)
        for k in reversed(range(len(body))):
            number, places = body[k].number, self._places(n, len(tapes), k, dx)
            own = tuple([np.array(d, order="C") for d in dstates[number]])
            of_node = [tape.tapes[k] for tape in tapes]
            turns.append(self.programs[k].backward(of_node, dys, own, places, grads, threads))
            dstates[number] = own
            dys = [place for place in places if place is not None]
        return turns

    def _places(self, n: int, count: int, k: int, dx: Array | None) -> Sequence[Array | None]:
        """Where the delta of the input of Recurrent k goes, by chunks from n down."""
        body = self.chunks.parts.body[self.spelled :]
        if k == 0 and self.table is not None:
            return [None] * count
        if k == 0 and dx is not None:
            return [dx[self.problem.span(n - at)] for at in range(count)]
        if k and self.chunks.lanes:
            return self.chunks.between(body[k - 1].number, count)
        features = self.chunks.shapes[body[k].args[0]]
        assert features is not None  # of a series
        problem = self.problem
        shape = problem.chunk, problem.batch, *features
        return [self.chunks.workspace.new(shape, problem.dtype, brief=True)] * count

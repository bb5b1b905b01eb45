"""Stretches: chunks one after the other that machine code runs in rounds, without Python between.

So a chunk costs little more than its kernels. Bits are those of chunks that run one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import final

import numpy as np

from rnnbp.actions import Action, Backward, Record
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.bptt.chunk import DeltaStates
from rnnbp.bptt.chunk_tapes import ChunkTape
from rnnbp.bptt.lane_chunks import LaneChunks
from rnnbp.bptt.lane_rounds import LaneRounds
from rnnbp.bptt.stretch import Step, Stretch
from rnnbp.graph.graph import Node
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.held import Held
from rnnbp.inputs.series import counted_from
from rnnbp.inputs.states import States
from rnnbp.losses.in_rounds import InRounds, LossRounds
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, address, lies
from rnnbp.runners.lane_shares import ROOM, LanePlan
from rnnbp.runners.tapes import Tape
from rnnbp.runners.turns import LayerTurns, TurnRunner

MOST = 32
"""Chunks of a stretch at most, whose addresses take some 30 kB."""
BYTES = 2**15
"""Of what a stretch holds of rows in addition to its chunks: see ``row_bytes`` of losses."""
WORK = 10**10
"""Operations of the Recurrents of a stretch, forward, at most: a tenth of a second or two, in which
Python sees no interrupt. Chunks of more are not worth a stretch."""
OF_LANES = 3
"""Times as many where Recurrents are lanes, which wait for one another at both ends of a stretch:
at 9 rounds two lanes do nothing for a tenth of the time."""
SYMBOLS = 16
"""Of these, the bytes of a row whose x is symbols: they, and their numbers."""


def stretches(actions: Iterable[Action], most: int) -> Iterator[Step]:
    """The actions, with stretches of at most ``most`` chunks in place of those that they stand for.

    The first Backward of a row of them stays: it brings the deltas that the others find.
    """
    row, alone = list[Action](), False
    for action in actions:
        follows = bool(row) and _follows(row[-1], action)
        if not follows or len(row) == most + alone:
            yield from _joined(row, alone=alone)
            row, alone = [], isinstance(action, Backward) and not follows
        row.append(action)
    yield from _joined(row, alone=alone)


def _follows(last: Action, action: Action) -> bool:
    """True if two actions can be of one stretch."""
    match last, action:
        case Record(n), Record(after):
            return after == n + 1
        case Backward(n), Backward(after):
            return after == n - 1
    return False


def _joined(row: Sequence[Action], *, alone: bool) -> Iterator[Step]:
    """A row as one, the first of it apart where that is to be ``alone``."""
    yield from row[:alone]
    rest = row[alone:]
    if len(rest) > 1 and isinstance(rest[0], Record | Backward):
        yield Stretch(type(rest[0]), rest[0].n, len(rest))
    else:
        yield from rest


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
        found = [chunks.programs[node.number].turns for node in parts.recurrent]
        self.programs: list[TurnRunner] = [turns for turns in found if turns is not None]
        self.rounds = LaneRounds(chunks, self.programs, able=bool(chunks.lanes))
        self.layers = list[LayerTurns]()
        for node in parts.tail:
            layer = chunks.layers.get(node.number)
            if isinstance(layer, LayerTurns):
                self.layers.append(layer)
        self.able = self._able()
        """Whether Python need not be between chunks that are recorded."""
        self.reverses = self.able and isinstance(losses.loss, InRounds)
        """Whether it need not be between those that go backward, as far as is known."""

    def _able(self) -> bool:
        parts, problem, objective = self.chunks.parts, self.problem, self.losses.objective
        if not isinstance(problem.x, Held):
            return False
        whole = len(self.programs) + self.spelled == len(parts.body)
        if not (whole and self.programs) or len(self.layers) < len(parts.tail):
            return False
        nodes = [*parts.body, *parts.tail]
        chained = _chained(nodes, parts.x) and nodes[-1].outs == self.chunks.model.outputs
        read = objective.mask is None and objective.see is None and problem.known
        return chained and read and not (parts.fixed or parts.widened) and self.most > 1

    @property
    def most(self) -> int:
        """The most chunks of a stretch, by what it holds in addition to them."""
        problem, loss = self.problem, self.losses.loss
        row = SYMBOLS * self.spelled
        row += loss.row_bytes(problem.dtype.itemsize) if isinstance(loss, InRounds) else 0
        work = sum(program.flops(problem.chunk) for program in self.programs)
        rows = row * problem.chunk * problem.batch
        most = WORK * OF_LANES if self.chunks.lanes else WORK
        room = BYTES + (self.chunks.delta_bytes if self.table is not None else 0)
        return min(MOST, room // max(1, rows), most // max(1, work))

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


def _chained(nodes: Sequence[Node], x: int) -> bool:
    """True if each node takes the output of the one before alone, the first one x."""
    for node in nodes:
        if tuple(node.args) != (x,) or len(node.outs) != 1:
            return False
        x = node.outs[0]
    return True

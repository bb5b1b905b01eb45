"""Rounds of chunks: job after job, each by all threads; or the layers of a stack as lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from rnnbp.bptt.chunk import Chunks
from rnnbp.machine.team import lanes, rounds
from rnnbp.machine.team.lanes import Lane
from rnnbp.machine.team.rounds import Turn
from rnnbp.runners.lane_shares import ROOM, LanePlan, Work, planned
from rnnbp.runners.turns import TurnRunner

BACK, TAIL = 2, 3
"""Operations of a layer's way back for each of its forward; of the tail, which runs forward then
too."""


@final
class LaneRounds:
    """Decides whether Recurrents run as lanes, and runs their rounds either way.

    Args:
        chunks: of the problem. programs: of its Recurrents, in order. able: whether they are lanes.
    """

    def __init__(self, chunks: Chunks, programs: Sequence[TurnRunner], *, able: bool) -> None:
        self.problem, self.parts, self.programs = chunks.problem, chunks.parts, programs
        self.threads = chunks.workspace.threads
        self.able = able and self.threads > 1

    def forward(self, count: int) -> LanePlan | None:
        """How lanes run ``count`` chunks; None where Recurrents run one after the other."""
        length = self.problem.chunk
        return self._plan([program.flops(length) for program in self.programs], count)

    def back(self, count: int) -> LanePlan | None:
        """The same of the way back, in which the tail is of the first lane."""
        problem = self.problem
        costs = [BACK * program.flops(problem.chunk) for program in reversed(self.programs)]
        weights = sum(p.size for node in self.parts.tail for p in node.block.params.values())
        tail = TAIL * 2 * weights * problem.chunk * problem.batch
        return self._plan([costs[0] + tail, *costs[1:]], count)

    def _plan(self, costs: Sequence[int], count: int) -> LanePlan | None:
        if not self.able or count < 2:
            return None
        workers = self.programs[0].workers
        threads = workers(sum(costs) * count)
        if threads == 1:
            return None
        alone = tuple(map(workers, costs))
        found = planned(Work(tuple(costs), count, self.problem.batch, alone, threads))
        return found if found.pays else None

    def threads_of(self, plan: LanePlan | None) -> int:
        """The most threads that share a job."""
        return self.threads if plan is None else plan.most

    def run(
        self, plan: LanePlan | None, turns: Sequence[Sequence[Turn]], count: int, *, room: int
    ) -> None:
        """Run the jobs of each Recurrent ``count`` times.

        Args:
            turns: by Recurrent, in the order in which they run.
            room: in how many buffers each writes for the next; 0 if each round has its own.
        """
        if plan is None:
            rounds.run([turn for part in turns for turn in part], count)
            return
        last = len(turns) - 1
        assert room in (0, ROOM)
        lanes.run(
            [Lane(part, room * (k < last)) for k, part in enumerate(turns)], count, plan.shares
        )

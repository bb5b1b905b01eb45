"""Rounds of a stretch: job after job, each by all threads; or the layers of a stack as lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from rnnbp.bptt.lane_chunks import LaneChunks
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
        chunks: of the problem. programs: of its Recurrents, in order.
    """

    def __init__(self, chunks: LaneChunks, programs: Sequence[TurnRunner]) -> None:
        self.chunks, self.programs = chunks, programs
        self.threads = chunks.workspace.threads

    def forward(self, count: int) -> LanePlan | None:
        """How lanes record ``count`` chunks; None where they run one after the other."""
        length = self.chunks.problem.chunk
        return self._plan([program.flops(length) for program in self.programs], count)

    def back(self, count: int) -> LanePlan | None:
        """The same of the way back, in which the tail is of the first lane."""
        problem, parts = self.chunks.problem, self.chunks.parts
        costs = [BACK * program.flops(problem.chunk) for program in reversed(self.programs)]
        weights = sum(p.size for node in parts.tail for p in node.block.params.values())
        tail = TAIL * 2 * weights * problem.chunk * problem.batch
        return self._plan([costs[0] + tail, *costs[1:]], count)

    def _plan(self, costs: Sequence[int], count: int) -> LanePlan | None:
        if not self.chunks.lanes or count < 2 or self.threads == 1:
            return None
        workers = self.programs[0].workers
        threads = workers(sum(costs) * count)
        if threads == 1:
            return None
        alone = tuple(map(workers, costs))
        found = planned(Work(tuple(costs), count, self.chunks.problem.batch, alone, threads))
        return found if found.pays else None

    def run(
        self, plan: LanePlan | None, turns: Sequence[Sequence[Turn]], count: int, *, back: bool
    ) -> None:
        """Run the jobs of each Recurrent ``count`` times.

        Args:
            turns: by Recurrent, in the order in which they run.
            back: whether all rounds of a lane write into the same buffers between lanes.
        """
        if plan is None:
            rounds.run([turn for part in turns for turn in part], count)
            return
        room, last = ROOM * back, len(turns) - 1
        lanes.run(
            [Lane(part, room * (k < last)) for k, part in enumerate(turns)], count, plan.shares
        )

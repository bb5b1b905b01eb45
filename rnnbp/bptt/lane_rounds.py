"""Rounds of chunks: job after job, each by all threads; or the layers of a stack as lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from rnnbp.bptt.chunk import Chunks
from rnnbp.machine.team import lanes, rounds
from rnnbp.machine.team.lanes import Lane
from rnnbp.machine.team.rounds import Turn
from rnnbp.runners.lane_shares import ROOM, LanePlan
from rnnbp.runners.lanes import back_plan, forward_plan, tail_weights
from rnnbp.runners.runner_sizes import RunnerSizes


@final
class LaneRounds:
    """Decides whether Recurrents run as lanes, and runs their rounds either way.

    Args:
        chunks: of the problem. cells: of its lanes, in order; none where there are no lanes.
    """

    def __init__(self, chunks: Chunks, cells: Sequence[RunnerSizes]) -> None:
        self.threads, self.length = chunks.workspace.threads, chunks.problem.chunk
        self.cells, self.tail = cells, tail_weights(chunks.parts) if cells else 0

    def forward(self, count: int) -> LanePlan | None:
        """How lanes run ``count`` chunks; None where Recurrents run one after the other."""
        given = self.length, count, self.threads
        return forward_plan(self.cells, *given) if self.cells else None

    def back(self, count: int) -> LanePlan | None:
        """The same of the way back."""
        given = self.tail, self.length, count, self.threads
        return back_plan(self.cells, *given) if self.cells else None

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

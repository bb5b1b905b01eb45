"""One run of a schedule over a sweep whose rows have different lengths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

from rnnbp.actions import Action, Backward, Load
from rnnbp.bptt.outlets import InputDeltas, Outlets
from rnnbp.bptt.progress import Progress
from rnnbp.bptt.ragged_chunks import RaggedChunks, cut
from rnnbp.bptt.resolve import Resolved
from rnnbp.bptt.sweep_run import SweepRun
from rnnbp.inputs.states import FinalDeltas, States
from rnnbp.ledger import Ledger
from rnnbp.memory_pool import Reuse
from rnnbp.planning.row_states import RowStates
from rnnbp.planning.sweep_sizes import SweepSizes
from rnnbp.schedules.stretches import Step
from rnnbp.storage import PathLike


@final
class RaggedRun(SweepRun):
    """As ``SweepRun``; each action has the rows that are alive in its chunk.

    The arrays of a chunk are (L, rows, ...), those of slots and tapes too; initial and final states,
    and their deltas, are of all rows.
    """

    def __init__(
        self,
        resolved: Resolved,
        chunks: RaggedChunks,
        outlets: Outlets,
        *,
        ledger: Ledger,
        dxs: Mapping[int, InputDeltas] | None = None,
        memory: Reuse | None = None,
        folder: PathLike | None = None,
        bar: Progress | None = None,
    ) -> None:
        own = resolved, chunks, outlets
        super().__init__(*own, ledger=ledger, dxs=dxs, memory=memory, folder=folder, bar=bar)
        rows = self.problem.rows
        assert rows is not None
        assert isinstance(self.sizes, SweepSizes)
        self._ragged, self._all = chunks, self.sizes
        self._states = RowStates(self.sizes, rows, self.problem.chunk)
        self._turned = False
        """Whether a chunk has gone backward, or is about to."""

    def _backward(self, actions: Iterable[Step], dstate: FinalDeltas) -> None:
        self._turned = True
        super()._backward(actions, dstate)

    def _ran(self, n: int, state: States) -> States:
        super()._ran(n, state)
        self.final = self._ragged.ended(state)
        return self._ragged.leave(n, state)

    def _do(self, action: Action, state: States) -> States:
        n, states = action.n, self._states
        self.sizes = self._forecast = here = states.at(n)
        tables = self.tables
        if here.few:
            self.tables = {self.problem.length(n): 0}
        wider = 0
        if isinstance(action, Backward):
            wider = states.widening(n, first=self.live.no_deltas)
        with self.ledger.reserve("state", wider):
            state = super()._do(action, state)
        states.did(action)
        self.sizes, self._forecast, self.tables = self._all, self._all, tables
        # A tape has the states of all rows of its chunk, of which some have ended.
        return cut(state, states.live(n)) if isinstance(action, Load) else state

    def _count_live_states(self) -> None:
        # Deltas of final states that are given stay, which the first Backward counts no more.
        turned = self._turned and not self._given
        nbytes = self._states.nbytes(self.live, self.held.slots.tiers, turned=turned)
        self.ledger.count("state", nbytes - self._live)
        self._live = nbytes

"""The ledger of a sweep whose rows have different lengths, by arithmetic."""

from __future__ import annotations

from typing import final

from rnnbp.actions import Action, Backward
from rnnbp.inputs.rows import Rows
from rnnbp.planning.row_states import RowStates
from rnnbp.planning.sweep_ledger import SweepLedger
from rnnbp.planning.sweep_sizes import SweepSizes


@final
class RaggedLedger(SweepLedger):
    """The bytes that a sweep holds; each action has those of its chunk's rows.

    Args:
        sizes: of the whole batch.
        rows: their lengths.
        length: steps in a chunk.
        known: by chunk, sizes that several ledgers share.
    """

    def __init__(
        self,
        sizes: SweepSizes,
        rows: Rows,
        length: int,
        known: dict[int, SweepSizes] | None = None,
    ) -> None:
        self.states, self._all = RowStates(sizes, rows, length, known), sizes
        super().__init__(sizes, rows.steps, length)

    def _slot(self, n: int) -> int:
        return self.states.at(n).slot

    def _count_live_states(self) -> None:
        nbytes = self.states.nbytes(self.live, self.ram, turned=self.turned)
        self._hold("state", nbytes - self._all.lent - self.held["state"])

    def _do(self, action: Action, length: int) -> None:
        self.sizes = self.sweep = here = self.states.at(action.n)
        tabled, self.tabled = self.tabled, {length} if here.few else self.tabled
        wider = 0
        if isinstance(action, Backward):
            wider = self.states.widening(action.n, first=self.live.no_deltas)
        self._hold("state", wider)
        super()._do(action, length)
        self._hold("state", -wider)
        self.states.did(action)
        self.sizes = self.sweep = self._all
        self.tabled = tabled

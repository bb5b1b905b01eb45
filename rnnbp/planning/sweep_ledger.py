"""The ledger of a sweep by arithmetic: before its pause, in it, and after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from rnnbp.actions import Action, Advance, Keep, Record
from rnnbp.planning.predicted_ledger import PredictedLedger
from rnnbp.planning.sweep_sizes import SweepSizes


@final
@dataclass(frozen=True)
class SweepForecast:
    """The bytes that a sweep adds to its ledger.

    Attributes:
        forward: the most before its pause.
        paused: those that it holds meanwhile.
        backward: the most after it.
        left: those that stay at its end: gradients.
    """

    forward: int
    paused: int
    backward: int
    left: int


class SweepLedger(PredictedLedger):
    """The bytes that a sweep holds; arguments as of ``PredictedLedger``."""

    def __init__(self, sizes: SweepSizes, steps: int, length: int) -> None:
        self.sweep, self._unseen = sizes, 0
        self.before = self.paused = 0
        """The peak before the pause, and what is held in it."""
        self._wanted = any(each.wanted for each in sizes.outlets)
        super().__init__(sizes, steps, length, None)

    def forecast(self, schedule: Iterable[Action]) -> SweepForecast:
        """Go through all actions."""
        self.run(schedule)
        left = self.sizes.gradients(0, parted=False)
        return SweepForecast(self.before, self.paused, self.peak, left)

    def _count_live_states(self) -> None:
        self._hold("state", self.sweep.lent)
        super()._count_live_states()
        self._hold("state", -self.sweep.lent)

    def _turn(self) -> None:
        self.before, self.paused, self.peak = self.peak, self.total, 0
        super()._turn()

    def _do(self, action: Action, length: int) -> None:
        """Run one action; outputs are taken where it runs a chunk for the first time."""
        super()._do(action, length)
        if (
            self._wanted
            and action.n == self._unseen
            and isinstance(action, Advance | Keep | Record)
        ):
            self._unseen += 1
            recorded = isinstance(action, Record)
            needs = self.sweep.record_taken if recorded else self.sweep.advance_taken
            self._note(needs(length))

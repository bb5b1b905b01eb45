"""The ledger of a network by arithmetic, from those of its sweeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

from rnnbp.actions import Action
from rnnbp.planning.ragged_ledger import RaggedLedger
from rnnbp.planning.sweep_ledger import SweepForecast, SweepLedger
from rnnbp.sweeps.stage_bytes import NetworkBytes
from rnnbp.sweeps.sweep_bytes import SweepBytes


def ledger_of(sweep: SweepBytes) -> SweepLedger:
    """The ledger of a sweep; where rows end before others, of the rows of each chunk."""
    sizes, chunks = sweep.sizes, sweep.rows
    if chunks.rows is None:
        return SweepLedger(sizes, chunks.steps, chunks.chunk)
    return RaggedLedger(sizes, chunks.rows, chunks.chunk)


@final
class JointLedger:
    """The bytes that a run of a network holds, and their peak.

    Args:
        found: what its stages take.
        schedules: the actions of each sweep, in order.
    """

    def __init__(self, found: NetworkBytes, schedules: Sequence[Iterable[Action]]) -> None:
        self.total = self.peak = found.base
        given, ran = iter(schedules), list[SweepForecast | None]()
        for stage in found.stages:
            self._hold(stage.opened)
            forecast = None
            if stage.sweep is not None:
                forecast = ledger_of(stage.sweep).forecast(next(given))
                self._note(forecast.forward)
                self._hold(forecast.paused)
            self._hold(stage.handed)
            ran.append(forecast)
        self._hold(found.back)
        for stage, forecast in zip(reversed(found.stages), reversed(ran), strict=True):
            self._hold(stage.turned)
            if forecast is not None:
                self._hold(-forecast.paused)
                self._note(forecast.backward)
                self._hold(forecast.left)
            self._hold(-stage.released - stage.closed)

    def _hold(self, nbytes: int) -> None:
        self.total += nbytes
        self._note(0)

    def _note(self, more: int) -> None:
        self.peak = max(self.peak, self.total + more)

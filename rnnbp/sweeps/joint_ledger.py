"""The ledger of a network by arithmetic, from those of its sweeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
    return RaggedLedger(sizes, chunks.rows, chunks.chunk, sweep.by_chunk)


def forecasts_of(found: NetworkBytes, schedules: Sequence[Iterable[Action]]) -> list[SweepForecast]:
    """The bytes of each sweep of a network under its schedule, in order."""
    pairs = zip(found.sweeps, schedules, strict=True)
    return [ledger_of(sweep).forecast(schedule) for sweep, schedule in pairs]


@final
class JointLedger:
    """The bytes that a run of a network holds, and their peak.

    Args:
        found: what its stages take.
        sweeps: what each sweep takes under its schedule, in order.
    """

    def __init__(self, found: NetworkBytes, sweeps: Sequence[SweepForecast]) -> None:
        self.held, self.peak, self.by_kind = Counter[str](), 0, dict[str, int]()
        self._begun = self.way = 0
        """The way of a sweep in which the peak is, as ``network_objects.bytes_at`` counts them."""
        self._hold(found.base)
        given, ran = iter(sweeps), list[SweepForecast | None]()
        for stage in found.stages:
            self._begun += stage.sweep is not None
            self._hold(stage.opened)
            forecast = None if stage.sweep is None else next(given)
            if forecast is not None:
                self._note(forecast.forward_kinds)
                self._hold(forecast.paused_kinds)
            self._hold(stage.handed)
            ran.append(forecast)
        self._hold(found.back)
        waiting: Mapping[str, int] = {}
        for stage, forecast in zip(reversed(found.stages), reversed(ran), strict=True):
            self._begun += forecast is not None
            self._release(waiting)
            waiting = stage.waiting
            self._hold(waiting)
            self._hold(stage.turned)
            self._note(stage.sent)
            if forecast is not None:
                self._release(forecast.paused_kinds)
                self._note(forecast.backward_kinds)
                self._hold({"gradients": forecast.left})
            self._release(stage.released)
            self._release(stage.closed)

    def _hold(self, more: Mapping[str, int]) -> None:
        self.held.update(more)
        self._note({})

    def _release(self, less: Mapping[str, int]) -> None:
        self.held.subtract(less)

    def _note(self, more: Mapping[str, int]) -> None:
        total = self.held.total() + sum(more.values())
        if total > self.peak:
            kinds = self.held + Counter(more)
            self.peak, self.way = total, self._begun
            self.by_kind = {kind: n for kind, n in kinds.items() if n}

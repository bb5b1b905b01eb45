"""The ledger of a sweep by arithmetic: before its pause, in it, and after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import final

from rnnbp.actions import Action, Advance, Keep, Record
from rnnbp.planning.predicted_ledger import PredictedLedger
from rnnbp.planning.sweep_sizes import SweepSizes

OBJECTS = "Python's objects"
"""The kind of what is no array."""


@final
@dataclass(frozen=True)
class SweepForecast:
    """The bytes that a sweep adds to its ledger.

    Attributes:
        forward: the most before its pause.
        paused: those that it holds meanwhile.
        backward: the most after it.
        left: those that stay at its end: gradients, and the program, which the next run takes.
        forward_kinds, paused_kinds, backward_kinds: the bytes of each kind at those moments.
    """

    forward: int
    paused: int
    backward: int
    left: int
    forward_kinds: Mapping[str, int] = field(default_factory=dict, compare=False)
    paused_kinds: Mapping[str, int] = field(default_factory=dict, compare=False)
    backward_kinds: Mapping[str, int] = field(default_factory=dict, compare=False)

    def with_objects(self, waiting: int, most: int) -> SweepForecast:
        """The same with Python's objects: at most those that it ``waiting`` holds in its pause
        before its way back, and the ``most`` there.
        """
        return SweepForecast(
            self.forward + waiting,
            self.paused + waiting,
            self.backward + most,
            self.left,
            {**self.forward_kinds, OBJECTS: waiting},
            {**self.paused_kinds, OBJECTS: waiting},
            {**self.backward_kinds, OBJECTS: most},
        )


class SweepLedger(PredictedLedger):
    """The bytes that a sweep holds; arguments as of ``PredictedLedger``."""

    def __init__(self, sizes: SweepSizes, steps: int, length: int) -> None:
        self.sweep, self._unseen = sizes, 0
        self.before, self.paused = dict[str, int](), dict[str, int]()
        """The bytes by kind at the peak before the pause, and those that are held in it."""
        self.waiting = 0, 0, 0, 0
        """(tapes, thin tapes, slots, those of them on disk) that are held in the pause."""
        self._wanted = any(each.wanted for each in sizes.outlets)
        super().__init__(sizes, steps, length, None)

    def forecast(self, schedule: Iterable[Action]) -> SweepForecast:
        """Go through all actions."""
        self.run(schedule)
        left = self.sizes.gradients(0, parted=False) + self.held["program"]
        kinds = self.before, self.paused, self.by_kind
        before, paused, after = (sum(each.values()) for each in kinds)
        return SweepForecast(before, paused, after, left, *kinds)

    def _count_live_states(self) -> None:
        self._hold("state", self.sweep.lent)
        super()._count_live_states()
        self._hold("state", -self.sweep.lent)

    def _turn(self) -> None:
        self.before, self.paused = self.by_kind, {k: n for k, n in self.held.items() if n}
        self.peak, self.by_kind = 0, {}
        slots = len(self.ram) + len(self.disk)
        self.waiting = len(self.tapes), len(self.thin), slots, len(self.disk)
        super()._turn()

    def _do(self, action: Action, length: int) -> None:
        """Run one action; outputs are taken where it runs a chunk for the first time."""
        super()._do(action, length)
        # not "==": where advances are left out, those after them are first ones too
        if (
            self._wanted
            and action.n >= self._unseen
            and isinstance(action, Advance | Keep | Record)
        ):
            self._unseen = action.n + 1
            recorded = isinstance(action, Record)
            needs = self.sweep.record_taken if recorded else self.sweep.advance_taken
            self._note(needs(length))

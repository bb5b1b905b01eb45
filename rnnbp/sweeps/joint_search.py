"""The fastest schedules of all sweeps of a network together, within bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from rnnbp.planning.network_objects import NETWORK
from rnnbp.planning.sweep_ledger import SweepForecast
from rnnbp.sweeps.joint_ledger import JointLedger
from rnnbp.sweeps.menus import Option
from rnnbp.sweeps.stage_bytes import NetworkBytes

BEAM = 200
"""Choices for the first sweeps that are followed, the fastest ones and those of least bytes."""


@final
@dataclass(frozen=True)
class Levels:
    """What is held around a sweep whatever the schedules: what others hold in their pauses apart.

    Attributes:
        before: while it runs forward.
        meanwhile: at most, from its pause on to its way back.
        after: on its way back.
    """

    before: int
    meanwhile: int
    after: int


def levels_of(found: NetworkBytes) -> list[Levels]:
    """Those of each sweep of a network, in order."""
    lefts = [each.sizes.left(each.rows.chunk) for each in found.sweeps]
    nothing = [SweepForecast(0, 0, 0, left) for left in lefts]
    ends: list[list[int]] = []
    for k in range(len(nothing)):
        # The peak where one part of one sweep takes far more than all else is at that part.
        far, given = 1 << 60, nothing[k]
        parts = (
            SweepForecast(0, 0, 0, given.left, forward_kinds={"": far}),
            SweepForecast(0, 0, 0, given.left, paused_kinds={"": far}),
            SweepForecast(0, 0, 0, given.left, backward_kinds={"": far}),
        )
        every = [JointLedger(found, [*nothing[:k], part, *nothing[k + 1 :]]) for part in parts]
        ends.append([each.peak - far for each in every])
    return [Levels(*each) for each in ends]


@final
@dataclass(frozen=True)
class Chosen:
    """Schedules for the first sweeps.

    Attributes:
        picks: one for each.
        paused: bytes that they hold in their pauses.
        peak: of arrays and of Python's objects that come and go, so far.
        objects: bytes of Python's objects that stay.
        seconds: by a count of operations.
        parts: by name of a part, its peak so far, and what it holds in pauses.
    """

    picks: tuple[Option, ...] = ()
    paused: int = 0
    peak: int = 0
    objects: int = 0
    seconds: float = 0.0
    parts: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Arrays and objects at the peak."""
        return self.peak + self.objects

    def then(self, option: Option, levels: Levels, part: str, edges: int) -> Chosen:
        """The same with a schedule for the next sweep.

        Args:
            part: the part of the network that the sweep is of, "" for none.
            edges: bytes in memory of what the sweep hands on.
        """
        found, paused = option.forecast, self.paused + option.forecast.paused
        peak = max(
            self.peak,
            levels.before + self.paused + found.forward,
            levels.meanwhile + paused,
            levels.after + self.paused + found.backward,
        )
        parts = self.parts
        if part:
            most, held = parts.get(part, (0, 0))
            here = held + edges + max(found.forward, found.paused, found.backward)
            own = max(most, here + option.objects), held + edges + found.paused + option.objects
            parts = {**parts, part: own}
        objects, seconds = self.objects + option.objects, self.seconds + option.seconds
        return Chosen((*self.picks, option), paused, peak, objects, seconds, parts)

    def fits(self, room: float, limits: Mapping[str, int]) -> bool:
        """True if it is within bytes, and each part within its own."""
        within = all(most <= limits.get(part, math.inf) for part, (most, _) in self.parts.items())
        return within and self.bytes <= room

    def beats(self, other: Chosen) -> bool:
        """True for a faster choice that is also no more, whatever comes after it."""
        held = self.paused + self.objects <= other.paused + other.objects
        pairs = ((self.parts[name], other.parts[name]) for name in self.parts)
        within = all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairs)
        return held and self.bytes <= other.bytes and within


def fastest(
    menus: Sequence[Sequence[Option]],
    levels: Sequence[Levels],
    edges: Sequence[int],
    room: float,
    parts: Sequence[str],
    limits: Mapping[str, int],
) -> Chosen | None:
    """The fastest schedules within bytes; None where nothing fits.

    Args:
        menus, levels, edges, parts: for each sweep, what may be chosen, what is held around it, what
            it hands on in memory, and the part that it is of.
        room: bytes of all. limits: by part.
    """
    found = [Chosen(objects=NETWORK)]
    for menu, level, handed, part in zip(menus, levels, edges, parts, strict=True):
        tried = [chosen.then(option, level, part, handed) for chosen in found for option in menu]
        found = _kept([each for each in tried if each.fits(room, limits)])
    return min(found, key=lambda each: (each.seconds, each.bytes), default=None)


def _kept(found: list[Chosen]) -> list[Chosen]:
    """Those that no other beats in all, at most 2·BEAM of them."""
    kept: list[Chosen] = []
    for each in sorted(found, key=lambda c: (c.seconds, c.bytes, c.paused)):
        if not any(other.beats(each) for other in kept):
            kept.append(each)
    if len(kept) <= 2 * BEAM:
        return kept
    return [*kept[:BEAM], *sorted(kept[BEAM:], key=lambda c: c.bytes)[:BEAM]]

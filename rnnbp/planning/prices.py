"""What each thing that a schedule holds takes in bytes, for chunks of one length."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from rnnbp.compensated import parted
from rnnbp.planning.objects import REBUILT, always, filed
from rnnbp.planning.sizes import Sizes
from rnnbp.planning.tables import of_all
from rnnbp.schedules.declared import Holds

BUFFERS = 2
"""Checkpoints on their way to the disk or from it, which are in RAM."""


@final
@dataclass(frozen=True, slots=True)
class Prices:
    """Bytes, of arrays alone, or with Python's objects around them."""

    always: int
    """Held under any schedule, the largest workspace of any action but Rebuild included."""
    before: int
    """The most held before the schedule begins: above ``always`` for a loss of all steps."""
    slot: int
    tape: int
    thin: int
    """A thin tape."""
    rebuild: int
    """What a Rebuild takes beyond the largest workspace of the other actions."""

    def bound(self, holds: Holds) -> int:
        """The most bytes of a run that holds so much; a run may take less by a tape and a slot, as
        its last chunk may be short."""
        slots = holds.slots + BUFFERS * bool(holds.disk)
        held = max(self.always + slots * self.slot + holds.tapes * self.tape, self.before)
        if holds.thin:
            held += holds.thin * self.thin + self.rebuild
        return held + filed(holds.moved) if holds.moved else held


def lengths_of(steps: int) -> list[int]:
    """Lengths of chunks that a plan may have: powers of 2, and a short sequence whole."""
    powers = [2**k for k in range(11) if 2**k < steps]
    return [*powers, steps] if steps <= 2048 else powers


def prices_of(sizes: Sizes, steps: int, length: int, *, arrays_only: bool = False) -> Prices:
    """The prices of a sequence of ``steps`` steps in chunks of ``length``.

    Args:
        arrays_only: leaves out Python's objects, and what a Rebuild takes: for a search whose
            bounds are checked by a forecast.
    """
    gradients = sizes.gradients(steps, parted=parted(math.ceil(steps / length), length))
    stays = gradients + sizes.live_states + sizes.program(length) + of_all(sizes, steps, length)
    stays += sizes.fixed.held
    workspace, outputs = sizes.workspace(length), sizes.all_outputs(steps)
    slot, tape, thin = sizes.slot, sizes.tape(length), sizes.thin(length)
    rebuild = 0
    if not arrays_only:
        objects = sizes.objects
        stays += always(objects, steps, length)
        slot += objects.held(length, slots=1)
        tape += objects.held(length, tapes=1)
        thin += objects.held(length, thin=1)
        rebuild = max(0, sizes.rebuild(length) - workspace) + objects.of_ways(REBUILT)
    before = stays + (sizes.before(steps, length) if sizes.loss_whole else 0)
    return Prices(stays + workspace + outputs, before, slot, tape, thin, rebuild)


def least_holds(steps: int, length: int) -> Holds:
    """The least that a schedule holds: one tape, and a slot if there is more than one chunk."""
    return Holds(slots=int(length < steps))


def least_of(sizes: Sizes, steps: int) -> tuple[int, int]:
    """Return (bytes, chunk length): the least that a schedule needs, and where."""
    bounds = (
        (prices_of(sizes, steps, n).bound(least_holds(steps, n)), n) for n in lengths_of(steps)
    )
    return min(bounds, key=lambda found: found[0])

"""A budget for a sequence of unknown length."""

from __future__ import annotations

import math

from rnnbp.planning import tables
from rnnbp.planning.budget import margin, too_small
from rnnbp.planning.objects import WAYS
from rnnbp.planning.sizes import Sizes


def online(sizes: Sizes, budget: int) -> tuple[int, int]:
    """Return (chunk length, slots): those that reverse the most steps in two reruns.

    Raises:
        BudgetError: where no chunk with a slot fits.
    """
    best = (0, 0, 0)
    for length in (2**k for k in range(11)):
        held = _one_tape(sizes, length)
        slots = (budget - margin(budget) - held) // max(
            1, sizes.slot + sizes.objects.held(length, slots=1)
        )
        if slots >= 1:
            best = max(best, (length * math.comb(slots + 2, 2), length, slots))
    if not best[0]:
        raise too_small(budget, _one_tape(sizes, 1) + sizes.slot + sizes.objects.held(1, slots=1))
    return best[1], best[2]


def _one_tape(sizes: Sizes, length: int) -> int:
    """Bytes that are held with one tape and no slot, however many chunks there are."""
    held = sizes.gradients(0, parted=True) + sizes.fixed.held
    held += sizes.live_states + sizes.program(length) + sizes.tape(length) + sizes.workspace(length)
    # The last chunk, which may be shorter, has its own.
    held += tables.of_all(sizes, 2 * length - 1, length)
    return held + sizes.objects.fixed(WAYS) + sizes.objects.held(length, tapes=1)

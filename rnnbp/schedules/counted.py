"""What a schedule holds, counted from its actions.

``simulate`` counts the same, and checks that they are legal.
"""

from __future__ import annotations

from collections.abc import Iterable

from rnnbp.actions import Action, Backward, Drop, Keep, Load, Rebuild, Record, Store
from rnnbp.schedules.declared import Holds


def counted_from(actions: Iterable[Action]) -> Holds:
    """Return the most that legal actions hold at once, and what they move to or from disk."""
    ram, disk, tapes, thin = set[int](), set[int](), set[int](), set[int]()
    slots = most_disk = most_tapes = most_thin = writes = reads = 0
    for action in actions:
        n = action.n
        match action:
            case Store(tier="disk"):
                disk.add(n)
                writes += 1
                most_disk = max(most_disk, len(disk))
            case Store():
                ram.add(n)
                slots = max(slots, len(ram))
            case Load():
                reads += n in disk and tapes.isdisjoint((n, n - 1)) and thin.isdisjoint((n, n - 1))
            case Drop():
                ram.discard(n)
                disk.discard(n)
            case Record() | Rebuild():
                thin.discard(n)
                tapes.add(n)
                most_tapes = max(most_tapes, len(tapes))
            case Keep():
                thin.add(n)
                most_thin = max(most_thin, len(thin))
            case Backward():
                tapes.discard(n)
    return Holds(slots, most_tapes, most_thin, most_disk, max(writes, reads))

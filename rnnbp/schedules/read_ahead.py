"""Reading a checkpoint from disk while the action before its Load runs."""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence

from rnnbp.actions import Action, Backward, Drop, Keep, Load, Record, Store


def readable_ahead(
    action: Action, after: Action | None, on_disk: Container[int], taped: Sequence[Collection[int]]
) -> int | None:
    """Return the slot on disk that may be read while ``action`` runs, None where there is none.

    It is that of the Load ``after`` it, unless a tape or thin tape holds that state by then: a Load
    takes it from there.

    Args:
        on_disk: numbers of the slots on disk.
        taped: numbers of the chunks that have a tape, and of those that have a thin tape.
    """
    if not isinstance(after, Load) or after.n not in on_disk:
        return None
    if isinstance(action, Store | Load | Drop):
        return None
    freed, recorded = isinstance(action, Backward), isinstance(action, Record | Keep)
    for n in (after.n, after.n - 1):
        held = any(n in tapes for tapes in taped) and not (n == action.n and freed)
        if held or (n == action.n and recorded):
            return None
    return after.n

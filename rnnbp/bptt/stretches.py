"""Stretches of a schedule: chunks that are advanced one after the other, which kernels run in one go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rnnbp.actions import Action, Advance, Store

MOST = 128
"""Actions of a stretch: they are looked at before the first is done."""


def stretches(actions: Iterable[Action]) -> Iterator[tuple[Action, tuple[bool, ...]]]:
    """Each action; the first Advance of a stretch with, for each of its chunks, whether the state after it is wanted.

    Nothing else is in a stretch but checkpoints in RAM, for which states are wanted; the last one always is.
    """
    stretch: list[Action] = []
    for action in actions:
        simple = isinstance(action, Advance) or (isinstance(action, Store) and action.tier == "ram")
        if simple and len(stretch) < MOST:
            stretch.append(action)
            continue
        yield from _told(stretch)
        stretch = [action] if simple else []
        if not simple:
            yield action, ()
    yield from _told(stretch)


def _told(stretch: Sequence[Action]) -> Iterator[tuple[Action, tuple[bool, ...]]]:
    chunks = [action.n for action in stretch if isinstance(action, Advance)]
    stored = {action.n for action in stretch if isinstance(action, Store)}
    wanted = tuple(n + 1 in stored or n == chunks[-1] for n in chunks) if len(chunks) > 1 else ()
    for action in stretch:
        yield action, wanted if isinstance(action, Advance) and action.n == chunks[0] else ()

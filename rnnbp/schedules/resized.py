"""A schedule for a different number of chunks: an epoch's last window may be shorter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace

from rnnbp.actions import Action
from rnnbp.schedules.base import OfChunks, ScheduleLike
from rnnbp.schedules.foreign import HasMaxN


def resized(schedule: ScheduleLike, chunks: int) -> ScheduleLike:
    """The schedule for a different number of chunks.

    Args:
        schedule: as ``bptt`` takes it as ``checkpoint``.
        chunks: the new number of chunks.

    Returns:
        A schedule of the same kind and options, or the actions on the first chunks. A name and a
        function of the number of chunks fit any. Listed actions, and schedules of other libraries,
        can serve fewer chunks than they are for, not more.

    >>> import rnnbp as rb
    >>> rb.schedules.resized(rb.schedules.Revolve(10, 3), 7)
    Revolve(chunks=7, slots=3)
    """
    if isinstance(schedule, str) or callable(schedule):
        return schedule
    if (
        is_dataclass(schedule)
        and isinstance(schedule, OfChunks)
        and any(part.name == "chunks" and part.init for part in fields(schedule))
    ):
        return schedule if schedule.chunks == chunks else replace(schedule, chunks=chunks)
    return schedule if isinstance(schedule, HasMaxN | Iterator) else _First(schedule, chunks)


class _First:
    """A schedule on the first chunks: what it does with the others needs nothing of them."""

    def __init__(self, schedule: Iterable[Action], chunks: int) -> None:
        self.schedule, self.chunks = schedule, chunks

    def __iter__(self) -> Iterator[Action]:
        return (action for action in self.schedule if action.n < self.chunks)

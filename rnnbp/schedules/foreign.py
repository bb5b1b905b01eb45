"""Schedules of the package checkpoint_schedules, as ours.

Its actions are known by name and attributes alone.

Forward(n0, n1, write_ics, write_adj_deps, storage): run from n0 to n1, keep its state or tapes
Reverse(n1, n0, clear_adj_deps): backward from n1 to n0
Copy(n, from_storage, to_storage), Move(...): read what was stored at n; Move gives up its place
EndForward(), EndReverse()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeAlias, runtime_checkable

from rnnbp.actions import Action, Advance, Backward, Drop, Load, Record, Store, Tier
from rnnbp.schedules.base import check_counts

ForeignAction: TypeAlias = Any
"""An action, or a storage type, of that package. Any: it may be absent, and has no types."""
ForeignLike: TypeAlias = Iterable[ForeignAction] | Callable[[], Iterable[ForeignAction]]


@runtime_checkable
class HasMaxN(Iterable[ForeignAction], Protocol):
    """What every schedule of that package has, and none of ours."""

    max_n: int | None


class Foreign:
    """A schedule of the package checkpoint_schedules, its steps being our chunks.

    What that package would keep in a tape on disk is a tape here. A schedule that only runs forward
    is followed by a run with every tape kept.

    Args:
        schedule: an iterable of its actions, or a function without arguments that returns one. An
            iterator, as the package's own, can be consumed once: its translation is kept.
        chunks: chunks of the sequence; by default the schedule's ``max_n``.
    """

    def __init__(self, schedule: ForeignLike, chunks: int | None = None) -> None:
        if chunks is None and isinstance(schedule, HasMaxN):
            chunks = schedule.max_n
        if chunks is None:
            raise ValueError(
                "Foreign: this schedule does not say how many chunks it is for; give chunks"
            )
        check_counts(chunks)
        self.chunks = chunks
        self._schedule = schedule
        self._kept: list[Action] | None = None

    def __iter__(self) -> Iterator[Action]:
        if isinstance(self._schedule, Iterator):
            if self._kept is None:
                self._kept = list(_Translation(self.chunks).run(self._schedule))
            return iter(self._kept)
        made = self._schedule() if callable(self._schedule) else self._schedule
        return _Translation(self.chunks).run(made)


class _Translation:
    def __init__(self, chunks: int) -> None:
        self.chunks = self.left = chunks
        self.tapes: set[int] = set()
        self.places: dict[int, set[Tier]] = {}
        """Where the other schedule has a state; ours is in one slot, in RAM if one of them is."""

    def run(self, schedule: Iterable[ForeignAction]) -> Iterator[Action]:
        for number, action in enumerate(schedule):
            match type(action).__name__:
                case "Forward":
                    yield from self.forward(action)
                    ended = action.n1 >= self.chunks
                    if ended and isinstance(schedule, HasMaxN) and schedule.max_n is None:
                        schedule.finalize(self.chunks)  # type: ignore[attr-defined]  # if online
                case "Reverse":
                    for n in range(action.n1 - 1, action.n0 - 1, -1):
                        yield from self.backward(n)
                case "Copy" | "Move":
                    yield from self.read(number, action)
                case "EndReverse":
                    break
                case "EndForward":
                    pass
                case _:
                    raise TypeError(
                        f"action {number} is {action!r}, none of checkpoint_schedules; give "
                        "Foreign those"
                    )
        yield from self.complete()

    def forward(self, action: ForeignAction) -> Iterator[Action]:
        first = action.n0 == 0 and self.left == self.chunks
        lost = first and not action.write_adj_deps and not self.places
        if action.write_ics or lost:
            yield from self.store(action.n0, _tier(action.storage) or "ram")
        for n in range(action.n0, min(action.n1, self.chunks)):
            if action.write_adj_deps:
                self.tapes.add(n)
            yield Record(n) if action.write_adj_deps else Advance(n)

    def store(self, n: int, tier: Tier) -> Iterator[Action]:
        places = self.places.setdefault(n, set())
        if not places or (tier == "ram" and "ram" not in places):
            if places:
                yield Drop(n)
            yield Store(n, tier)
        places.add(tier)

    def read(self, number: int, action: ForeignAction) -> Iterator[Action]:
        n = action.n
        if n not in self.places:
            if n not in self.tapes and n < self.left:
                raise ValueError(
                    f"action {number}, {action!r}: nothing is stored at {n}; store it by a Forward "
                    "first"
                )
            return
        to = _tier(action.to_storage)
        if getattr(action.to_storage, "name", "") == "WORK":
            yield Load(n)
        if to:
            self.places[n].add(to)
        if type(action).__name__ == "Move" and to != _tier(action.from_storage):
            self.places[n].discard(_tier(action.from_storage) or "ram")
            if not self.places[n]:
                yield self.release(n)

    def backward(self, n: int) -> Iterator[Action]:
        yield Backward(n)
        self.tapes.discard(n)
        self.left = n
        if n in self.places:  # a copy that the other schedule never gives up
            yield self.release(n)

    def release(self, n: int) -> Action:
        del self.places[n]
        return Drop(n)

    def complete(self) -> Iterator[Action]:
        """After a schedule that ran forward alone: once more from the start, every tape kept."""
        if self.left == self.chunks and 0 in self.places:
            yield Load(0)
            yield self.release(0)
            yield from (Record(n) for n in range(self.chunks))
            yield from (Backward(n) for n in reversed(range(self.chunks)))


def _tier(storage: ForeignAction) -> Tier | None:
    """The tier of a storage type; None for the working memory, or none at all."""
    name = getattr(storage, "name", storage)
    return "disk" if name == "DISK" else "ram" if name == "RAM" else None

"""The schedules that are tried for a sweep, from the least of bytes to full caching."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import final

from rnnbp.actions import Action, Advance
from rnnbp.planning.objects import bytes_of_rows, ways_of_rows
from rnnbp.planning.prices import least_holds, prices_of
from rnnbp.planning.rough_costs import rough_costs
from rnnbp.planning.search import Candidate, Search
from rnnbp.planning.sweep_ledger import SweepForecast
from rnnbp.support.lazy import cached_property
from rnnbp.sweeps.joint_ledger import ledger_of
from rnnbp.sweeps.sweep_bytes import SweepBytes

SHARES = (0, 1 / 64, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)
"""Where between the least bytes and full caching schedules are looked for: they gain the most by
the first bytes.
"""
MOST = 50_000
"""Chunks that a schedule may run for its ledger to be gone through. Others are priced by a bound,
which is a little more."""


@final
@dataclass(frozen=True)
class Option:
    """A schedule of a sweep.

    Attributes:
        candidate: the schedule; its bytes are a bound for rows that all have as many steps.
        forecast: the bytes of arrays, and of Python's objects that come and go.
        objects: those of the others, which stay until the run of the network ends.
    """

    candidate: Candidate
    forecast: SweepForecast
    objects: int

    @property
    def seconds(self) -> float:
        """By a count of operations, and of chunks."""
        return self.candidate.seconds


@final
class Menu:
    """The schedules of a sweep in chunks of one length.

    Args:
        sweep: its bytes, which say how long chunks are.
    """

    def __init__(self, sweep: SweepBytes) -> None:
        self.sweep, rows = sweep, sweep.rows
        self.chunk = rows.chunk
        batch = rows.total / rows.steps  # on average, if some rows end before others
        self.search = Search(sweep.sizes, rows.steps, rough_costs(sweep.sizes, batch))
        few = ways_of_rows(rows.rows, rows.chunk)
        own = bytes_of_rows(rows.rows, rows.chunk)
        self.always = sweep.sizes.objects.of_ways(few) + own
        """Python's objects of runners of fewer rows than the batch, whatever the schedule."""
        self.stays = sweep.sizes.objects.stays(rows.rows, rows.chunk)
        """Those that stay until the run of the network ends."""

    @cached_property
    def _bounds(self) -> tuple[int, Candidate]:
        """(the least that a schedule needs, full caching)."""
        search, chunk = self.search, self.chunk
        (full,) = search.of_length(chunk, math.inf)
        return search.prices(chunk).bound(least_holds(search.steps, chunk)), full

    @cached_property
    def candidates(self) -> list[Candidate]:
        """The fastest within each share, the least of bytes first."""
        found = dict.fromkeys(self._fastest(share) for share in SHARES)
        return sorted(found, key=lambda each: each.bytes)

    def _fastest(self, share: float) -> Candidate:
        least, full = self._bounds
        budget = least + (full.bytes - least) * share
        found = [c for c in self.search.of_length(self.chunk, budget) if c.bytes <= budget]
        return min(found or [full], key=lambda c: (c.seconds, c.bytes))

    @cached_property
    def full(self) -> Candidate:
        """Full caching, the fastest of all."""
        return self._bounds[1]

    @property
    def about(self) -> float:
        """Bytes of full caching, hardly more than it takes if rows end."""
        rows = self.sweep.rows
        return self.full.bytes * rows.total / (rows.steps * rows.batch)

    @cached_property
    def floor(self) -> int:
        """Bytes that every schedule holds when the first chunk runs backward, in which all rows
        run: found at once, where its ledger takes milliseconds.
        """
        sizes, chunk = self.sweep.sizes, self.chunk
        held = sizes.gradients(0, parted=False) + sizes.program(chunk)
        return held + min(sizes.tape(chunk), sizes.rebuilt_tape(chunk))

    @cached_property
    def cached(self) -> list[Option]:
        """Full caching, with its bytes."""
        return [*self._priced([self.full])]

    @cached_property
    def options(self) -> list[Option]:
        """All of them, with their bytes."""
        return [*self.least, *self._priced(self.candidates[1:])]

    @cached_property
    def least(self) -> list[Option]:
        """Those that need the least of bytes."""
        return [*self._priced(self.candidates[:1])]

    def _priced(self, candidates: list[Candidate]) -> Iterator[Option]:
        for candidate in candidates:
            schedule, search = candidate.schedule, self.search
            arrays = prices_of(search.sizes, search.steps, self.chunk, arrays_only=True)
            bound = arrays.bound(schedule.holds)
            objects = max(0, candidate.bytes - bound) + self.always
            more = max(0, objects - self.stays)
            yield Option(candidate, self._forecast(candidate, bound, more), self.stays)

    def _forecast(self, candidate: Candidate, bound: int, objects: int) -> SweepForecast:
        """With ``objects`` of Python that come and go."""
        if candidate.schedule.steps <= MOST:
            ledger = ledger_of(self.sweep)
            found = ledger.forecast(thinned(candidate.schedule))
            waiting = self.sweep.sizes.objects.waiting(self.chunk, *ledger.waiting)
            return found.with_objects(waiting, objects)
        bound += objects
        every = {"of a long schedule, at most": bound}
        left = self.sweep.sizes.left(self.chunk)
        return SweepForecast(bound, bound, bound, left, every, every, every)


def thinned(actions: Iterable[Action]) -> Iterator[Action]:
    """Actions without those that hold no more than others: of chunks that are advanced one after the
    other all but the first two, which have the most rows and of which the second begins from a state
    that is nowhere else, and the last, which may be shorter.
    """
    advanced: list[Action] = []
    for action in actions:
        if isinstance(action, Advance):
            advanced.append(action)
            continue
        yield from (advanced if len(advanced) < 3 else (*advanced[:2], advanced[-1]))
        advanced.clear()
        yield action

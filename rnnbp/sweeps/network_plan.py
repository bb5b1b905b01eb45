"""The schedules of a network within one budget, for all of its sweeps and edges."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import final

from rnnbp.planning.budget import BudgetError, exactly, margin, shown, too_small
from rnnbp.planning.network_parts import NetworkChoice
from rnnbp.planning.prices import lengths_of
from rnnbp.schedules import All
from rnnbp.sweeps.joint_search import Chosen
from rnnbp.sweeps.layouts import Layout, Limits
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.stage import Stage
from rnnbp.sweeps.wanted import Wanted

SHORTEST, LONGEST = 8, 256
"""Steps in a chunk at least and at most, apart from short sequences and tight budgets."""
SLOW = 1.5
"""Times as long as full caching from which on shorter chunks are tried too: they run less again."""
BETWEEN = 4
"""Budgets between the least and full caching that a plan shows."""
TRIED = 2
"""Lengths of chunks of which the schedules that fit are compared, the most promising ones."""


def choice_of(
    network: PosedNetwork,
    stages: Sequence[Stage],
    wanted: Wanted,
    budget: int,
    chunks: Mapping[str, int] | None = None,
    limits: Limits | None = None,
) -> NetworkChoice:
    """The fastest schedules within a budget, edges in memory if they fit, else in files.

    Args:
        chunks: by axis, the steps in a chunk; those of other axes are chosen.
        limits: of parts and files too; by default there are none.

    Raises BudgetError where nothing fits, which names the least that does.
    """
    limits = limits or Limits(budget - margin(budget))
    return chosen_of(Layouts(network, stages, wanted, chunks or {}), budget, limits)


def chosen_of(search: Layouts, budget: int, limits: Limits) -> NetworkChoice:
    """The fastest schedules within a budget. Raises BudgetError where nothing fits."""
    fitting = search.promising(limits)
    if fitting:
        return min(fitting, key=lambda each: each.seconds)
    every = search.least(limits)
    check_parts(every, limits)
    within = [each for each in every if each[1].fits(math.inf, limits.parts)] or every
    layout, least = min(within, key=lambda each: each[1].bytes)
    if least.bytes > limits.room:
        raise too_small(budget, least.bytes)
    return layout.choice(least)


def check_parts(every: Sequence[tuple[Layout, Chosen]], limits: Limits) -> None:
    """Raise BudgetError for a part that no schedule fits in; names the least that does."""
    for part, limit in limits.parts.items():
        least = min(each.parts[part][0] for _, each in every)
        if least > limit:
            error = BudgetError(
                f"budget[{part!r}] of {exactly(limit)} is too small for any schedule of that part; "
                f"{least:,} bytes are enough, as '{shown(least, up=True)}'"
            )
            error.least = least
            raise error


def choices_between(search: Layouts, limits: Limits) -> list[NetworkChoice]:
    """Choices for a few budgets from the least that works to full caching; ``limits``: of files."""
    layout, least = min(search.least(limits), key=lambda each: each[1].bytes)
    found, cached = [layout.choice(least)], search.fastest(Limits(math.inf), SHORTEST, disk=False)
    assert cached is not None
    apart = max(1.0, cached.bytes / least.bytes) ** (1 / (BETWEEN + 1))
    for k in range(1, BETWEEN + 1):
        fitting = search.promising(replace(limits, room=least.bytes * apart**k))
        found += sorted(fitting, key=lambda each: each.seconds)[:1]
    return [*found, cached]


@final
class Layouts:
    """The layouts of a network, for lengths of chunks."""

    def __init__(
        self,
        network: PosedNetwork,
        stages: Sequence[Stage],
        wanted: Wanted,
        chunks: Mapping[str, int],
    ) -> None:
        self.given, self.chunks = (network, stages, wanted), chunks
        self.axes = list(network.lengths)
        self.longest = max(of.longest for of in network.lengths.values())
        self._known: dict[tuple[int, bool], Layout] = {}

    def _lengths(self, shortest: int) -> list[int]:
        """Those that are tried."""
        if all(axis in self.chunks for axis in self.axes):
            return [1]  # which counts for no axis
        return [n for n in lengths_of(self.longest) if shortest <= n <= LONGEST] or [self.longest]

    def _layouts(self, shortest: int, *, disk: bool) -> Iterator[Layout]:
        for length in self._lengths(shortest):
            if (length, disk) not in self._known:
                chunks = {**dict.fromkeys(self.axes, length), **self.chunks}
                self._known[length, disk] = Layout(*self.given, chunks, disk=disk)
            yield self._known[length, disk]

    @property
    def cached(self) -> float:
        """Seconds of full caching, in the chunks for which it is fastest."""
        return min(layout.cached for layout in self._layouts(SHORTEST, disk=False))

    def promising(self, limits: Limits) -> list[NetworkChoice]:
        """Those that fit, in short chunks too where longer ones would run much again."""
        found = self.fitting(limits, SHORTEST)
        fast = any(each.seconds < SLOW * self.cached for each in found)
        return found if fast else found + self.fitting(limits, 1)

    def fitting(self, limits: Limits, shortest: int) -> list[NetworkChoice]:
        """The fastest choice with edges in memory, and that with edges in files; those that fit."""
        memory = self.fastest(limits, shortest, disk=False)
        if memory is not None and all(isinstance(each, All) for each in memory.schedules):
            return [memory]
        found = memory, self.fastest(limits, shortest, disk=True)
        return [each for each in found if each is not None]

    def fastest(self, limits: Limits, shortest: int, *, disk: bool) -> NetworkChoice | None:
        """The fastest of the layouts; None where nothing fits."""
        found: list[tuple[Layout, Chosen]] = []
        layouts = self._layouts(shortest, disk=disk)
        for layout in sorted(layouts, key=lambda each: each.rough(limits.room)):
            if layout.on_disk > limits.disk:
                continue
            chosen = layout.fastest(limits)
            if chosen is not None:
                found.append((layout, chosen))
            if len(found) == TRIED:
                break
        if not found:
            return None
        layout, chosen = min(found, key=lambda each: each[0].seconds(each[1]))
        return layout.choice(chosen)

    def least(self, limits: Limits) -> list[tuple[Layout, Chosen]]:
        """Layouts with the schedules that need the least bytes, those that are likely to need few."""
        files = [each for each in self._layouts(1, disk=True) if each.on_disk <= limits.disk]
        layouts = files or [*self._layouts(1, disk=False)]
        few = sorted(layouts, key=lambda each: each.bound)[: 2 * TRIED]
        return [(each, each.least_of(limits.of)) for each in few]

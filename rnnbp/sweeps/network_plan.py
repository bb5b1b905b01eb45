"""The schedules of a network within one budget, for all of its sweeps and edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import final

from rnnbp.planning.budget import margin, too_small
from rnnbp.planning.network_choice import NetworkChoice
from rnnbp.planning.prices import lengths_of
from rnnbp.schedules import All
from rnnbp.sweeps.joint_search import Chosen
from rnnbp.sweeps.layouts import Layout, Limits
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.stage import Stage
from rnnbp.sweeps.wanted import Wanted

SHORTEST, LONGEST = 8, 256
"""Steps in a chunk at least and at most, apart from short sequences and the least budgets."""
TRIED = 2
"""Lengths of chunks of which the schedules that fit are compared, the most promising ones."""


def choice_of(
    network: PosedNetwork,
    stages: Sequence[Stage],
    wanted: Wanted,
    budget: int,
    chunks: Mapping[str, int] | None = None,
) -> NetworkChoice:
    """The fastest schedules within a budget, edges in memory if they fit, else in files.

    Args:
        chunks: by axis, the steps in a chunk; those of other axes are chosen.

    Raises BudgetError where nothing fits, which names the least that does.
    """
    search = _Lengths(network, stages, wanted, chunks or {})
    limits = Limits(budget - margin(budget))
    fitting = search.fitting(limits)
    if fitting:
        return min(fitting, key=lambda each: each.seconds)
    layout, least = search.least(limits)
    if least.bytes > limits.room:
        raise too_small(budget, least.bytes)
    return layout.choice(least)


@final
class _Lengths:
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

    def fitting(self, limits: Limits) -> list[NetworkChoice]:
        """The fastest choice with edges in memory, and that with edges in files; those that fit."""
        memory = self.fastest(limits, disk=False)
        if memory is not None and all(isinstance(each, All) for each in memory.schedules):
            return [memory]
        found = memory, self.fastest(limits, disk=True)
        return [each for each in found if each is not None]

    def fastest(self, limits: Limits, *, disk: bool) -> NetworkChoice | None:
        """The fastest of the layouts; None where nothing fits."""
        found: list[tuple[Layout, Chosen]] = []
        layouts = self._layouts(SHORTEST, disk=disk)
        for layout in sorted(layouts, key=lambda each: each.rough(limits.room)):
            if layout.on_disk > limits.disk or layout.least.bytes > limits.room:
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

    def least(self, limits: Limits) -> tuple[Layout, Chosen]:
        """The layout and the schedules that need the least bytes."""
        files = [each for each in self._layouts(1, disk=True) if each.on_disk <= limits.disk]
        layouts = files or [*self._layouts(1, disk=False)]
        layouts = sorted(layouts, key=lambda each: each.bound)[: 2 * TRIED]
        found = min(layouts, key=lambda each: each.least.bytes)
        return found, found.least

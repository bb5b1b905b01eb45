"""The schedules of a network within one budget, for all of its sweeps and edges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

from rnnbp.planning.budget import margin, shown, too_small
from rnnbp.planning.costs import KINDS, Costs
from rnnbp.planning.objects import ways_of_rows
from rnnbp.planning.prices import least_holds, lengths_of, prices_of
from rnnbp.planning.search import Candidate, Search
from rnnbp.planning.sizes import Sizes
from rnnbp.schedules.sized import SizedSchedule
from rnnbp.sweeps.blocks import Place
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.joint_ledger import JointLedger
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.stage import Stage
from rnnbp.sweeps.stage_bytes import NetworkBytes, bytes_of
from rnnbp.sweeps.wanted import Wanted

SHARES = 12
"""Budgets between the least and full caching that are tried for the sweeps, all at once."""
SHORTEST, LONGEST = 8, 256
"""Steps in a chunk at least and at most, apart from short sequences."""
RATE, CHUNK = 2e10, 2e-4
"""Operations in a second, and seconds that a chunk of a Recurrent takes besides: by these sweeps
are compared, and not foretold."""
TIMES = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 1.2, "Backward": 2.0}
"""What a step takes by action, in units of an Advance."""


@final
@dataclass(frozen=True)
class NetworkPlan:
    """The schedules of a network within a budget.

    Attributes:
        budget: bytes.
        chunk: steps in a chunk, of all sweeps.
        schedules: of each sweep, in order.
        names: of these.
        bytes: what the run will hold at its peak, Python's objects included.
        disk: True if edges are in files.
    """

    budget: int
    chunk: int
    schedules: tuple[SizedSchedule, ...]
    names: tuple[str, ...]
    bytes: int
    disk: bool

    def __str__(self) -> str:
        where = "on disk" if self.disk else "in memory"
        lines = [f"sweep {k}: {name}" for k, name in enumerate(self.names)]
        first = f"{shown(self.bytes)} of {shown(self.budget)}, chunks of {self.chunk} steps, edges"
        return "\n".join([f"{first} {where}", *lines])


def plan_of(
    network: PosedNetwork, stages: Sequence[Stage], wanted: Wanted, budget: int
) -> NetworkPlan:
    """The fastest schedules within a budget, edges in memory if they fit, else in files.

    Raises BudgetError where nothing fits.
    """
    room, least = budget - margin(budget), math.inf
    for disk in (False, True):
        how = replace(wanted, place=Place(disk, wanted.place.folder))
        tried = [_Shares(network, stages, how, length) for length in _lengths(network)]
        fitting = [each for each in tried if each.least <= room]
        for shares in sorted(fitting, key=lambda each: each.seconds(room)):
            return shares.plan(budget, room)
        least = min([least, *[each.least for each in tried]])
    raise too_small(budget, math.ceil(least))


def _lengths(network: PosedNetwork) -> list[int]:
    """The lengths of chunks that are tried."""
    longest = max(of.longest for of in network.lengths.values())
    return [n for n in lengths_of(longest) if SHORTEST <= n <= LONGEST] or [longest]


@final
class _Shares:
    """The sweeps of a network in chunks of a length, each within a share of a budget.

    The share says how far each is from the least that it needs to full caching.
    """

    def __init__(
        self, network: PosedNetwork, stages: Sequence[Stage], wanted: Wanted, length: int
    ) -> None:
        rows = {axis: ChunkRows(of, length) for axis, of in network.lengths.items()}
        self.network, self.length = replace(network, rows=rows), length
        self.found: NetworkBytes = bytes_of(self.network, stages, wanted)
        self.disk = wanted.place.disk
        sweeps = [stage.sweep for stage in self.found.stages if stage.sweep is not None]
        self.chunks = [each.rows.chunk for each in sweeps]
        self.searches = [
            Search(each.sizes, each.rows.steps, rough_costs(each.sizes, each.rows.batch))
            for each in sweeps
        ]
        self._known: dict[int, list[Candidate]] = {}
        always = self.found.base + self.found.back
        for stage in self.found.stages:
            always += stage.opened + stage.handed + stage.turned
        # Runners of fewer rows than the batch, which each sweep has whatever its schedule.
        self.rows = sum(
            each.sizes.objects.of_ways(ways_of_rows(each.rows.rows, each.rows.chunk))
            for each in sweeps
        )
        self.always = always + self.rows
        self.least = self.bound(0)

    def candidates(self, share: int) -> list[Candidate]:
        """For each sweep the fastest within a share."""
        if share not in self._known:
            self._known[share] = [
                self._fastest(search, chunk, share)
                for search, chunk in zip(self.searches, self.chunks, strict=True)
            ]
        return self._known[share]

    def _fastest(self, search: Search, chunk: int, share: int) -> Candidate:
        least = search.prices(chunk).bound(least_holds(search.steps, chunk))
        (full,) = search.of_length(chunk, math.inf)
        budget = least + (full.bytes - least) * share / SHARES
        found = [c for c in search.of_length(chunk, budget) if c.bytes <= budget]
        return min(found or [full], key=lambda c: (c.seconds, c.bytes))

    def bound(self, share: int) -> int:
        """Bytes that are enough."""
        return self.always + sum(c.bytes for c in self.candidates(share))

    def seconds(self, room: int) -> float:
        """Those of the largest share whose bound is within some bytes."""
        return sum(c.seconds for c in self.candidates(self._share(room)))

    def _share(self, room: int) -> int:
        low, high = 0, SHARES
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.bound(middle) <= room else (low, middle - 1)
        return low

    def exact(self, share: int) -> int:
        """Bytes by the joint ledger, with Python's objects."""
        found = self.candidates(share)
        ledger = JointLedger(self.found, [c.schedule for c in found])
        pairs = zip(found, self.searches, strict=True)
        return ledger.peak + self.rows + sum(_objects(c, search) for c, search in pairs)

    def plan(self, budget: int, room: int) -> NetworkPlan:
        """The plan of the largest share that fits by the joint ledger."""
        share = self._share(room)
        while share < SHARES and self.exact(share + 1) <= room:
            share += 1
        found = self.candidates(share)
        schedules, names = tuple([c.schedule for c in found]), tuple([c.name for c in found])
        return NetworkPlan(budget, self.length, schedules, names, self.exact(share), self.disk)


def _objects(candidate: Candidate, search: Search) -> int:
    """The bytes of Python's objects in a run of a candidate, tables of its schedule among them."""
    arrays = prices_of(search.sizes, search.steps, candidate.chunk, arrays_only=True)
    return max(0, candidate.bytes - arrays.bound(candidate.schedule.holds))


def rough_costs(sizes: Sizes, batch: int) -> Costs:
    """Seconds of actions by a count of operations."""
    params = sum(array.size for array in sizes.model.params.values())
    step = 2.0 * max(1, params) * batch / RATE
    return Costs(
        {kind: CHUNK * (1 + len(sizes.cells)) for kind in KINDS},
        {kind: step * TIMES[kind] for kind in KINDS},
    )

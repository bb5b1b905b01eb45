"""The schedules of a network over time within a budget, one kind for all of its sweeps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product
from typing import final

from rnnbp.bptt.networks import Data, Reading
from rnnbp.compare.choices import PLAN, SHORT_PLAN, TABLES, Choice, Why
from rnnbp.compare.planned_networks import planned
from rnnbp.graph.graph import Graph
from rnnbp.planning.budget import with_margin
from rnnbp.planning.search import Search
from rnnbp.runners.backend import Backend
from rnnbp.runners.rounding import SHORT
from rnnbp.schedules import All
from rnnbp.schedules.registry import KINDS
from rnnbp.schedules.sized import SizedSchedule
from rnnbp.sweeps.described import Described
from rnnbp.sweeps.given_losses import with_objectives
from rnnbp.sweeps.layouts import Layout
from rnnbp.sweeps.measuring import costs_of
from rnnbp.sweeps.menus import SHARES, Menu
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.outputs import outputs_of, stages_of_network
from rnnbp.sweeps.posing import pose_network
from rnnbp.sweeps.wanted import Wanted

ROOM = 1 << 28
"""Bytes of measuring costs."""
TRIES = 8
"""Parts of the bytes of full caching's objects: a plan has those of its own, more or fewer."""


@final
class NetworkChooser:
    """Chooses for one network and data; all sweeps in chunks of ``chunk`` steps, by default as
    ``bptt`` has them, of several time axes the shortest.

    Sweeps of as many chunks have one schedule.
    """

    def __init__(
        self, graph: Graph, data: Data, reading: Reading, chunk: int | None, *, dx: bool
    ) -> None:
        self.graph, self.data, self.dx = graph, data, dx
        self.network: PosedNetwork = pose_network(graph, data.x, reading)
        outputs = with_objectives(graph, outputs_of(self.network), data, self.network.dtype)
        wanted = Wanted(graph, outputs, False, dx)
        shortest = min(of.chunk for of in self.network.rows.values())
        self.chunk = shortest if chunk is None else chunk
        chunks = dict.fromkeys(self.network.lengths, self.chunk)
        stages = stages_of_network(self.network)
        self.layout = Layout(self.network, stages, wanted, chunks, disk=False)
        self.costs = [costs_of(sweep.sizes, ROOM) for sweep in self.layout.found.sweeps]
        self._searches = self._by_chunks()
        self._known: dict[tuple[str, float], Choice | None] = {}

    @property
    def steps(self) -> int:
        """Those of all sweeps."""
        return sum(sweep.rows.steps for sweep in self.layout.found.sweeps)

    def cached(self) -> Choice:
        """Full caching."""
        return self._choice("all", "", {n: All(n) for n in self._searches})

    def best(self, name: str, budget: int, slowest: float = math.inf) -> Choice | Why:
        """The fastest schedules of a kind, of those tried; arguments and words as of ``Chooser``."""
        if name == PLAN:
            found = [self._planned(budget, None)]
        elif name == SHORT_PLAN:
            found = [self._planned(budget, Backend(tape_bits=SHORT))]
        else:
            found = [*self._of_kind(name)]
        fitting = [c for c in found if c is not None and c.forecast.peak_bytes <= budget]
        if not fitting:
            return "bytes"
        choice = min(fitting, key=lambda each: each.forecast.seconds or 0.0)
        return "seconds" if (choice.forecast.seconds or 0.0) > slowest else choice

    def _by_chunks(self) -> dict[int, tuple[Search, Menu]]:
        """By number of chunks, the search of the largest sweep with that number."""
        found: dict[int, tuple[Search, Menu]] = {}
        pairs = zip(self.layout.menus, self.costs, strict=True)
        for menu, costs in sorted(pairs, key=lambda pair: pair[0].candidates[-1].bytes):
            rows = menu.sweep.rows
            search = Search(menu.sweep.sizes, rows.steps, costs, arrays_only=True)
            found[rows.chunks] = search, menu
        return found

    def _of_kind(self, name: str) -> Iterator[Choice | None]:
        """Those of a kind, from the least of bytes to full caching."""
        for key in [(name, share) for share in SHARES]:
            if key not in self._known:
                self._known[key] = self._at(*key)
            yield self._known[key]

    def _at(self, name: str, share: float) -> Choice | None:
        """The fastest of a kind, within a share of what lies between the least and full caching."""
        schedules, parameters = dict[int, SizedSchedule](), list[str]()
        for n, (search, menu) in self._searches.items():
            least, full = menu.candidates[0].bytes, menu.candidates[-1].bytes
            budget = math.ceil(least + (full - least) * share)
            found = [*search.choices(KINDS[name], menu.chunk, budget, tables=TABLES)]
            if not found:
                return None
            schedules[n] = min(found, key=lambda c: (c.seconds, c.bytes)).schedule
            parameters.append(schedules[n].parameters)
        return self._choice(name, "; ".join(dict.fromkeys(parameters)), schedules)

    def _choice(self, name: str, parameters: str, schedules: Mapping[int, SizedSchedule]) -> Choice:
        sweeps = self.layout.found.sweeps
        each = [schedules[sweep.rows.chunks] for sweep in sweeps]
        forecast = Described(self.layout.network, self.layout.found, each, self.costs).forecast()
        actions = tuple([action for schedule in each for action in schedule])
        how = name, parameters, actions, self.chunk, forecast
        return Choice(*how, lambda chunks: schedules[chunks])

    def _planned(self, budget: int, backend: Backend | None) -> Choice | None:
        """What ``plan`` chooses where its arrays have it all, as those of the others do."""
        objects = self.cached().forecast.object_bytes
        given = self.graph, self.data, self.network
        # Of its own chunks, or else of those of the others: longer ones have fewer objects, so that
        # they may take more arrays within as many bytes.
        for chunk, part in product((None, self.chunk), range(TRIES, -1, -1)):
            within = with_margin(budget + objects * part // TRIES)
            found = planned(*given, within, chunk, dx=self.dx, backend=backend)
            if found is not None and found.forecast.peak_bytes <= budget:
                return found
        return None

"""A network in chunks of some length, its edges in memory or in files: what of it may be chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

from rnnbp.planning.network_objects import NETWORK
from rnnbp.planning.network_parts import NetworkChoice
from rnnbp.support.lazy import cached_property
from rnnbp.sweeps.blocks import Place
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.joint_search import Chosen, Levels, fastest, levels_of
from rnnbp.sweeps.menus import Menu, Option
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.stage import Stage
from rnnbp.sweeps.stage_bytes import NetworkBytes, bytes_of
from rnnbp.sweeps.sweep_bytes import SweepBytes
from rnnbp.sweeps.wanted import Wanted

MOVING = 3e-9
"""Seconds that a byte of an edge in a file takes more than in memory: it is written twice, and read
by those that need it, at some GB/s.
"""


@final
@dataclass(frozen=True)
class Limits:
    """What a plan may take.

    Attributes:
        room: bytes in memory of all, without what is left free.
        parts: bytes of parts, by name.
        of: by number of a sweep, the name of its part; "" for none.
        disk: bytes of edges in files; infinite for no limit.
    """

    room: float
    parts: Mapping[str, int] = field(default_factory=dict)
    of: tuple[str, ...] = ()
    disk: float = math.inf


@final
class Layout:
    """The sweeps of a network in chunks.

    Args:
        chunks: by axis, their steps.
        disk: True for edges in files.
    """

    def __init__(
        self,
        network: PosedNetwork,
        stages: Sequence[Stage],
        wanted: Wanted,
        chunks: Mapping[str, int],
        *,
        disk: bool,
    ) -> None:
        rows = {axis: ChunkRows(of, chunks[axis]) for axis, of in network.lengths.items()}
        self.chunks, self.disk = {axis: of.chunk for axis, of in rows.items()}, disk
        self.network = replace(network, rows=rows)
        self.wanted = replace(wanted, place=Place(disk, wanted.place.folder))
        self.found: NetworkBytes = bytes_of(self.network, stages, self.wanted)
        self.menus = [Menu(sweep) for sweep in self.found.sweeps]

    @property
    def longest(self) -> dict[str, int]:
        """By axis, the steps of the longest row."""
        return {axis: of.longest for axis, of in self.network.lengths.items()}

    @property
    def on_disk(self) -> int:
        """Bytes of edges in files."""
        return sum(self.found.edges.values()) if self.disk else 0

    @cached_property
    def levels(self) -> list[Levels]:
        """What is held around each sweep."""
        return levels_of(self.found)

    def rough(self, room: float) -> float:
        """Seconds of schedules that share ``room`` bytes, about: to try the fastest layout first."""
        cached = sum(menu.full.bytes for menu in self.menus)
        if room >= cached:
            return sum(menu.full.seconds for menu in self.menus)
        least = sum(menu.candidates[0].bytes for menu in self.menus)
        share = min(1.0, max(0.0, (room - least) / max(1, cached - least)))
        picks = [menu.candidates[int(share * (len(menu.candidates) - 1))] for menu in self.menus]
        return sum(pick.seconds for pick in picks)

    @property
    def cached(self) -> float:
        """Seconds of full caching."""
        return sum(menu.candidates[-1].seconds for menu in self.menus)

    @property
    def bound(self) -> int:
        """Bytes that the least schedules need, about: what the sweeps do at the same time, and edges."""
        own = max(menu.candidates[0].bytes for menu in self.menus)
        return own + sum(self._handed)

    def fastest(self, limits: Limits) -> Chosen | None:
        """The fastest schedules within bytes; None where none fit."""
        if sum(menu.about for menu in self.menus) <= limits.room:
            found = self._fastest([menu.cached for menu in self.menus], limits)
            if found is not None:
                return found  # nothing is faster
        if self.floor > limits.room or self.least.bytes > limits.room:
            return None
        return self._fastest([menu.options for menu in self.menus], limits)

    def _fastest(self, options: Sequence[Sequence[Option]], limits: Limits) -> Chosen | None:
        of = limits.of or ("",) * len(options)
        return fastest(options, self.levels, self._handed, limits.room, of, limits.parts)

    @property
    def floor(self) -> int:
        """Bytes below which no schedules are: of a sweep that runs backward, with what stays."""
        around = zip(self.levels, self.menus, strict=True)
        stay = NETWORK + sum(menu.stays for menu in self.menus)
        return stay + max(level.after + menu.floor for level, menu in around)

    @cached_property
    def least(self) -> Chosen:
        """The schedules that need the least bytes."""
        return self.least_of(())

    def least_of(self, parts: Sequence[str]) -> Chosen:
        """The same, with the bytes of parts; ``parts``: that of each sweep."""
        options = [menu.least for menu in self.menus]
        of = parts or ("",) * len(options)
        found = fastest(options, self.levels, self._handed, math.inf, of, {})
        assert found is not None
        return found

    @property
    def _handed(self) -> list[int]:
        """Bytes in memory of what each sweep hands on."""
        return [0 if self.disk else handed(sweep, self.found) for sweep in self.found.sweeps]

    def seconds(self, chosen: Chosen) -> float:
        """Those of schedules, with what files take: to compare layouts with one another."""
        return chosen.seconds + self.on_disk * MOVING

    def choice(self, chosen: Chosen) -> NetworkChoice:
        """What a run takes of it."""
        candidates = [option.candidate for option in chosen.picks]
        schedules = tuple([each.schedule for each in candidates])
        names = tuple([each.name for each in candidates])
        given = self.chunks, schedules, names, chosen.bytes, self.seconds(chosen)
        return NetworkChoice(*given, self.disk)


def handed(sweep: SweepBytes, found: NetworkBytes) -> int:
    """The bytes of the edges that a sweep writes."""
    return sum(found.edges[end.value] for end in sweep.sweep.outputs if end.edge)

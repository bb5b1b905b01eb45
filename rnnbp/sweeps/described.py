"""What a choice of schedules takes: the forecast of a run, and each sweep for a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from rnnbp.actions import Action
from rnnbp.planning.costs import Costs
from rnnbp.planning.forecast import Forecast
from rnnbp.planning.network_objects import SweepObjects, bytes_at
from rnnbp.planning.network_parts import EdgePlan, SweepPlan
from rnnbp.planning.objects import bytes_of_rows, fused_of, ways_of, ways_of_rows
from rnnbp.planning.short_tape_lines import short_tapes_of
from rnnbp.planning.sizes import Sizes
from rnnbp.planning.sweep_ledger import SweepForecast
from rnnbp.schedules import ScheduleLike, resolve
from rnnbp.schedules.simulation import Simulation, simulate
from rnnbp.schedules.sized import SizedSchedule, table_bytes
from rnnbp.support.lazy import cached_property
from rnnbp.sweeps.joined_stats import joined_counts
from rnnbp.sweeps.joint_ledger import JointLedger, ledger_of
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.parts import layer_of_value, layers_of
from rnnbp.sweeps.seconds import seconds_of
from rnnbp.sweeps.stage_bytes import NetworkBytes
from rnnbp.sweeps.sweep_bytes import SweepBytes

CostsOf = Callable[[int, Sizes], Costs | None]
"""From the number of a sweep and its sizes to the seconds of its actions."""


@final
@dataclass(frozen=True)
class Described:
    """A network with a schedule for each sweep.

    Attributes:
        network: in chunks.
        found: its bytes.
        schedules: of each sweep, in order.
        costs: seconds of actions of each sweep; None if they are not known.
        disk: True for edges in files.
    """

    network: PosedNetwork
    found: NetworkBytes
    schedules: Sequence[ScheduleLike]
    costs: Sequence[Costs | None]
    disk: bool = False

    @cached_property
    def actions(self) -> list[Iterable[Action]]:
        """Of each sweep."""
        pairs = zip(self.schedules, self.found.sweeps, strict=True)
        return [resolve(schedule, sweep.rows.chunks) for schedule, sweep in pairs]

    @cached_property
    def counts(self) -> list[Simulation]:
        """What each schedule takes."""
        pairs = zip(self.actions, self.found.sweeps, strict=True)
        sizes = [(a, s.rows.chunks, s.rows.steps, s.rows.chunk) for a, s in pairs]
        return [simulate(a, n, steps=steps, chunk=chunk) for a, n, steps, chunk in sizes]

    @cached_property
    def sweeps(self) -> list[tuple[SweepForecast, SweepObjects]]:
        """(bytes of arrays, bytes of Python's objects) of each sweep."""
        pairs = zip(self.actions, self.counts, self.found.sweeps, strict=True)
        return [_bytes(actions, counts, sweep) for actions, counts, sweep in pairs]

    @cached_property
    def seconds(self) -> list[float | None]:
        """Of each sweep."""
        pairs = zip(self.actions, self.found.sweeps, self.costs, strict=True)
        return [None if c is None else seconds_of(a, s.rows, c) for a, s, c in pairs]

    def forecast(self) -> Forecast:
        """What the run will count."""
        ledger = JointLedger(self.found, [bytes_ for bytes_, _ in self.sweeps])
        known = [n for n in self.seconds if n is not None]
        return Forecast(
            **joined_counts(self.counts),
            peak_bytes=ledger.peak,
            peak_bytes_by_kind=ledger.by_kind,
            object_bytes=bytes_at([objects for _, objects in self.sweeps], ledger.way),
            rounding=self.found.sweeps[0].sizes.backend.rounding,
            seconds=sum(known) if len(known) == len(self.seconds) else None,
        )

    def planned(self, names: Sequence[str], parts: Sequence[str]) -> tuple[SweepPlan, ...]:
        """The sweeps of a plan.

        Args:
            names: of the schedules. parts: of each sweep, "" for none.
        """
        graph, found = self.network.graph, list[SweepPlan]()
        for k, sweep in enumerate(self.found.sweeps):
            schedule, costs, seconds = self.schedules[k], self.costs[k], self.seconds[k]
            assert isinstance(schedule, SizedSchedule)
            assert costs is not None
            assert seconds is not None
            bytes_, _ = self.sweeps[k]
            one = SweepPlan(
                axis=sweep.rows.lengths.axis,
                layers=layers_of(graph, sweep.sweep),
                name=names[k],
                schedule=schedule,
                chunk=sweep.rows.chunk,
                bytes=max(bytes_.forward_kinds, bytes_.backward_kinds, key=_total),
                counts=self.counts[k],
                seconds=seconds,
                costs=costs,
                part=parts[k],
                short_tapes=short_tapes_of(sweep.sizes, sweep.rows.chunk),
                sizes=sweep.sizes,
            )
            found.append(one)
        return tuple(found)

    def edges(self) -> tuple[EdgePlan, ...]:
        """The edges of a plan."""
        graph, axes = self.network.graph, self.network.axes
        return tuple(
            [
                EdgePlan(layer_of_value(graph, value), axes[value], nbytes, self.disk)
                for value, nbytes in self.found.edges.items()
            ]
        )


def _total(kinds: Mapping[str, int]) -> int:
    return sum(kinds.values())


def _bytes(
    actions: Iterable[Action], counts: Simulation, sweep: SweepBytes
) -> tuple[SweepForecast, SweepObjects]:
    """(bytes of arrays, bytes of Python's objects) of a sweep."""
    ledger, rows, sizes = ledger_of(sweep), sweep.rows, sweep.sizes
    found = ledger.forecast(actions)
    most = sizes.object_bytes(
        rows.chunk,
        counts.peak_tapes,
        counts.peak_thin_tapes,
        counts.peak_slots,
        counts.peak_slots_by_tier["disk"],
        ways_of(ledger.at_highest, rows.steps, rows.chunk) + ways_of_rows(rows.rows, rows.chunk),
        fused_of(counts.counts, counts.chunks),
    )
    most += table_bytes(actions) + bytes_of_rows(rows.rows, rows.chunk)
    waiting = sizes.objects.waiting(rows.chunk, *ledger.waiting)
    return found, SweepObjects(most, sizes.objects.stays(rows.rows, rows.chunk), waiting)

"""What the sweeps of a run took, as what the run took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict

from rnnbp.bptt.results import Stats
from rnnbp.ledger import Ledger
from rnnbp.schedules.simulation import Simulation


class Counts(TypedDict):
    """The fields of a ``Simulation``."""

    chunks: int
    peak_slots: int
    peak_tapes: int
    steps_run: int
    steps_rerun: int
    counts: dict[str, int]
    peak_slots_by_tier: dict[str, int]
    peak_thin_tapes: int
    chunks_rebuilt: int
    steps_rebuilt: int
    writes: dict[str, int]
    reads: dict[str, int]


def joined_counts(given: Sequence[Simulation]) -> Counts:
    """What schedules of several sweeps take together: sums, and of what is held the most."""
    found = Counts(
        chunks=sum(each.chunks for each in given),
        peak_slots=max(each.peak_slots for each in given),
        peak_tapes=max(each.peak_tapes for each in given),
        steps_run=sum(each.steps_run for each in given),
        steps_rerun=sum(each.steps_rerun for each in given),
        counts={},
        peak_slots_by_tier={},
        peak_thin_tapes=max(each.peak_thin_tapes for each in given),
        chunks_rebuilt=sum(each.chunks_rebuilt for each in given),
        steps_rebuilt=sum(each.steps_rebuilt for each in given),
        writes={},
        reads={},
    )
    for each in given:
        found["counts"] = summed(found["counts"], each.counts)
        tiers = found["peak_slots_by_tier"]
        found["peak_slots_by_tier"] = largest(tiers, each.peak_slots_by_tier)
        found["writes"] = summed(found["writes"], each.writes)
        found["reads"] = summed(found["reads"], each.reads)
    return found


def joined(stats: Sequence[Stats], ledger: Ledger, objects: int) -> Stats:
    """What a run took, from that of its sweeps; ``objects``: bytes of Python's own."""
    return replace(
        stats[0],
        **joined_counts(stats),
        object_bytes=objects,
        seconds=max(each.seconds for each in stats),
        peak_bytes=ledger.peak_bytes,
        peak_bytes_by_kind=ledger.peak_by_kind,
    )


def summed(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    """The sums of counts by name."""
    return {name: a.get(name, 0) + b.get(name, 0) for name in {**a, **b}}


def largest(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    """The larger of counts by name."""
    return {name: max(a.get(name, 0), b.get(name, 0)) for name in {**a, **b}}

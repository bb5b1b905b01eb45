"""What the sweeps of a run took, as what the run took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rnnbp.bptt.results import Stats
from rnnbp.ledger import Ledger


def joined(stats: Sequence[Stats], ledger: Ledger) -> Stats:
    """What a run took, from that of its sweeps."""
    first, *rest = stats
    for each in rest:
        first = replace(
            first,
            chunks=first.chunks + each.chunks,
            peak_slots=max(first.peak_slots, each.peak_slots),
            peak_tapes=max(first.peak_tapes, each.peak_tapes),
            steps_run=first.steps_run + each.steps_run,
            steps_rerun=first.steps_rerun + each.steps_rerun,
            counts=summed(first.counts, each.counts),
            peak_slots_by_tier=largest(first.peak_slots_by_tier, each.peak_slots_by_tier),
            peak_thin_tapes=max(first.peak_thin_tapes, each.peak_thin_tapes),
            chunks_rebuilt=first.chunks_rebuilt + each.chunks_rebuilt,
            steps_rebuilt=first.steps_rebuilt + each.steps_rebuilt,
            writes=summed(first.writes, each.writes),
            reads=summed(first.reads, each.reads),
            object_bytes=first.object_bytes + each.object_bytes,
            seconds=max(first.seconds, each.seconds),
        )
    return replace(first, peak_bytes=ledger.peak_bytes, peak_bytes_by_kind=ledger.peak_by_kind)


def summed(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    """The sums of counts by name."""
    return {name: a.get(name, 0) + b.get(name, 0) for name in {**a, **b}}


def largest(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    """The larger of counts by name."""
    return {name: max(a.get(name, 0), b.get(name, 0)) for name in {**a, **b}}

"""The lines of text that a plan is shown as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnnbp.planning.budget import exactly, shown, with_margin
from rnnbp.planning.forecast import Forecast
from rnnbp.planning.search import Candidate


def held_lines(found: Forecast, budget: int, tables: int, slot: int) -> Iterator[str]:
    """What is held against a budget, and on disk, and the steps that this costs.

    Args:
        found: of the run.
        budget: bytes.
        tables: bytes of a schedule that works out its actions from tables.
        slot: bytes of a checkpoint.
    """
    arrays, objects = found.peak_bytes, found.object_bytes + tables
    kinds = ", ".join(f"{kind} {shown(n)}" for kind, n in found.peak_bytes_by_kind.items())
    yield f"bytes      {exactly(arrays + objects)} of {exactly(budget)}"
    yield f"  arrays   {exactly(arrays)}: {kinds}"
    yield f"  objects  Python's objects, about {exactly(objects)}"
    free = exactly(budget - arrays - objects)
    yield f"  free     {free}, for what estimates may be short by"
    if writes := found.writes["disk"]:
        slots = found.peak_slots_by_tier["disk"]
        yield f"disk       {shown(slots * slot)}, {writes:,} checkpoints written"
    if held := found.output_bytes:
        what = f"y and dy of all steps are held, {shown(held)}, under any schedule"
        yield f"loss       {what}: checkpoints save less"
    yield f"steps      {found.steps_rerun:,} run again, {found.steps_rebuilt:,} rebuilt"


def seconds_text(seconds: float, ratio: float) -> str:
    """Seconds, with their ratio to those of caching everything."""
    return f"{seconds:.3g}, {ratio:.2f} times as long as caching everything"


def frontier_lines(frontier: Sequence[Candidate], chosen: Candidate, least: float) -> Iterator[str]:
    """The table of what other budgets would buy; ``least``: seconds of caching everything."""
    yield f"{'budget':>12}  {'seconds':>9}  {'ratio':>5}  what it would buy"
    for other in frontier:
        mark = "*" if other == chosen else " "
        budget = f"{shown(with_margin(other.bytes), up=True):>12}"
        seconds = f"{other.seconds:9.3g}  {other.seconds / least:5.2f}"
        yield f"{budget}  {seconds} {mark}{other.name}, chunks of {other.chunk}"

"""The lines of text that a plan is shown as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnnbp.planning.budget import exactly, shown, with_margin
from rnnbp.planning.forecast import Forecast
from rnnbp.planning.search import Candidate
from rnnbp.planning.training_bytes import Sharing, TrainingBytes
from rnnbp.runners.backend import Backend
from rnnbp.runners.lane_shares import makespan, shared
from rnnbp.support.printing import filled
from rnnbp.support.reprs import counted


def budget_lines(budget: int, held: TrainingBytes) -> Iterator[str]:
    """What of a budget training holds, next to the ``budget`` of a run; none if it is nothing."""
    if held.sharing is not None:
        yield filled(f"shards     {_shared(held.sharing, held.optimizer)}", 11)
    if held.total:
        parts = ", ".join(f"{shown(n)} for {name.rstrip(',')}" for name, n in held.parts.items())
        left = f"{shown(budget)} are left for the run"
        yield filled(f"budget     {exactly(budget + held.total)}: {parts}; {left}", 11)


def _shared(found: Sharing, optimizer: int) -> str:
    """How processes share a batch, and what the optimiser's state takes in each of them."""
    what = (
        f"{found.shards} of at most {counted(found.rows, 'row')}, one after the other; each "
        "process has the budget for itself, and owns the shards of its part"
    )
    if not found.partition or not optimizer:
        return what
    many = [p for p in (2, 4, 8, 16, 32, 64) if p <= found.shards]
    each = ", ".join(f"{shown(-(-optimizer // p))} in each of {p}" for p in many)
    return (
        f"{what}. Of the optimiser's state {each or shown(optimizer)}; the budget counts all of it"
    )


def held_lines(found: Forecast, budget: int, slot: int, disk: int = 0) -> Iterator[str]:
    """What is held against a budget, and on disk, and the steps that this costs.

    Args:
        found: of the run.
        budget: bytes.
        slot: bytes of a checkpoint.
        disk: bytes that checkpoints may take on disk.
    """
    arrays, objects = found.peak_bytes, found.object_bytes
    kinds = ", ".join(f"{kind} {shown(n)}" for kind, n in found.peak_bytes_by_kind.items())
    yield f"bytes      {exactly(arrays + objects)} of {exactly(budget)}"
    yield filled(f"  arrays   {exactly(arrays)}: {kinds}", 11)
    yield f"  objects  Python's objects, about {exactly(objects)}"
    free = exactly(budget - arrays - objects)
    yield f"  free     {free}, for what estimates may be short by"
    if writes := found.writes["disk"]:
        slots = found.peak_slots_by_tier["disk"]
        limit = f" of {shown(disk)}" * (disk > 0)
        yield f"disk       {shown(slots * slot)}{limit}, {writes:,} checkpoints written"
    elif disk:
        yield f"disk       none of {shown(disk)} used: the fastest schedule found needs no disk"
    if held := found.output_bytes:
        what = f"y and dy of all steps are held, {shown(held)}, under any schedule"
        yield f"loss       {what}: checkpoints save less"
    yield f"steps      {found.steps_rerun:,} run again, {found.steps_rebuilt:,} rebuilt"


def rounding_lines(backend: Backend) -> Iterator[str]:
    """What of a run is not exact; none where all is."""
    if found := backend.rounding:
        yield f"rounding   {found}"


def lane_lines(lanes: int, row: int) -> Iterator[str]:
    """In how many rounds lanes run a ``row`` of chunks, each by a thread; none where all chunks run
    one by one.
    """
    if row > 1:
        costs = (1,) * lanes
        rounds = round(makespan(costs, shared(costs, lanes), row))
        yield filled(
            f"lanes      {lanes} Recurrents side by side, one chunk apart: with a thread each, "
            f"{rounds:,} rounds in place of {lanes * row:,} where up to {row:,} chunks in a row "
            "are recorded, or go backward",
            11,
        )


def seconds_text(seconds: float, ratio: float) -> str:
    """Seconds, with their ratio to those of caching everything."""
    return f"{seconds:.3g}, {ratio:.2f} times as long as caching everything"


def frontier_lines(
    frontier: Sequence[Candidate], chosen: Candidate, least: float, held: int = 0
) -> Iterator[str]:
    """The table of what other budgets would buy.

    Args:
        frontier: schedules for budgets.
        chosen: the one of them to mark.
        least: seconds of caching everything.
        held: bytes of each budget that training holds next to the run.
    """
    ratios = [_ratio(other.seconds / least) for other in frontier]
    wide = max(5, *map(len, ratios))
    yield f"{'least budget':>12} {'seconds':>8}  {'ratio':>{wide}}  what it would buy"
    for k, (other, ratio) in enumerate(zip(frontier, ratios, strict=True)):
        budget = f"{shown(with_margin(other.bytes) + held, up=True):>12}"
        mark, end = "*" if other == chosen else " ", "" if k else "; the least that works"
        what = f"{other.name}, chunks of {other.chunk:,}{end}"
        yield f"{budget} {other.seconds:8.3g}  {ratio:>{wide}} {mark}{what}"


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 100 else f"{ratio:,.0f}"

"""What threads share of chunks, by the functions that decide it while they run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rnnbp.actions import Action, Backward, Record
from rnnbp.planning.layer_names import names
from rnnbp.planning.sizes import Sizes
from rnnbp.planning.sweep_sizes import SweepSizes
from rnnbp.planning.thread_plan import Part, Parts, ThreadPlan, Way, joined
from rnnbp.runners.lane_shares import LanePlan
from rnnbp.runners.lanes import BACK, back_plan, delta_bytes, forward_plan, tail_weights
from rnnbp.runners.runner_sizes import RunnerSizes
from rnnbp.runners.select import threads_of
from rnnbp.runners.side_by_side import worth
from rnnbp.runners.stretch_length import in_rounds, most_chunks
from rnnbp.runners.thread_shares import Share
from rnnbp.schedules.stretches import Stretch, stretches


class InRows(NamedTuple):
    """The most chunks, one after the other, that lanes can run by one call; 0 for none.

    Attributes:
        recorded, reversed: that are recorded, and that go backward.
    """

    recorded: int = 0
    reversed: int = 0


def threads_of_chain(sizes: Sizes, rows: InRows, chunk: int) -> ThreadPlan:
    """What threads share of a run of one sweep, whose chunks are in these ``rows``."""
    count, every = threads_of(sizes.backend), names(sizes.model)
    cells = [sizes.cells[node.number] for node in sizes.parts.recurrent]
    forward = forward_plan(cells, chunk, rows.recorded, count) if rows.recorded else None
    of_tail = tail_weights(sizes.parts), chunk, rows.reversed, count
    backward = back_plan(cells, *of_tail) if rows.reversed else None
    both = (
        _by_lanes(cells, forward, chunk, count, back=False),
        _by_lanes(cells, backward, chunk, count, back=True),
    )
    return joined(count, [every[node.number] for node in sizes.parts.recurrent], [both])


def threads_of_sweep(sizes: SweepSizes, chunk: int) -> list[Parts]:
    """What threads share of a sweep: of each group of its Recurrents, in order."""
    count = threads_of(sizes.backend)
    groups = [
        [sizes.cells[node.number] for node in group if node.number in sizes.cells]
        for group in sizes.groups
    ]
    return [
        (_by_group(cells, chunk, count, back=False), _by_group(cells, chunk, count, back=True))
        for cells in groups
        if cells
    ]


def rows_of(sizes: Sizes, actions: Iterable[Action], steps: int, chunk: int) -> InRows:
    """The rows of chunks that lanes can run by one call, by the ``actions`` of a schedule."""
    chunks, most = -(-steps // chunk), _most(sizes, chunk) if sizes.lanes else 0
    found = {Record: 0, Backward: 0}
    for step in stretches(actions, most) if most > 1 else ():
        if isinstance(step, Stretch):
            # The last chunk of all is recorded by itself.
            count = min(step.count, chunks - 1 - step.n) if step.kind is Record else step.count
            found[step.kind] = max(found[step.kind], count)
    return InRows(found[Record], 0 if sizes.row_bytes is None else found[Backward])


def _most(sizes: Sizes, chunk: int) -> int:
    """The most chunks of lanes that run by one call; 0 where Python is between all of them."""
    spelled = sizes.cells[sizes.lanes[0]].looks_up
    turning = {k for k, cell in sizes.cells.items() if cell.in_rounds}
    turning.update(k for k, layer in sizes.layers.items() if layer.in_rounds)
    if not in_rounds(sizes.parts, turning, spelled=spelled):
        return 0
    return most_chunks(
        work=sum(cell.flops(chunk) for cell in sizes.cells.values()),
        rows=chunk * sizes.batch,
        row_bytes=sizes.row_bytes or 0,
        lanes=True,
        room=delta_bytes(sizes.lanes, sizes.cells, chunk) if spelled else None,
    )


def _by_lanes(
    cells: Sequence[RunnerSizes], plan: LanePlan | None, length: int, count: int, *, back: bool
) -> Part:
    """How threads share the Recurrents of a chain."""
    found = _in_turn(cells, length, count, back=back)
    if plan is None:
        return found
    ways = (Way("layers", len(plan.shares)),) * len(cells)
    return Part(found.cost, ways, plan.part, {_named(found): plan.by_layer})


def _by_group(cells: Sequence[RunnerSizes], length: int, count: int, *, back: bool) -> Part:
    """How threads share Recurrents of a sweep that may run side by side."""
    found = _in_turn(cells, length, count, back=back)
    flops = [cell.flops(length) for cell in cells]
    if not worth(flops, cells[0].layout.batch, count):
        return found
    n = min(count, len(cells))
    ways = (Way("directions", n),) * len(cells)
    part = max(max(flops) / sum(flops), 1 / n)
    return Part(found.cost, ways, part, {_named(found): found.part})


def _in_turn(cells: Sequence[RunnerSizes], length: int, count: int, *, back: bool) -> Part:
    """How threads share each of several Recurrents that run one after the other."""
    shares = [cell.share(length, count, back=back) for cell in cells]
    costs = [(BACK if back else 1) * cell.flops(length) for cell in cells]

    def part_of(found: Sequence[Share]) -> float:
        every = zip(cells, costs, found, strict=True)
        taken = sum(cost * cell.part_of(each, back=back) for cell, cost, each in every)
        return taken / max(1, sum(costs))

    ways = tuple(map(_way, cells, shares))
    others = {}
    for by, units in (("rows", False), ("units", True)):
        if any(way.by in ("rows", "units") and way.by != by for way in ways):
            others[by] = part_of([each._replace(units=units) for each in shares])
    return Part(sum(costs), ways, part_of(shares), others)


def _way(cell: RunnerSizes, found: Share) -> Way:
    """How threads share a Recurrent that runs by itself."""
    if not cell.in_kernels:
        return Way("NumPy")
    n = found.threads if found.units else min(found.threads, cell.layout.batch)
    if n == 1:
        return Way("one thread")
    return Way("units" if found.units else "rows", n)


def _named(found: Part) -> str:
    """The name of several ways."""
    return " and ".join(dict.fromkeys(way.by for way in found.ways))

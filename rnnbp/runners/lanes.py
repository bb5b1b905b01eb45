"""Which Recurrents of a stack are lanes of a pipeline, when they run so, and the bytes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rnnbp.graph.graph import Node
from rnnbp.graph.model_split import Parts
from rnnbp.graph.recurrent import Recurrent
from rnnbp.numerics import Shape
from rnnbp.runners.lane_shares import ROOM, LanePlan, Work, planned
from rnnbp.runners.runner_sizes import RunnerSizes
from rnnbp.runners.workspace import workspace_bytes

MOST_CHUNKS = 32
"""Chunks that lanes advance by one call, at most: their objects take memory."""
MOST_ROWS = 8
"""Rows up to which there are lanes: two LSTMs, two threads, the time of one after the other over
that of lanes, for 1, 4 and 8 rows: of 64 units 1.39, 1.13, 0.98; of 128 1.39, 1.18, 0.99; of 256,
whose units threads share, 0.96, 0.98, 1.01."""
BACK, TAIL = 2, 3
"""Operations of a layer's way back for each of its forward; of the tail, which runs forward then
too."""


def lanes_of(parts: Parts, cells: Mapping[int, RunnerSizes]) -> tuple[int, ...]:
    """The Recurrents of a body that is a stack of them, by number, in order; () where they are no
    lanes.

    Each takes the output of the one before alone, no two share a parameter, all of them run in
    rounds, and rows are few. It depends on shapes alone, so that bytes are the same everywhere.

    Args:
        cells: by number of a Recurrent.
    """
    nodes = [node for node in parts.body if isinstance(node.block, Recurrent)]
    looked_up = bool(nodes) and cells[nodes[0].number].looks_up
    if len(nodes) < 2 or len(nodes) + looked_up != len(parts.body):
        return ()
    used = [{(id(owner), key) for owner, key in _slots(node)} for node in nodes]
    apart = sum(map(len, used)) == len(set[tuple[int, str]]().union(*used))
    kinds = [cells[node.number] for node in nodes]
    able = all(part.in_rounds and part.layout.batch <= MOST_ROWS for part in kinds)
    fed = zip(nodes[1:], nodes, strict=False)
    chained = all(tuple(node.args) == node_before.outs for node, node_before in fed)
    return tuple([node.number for node in nodes]) if apart and able and chained else ()


def forward_plan(
    cells: Sequence[RunnerSizes], length: int, count: int, threads: int
) -> LanePlan | None:
    """How ``cells`` run ``count`` chunks as lanes; None where they run one after the other.

    Args:
        cells: of the lanes, in order. length: of a chunk.
    """
    alone = [part.part_of(part.share(length, threads)) for part in cells]
    return _plan(cells, [part.flops(length) for part in cells], alone, count, threads)


def back_plan(
    cells: Sequence[RunnerSizes], tail: int, length: int, count: int, threads: int
) -> LanePlan | None:
    """The same of the way back, in which the tail, of ``tail`` weights, is of the first lane."""
    parts = cells[::-1]
    alone = [part.part_of(part.share(length, threads, back=True), back=True) for part in parts]
    costs = [BACK * part.flops(length) for part in parts]
    of_tail = TAIL * 2 * tail * length * parts[0].layout.batch
    return _plan(parts, [costs[0] + of_tail, *costs[1:]], alone, count, threads)


def tail_weights(parts: Parts) -> int:
    """Numbers of the parameters of the tail."""
    return sum(p.size for node in parts.tail for p in node.block.params.values())


def _plan(
    cells: Sequence[RunnerSizes],
    costs: Sequence[int],
    alone: Sequence[float],
    count: int,
    threads: int,
) -> LanePlan | None:
    if count < 2 or threads == 1:
        return None
    n = cells[0].workers(sum(costs) * count, threads)
    if n == 1:
        return None
    found = planned(Work(tuple(costs), count, cells[0].layout.batch, tuple(alone), n))
    return found if found.pays else None


def delta_shape(part: RunnerSizes, length: int) -> Shape:
    """Of the delta of y of a lane, for chunks of ``length`` steps."""
    layout = part.layout
    return length, layout.batch, *layout.shapes[layout.cell.outputs[0]]


def delta_bytes(lanes: Sequence[int], cells: Mapping[int, RunnerSizes], length: int) -> int:
    """Of the last delta between lanes: a Backward reserves them for an array of its own, which
    stretches do without.
    """
    found = [cells[k] for k in lanes[-2:-1]]
    return sum(math.prod(delta_shape(part, length)) * part.layout.dtype.itemsize for part in found)


def between_bytes(part: RunnerSizes, length: int) -> int:
    """Of the buffers in which a lane finds the deltas of its y."""
    return workspace_bytes([delta_shape(part, length)] * ROOM, part.layout.dtype)


def workspaces(lanes: Sequence[int], cells: Mapping[int, RunnerSizes], length: int) -> int:
    """The bytes of the workspaces of lanes, one each, and of all buffers between them."""
    between = sum(between_bytes(cells[k], length) for k in lanes[:-1])
    return sum(cells[k].workspace_bytes(length) for k in lanes) + between


def _slots(node: Node) -> list[tuple[object, str]]:
    block = node.block
    return [*block.slots.values()] if isinstance(block, Recurrent) else []

"""Which Recurrents of a sweep run side by side, each by one thread: both directions of a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from rnnbp.graph.graph import Node
from rnnbp.graph.model_split import Parts
from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers.base import Layer
from rnnbp.runners.runner_sizes import RunnerSizes

FEW_ROWS = 16
"""Rows of a batch up to which a thread for each cell is faster than all threads for one cell."""
# An EPYC of the Zen 3 kind, two threads, both directions of an LSTM of 128: 1.3 times at 4 rows,
# 1.1 at 8 and 16; of 32 rows on both are as fast, and two workspaces take twice the bytes.
SCARCE = 4
"""Rows above which more threads than Recurrents share the rows of one after the other."""
WORTH = 10**6
"""Floating-point operations of a Recurrent in a chunk for which another thread is worth waking."""
# Of two LSTMs of one row, one thread over two (an EPYC of the Zen 3 kind, in turn in one process):
# 0.95 to 0.97 of 0.1 to 0.5 million each (16 and 32 units, 32 steps), 1.03 of 1.0 (16 units, 256
# steps), 1.14 of 2.1 (64 units, 32 steps).
Group: TypeAlias = tuple[Node, ...]
"""Recurrents that run side by side; or one node."""


def groups_of(parts: Parts, cells: Mapping[int, RunnerSizes]) -> tuple[Group, ...]:
    """The body of a sweep, in an order in which it may run.

    Recurrents of a group share no parameter, depend on none of the others, and read series that lie
    as machine code reads them. It depends on shapes alone, so that bytes are the same everywhere.

    Args:
        cells: by number of a Recurrent.
    """
    if sum(part.alone for part in cells.values()) < 2:
        return tuple([(node,) for node in parts.body])
    found, group = list[Group](), list[Node]()
    apart = {k for node in parts.body for k in node.outs if not _lies(node)}
    for node in parts.body:
        if not isinstance(node.block, Recurrent):
            if any(set(node.args).intersection(other.outs) for other in group):
                found.append(tuple(group))
                group = []
            found.append((node,))
            continue
        if group and not _independent(node, group):
            found.append(tuple(group))
            group = []
        series = all(parts.pers[k] == "step" and k not in apart for k in node.args)
        if cells[node.number].alone and series:
            group.append(node)
        else:
            found += [tuple(group)] if group else []
            found.append((node,))
            group = []
    return tuple([*found, tuple(group)] if group else found)


def worth(flops: Sequence[int], rows: int, threads: int) -> bool:
    """True if Recurrents of a group run faster side by side than in turn.

    Args:
        flops: of a chunk of each, forward. rows: of the chunk.
    """
    if len(flops) == 1 or threads == 1:
        return False
    if threads > len(flops) and rows > SCARCE:
        return False
    return all(each >= WORTH for each in flops)


def place_of(groups: tuple[Group, ...]) -> dict[int, int]:
    """By number of a Recurrent, which workspace it has: those of a group have one each."""
    return {node.number: k for group in groups for k, node in enumerate(group)}


def workspaces(
    groups: tuple[Group, ...], cells: Mapping[int, RunnerSizes], length: int
) -> dict[int, int]:
    """The bytes of each of these workspaces, for chunks of ``length`` steps."""
    found: dict[int, int] = {}
    for number, k in place_of(groups).items():
        if number in cells:
            found[k] = max(found.get(k, 0), cells[number].workspace_bytes(length))
    return found


def _lies(node: Node) -> bool:
    """True if the outputs of a node lie together in memory of their own."""
    return not (isinstance(node.block, Layer) and (node.block.view or node.block.part))


def _independent(node: Node, group: list[Node]) -> bool:
    made = {k for other in group for k in other.outs}
    return made.isdisjoint(node.args) and all(_shares_nothing(node, other) for other in group)


def _shares_nothing(node: Node, other: Node) -> bool:
    slots = [
        {(id(owner), key) for owner, key in block.slots.values()}
        for block in (node.block, other.block)
        if isinstance(block, Recurrent)
    ]
    return slots[0].isdisjoint(slots[1])

"""How many steps before a chunk's end lack deltas that steps further before have."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.graph.cell import Cell, charged
from rnnbp.support.prepared import Remembered

_known = Remembered[Cell, dict[tuple[bool, ...], int]](lambda cell: {})
"""By cell, the answers of ``late_steps``."""


def late_steps(cell: Cell, there: tuple[bool, ...]) -> int:
    """The steps before a chunk's end in which some value has no delta that has one further before.

    Args:
        there: whether each state has a delta after the chunk.
    """
    known = _known.of(cell)
    if there not in known:
        known[there] = _late_steps(cell, there)
    return known[there]


def _late_steps(cell: Cell, there: tuple[bool, ...]) -> int:
    y, *after = cell.outputs
    always = [y, *charged(cell)]
    found = [_needed(cell, [*always, *(v for v, yes in zip(after, there, strict=True) if yes)])]
    while len(found) < 2 or found[-1] != found[-2]:
        reached = [v for k, v in enumerate(after, cell.n_inputs) if k in found[-1]]
        found.append(found[-1] | _needed(cell, [*always, *reached]))
    return found.index(found[-1])


def _needed(cell: Cell, values: Sequence[int]) -> frozenset[int]:
    """The values that these depend on, and they themselves."""
    found = set(values)
    for node in reversed(cell.nodes):
        if found.intersection(node.outs):
            found.update(node.args)
    return frozenset(found)

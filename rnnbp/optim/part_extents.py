"""Extents and the norm of gradients of which each process has its own elements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from rnnbp.machine.arrays import TOGETHER
from rnnbp.numerics import Array
from rnnbp.optim.clipping import HUGE, SCALE, squares
from rnnbp.optim.extents import Extent, extents
from rnnbp.optim.flat import Flat
from rnnbp.optim.partition import Partition
from rnnbp.parallel.scattering import gather


def part_extents(partition: Partition, grads: Mapping[str, Array]) -> dict[str, Extent]:
    """The extent of each whole gradient, by name in the order of the parameters.

    The bits are those of whole gradients.

    Args:
        grads: the own elements of each, flat.
    """
    found: dict[str, Extent] = {}
    for flat in partition.flats:
        blocks = _blocks(partition, flat, grads)
        own = [
            (e.largest, squares(block) if e.squares is None else e.squares)
            for e, block in zip(extents(blocks), blocks, strict=True)
        ]
        for name, rows in _by_name(partition, flat, own, 2).items():
            largest = float(rows[:, 0].max(initial=0.0))  # NaN if there is one
            found[name] = Extent(largest, _added(rows[:, 1]))
    return {name: found[name] for name in partition.names}


def part_norm(
    partition: Partition, grads: Mapping[str, Array], found: Mapping[str, Extent]
) -> float:
    """``norm_of`` whole gradients, from their extents."""
    if max((extent.largest for extent in found.values()), default=0.0) < HUGE:
        return math.sqrt(sum(extent.squares or 0.0 for extent in found.values()))
    totals: dict[str, float] = {}
    for flat in partition.flats:
        own = [(squares(block, SCALE),) for block in _blocks(partition, flat, grads)]
        totals |= {
            name: _added(rows[:, 0]) for name, rows in _by_name(partition, flat, own, 1).items()
        }
    return math.sqrt(sum(totals[name] for name in found)) / SCALE


def _blocks(partition: Partition, flat: Flat, grads: Mapping[str, Array]) -> list[Array]:
    """The own blocks of gradients."""
    starts = {name: own.start for name, own in partition.own.items()}
    return [
        grads[name][block.start - starts[name] : block.stop - starts[name]]
        for name, block in flat.blocks_of(partition.part)
    ]


def _by_name(
    partition: Partition, flat: Flat, own: Sequence[tuple[float, ...]], columns: int
) -> dict[str, Array]:
    """Numbers of each block of all processes, (blocks, columns), by parameter."""
    table = np.zeros((flat.blocks[-1], columns))
    table[slice(*flat.blocks[partition.part : partition.part + 2])] = np.reshape(own, (-1, columns))
    gather(table.reshape(-1), tuple(columns * k for k in flat.blocks), partition.parallel)
    found, at = {}, 0
    for name, place in flat.places():
        count = -(-(place.stop - place.start) // TOGETHER)
        found[name], at = table[at : at + count], at + count
    return found


def _added(numbers: Array) -> float:
    """Their sum, one after the other."""
    total = 0.0
    for number in numbers.tolist():
        total += number
    return total

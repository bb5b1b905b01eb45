"""Which elements of a sum each process holds on the way up the tree. Pure functions of numbers.

A sum of arrays that is spread over processes: each member of a node holds a contiguous range of the
node's sum, and the ranges of all members are the whole. A process alone with a node has all of it.
Where two sides meet, the ranges become narrower: each member keeps the elements that it shall have
of both sides, sends the others, and gets what it lacks. For powers of two these are halves, which
pairs of processes swap, so that a process sends less than one array on the whole way.

Ranges of the two sides are put in turn, each next to those of the other side that lie at the same
elements: so what a process shall have is mostly part of what it has. With four processes the order
at the root is 0, 2, 1, 3.

Backward, from the root to single processes, the same transfers bring the whole to every process;
the tree is then that of one shard for each process.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from rnnbp.parallel.tree import Node, members, root

Cuts: TypeAlias = tuple[int, ...]
"""The ends of the parts of an array: part k has the elements [cuts[k], cuts[k + 1])."""


class Transfer(NamedTuple):
    """Elements that a process sends to another.

    Attributes:
        sender, receiver: the processes.
        side: 0 for the sum of the left side of a node, 1 for that of the right one.
        elements: of the whole array.
    """

    sender: int
    receiver: int
    side: int
    elements: range


def even(size: int, parts: int) -> Cuts:
    """The ends of parts whose sizes differ by one at most."""
    return tuple(size * k // parts for k in range(parts + 1))


@lru_cache
def parts_in_order(processes: int) -> tuple[int, ...]:
    """The process that has each part of the root's sum, by part."""
    return _order(processes, processes, root(processes))


def part_of(processes: int, rank: int) -> int:
    """The number of the part of process ``rank``."""
    return parts_in_order(processes).index(rank)


@lru_cache(4096)
def held(shards: int, processes: int, node: Node, cuts: Cuts) -> Mapping[int, range]:
    """The elements that each member of a node holds of its sum, by process.

    Args:
        cuts: the parts at the root, as many as processes.
    """
    whole = node == root(shards)
    own = parts_in_order(processes) if whole else _order(shards, processes, node)
    ends = [_end(cuts, k, len(own)) for k in range(len(own) + 1 if own else 0)]
    return {rank: range(*pair) for rank, pair in zip(own, pairwise(ends), strict=True)}


@lru_cache(4096)
def transfers(
    shards: int, processes: int, node: Node, cuts: Cuts, rank: int
) -> list[tuple[int, list[Transfer]]]:
    """What process ``rank`` sends and receives at a node: (other process, transfers), in order.

    All processes go through the pairs of a node in one order, as they do through nodes: so the
    first pair that is not done has both its processes waiting for it, and nothing can lock.
    """
    wants = held(shards, processes, node, cuts)
    pairs: dict[tuple[int, int], list[Transfer]] = {}
    for side, child in enumerate(node.sides):
        for sender, has in held(shards, processes, child, cuts).items():
            for receiver, wanted in wants.items():
                if sender != receiver and (common := overlap(has, wanted)):
                    pair = min(sender, receiver), max(sender, receiver)
                    transfer = Transfer(sender, receiver, side, common)
                    pairs.setdefault(pair, []).append(transfer)
    return [(sum(pair) - rank, found) for pair, found in pairs.items() if rank in pair]


def overlap(a: range, b: range) -> range:
    """The elements that two ranges share."""
    return range(max(a.start, b.start), min(a.stop, b.stop))


@lru_cache(4096)
def _order(shards: int, processes: int, node: Node) -> tuple[int, ...]:
    """The members of a node in the order of the elements that they hold."""
    own = members(shards, processes, node)
    if len(own) <= 1:
        return tuple(own)
    places: dict[int, float] = {}
    for side in reversed(node.sides):  # a process with shards of both keeps its place in the left
        order = _order(shards, processes, side)
        places |= {rank: (2 * k + 1) / (2 * len(order)) for k, rank in enumerate(order)}
    return tuple(sorted(own, key=lambda rank: (places[rank], rank)))


def _end(cuts: Cuts, number: int, members: int) -> int:
    """Where range ``number`` of this many begins, in proportion to the parts at the root."""
    part, rest = divmod(number * (len(cuts) - 1), members)
    return cuts[part] + (rest * (cuts[part + 1] - cuts[part]) // members if rest else 0)

"""The fixed binary tree of sums over shards, and who sends what to whom. Pure functions of numbers.

Node k of level l is the sum of the shards [k 2^l, (k+1) 2^l) that exist; its sides are the nodes
2k and 2k+1 of the level below. The tree depends on the number of shards alone, so the additions,
and with them the bits of the sum, are the same however shards are dealt to processes.

A process owns a contiguous block of shards, and learns the sum of each node that has a shard of
its own. Where both sides of a node have shards of a process, it knows both sums; every other
process gets the side that it lacks from one that has it. Of the two sides of a node the members
swap pairwise; the larger side has members left over, who receive only. With powers of two all
messages are swaps, log2 P of them for each process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Node(NamedTuple):
    """A node of the tree: its level, 0 for a single shard, and its number within the level."""

    level: int
    number: int

    @property
    def first(self) -> int:
        """Its first shard."""
        return self.number << self.level

    @property
    def sides(self) -> tuple[Node, Node]:
        """The nodes that it is the sum of; the second may have no shards."""
        return Node(self.level - 1, 2 * self.number), Node(self.level - 1, 2 * self.number + 1)

    def shards(self, count: int) -> range:
        """Those of its shards that exist, of ``count`` in all."""
        return range(min(self.first, count), min(self.first + (1 << self.level), count))


class Message(NamedTuple):
    """What two processes exchange at a node.

    Attributes:
        left, right: the processes, of which the first has the sum of the left side, the second
            that of the right one.
        to_left, to_right: whether each of them receives the sum that the other has.
    """

    left: int
    right: int
    to_left: bool
    to_right: bool


def root(shards: int) -> Node:
    """The node of all shards."""
    return Node((shards - 1).bit_length(), 0)


def block(shards: int, processes: int, rank: int) -> range:
    """The shards that process ``rank`` owns: at least one if there are no more processes."""
    return range(rank * shards // processes, (rank + 1) * shards // processes)


def owner(shards: int, processes: int, shard: int) -> int:
    """The process that owns a shard."""
    return ((shard + 1) * processes - 1) // shards


def members(shards: int, processes: int, node: Node) -> range:
    """The processes that own a shard of a node; none if it has no shards."""
    own = node.shards(shards)
    if not own:
        return range(0)
    ends = (owner(shards, processes, shard) for shard in (own[0], own[-1]))
    return range(next(ends), next(ends) + 1)


def whole(shards: int, own: range) -> Iterator[Node]:
    """The largest nodes that lie in a block of shards, in the order of their shards."""
    waiting = [root(shards)]
    while waiting:
        node = waiting.pop()
        has = node.shards(shards)
        if has and own.start <= has.start and has.stop <= own.stop:
            yield node
        elif has and has.start < own.stop and own.start < has.stop:
            waiting += reversed(node.sides)


def partial_sums(shards: int) -> int:
    """Sums that a process holds at most while it works on a shard, whatever their number."""
    return max(0, 2 * ((shards - 1).bit_length() - 1)) + (shards > 1)


def messages(shards: int, processes: int, node: Node) -> list[Message]:
    """The messages at a node, in the order in which every process takes part in them.

    All processes go through nodes in one order, sides before their sum and left before right, and
    through the messages of a node in this one: so the first message that is not done has both its
    processes waiting for it, and nothing can lock.
    """
    left, right = (members(shards, processes, side) for side in node.sides)
    apart = [rank for rank in left if rank not in right], [r for r in right if r not in left]
    pairs = list(zip(*apart, strict=False))
    found = [Message(a, b, True, True) for a, b in pairs]
    for k, rank in enumerate(apart[0][len(pairs) :]):
        found.append(Message(rank, right[k % len(right)], True, False))
    for k, rank in enumerate(apart[1][len(pairs) :]):
        found.append(Message(left[k % len(left)], rank, False, True))
    return found

"""Totals over shards along the fixed tree: of the own shards, and then those of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rnnbp.memory_pool import Reuse
from rnnbp.parallel.exchange import Exchange
from rnnbp.parallel.packing import Flat, Shard
from rnnbp.parallel.tree import Message, Node, members, messages, root, whole


def total(values: Iterator[Shard], parallel: Exchange, memory: Reuse) -> Flat:
    """The sum over the shards of all processes.

    Args:
        values: each own shard, in order. All are read before the first message.
        parallel: the processes.
        memory: where the sums lie.
    """
    own = of_own_shards(values, parallel, memory)
    return _shared(root(parallel.shards), own, parallel, memory)


def of_own_shards(values: Iterator[Shard], parallel: Exchange, memory: Reuse) -> dict[Node, Flat]:
    """The sums of the largest nodes whose shards are all of this process, read as by ``total``."""
    shards = parallel.shards
    own = {node: _own(node, shards, values, memory) for node in whole(shards, parallel.own)}
    next(values, None)  # which raises if there are too many
    return own


def _added(left: Flat, right: Flat) -> Flat:
    for into, array in zip(left, right, strict=True):
        into += array
    return left


def _own(node: Node, shards: int, values: Iterator[Shard], memory: Reuse) -> Flat:
    """The sum of a node whose shards are all of this process: the next ones of ``values``."""
    if node.level == 0:
        return next(values).packed(memory)
    left, right = node.sides
    total = _own(left, shards, values, memory)
    if not right.shards(shards):
        return total
    if right.level > 0:
        return _added(total, _own(right, shards, values, memory))
    next(values).add_to(total)
    return total


def _shared(node: Node, own: Mapping[Node, Flat], parallel: Exchange, memory: Reuse) -> Flat:
    """The sum of a node that has a shard of this process, with what other processes send."""
    if node in own:
        return own[node]
    left, right = node.sides
    if not right.shards(parallel.shards):
        return _shared(left, own, parallel, memory)
    mine = [
        _shared(side, own, parallel, memory)
        if parallel.rank in members(parallel.shards, parallel.processes, side)
        else None
        for side in node.sides
    ]
    for message in messages(parallel.shards, parallel.processes, node):
        _take_part(message, mine, parallel, memory)
    known = [side for side in mine if side is not None]
    return _added(*known)


def _take_part(
    message: Message, mine: list[Flat | None], parallel: Exchange, memory: Reuse
) -> None:
    """Send and receive what a message has for this process; ``mine`` are the sums of both sides."""
    pair, wants = (message.left, message.right), (message.to_left, message.to_right)
    if parallel.rank not in pair:
        return
    side = pair.index(parallel.rank)
    other, held = pair[1 - side], mine[side]
    assert held is not None  # each of the two has the sum of its side
    into = tuple(memory.new(array.shape, array.dtype) for array in held)
    for array, received in zip(held, into, strict=True):
        if not wants[side]:
            parallel.send(other, array)
        elif wants[1 - side]:
            parallel.swap(other, array, received)
        else:
            parallel.receive(other, received)
    if wants[side]:
        mine[1 - side] = into

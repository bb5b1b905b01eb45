"""Sums over shards along the fixed tree: those of the own shards, and then those of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from rnnbp.numerics import Array
from rnnbp.parallel.exchange import Exchange, check_exchange
from rnnbp.parallel.given import checked
from rnnbp.parallel.tree import Message, Node, members, messages, root, whole
from rnnbp.support.ieee import ieee
from rnnbp.wording.arguments import takes


@takes()
@ieee
def tree_sum(values: Iterable[object], parallel: Exchange) -> Array:
    """Sum arrays over all shards, with the same bits for any number of processes.

    The shards are added in a fixed binary tree, (0 + 1) + (2 + 3) and so on, in the dtype of the
    arrays. All processes call it, equally often and in the same order, and get the same sum.

    Args:
        values: an array of numbers for each shard of ``parallel.own``, in this order; all of one
            shape and one dtype, in all processes. Of a generator one array is read at a time, and
            at most 2 log2(shards) + 2 are in memory.
        parallel: the processes, ``Alone`` or ``MPI``.

    Returns:
        The sum over the shards of all processes, a new array.

    Raises ValueError for an array too few or too many, ShapeError or DtypeError for arrays that
    differ or are not numbers, TypeError for other arguments. A process that raises sends nothing:
    see ``MPI`` for how the others end then.

    >>> import numpy as np, rnnbp as rb
    >>> parallel, numbers = rb.parallel.Alone(shards=4), np.array([1e8, 1, -1e8, 1], "float32")
    >>> float(rb.parallel.tree_sum((numbers[k] for k in parallel.own), parallel))
    0.0
    >>> float(numbers[0] + numbers[1] + numbers[2] + numbers[3])
    1.0
    """
    check_exchange("tree_sum: parallel", parallel)
    given = checked(values, parallel.own)
    first = next(given)
    flat = _flat(first, given)
    own = {node: _own(node, parallel.shards, flat) for node in whole(parallel.shards, parallel.own)}
    next(flat, None)  # which raises for an array too many
    total = _shared(root(parallel.shards), own, parallel)
    found = total.array if total.new else total.array.copy()
    return found.reshape(first.shape)


class _Sum(NamedTuple):
    """A sum of shards, (n,); ``new`` if it is no array of the caller's, and may be written."""

    array: Array
    new: bool


def _flat(first: Array, rest: Iterator[Array]) -> Iterator[Array]:
    yield first.reshape(-1)
    yield from (array.reshape(-1) for array in rest)


def _added(left: _Sum, right: _Sum) -> _Sum:
    into = next((each.array for each in (left, right) if each.new), None)
    return _Sum(np.add(left.array, right.array, out=into), True)


def _own(node: Node, shards: int, values: Iterator[Array]) -> _Sum:
    """The sum of a node whose shards are all of this process: the next ones of ``values``."""
    if node.level == 0:
        return _Sum(next(values), False)
    left, right = node.sides
    total = _own(left, shards, values)
    return _added(total, _own(right, shards, values)) if right.shards(shards) else total


def _shared(node: Node, own: Mapping[Node, _Sum], parallel: Exchange) -> _Sum:
    """The sum of a node that has a shard of this process, with what other processes send."""
    if node in own:
        return own[node]
    left, right = node.sides
    if not right.shards(parallel.shards):
        return _shared(left, own, parallel)
    mine = [
        _shared(side, own, parallel)
        if parallel.rank in members(parallel.shards, parallel.processes, side)
        else None
        for side in node.sides
    ]
    for message in messages(parallel.shards, parallel.processes, node):
        _take_part(message, mine, parallel)
    known = [side for side in mine if side is not None]
    return _added(*known)


def _take_part(message: Message, mine: list[_Sum | None], parallel: Exchange) -> None:
    """Send and receive what a message has for this process; ``mine`` are the sums of both sides."""
    pair, wants = (message.left, message.right), (message.to_left, message.to_right)
    if parallel.rank not in pair:
        return
    side = pair.index(parallel.rank)
    other, held = pair[1 - side], mine[side]
    assert held is not None  # each of the two has the sum of its side
    if not wants[side]:
        parallel.send(other, held.array)
        return
    into = np.empty_like(held.array)
    if wants[1 - side]:
        parallel.swap(other, held.array, into)
    else:
        parallel.receive(other, into)
    mine[1 - side] = _Sum(into, True)

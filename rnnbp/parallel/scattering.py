"""Sums over shards of which each process gets a part, and parts that all processes get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Dtype
from rnnbp.parallel.exchange import Exchange
from rnnbp.parallel.packing import Flat, Shard
from rnnbp.parallel.portions import Cuts, Transfer, held, overlap, part_of, transfers
from rnnbp.parallel.totals import of_own_shards
from rnnbp.parallel.tree import Node, members, root


def own_part(cuts: Cuts, parallel: Exchange) -> slice:
    """The elements of the part of this process."""
    part = part_of(parallel.processes, parallel.rank)
    return slice(cuts[part], cuts[part + 1])


def scattered(
    values: Iterator[Shard], cuts: Sequence[Cuts], parallel: Exchange, memory: Reuse
) -> Flat:
    """The part of this process of the sum over all shards: the bits that ``total`` has there.

    Args:
        values: as those of ``total``.
        cuts: the ends of the parts of each flat array, as many as processes.
        parallel: the processes.
        memory: for sums on the way.

    Returns:
        New arrays, which do not lie in ``memory``.
    """
    own = of_own_shards(values, parallel, memory)
    found = []
    for number, ends in enumerate(cuts):
        flat = {node: arrays[number] for node, arrays in own.items()}
        way = _Scattering(flat, ends, parallel, memory)
        found.append(way.part(root(parallel.shards)).copy())  # the rest is not kept for it
    return tuple(found)


def gather(array: Array, cuts: Cuts, parallel: Exchange) -> None:
    """Fill a contiguous array (n,), in place, with the parts of the other processes."""
    shards, rank = parallel.processes, parallel.rank  # the tree of one shard for each process
    node = root(shards)
    while len(members(shards, shards, node)) > 1:
        for other, found in transfers(shards, shards, node, cuts, rank):
            views = [(array[_slice(t.elements)], t.sender == rank) for t in found]
            sent = [view for view, forward in views if not forward]  # the way back
            _exchange(other, sent, [view for view, forward in views if forward], parallel)
        node = next(side for side in node.sides if rank in members(shards, shards, side))


class _Scattering:
    """The way of one array up the tree."""

    def __init__(
        self, own: Mapping[Node, Array], cuts: Cuts, parallel: Exchange, memory: Reuse
    ) -> None:
        self.own, self.cuts, self.parallel, self.memory = own, cuts, parallel, memory

    def part(self, node: Node) -> Array:
        """The range of a node's sum that this process is to hold."""
        if node in self.own:
            return self.own[node]
        shards, processes, rank = self.parallel.shards, self.parallel.processes, self.parallel.rank
        left, right = node.sides
        if not right.shards(shards):
            return self.part(left)
        mine = [
            _Held(self.part(side), self._range(side))
            if rank in members(shards, processes, side)
            else None
            for side in node.sides
        ]
        wanted = self._range(node)
        dtype = next(side.array.dtype for side in mine if side is not None)
        into = [self._room(side, wanted, dtype) for side in mine]
        for other, found in transfers(shards, processes, node, self.cuts, rank):
            sent = [_sent(mine[t.side], t) for t in found if t.sender == rank]
            views = [into[t.side][_slice(t.elements, wanted)] for t in found if t.sender == other]
            _exchange(other, sent, views, self.parallel)
        into[0] += into[1]
        return into[0]

    def _room(self, side: _Held | None, wanted: range, dtype: Dtype) -> Array:
        """Where the sum of a side is to be: what is there of it, with room for what will come."""
        common = range(0) if side is None else overlap(side.elements, wanted)
        if side is not None and len(common) == len(wanted):
            return side.view(wanted)
        found = self.memory.new((len(wanted),), dtype)
        if side is not None and common:
            found[_slice(common, wanted)] = side.view(common)
        return found

    def _range(self, node: Node) -> range:
        spread = held(self.parallel.shards, self.parallel.processes, node, self.cuts)
        return spread[self.parallel.rank]


class _Held:
    """The range of a sum that this process has."""

    def __init__(self, array: Array, elements: range) -> None:
        self.array, self.elements = array, elements

    def view(self, elements: range) -> Array:
        """Some of its elements."""
        return self.array[_slice(elements, self.elements)]


def _sent(side: _Held | None, transfer: Transfer) -> Array:
    assert side is not None  # the sender has the sum of this side
    return side.view(transfer.elements)


def _slice(elements: range, whole: range = range(0)) -> slice:
    """Elements as a slice of an array that begins with the first of ``whole``."""
    return slice(elements.start - whole.start, elements.stop - whole.start)


def _exchange(
    other: int, sent: Sequence[Array], received: Sequence[Array], parallel: Exchange
) -> None:
    """Send arrays to a process, and fill others with what it sends, at once where it can be."""
    for array, into in zip_longest(sent, received):
        if into is None:
            parallel.send(other, array)
        elif array is None:
            parallel.receive(other, into)
        else:
            parallel.swap(other, array, into)

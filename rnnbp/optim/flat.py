"""Parameters as flat vectors, cut into a part for each process. Functions of numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise

from rnnbp.machine.arrays import TOGETHER
from rnnbp.numerics import Array, Dtype
from rnnbp.parallel.portions import Cuts


@dataclass(frozen=True)
class Flat:
    """The parameters of one dtype, one after the other in a vector.

    It is cut at ends of blocks, ``TOGETHER`` elements of a parameter: sums of squares are added up
    block by block, so that their bits are the same however many parts there are.

    Attributes:
        dtype: of all.
        names: of the parameters, in order.
        starts: where each of them begins, and the size of the vector.
        ends: of the blocks, from 0.
        blocks: the ends of the parts, in blocks.
    """

    dtype: Dtype
    names: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    blocks: Cuts

    @classmethod
    def of(cls, dtype: Dtype, sizes: Mapping[str, int], parts: int) -> Flat:
        """That of parameters of these sizes, in parts that are as even as blocks allow."""
        starts = (0, *accumulate(sizes.values()))
        ends = [0]
        for start, end in pairwise(starts):
            ends += [*range(start + TOGETHER, end, TOGETHER), *[end] * (end > start)]
        size = starts[-1]
        cuts = (_nearest(ends, size * k / parts) for k in range(1, parts))
        return cls(dtype, tuple(sizes), starts, tuple(ends), (0, *cuts, len(ends) - 1))

    @property
    def size(self) -> int:
        """The elements of all."""
        return self.starts[-1]

    @property
    def cuts(self) -> Cuts:
        """The ends of the parts, in elements."""
        return tuple(self.ends[k] for k in self.blocks)

    def within(self, part: int) -> dict[str, slice]:
        """The elements of each flattened parameter that a part has, by name, if there are any."""
        start, stop = self.cuts[part : part + 2]
        found = {}
        for name, (begin, end) in zip(self.names, pairwise(self.starts), strict=True):
            if (low := max(start, begin)) < (high := min(stop, end)):
                found[name] = slice(low - begin, high - begin)
        return found

    def place(self, name: str) -> slice:
        """The elements of a parameter in the vector."""
        at = self.names.index(name)
        return slice(self.starts[at], self.starts[at + 1])

    def places(self) -> Iterator[tuple[str, slice]]:
        """Each name, and its elements in the vector."""
        return (
            (name, slice(*pair))
            for name, pair in zip(self.names, pairwise(self.starts), strict=True)
        )

    def blocks_of(self, part: int) -> list[tuple[str, slice]]:
        """The blocks of a part: a name, and elements of that flattened parameter."""
        own, found = self.within(part), []
        for name, held in own.items():
            for at in range(held.start, held.stop, TOGETHER):
                found.append((name, slice(at, min(at + TOGETHER, held.stop))))
        return found


def flats(params: Mapping[str, Array], parts: int) -> tuple[Flat, ...]:
    """The vectors of parameters, one for each dtype."""
    dtypes = dict.fromkeys(p.dtype for p in params.values())
    return tuple(
        Flat.of(dtype, {name: p.size for name, p in params.items() if p.dtype == dtype}, parts)
        for dtype in dtypes
    )


def _nearest(ends: list[int], place: float) -> int:
    """The number of the end that is nearest to a place."""
    after = bisect_left(ends, place)
    before = max(0, after - 1)
    return before if place - ends[before] <= ends[after] - place else after

"""Tables of the least number of runs, C(t) for t chunks, kept as convex hulls.

The recurrences of ``gruslys`` and ``optimal`` take the least, over a few ways and over y, of

    y + right(t − y) + left(y), or y + right(t − y) + left(y − 1) where the way keeps a tape.

For convex functions such a sum is least where their edges are taken in the order of their slopes
(the merge of two convex polygons), and left counts with a slope one greater, so its edges of slope
s give those of slope s + 1: a table grows by layers, one for each whole number of runs, and needs
its neighbours to that layer only. Several ways together are not convex, but where they were
compared with the plain recurrences (all t ≤ 1000 and up to 120 units, tapes of 1 to 20 units; all t
≤ 3000 and up to 40 units), C(t) was the ceiling of its lower convex hull, without exception. So a
table is the few vertices of that hull, and hardly grows with the number of chunks; the plain
recurrences are in the tests.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple

from rnnbp.schedules.walk import Cut

TABLE, DOUBLED, ALONE = 1_600, 130, 120
"""Bytes of a table, of its objects above all; those of its vertices each time that the number of
chunks doubles; and for each chunk, where there is one unit, so that each is a vertex."""


def nbytes(tables: int, units: int, chunks: int) -> int:
    """About what tables take while a schedule runs: ``tables`` for each number of units, and none.

    Fitted to tracemalloc: within 23 kB or a third, for up to 40 units, 1,000 chunks and tapes of 1
    to 8 units. It is furthest off for two units, where it is too low.
    """
    each = (units + 1) * (TABLE + DOUBLED * chunks.bit_length())
    return tables * (each + (ALONE * chunks if units == 1 else 0))


class _Edge(NamedTuple):
    slope: float
    length: int
    rise: int
    cut: int
    """How far y moves along the edge."""


class Way:
    """One way to reverse t chunks: run y of them, keep a checkpoint or a tape, do both sides."""

    __slots__ = ("cost", "left", "right", "since", "t", "tape", "units", "y")

    def __init__(self, right: Table | None, left: Table | None, *, tape: bool, units: int) -> None:
        """
        Args:
            right: costs of what is right of the cut; None if y = t, so that the tape goes backward
                at once.
            left: costs of what is left of it; None if y = 1, so that the start state is needed no
                more.
            tape: a tape is kept, which ends at the cut; else a checkpoint.
            units: of the right side.
        """
        self.right, self.left, self.tape, self.units = right, left, tape, units
        first = (1, 1, 1) if tape else (2, 3, 1)
        self.t, self.cost, self.y = (array("q", [value]) for value in first)
        """Points: numbers of chunks, their cost, and where they are cut."""
        self.since = 0
        """The last point of the layer before the present one."""

    def extend(self, layer: int) -> None:
        self.since = len(self.t) - 1
        skip = 0 if self.tape else 1  # a checkpoint has a chunk at least on both sides
        edges = self.right.edges(layer, skip) if self.right else []
        if self.left:
            for _, length, rise, _ in self.left.edges(layer - 1, skip):
                edges.append(_Edge((rise + length) / length, length, rise + length, length))
        for _, length, rise, cut in sorted(edges):
            self.t.append(self.t[-1] + length)
            self.cost.append(self.cost[-1] + rise)
            self.y.append(self.y[-1] + cut)

    def newest(self) -> Iterable[tuple[int, int]]:
        """(t, C) of the points of the present layer."""
        return zip(self.t[self.since :], self.cost[self.since :], strict=True)

    def split(self, t: int) -> tuple[int, int] | None:
        """Cost and y of t chunks, if this way is known for that number."""
        k = bisect_left(self.t, t)
        if k == len(self.t) or t < self.t[0]:
            return None
        cost, y = self.cost[k], self.y[k]
        back = self.t[k] - t
        if back:
            start, low, cut = self.t[k - 1], self.cost[k - 1], self.y[k - 1]
            cost = low - (low - cost) * (t - start) // (t - start + back)
            y = cut if cut == y else y - back
        return cost, y


class Table:
    """C(t) of one state: its units, and whether its start state takes one of them."""

    __slots__ = ("costs", "ends", "t", "ways")

    def __init__(self) -> None:
        self.ways: list[Way] = [Way(None, self, tape=True, units=0)]
        self.t, self.costs = array("q", [0, 1]), array("q", [0, 1])
        """The vertices of its hull."""
        self.ends = array("q", [0])

    def edges(self, layer: int, skip: int) -> list[_Edge]:
        """The edges of slopes above layer − 1 up to layer, but that from 0 to 1 if skip is 1."""
        found = []
        if layer:
            for k in range(max(self.ends[layer - 1], skip), self.ends[layer]):
                length, rise = self.t[k + 1] - self.t[k], self.costs[k + 1] - self.costs[k]
                found.append(_Edge(rise / length, length, rise, 0))
        return found

    def extend(self, layer: int) -> None:
        for way in self.ways:
            way.extend(layer)
        end = self.t[-1], self.costs[-1]
        points = sorted(point for way in self.ways for point in way.newest() if point[0] > end[0])
        hull = _lower_hull([end, *points])
        for (t, cost), vertex in pairwise(hull):
            if vertex[1] - cost > layer * (vertex[0] - t):
                break
            self.t.append(vertex[0])
            self.costs.append(vertex[1])
        self.ends.append(len(self.t) - 1)

    def cost(self, t: int) -> int:
        k = bisect_left(self.t, t)
        end, high, start, low = (
            self.t[k],
            self.costs[k],
            self.t[max(k - 1, 0)],
            self.costs[max(k - 1, 0)],
        )
        return high if end == t else low - (low - high) * (t - start) // (end - start)

    def cut(self, t: int) -> Cut:
        """The cheapest way to reverse t chunks."""
        found = ((way.split(t), way) for way in self.ways)
        (_, y), way = min(
            ((split, way) for split, way in found if split), key=lambda pair: pair[0][0]
        )
        return Cut(y, way.tape, way.units)


@contextmanager
def released(*groups: Sequence[Table]) -> Iterator[None]:
    """Let go of the tables, which refer to one another, without a collection of garbage."""
    try:
        yield
    finally:
        for tables in groups:
            for table in tables:
                table.ways.clear()


def grow(tables: Sequence[Table], goal: Table, chunks: int) -> None:
    """Extend all tables, each after its ``right`` ones, until ``goal`` knows that many chunks."""
    layer = 0
    while goal.t[-1] < chunks:
        layer += 1
        for table in tables:
            table.extend(layer)


def _lower_hull(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of points in order: the vertices of the lower convex hull, by a monotone chain."""
    hull: list[tuple[int, int]] = []
    for point in points:
        if hull and hull[-1][0] == point[0]:
            continue
        while len(hull) > 1 and _above(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _above(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    """b is on or above the line from a to c."""
    return (b[1] - a[1]) * (c[0] - a[0]) >= (c[1] - a[1]) * (b[0] - a[0])

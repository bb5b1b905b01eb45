"""Tables of the least number of runs, C(t) for t chunks, kept as convex hulls.

The recurrences of ``gruslys`` and ``optimal`` take the least, over a few ways and over y, of

    y + right(t − y) + left(y), or y + right(t − y) + left(y − 1) where the way keeps a tape.

For convex functions such a sum is least where their edges are taken in the order of their slopes (the merge
of two convex polygons), and left counts with a slope one greater, so its edges of slope s give those of slope
s + 1: a table grows by layers, one for each whole number of runs, and needs its neighbours to that layer only.
Several ways together are not convex, but where they were compared with the plain recurrences (all t ≤ 1000 and
up to 120 units, tapes of 1 to 20 units; all t ≤ 3000 and up to 40 units), C(t) was the ceiling of its lower
convex hull, without exception. So a table is the few vertices of that hull, and hardly grows with the number
of chunks; the plain recurrences are in the tests.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from rnnbp.schedules.walk import Cut

Point: TypeAlias = tuple[int, int, int]
"""(t, C, y): so many chunks, their cost, and where they are cut."""


class _Edge(NamedTuple):
    slope: float
    length: int
    rise: int
    cut: int
    """How far y moves along the edge."""


class Way:
    """One way to reverse t chunks: run y of them, keep a checkpoint or a tape there, and go on with both sides."""

    def __init__(self, right: Table | None, left: Table | None, *, tape: bool, units: int) -> None:
        """
        Args:
            right: costs of what is right of the cut; None if y = t, so that the tape goes backward at once.
            left: costs of what is left of it; None if y = 1, so that the start state is needed no more.
            tape: a tape is kept, which ends at the cut; else a checkpoint.
            units: of the right side.
        """
        self.right, self.left, self.tape, self.units = right, left, tape, units
        self.points: list[Point] = [(1, 1, 1) if tape else (2, 3, 1)]
        self.since = 0
        """The last point of the layer before the present one."""

    def extend(self, layer: int) -> None:
        self.since = len(self.points) - 1
        skip = 0 if self.tape else 1  # a checkpoint has a chunk at least on both sides
        edges = self.right.edges(layer, skip) if self.right else []
        if self.left:
            for _, length, rise, _ in self.left.edges(layer - 1, skip):
                edges.append(_Edge((rise + length) / length, length, rise + length, length))
        t, cost, y = self.points[-1]
        for _, length, rise, cut in sorted(edges):
            t, cost, y = t + length, cost + rise, y + cut
            self.points.append((t, cost, y))

    def split(self, t: int) -> tuple[int, int] | None:
        """Cost and y of t chunks, if this way is known for so many."""
        k = bisect_left(self.points, (t,))
        if k == len(self.points) or t < self.points[0][0]:
            return None
        cost, y = self.points[k][1:]
        back = self.points[k][0] - t
        if back:
            start, low, cut = self.points[k - 1]
            cost = low - (low - cost) * (t - start) // (t - start + back)
            y = cut if cut == y else y - back
        return cost, y


class Table:
    """C(t) of one state: its units, and whether its start state takes one of them."""

    def __init__(self) -> None:
        self.ways = [Way(None, self, tape=True, units=0)]
        self.vertices: list[tuple[int, int]] = [(0, 0), (1, 1)]
        self.ends = [0]

    def edges(self, layer: int, skip: int) -> list[_Edge]:
        """The edges of slopes above layer − 1 up to layer; without the one from 0 to 1, if skip is 1."""
        found = []
        if layer:
            for k in range(max(self.ends[layer - 1], skip), self.ends[layer]):
                (t, cost), (end, high) = self.vertices[k], self.vertices[k + 1]
                found.append(_Edge((high - cost) / (end - t), end - t, high - cost, 0))
        return found

    def extend(self, layer: int) -> None:
        for way in self.ways:
            way.extend(layer)
        end = self.vertices[-1]
        points = sorted(point[:2] for way in self.ways for point in way.points[way.since :] if point[0] > end[0])
        hull = _lower_hull([end, *points])
        for (t, cost), vertex in pairwise(hull):
            if vertex[1] - cost > layer * (vertex[0] - t):
                break
            self.vertices.append(vertex)
        self.ends.append(len(self.vertices) - 1)

    def cost(self, t: int) -> int:
        k = bisect_left(self.vertices, (t,))
        (end, high), (start, low) = self.vertices[k], self.vertices[max(k - 1, 0)]
        return high if end == t else low - (low - high) * (t - start) // (end - start)

    def cut(self, t: int) -> Cut:
        """The cheapest way to reverse t chunks."""
        found = ((way.split(t), way) for way in self.ways)
        (_, y), way = min(((split, way) for split, way in found if split), key=lambda pair: pair[0][0])
        return Cut(y, way.tape, way.units)


def grow(tables: Sequence[Table], goal: Table, chunks: int) -> None:
    """Extend all tables, of which each has its ``right`` ones before it, until ``goal`` knows so many chunks."""
    layer = 0
    while goal.vertices[-1][0] < chunks:
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

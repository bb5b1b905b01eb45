"""Weights in the order in which products read them: panels of columns of the product, each (depth, width)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from rnnbp.compiler.code import Matrix, Rows
from rnnbp.native import threads
from rnnbp.native.calls import NUMBERS
from rnnbp.native.ir import Lanes, Text
from rnnbp.native.machine import Library
from rnnbp.numerics import Array, Shape, address

WAKING = 2**16
"""Numbers that are worth waking a thread for; nobody waits until it has come."""


def packed_rows(rows: int, lanes: Lanes) -> int:
    """Rows of a matrix with those that fill its last vector."""
    return -(-rows // lanes.n) * lanes.n


class Panels:
    """The weights (M, K) of products in panels, padded with zeros, in ``new`` arrays; packed by ``fill``."""

    def __init__(
        self, matrices: Sequence[Matrix], new: Callable[[Shape], Array], lanes: Lanes, library: Library
    ) -> None:
        self.arrays, self._rows, tasks = list[Array](), list[Rows](), list[list[int]]()
        for matrix in matrices:
            rows, depth = matrix.shape
            panels = new((packed_rows(rows, lanes) * depth,))
            if rows % lanes.n:
                panels[rows // lanes.n * lanes.n * depth :] = 0
            function, to, at = library.address("turned.task" if matrix.turned else "upright.task"), address(panels), 0
            for lane in matrix.lanes:
                tasks.append([function, 0, lane.count, lane.owner[lane.key].shape[1], at, rows, depth, to])
                self._rows.append(lane)
                at += lane.count
            self.arrays.append(panels)
        self._factors = np.array([lane.factor for lane in self._rows], self.arrays[0].dtype)
        self._tasks = np.zeros((1, len(tasks), NUMBERS), np.int64)
        self._tasks[0, :, :8] = tasks
        self._tasks[0, :, 8] = address(self._factors) + self._factors.itemsize * np.arange(len(tasks))

    def tasks(self) -> tuple[Array, list[Array]]:
        """What packs the weights as they are now: tasks (1, n, NUMBERS), and arrays that they read."""
        dtype, sources = self._factors.dtype, dict[int, Array]()
        for lane in self._rows:
            whole = lane.owner[lane.key]
            if id(whole) not in sources:
                sources[id(whole)] = np.ascontiguousarray(whole, dtype)
        starts = {k: (address(source), source.strides[0]) for k, source in sources.items()}
        found = ((*starts[id(lane.owner[lane.key])], lane.start) for lane in self._rows)
        self._tasks[0, :, 1] = [at + stride * first for at, stride, first in found]
        return self._tasks, list(sources.values())


def fill(several: Iterable[Panels], n: int = 1) -> None:
    """Pack weights as they are now, by n threads where that pays."""
    found = [panels.tasks() for panels in several]
    if found:
        tasks = np.concatenate([tasks for tasks, _ in found], axis=1)
        size = sum(array.size for _, arrays in found for array in arrays)
        threads.do(tasks, min(n, 1 + size // WAKING))


def text(lanes: Lanes, vectors: int) -> list[tuple[str, Text, list[str]]]:
    """The functions ``upright`` and ``turned``: rows of weights into their place from row ``at`` on, times a factor."""
    arguments = ["ptr %from", "i64 %rows", "i64 %columns", "i64 %at", "i64 %M", "i64 %K", "ptr %to", "ptr %factor"]
    return [
        ("upright", _upright(Text(lanes), lanes.n * vectors), arguments),
        ("turned", _turned(Text(lanes), lanes.n * vectors), arguments),
    ]


def _panel(t: Text, row: str, width: int) -> tuple[str, str, str]:
    """Where the panel of a column of the product begins, the panel's width, and the column in it."""
    number = t.put(f"sdiv i64 {row}, {width}")
    start = t.times(number, width)
    left = t.put(f"sub i64 %M, {start}")
    whole = t.times(t.put(f"sdiv i64 {t.plus(left, t.lanes.n - 1)}, {t.lanes.n}"), t.lanes.n)
    narrow = t.put(f"icmp slt i64 {whole}, {width}")
    found = t.put(f"select i1 {narrow}, i64 {whole}, i64 {width}")
    return t.times(start, "%K"), found, t.put(f"sub i64 {row}, {start}")


def _upright(t: Text, width: int) -> Text:
    """Squares of n rows and n columns are turned in registers; a square's rows are a vector of the panel."""
    n, factor = t.lanes.n, t.broadcast("%factor")
    end = t.plus("%at", "%rows")
    first = t.times(t.put(f"sdiv i64 %at, {n}"), n)
    with t.loop(first, end, n) as group:
        rows = [t.plus(group.index, j) for j in range(n)]
        inside = [t.both(f"icmp sge i64 {row}, %at", f"icmp slt i64 {row}, {end}") for row in rows]
        sources = [t.at("%from", t.times(t.put(f"sub i64 {row}, %at"), "%columns")) for row in rows]
        below, above = (t.first(t.put(f"sub i64 {edge}, {group.index}")) for edge in (end, "%at"))
        those = t.put(f"xor {t.lanes.bools} {below}, {above}")
        base, across, column = _panel(t, group.index, width)
        to = t.at("%to", t.plus(base, column))
        with t.loop(0, "%columns", n) as along:
            mask = t.first(t.put(f"sub i64 %columns, {along.index}"))
            masks = [t.where(yes, mask) for yes in inside]
            pairs = zip(sources, masks, strict=True)
            square = [t.load(t.at(source, along.index), part) for source, part in pairs]
            for k, vector in enumerate(_transposed(t, square)):
                there = t.plus(along.index, k)
                scaled, yes = t.op("fmul", vector, factor), t.put(f"icmp slt i64 {there}, %columns")
                t.store(scaled, t.at(to, t.times(there, across)), t.where(yes, those))
    return t


def _transposed(t: Text, square: list[str]) -> list[str]:
    """n vectors of n numbers, rows for columns: halves are exchanged, then quarters, down to single numbers."""
    n, kind = t.lanes.n, t.lanes.type
    step = n // 2
    while step:
        low = ", ".join(f"i32 {c if not c & step else n + c - step}" for c in range(n))
        high = ", ".join(f"i32 {c + step if not c & step else n + c}" for c in range(n))
        found = list(square)
        for i in (i for i in range(n) if not i & step):
            pair = f"{kind} {square[i]}, {kind} {square[i + step]}"
            found[i] = t.put(f"shufflevector {pair}, <{n} x i32> <{low}>")
            found[i + step] = t.put(f"shufflevector {pair}, <{n} x i32> <{high}>")
        square, step = found, step // 2
    return square


def _turned(t: Text, width: int) -> Text:
    factor = t.broadcast("%factor")
    with t.loop(0, "%columns", t.lanes.n) as along:
        mask = t.first(t.put(f"sub i64 %columns, {along.index}"))
        base, across, column = _panel(t, along.index, width)
        to, source = t.at("%to", t.plus(base, column)), t.at("%from", along.index)
        with t.loop(0, "%rows") as row:
            value = t.op("fmul", t.load(t.at(source, t.times(row.index, "%columns")), mask), factor)
            t.store(value, t.at(to, t.times(t.plus(row.index, "%at"), across)))
    return t

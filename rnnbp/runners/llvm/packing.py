"""Weights in the order in which products read them: panels of columns of the product, each (depth, width)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from rnnbp.compiler.code import Matrix
from rnnbp.layers.base import parameter
from rnnbp.machine.calls import place, table
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.team import threads
from rnnbp.numerics import Array, Shape, address, readable

WAKING = 2**16
"""Numbers that are worth waking a thread for; nobody waits until it has come."""
PLACES = (1, 7, 8)
"""The numbers of a task that are places: of weights, of panels, and of a factor."""


def packed_rows(rows: int, lanes: Lanes) -> int:
    """Rows of a matrix with those that fill its last vector."""
    return -(-rows // lanes.n) * lanes.n


class Panels:
    """The weights (M, K) of products in panels, padded with zeros, in ``new`` arrays; packed by ``fill``."""

    def __init__(
        self, matrices: Sequence[Matrix], new: Callable[[Shape], Array], lanes: Lanes, library: Library
    ) -> None:
        self.arrays = [new((packed_rows(matrix.shape[0], lanes) * matrix.shape[1],)) for matrix in matrices]
        rows = [lane for matrix in matrices for lane in matrix.lanes]
        self._sources = {(id(lane.owner), lane.key): lane for lane in rows}
        self._factors = np.array([lane.factor for lane in rows], self.arrays[0].dtype)
        self._begin = [address(array) for array in (*self.arrays, self._factors)]
        self.many = len(self._sources) + len(self._begin)
        """Arrays of the tasks: the weights, the panels, and the factors."""
        numbers = {key: k for k, key in enumerate(self._sources)}
        packed = (self._packed(*which, numbers, lanes, library) for which in enumerate(matrices))
        self.tasks = table([task for tasks in packed for task in tasks])
        self.tasks[:, 8] = [place(self.many - 1, self._factors.itemsize * k) for k in range(len(rows))]
        self.beside: tuple[list[Panels], threads.Job] | None = None
        """Those that were last packed with these, and the job."""

    def _packed(
        self, which: int, matrix: Matrix, numbers: Mapping[tuple[int, str], int], lanes: Lanes, library: Library
    ) -> Iterator[list[int]]:
        """What packs a matrix, but for the factors; what fills its last vector is made zero."""
        (rows, depth), at = matrix.shape, 0
        if rows % lanes.n:
            self.arrays[which][rows // lanes.n * lanes.n * depth :] = 0
        function, to = library.address("turned.task" if matrix.turned else "upright.task"), len(numbers) + which
        for lane in matrix.lanes:
            columns = parameter(lane.owner, lane.key).shape[1]
            source = place(numbers[id(lane.owner), lane.key], self._factors.itemsize * columns * lane.start)
            yield [function, source, lane.count, columns, at, rows, depth, place(to)]
            at += lane.count

    def sources(self) -> list[Array]:
        """The weights as they are now, as they are read. Raises ShapeError where one was resized since."""
        dtype = self._factors.dtype
        return [readable(parameter(lane.owner, lane.key), dtype) for lane in self._sources.values()]

    def bases(self, sources: Sequence[Array]) -> list[int]:
        """Where the arrays of the tasks begin."""
        return [*map(address, sources), *self._begin]


def fill(several: Sequence[Panels], n: int = 1) -> None:
    """Pack weights as they are now, by n threads where that pays."""
    if not several:
        return
    first, *others = several
    if first.beside is None or first.beside[0] != others:
        first.beside = others, _together(several)
    sources = [panels.sources() for panels in several]
    bases = [at for panels, those in zip(several, sources, strict=True) for at in panels.bases(those)]
    size = sum(array.size for those in sources for array in those)
    threads.do(first.beside[1], bases, min(n, 1 + size // WAKING))


def _together(several: Sequence[Panels]) -> threads.Job:
    """What packs them all."""
    found, arrays = list[Array](), 0
    for panels in several:
        tasks = panels.tasks.copy()
        tasks[:, PLACES] += place(arrays)
        found.append(tasks)
        arrays += panels.many
    return threads.Job(np.concatenate(found)[None])


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

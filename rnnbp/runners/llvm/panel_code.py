"""LLVM text that packs weights into panels.

A matrix (M, K) is packed for products with its transpose: panels of ``panel(lanes)`` columns of the
product, one after the other, each (K, width) in C order. So a block of registers reads weights
front to back, one line of the cache after the other, whatever M and K are. The last panel is
narrower, whole vectors all the same, with zeros where there are no columns: no load needs a mask.
"""

from __future__ import annotations

from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.tasks import Signature

PACK = Signature(
    "ptr %from",
    "i64 %rows",
    "i64 %columns",
    "i64 %at",
    "i64 %M",
    "i64 %K",
    "ptr %to",
    "ptr %factor",
)
"""Rows of weights into their place from row ``at`` of a packed matrix (M, K) on, times a factor."""


def text(lanes: Lanes, vectors: int) -> list[tuple[str, Text, Signature]]:
    """The functions ``upright`` and ``turned``; ``vectors``: of a whole panel."""
    width = lanes.n * vectors
    return [
        ("upright", _upright(Text(lanes), width), PACK),
        ("turned", _turned(Text(lanes), width), PACK),
    ]


def panel_of(t: Text, row: str, width: int, depth: str = "%K") -> tuple[str, str, str]:
    """Of the panel that has a row of the matrix: offset, width, and the row's column in it."""
    number = t.put(f"sdiv i64 {row}, {width}")
    start = t.times(number, width)
    left = t.put(f"sub i64 %M, {start}")
    whole = t.times(t.put(f"sdiv i64 {t.plus(left, t.lanes.n - 1)}, {t.lanes.n}"), t.lanes.n)
    narrow = t.put(f"icmp slt i64 {whole}, {width}")
    found = t.put(f"select i1 {narrow}, i64 {whole}, i64 {width}")
    return t.times(start, depth), found, t.put(f"sub i64 {row}, {start}")


def _upright(t: Text, width: int) -> Text:
    """The rows of a matrix as they are become columns of panels."""
    # Squares of n rows and n columns are transposed in registers, so that loads and stores are
    # whole vectors: number by number each store would touch a line of the cache of its own. A
    # weight takes 0.3 ns so, and 1.2 ns in NumPy's copy of a transpose (Xeon).
    n, factor = t.lanes.n, t.broadcast("%factor")
    end = t.plus("%at", "%rows")
    first = t.times(t.put(f"sdiv i64 %at, {n}"), n)
    with t.loop(first, end, n) as group:
        rows = [t.plus(group.index, j) for j in range(n)]
        inside = [t.both(f"icmp sge i64 {row}, %at", f"icmp slt i64 {row}, {end}") for row in rows]
        sources = [t.at("%from", t.times(t.put(f"sub i64 {row}, %at"), "%columns")) for row in rows]
        # A group of n rows may have rows of other weights at either end: those are left alone, by
        # masks, since another task, in another thread, packs them at the same time.
        below, above = (t.first(t.put(f"sub i64 {edge}, {group.index}")) for edge in (end, "%at"))
        those = t.put(f"xor {t.lanes.bools} {below}, {above}")
        base, across, column = panel_of(t, group.index, width)
        to = t.at("%to", t.plus(base, column))
        with t.loop(0, "%columns", n) as along:
            mask = t.first(t.put(f"sub i64 %columns, {along.index}"))
            masks = [t.where(yes, mask) for yes in inside]
            pairs = zip(sources, masks, strict=True)
            square = [t.load(t.at(source, along.index), part) for source, part in pairs]
            for k, vector in enumerate(transposed(t, square)):
                there = t.plus(along.index, k)
                scaled, yes = t.op("fmul", vector, factor), t.put(f"icmp slt i64 {there}, %columns")
                t.store(scaled, t.at(to, t.times(there, across)), t.where(yes, those))
    return t


def transposed(t: Text, square: list[str]) -> list[str]:
    """n vectors of n numbers, rows for columns."""
    # Halves are exchanged between rows n/2 apart, then quarters between rows n/4 apart, down to
    # single numbers: log2(n) rounds of n shuffles, where inserting numbers one by one takes n².
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
    """A matrix whose transpose is wanted: its rows go into panels as they are, vector by vector."""
    factor = t.broadcast("%factor")
    with t.loop(0, "%columns", t.lanes.n) as along:
        mask = t.first(t.put(f"sub i64 %columns, {along.index}"))
        # Columns outside, rows inside, so that the panel, its width and the mask are worked out
        # once for many rows. The store is whole: past the last column the masked load has put
        # zeros, and that is where the padding is.
        base, across, column = panel_of(t, along.index, width)
        to, source = t.at("%to", t.plus(base, column)), t.at("%from", along.index)
        with t.loop(0, "%rows") as row:
            value = t.op("fmul", t.load(t.at(source, t.times(row.index, "%columns")), mask), factor)
            t.store(value, t.at(to, t.times(t.plus(row.index, "%at"), across)))
    return t

"""LLVM text that rounds weights to bfloat16 and packs them into panels of pairs.

A matrix (M, K) is packed as in ``panel_code``, with pairs of the numbers 2 k and 2 k + 1 of a
column in place of numbers: panels of (⌈K / 2⌉, width) pairs. The last one of an odd K has a zero.
"""

from __future__ import annotations

from rnnbp.machine.bfloat16 import Bfloat16, Pairs
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.tasks import Signature
from rnnbp.runners.llvm.panel_code import PACK, panel_of, transposed

FETCH_AHEAD = 16
"""Rows by which weights are asked for ahead of their use where a matrix is turned."""
# Weights have left the cache since the last run. From the third level a matrix (512, 128) is packed
# upright in 8 µs instead of 18, one of (2048, 512) in 170 instead of 360, and turned in 270 instead
# of 500 (EPYC of the Zen 5 kind, one thread).


def text(lanes: Lanes, vectors: int, by: Bfloat16) -> list[tuple[str, Text, Signature]]:
    """The functions ``upright`` and ``turned``; ``vectors``: of a whole panel."""
    width = lanes.n * vectors
    return [
        ("upright", _upright(Text(lanes), by, width), PACK),
        ("turned", _turned(Text(lanes), by, width), PACK),
    ]


def _upright(t: Text, by: Bfloat16, width: int) -> Text:
    """The rows of a matrix as they are become columns of panels."""
    # As ``panel_code._upright``, by squares of n rows and n pairs.
    n, factor, depth = t.lanes.n, t.broadcast("%factor"), t.put(f"sdiv i64 {t.plus('%K', 1)}, 2")
    end = t.plus("%at", "%rows")
    first = t.times(t.put(f"sdiv i64 %at, {n}"), n)
    with t.loop(first, end, n) as group:
        rows = [t.plus(group.index, j) for j in range(n)]
        inside = [t.both(f"icmp sge i64 {row}, %at", f"icmp slt i64 {row}, {end}") for row in rows]
        sources = [t.at("%from", t.times(t.put(f"sub i64 {row}, %at"), "%columns")) for row in rows]
        below, above = (t.first(t.put(f"sub i64 {edge}, {group.index}")) for edge in (end, "%at"))
        those = t.put(f"xor {t.lanes.bools} {below}, {above}")
        base, across, column = panel_of(t, group.index, width, depth)
        to = t.at("%to", t.plus(base, column))
        with t.loop(0, "%columns", 2 * n) as along:
            ats = [t.plus(along.index, m * n) for m in (0, 1)]
            halves = [(at, t.first(t.put(f"sub i64 %columns, {at}"))) for at in ats]
            square = [
                _row_of_pairs(
                    t, by, factor, [(t.at(source, at), t.where(yes, m)) for at, m in halves]
                )
                for source, yes in zip(sources, inside, strict=True)
            ]
            pair = t.put(f"lshr i64 {along.index}, 1")
            for k, vector in enumerate(transposed(t, square)):
                there = t.plus(pair, k)
                yes = t.put(f"icmp slt i64 {there}, {depth}")
                t.store(vector, t.at(to, t.times(there, across)), t.where(yes, those))
    return t


def _row_of_pairs(t: Text, by: Bfloat16, factor: str, halves: list[tuple[str, str]]) -> str:
    """The pairs of 2 n numbers of a row, n from each address by its mask, times a factor."""
    found, ahead = list[str](), t.times("%columns", t.lanes.n)
    for place, mask in halves:
        # The same of the next group's row: processors do not guess it, as rows lie apart.
        t.fetch(t.beyond(place, ahead), written=False)
        found.append(t.op("fmul", t.load(place, mask), factor))
    # As float32, whose bits shuffles leave as they are.
    return Pairs(t).floats(by.in_order(t, *found))


def _turned(t: Text, by: Bfloat16, width: int) -> Text:
    """A matrix whose transpose is wanted: its rows go into panels as they are, two by two."""
    # Rows of other weights may have one number of the first or the last pair, which another task
    # packs at the same time: that half is left alone.
    n, factor, depth = t.lanes.n, t.broadcast("%factor"), t.put(f"sdiv i64 {t.plus('%K', 1)}, 2")
    end, first = t.plus("%at", "%rows"), t.plus("%at", t.put("and i64 %at, 1"))
    stop = t.put(f"sub i64 {end}, {t.put(f'and i64 {end}, 1')}")
    with t.loop(0, "%columns", n) as along:
        mask = t.first(t.put(f"sub i64 %columns, {along.index}"))
        base, across, column = panel_of(t, along.index, width, depth)
        to, source = t.at("%to", t.plus(base, column)), t.at("%from", along.index)

        def row(k: str) -> str:
            place = t.at(source, t.times(t.put(f"sub i64 {k}, %at"), "%columns"))
            t.fetch(t.beyond(place, t.times("%columns", FETCH_AHEAD)), written=False)
            return t.op("fmul", t.load(place, mask), factor)

        def line(k: str) -> str:
            return t.at(to, t.times(t.put(f"lshr i64 {k}, 1"), across))

        # An odd first row, the pairs, and an even last row.
        with t.loop("%at", first) as one:
            _half(t, by.rounded(t, "zeroinitializer", row(one.index)), line(one.index), upper=True)
        with t.loop(first, stop, 2) as two:
            both = by.rounded(t, row(two.index), row(t.plus(two.index, 1)))
            Pairs(t).store(both, line(two.index))
        with t.loop(stop, end) as one:
            _half(t, by.rounded(t, row(one.index), "zeroinitializer"), line(one.index), upper=False)
    return t


def _half(t: Text, pairs: str, to: str, *, upper: bool) -> None:
    """Store one number of each pair, and leave the other as it is."""
    # Number by number: a store of whole pairs would write what another thread writes.
    n, halves = t.lanes.n, f"<{2 * t.lanes.n} x i16>"
    numbers = t.put(f"bitcast {t.lanes.integers} {pairs} to {halves}")
    for k in range(upper, 2 * n, 2):
        number = t.put(f"extractelement {halves} {numbers}, i32 {k}")
        place = t.put(f"getelementptr inbounds i16, ptr {to}, i64 {k}")
        t.do(f"store i16 {number}, ptr {place}, align 2")

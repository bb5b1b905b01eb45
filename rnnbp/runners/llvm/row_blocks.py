"""A block of registers of one row and several panels: the inner loop of products of one row.

A block of one row by one panel has two or four sums under way, and each waits four cycles for the
multiplication before. Several panels side by side have enough of them, and each sum is the same in
the same order, so it has the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.machine.ir import Text

SUMS = 8
"""Vectors of sums that a block has: two multiplications begin in a cycle, and take four."""
# Measured on an EPYC with AVX2, where a panel has two vectors (LSTM of 64 units, one row): with two
# panels, three, four and five within the noise, with one 1.4 times as long, with six 1.2 times.
TURNS = 2
"""Values of k in one turn of the loop; 1 and 4 are within the noise."""
FETCH_AHEAD = 16
"""Values of k by which weights are asked for ahead of their use, in each panel."""
# Without asking 2 MB of weights take 1.3 times as long to come from the third-level cache; 8 to 32
# are within the noise, 64 is as slow as none.
ROW = "row"
ARGUMENTS = ("ptr %a", "ptr %w", "i64 %K", "ptr %o", "ptr %from")


def panels_of(vectors: int) -> int:
    """Panels of a block, where a panel has this many vectors."""
    return max(1, SUMS // vectors)


def row_block(t: Text, vectors: int) -> Text:
    """row(a, w, K, o, from): o[m] = from[m] + Σ_k a[k] w[k, m], of whole panels w; without
    ``from``, from 0.
    """
    width, kind = t.lanes.n * vectors, t.lanes.type
    panels = range(panels_of(vectors))
    places = [p * width + m * t.lanes.n for p in panels for m in range(vectors)]
    t.do(f"br i1 {t.put('icmp eq ptr %from, null')}, label %start, label %read")
    t.label("read")
    given = [t.load(t.at("%from", at)) for at in places]
    t.do("br label %start")
    t.label("start")
    first = [t.put(f"phi {kind} [ zeroinitializer, %entry ], [ {v}, %read ]") for v in given]
    starts = [t.at("%w", t.times("%K", p * width)) for p in panels]
    whole = t.times(t.put(f"sdiv i64 %K, {TURNS}"), TURNS)
    with t.loop(0, whole, TURNS, carried=[(kind, value) for value in first]) as loop:
        sums = loop.carried
        for turn in range(TURNS):
            sums = _multiply(t, t.plus(loop.index, turn), starts, vectors, sums, fetch=True)
        loop.after += sums
    with t.loop(whole, "%K", carried=[(kind, value) for value in loop.carried]) as loop:
        loop.after += _multiply(t, loop.index, starts, vectors, loop.carried, fetch=False)
    for at, value in zip(places, loop.carried, strict=True):
        t.store(value, t.at("%o", at))
    return t


def _multiply(
    t: Text, k: str, starts: Sequence[str], vectors: int, sums: Sequence[str], *, fetch: bool
) -> list[str]:
    """The sums with what one k adds; ``fetch``: ask for weights that come later."""
    n, number, found = t.lanes.n, t.broadcast(t.at("%a", k)), list[str]()
    for p, start in enumerate(starts):
        row = t.at(start, t.times(k, n * vectors))
        if fetch:
            t.fetch(t.beyond(row, n * vectors * FETCH_AHEAD), written=False)
        for m in range(vectors):
            found.append(t.fma(number, t.load(t.at(row, m * n)), sums[p * vectors + m]))
    return found

"""The LLVM text of the squared error of rows, with its derivative."""

from __future__ import annotations

from rnnbp.machine.ir import Lanes, Loop, Text
from rnnbp.machine.rows import across


def squared(t: Text, *, wide: bool = False) -> Text:
    """squared(y, ldy, t, ldt, N, K, factor, dy, out) of N rows of K numbers, ``ld`` apart.

    dy, as far apart as y, = 2 (y − t) factor; out, a double, = Σ (y − t)². ``wide``: t is doubles.
    """
    # One pass in place of NumPy's five. Each number is rounded as NumPy rounds it, so that dy has
    # the same bits, and a square that float32 cannot hold is infinite too; squares are added in
    # float64.
    v, long = t.lanes, Lanes(64, t.lanes.n)
    factor, full = t.broadcast("%factor"), t.times(t.put(f"sdiv i64 %K, {v.n}"), v.n)
    of_target = long if wide and v.bits < long.bits else v
    with t.loop(0, "%N", carried=[(long.type, "zeroinitializer")]) as rows:
        at = t.times(rows.index, "%ldy")
        row = t.at("%t", t.times(rows.index, "%ldt"), of_target)
        y, dy = t.at("%y", at), t.at("%dy", at)

        def some(loop: Loop, mask: str | None) -> None:
            target = t.load(t.at(row, loop.index, of_target), mask, of_target)
            if of_target is not v:
                target = t.put(f"fptrunc {long.type} {target} to {v.type}")
            d = t.op("fsub", t.load(t.at(y, loop.index), mask), target)
            t.store(t.op("fmul", t.op("fadd", d, d), factor), t.at(dy, loop.index), mask)
            square = t.op("fmul", d, d)
            own = square if v.bits == 64 else t.put(f"fpext {v.type} {square} to {long.type}")
            loop.after.append(t.put(f"fadd {long.type} {loop.carried[0]}, {own}"))

        with t.loop(0, full, v.n, carried=[(long.type, rows.carried[0])]) as whole:
            some(whole, None)
        with t.loop(full, "%K", v.n, carried=[(long.type, whole.carried[0])]) as rest:
            some(rest, t.first(t.put(f"sub i64 %K, {rest.index}")))
        rows.after.append(rest.carried[0])
    t.do(f"store double {across(t, long, 'fadd', rows.carried[0])}, ptr %out")
    return t

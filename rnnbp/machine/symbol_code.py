"""The LLVM text of functions for symbols: numbering them, and adding rows up by symbol."""

from __future__ import annotations

from rnnbp.machine.ir import Text
from rnnbp.machine.rows import Row


def number(t: Text) -> Text:
    """number(x, N, K, rows, found, out): out[n] = rows[x[n]], in [0, K).

    Symbols without a row get the next: found[0] is how many have one, and they follow it. A symbol
    out of range has none, and out[n] is −1.
    """

    # Without branches: the processor cannot predict whether a symbol is new, and a wrong guess
    # takes longer than all this. So what must not be written is written where it does
    # no harm: for symbols out of range row 0 gets what it has, and the count's own slot likewise.

    def at(array: str, index: str) -> str:
        return t.put(f"getelementptr i64, ptr {array}, i64 {index}")

    def pick(condition: str, yes: str, no: str) -> str:
        return t.put(f"select i1 {condition}, i64 {yes}, i64 {no}")

    first = t.put("load i64, ptr %found")
    with t.loop(0, "%N", carried=[("i64", first)]) as loop:
        symbol = t.put(f"load i64, ptr {at('%x', loop.index)}")
        inside = t.put(f"icmp ult i64 {symbol}, %K")
        place = at("%rows", pick(inside, symbol, "0"))
        row, count = t.put(f"load i64, ptr {place}"), loop.carried[0]
        new = t.put(f"and i1 {inside}, {t.put(f'icmp slt i64 {row}, 0')}")
        following = t.plus(count, 1)
        slot = at("%found", pick(new, following, "0"))
        t.do(f"store i64 {pick(new, symbol, t.put(f'load i64, ptr {slot}'))}, ptr {slot}")
        found = pick(new, count, row)
        t.do(f"store i64 {found}, ptr {place}")
        t.do(f"store i64 {pick(inside, found, '-1')}, ptr {at('%out', loop.index)}")
        loop.after.append(pick(new, following, count))
    t.do(f"store i64 {loop.carried[0]}, ptr %found")
    return t


def scatter(t: Text) -> Text:
    """scatter(d, ldd, x, _, N, M, _, o, ldo): row x[n] of o (_, M) += d[n], d (N, M)."""
    # One thread, in the order of steps: two threads could add to one row at the same time, and
    # another order gives other bits.
    with t.loop(0, "%N") as rows:
        symbol = t.put(f"load i64, ptr {t.put(f'getelementptr i64, ptr %x, i64 {rows.index}')}")
        d, out = t.at("%d", t.times(rows.index, "%ldd")), t.at("%o", t.times(symbol, "%ldo"))
        Row(t, "%M").each(
            lambda i, m: t.store(
                t.op("fadd", t.load(t.at(out, i), m), t.load(t.at(d, i), m)), t.at(out, i), m
            )
        )
    return t

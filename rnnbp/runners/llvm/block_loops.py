"""Loops over the blocks of registers that make up a product: over its rows and its panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rnnbp.machine.ir import Text
from rnnbp.runners.llvm.blocks import ARGUMENTS, name_of


def over_rows(
    t: Text,
    n: str,
    most: int,
    vectors: int,
    ragged: bool,
    values: dict[str, str],
    moving: Sequence[tuple[str, str]],
) -> None:
    """Blocks of at most ``most`` rows that make up n rows.

    Args:
        values: of ``ARGUMENTS``, by name, for the first row. moving: which of them move from row to
            row, and by how much.
    """
    # About equal rows: 7 rows as 4 and 3 keep more sums under way than as 6 and 1, where the block
    # of one row waits for each of its few multiplications.
    count = t.put(f"sdiv i64 {t.plus(n, most - 1)}, {most}")
    with t.loop(0, count, carried=[("i64", "0")]) as loop:
        (done,) = loop.carried
        left = t.put(f"sub i64 {n}, {done}")
        blocks = t.put(f"sub i64 {count}, {loop.index}")
        size = t.put(f"sdiv i64 {t.plus(left, t.plus(blocks, -1))}, {blocks}")
        here = dict(values)
        for name, stride in moving:
            here[name] = moved(t, here[name], t.times(done, stride))
        _by_size(t, size, most, vectors, ragged, [here[a.split()[1][1:]] for a in ARGUMENTS])
        loop.after.append(t.plus(done, size))


def _by_size(t: Text, size: str, most: int, vectors: int, ragged: bool, values: list[str]) -> None:
    """Call the block of ``size`` rows: registers have no indices, so each size is a function."""
    call = ", ".join(f"{a.split()[0]} {value}" for a, value in zip(ARGUMENTS, values, strict=True))
    stem = t.name("rows")[1:]
    cases = " ".join(f"i64 {n}, label %{stem}.{n}" for n in range(1, most + 1))
    t.do(f"switch i64 {size}, label %{stem}.end [ {cases} ]")
    for n in range(1, most + 1):
        t.label(f"{stem}.{n}")
        t.do(f"call void @{name_of(n, vectors, ragged)}({call})")
        t.do(f"br label %{stem}.end")
    t.label(f"{stem}.end")


def over_panels(
    t: Text, columns: str, vectors: int, work: Callable[[str, int, str], None], first: str = "0"
) -> None:
    """Call ``work(first column, vectors, bits of the last mask)`` for each panel from ``first`` on.

    The full ones are a loop; what is left, of 1 to ``vectors`` vectors, is written out for each.
    """
    n = t.lanes.n
    width = n * vectors
    full = t.times(t.put(f"sdiv i64 {columns}, {width}"), width)
    with t.loop(first, full, width) as loop:
        work(loop.index, vectors, "-1")
    rest = t.put(f"sub i64 {columns}, {full}")
    count = t.put(f"sdiv i64 {t.plus(rest, n - 1)}, {n}")
    last = t.put(f"sub i64 {rest}, {t.times(t.plus(count, -1), n)}")
    # The mask travels as an integer: a vector of bits has no fixed form between functions.
    bits = t.plus(t.put(f"shl i64 1, {last}"), -1)
    stem = t.name("rest")[1:]
    cases = " ".join(f"i64 {m}, label %{stem}.{m}" for m in range(1, vectors + 1))
    t.do(f"switch i64 {count}, label %{stem}.end [ {cases} ]")
    for m in range(1, vectors + 1):
        t.label(f"{stem}.{m}")
        work(full, m, bits)
        t.do(f"br label %{stem}.end")
    t.label(f"{stem}.end")


def moved(t: Text, pointer: str, by: str) -> str:
    """An address further on; null stays null."""
    there = t.at(pointer, by)
    return t.put(f"select i1 {t.put(f'icmp eq ptr {pointer}, null')}, ptr null, ptr {there}")

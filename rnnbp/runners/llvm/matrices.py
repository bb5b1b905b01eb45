"""Products with a matrix that a row has among its features, of ``columns`` columns."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.machine.ir import Text
from rnnbp.machine.rows import Row, across

LINES = 4
"""Lines of a matrix that are multiplied together by a vector."""
# Additions take 4 cycles and two begin in each, so one line would leave most of the time unused;
# and the vector is read from the cache once for all of them. Each line's sum keeps its order, so
# the number changes no bit.

SIDE_BY_SIDE = 8
"""Vectors of columns that are summed together, down the lines of a matrix; for the same reasons."""


def matvec(r: Row, args: Sequence[str], outs: Sequence[str], columns: object) -> None:
    """The matrix times a vector."""
    t, (matrix, vector), (out,) = r.t, args, outs
    n, m = sizes_of_row(r, columns)
    full = n // LINES * LINES
    for first, stop, count in ((0, full, LINES), (full, n, 1)):
        if first < stop:
            with t.loop(first, stop, count) as loop:
                lines = [t.at(matrix, t.times(t.plus(loop.index, k), m)) for k in range(count)]
                for k, total in enumerate(dots(t, lines, vector, m)):
                    store(t, total, t.at(out, t.plus(loop.index, k)))


def vecmat(r: Row, args: Sequence[str], outs: Sequence[str], columns: object) -> None:
    """The turned matrix times a vector."""
    t, (matrix, d), (out,) = r.t, args, outs
    n, m = sizes_of_row(r, columns)
    columns_of(t, matrix, m, d, 1, out, n, m)


def outer(r: Row, args: Sequence[str], outs: Sequence[str], columns: object) -> None:
    """d vᵀ, a matrix."""
    assert isinstance(columns, int)
    t, (d, vector), (out,) = r.t, args, outs
    with t.loop(0, r.n) as loop:
        number, line = t.broadcast(t.at(d, loop.index)), t.at(out, t.times(loop.index, columns))
        _scaled(t, columns, vector, number, line)


def dots(t: Text, lines: Sequence[str], vector: str, n: int) -> list[str]:
    """The products of lines of n numbers with a vector; each is summed as ``Row.total`` does."""
    v, full = t.lanes, n // t.lanes.n * t.lanes.n

    def products(i: str, mask: str | None, sums: Sequence[str]) -> list[str]:
        number = t.load(t.at(vector, i), mask)
        terms = [t.op("fmul", t.load(t.at(line, i), mask), number) for line in lines]
        return [t.op("fadd", so_far, term) for so_far, term in zip(sums, terms, strict=True)]

    with t.loop(0, full, v.n, carried=[(v.type, v.constant(0.0))] * len(lines)) as loop:
        loop.after += products(loop.index, None, loop.carried)
    sums = loop.carried
    if n > full:
        sums = products(str(full), v.mask(n - full), sums)
    return [across(t, v, "fadd", total) for total in sums]


def columns_of(
    t: Text, matrix: str, width: int, d: str, stride: int, out: str, n: int, m: int
) -> None:
    """Σ_i d_i · (line i of a matrix), its first m columns; d's numbers are ``stride`` apart."""
    v, whole = t.lanes, t.lanes.n * SIDE_BY_SIDE
    full = m // whole * whole
    if full:
        with t.loop(0, full, whole) as loop:
            places = t.at(matrix, loop.index), t.at(out, loop.index)
            _down(t, places, (d, stride), (n, width), [None] * SIDE_BY_SIDE)
    count, left = divmod(m - full, v.n)
    masks = [None] * count + ([v.mask(left)] if left else [])
    if masks:
        places = t.at(matrix, full), t.at(out, full)
        _down(t, places, (d, stride), (n, width), masks)


def _down(
    t: Text,
    places: tuple[str, str],
    numbers: tuple[str, int],
    sizes: tuple[int, int],
    masks: Sequence[str | None],
) -> None:
    """Some vectors of columns: from one place in a matrix of lines (n, width) to another."""
    v, (matrix, out), (d, stride), (n, width) = t.lanes, places, numbers, sizes
    zeros = [(v.type, "zeroinitializer")] * len(masks)
    with t.loop(0, n, carried=zeros) as loop:
        number = t.broadcast(t.at(d, t.times(loop.index, stride)))
        line = t.at(matrix, t.times(loop.index, width))
        for k, (mask, so_far) in enumerate(zip(masks, loop.carried, strict=True)):
            loop.after.append(t.fma(number, t.load(t.at(line, k * v.n), mask), so_far))
    for k, (mask, total) in enumerate(zip(masks, loop.carried, strict=True)):
        t.store(total, t.at(out, k * v.n), mask)


def _scaled(t: Text, n: int, vector: str, number: str, out: str) -> None:
    """A multiple of a vector."""
    Row(t, n).each(
        lambda i, m: t.store(t.op("fmul", number, t.load(t.at(vector, i), m)), t.at(out, i), m)
    )


def store(t: Text, number: str, place: str) -> None:
    t.do(f"store {t.lanes.scalar} {number}, ptr {place}, align {t.lanes.nbytes}")


def sizes_of_row(r: Row, columns: object) -> tuple[int, int]:
    """Rows and columns of the matrix that the row is."""
    assert isinstance(columns, int)
    assert isinstance(r.n, int)
    return r.n // columns, columns

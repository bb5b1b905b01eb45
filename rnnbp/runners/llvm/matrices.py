"""Products with a matrix that a row has among its features, of ``columns`` columns."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.machine.ir import Text
from rnnbp.machine.rows import Row


def matvec(r: Row, args: Sequence[str], outs: Sequence[str], columns: object) -> None:
    """The matrix times a vector."""
    t, (matrix, vector), (out,) = r.t, args, outs
    n, m = _sizes(r, columns)
    with t.loop(0, n) as loop:
        line = t.at(matrix, t.times(loop.index, m))

        def product(i: str, mask: str | None) -> str:
            return t.op("fmul", t.load(t.at(line, i), mask), t.load(t.at(vector, i), mask))

        found = Row(t, m).total(product)
        place = t.at(out, loop.index)
        t.do(f"store {t.lanes.scalar} {found}, ptr {place}, align {t.lanes.nbytes}")


def vecmat(r: Row, args: Sequence[str], outs: Sequence[str], columns: object) -> None:
    """The turned matrix times a vector."""
    t, (matrix, d), (out,) = r.t, args, outs
    n, m = _sizes(r, columns)

    def give(i: str, mask: str | None) -> None:
        first = t.at(matrix, i)
        with t.loop(0, n, carried=[(t.lanes.type, "zeroinitializer")]) as loop:
            part = t.load(t.at(first, t.times(loop.index, m)), mask)
            number = t.broadcast(t.at(d, loop.index))
            loop.after.append(t.fma(number, part, loop.carried[0]))
        t.store(loop.carried[0], t.at(out, i), mask)

    Row(t, m).each(give)


def outer(r: Row, args: Sequence[str], outs: Sequence[str], columns: object) -> None:
    """d vᵀ, a matrix."""
    assert isinstance(columns, int)
    t, (d, vector), (out,) = r.t, args, outs
    with t.loop(0, r.n) as loop:
        number, line = t.broadcast(t.at(d, loop.index)), t.at(out, t.times(loop.index, columns))
        _scaled(t, columns, vector, number, line)


def _scaled(t: Text, n: int, vector: str, number: str, out: str) -> None:
    """A multiple of a vector."""
    Row(t, n).each(
        lambda i, m: t.store(t.op("fmul", number, t.load(t.at(vector, i), m)), t.at(out, i), m)
    )


def _sizes(r: Row, columns: object) -> tuple[int, int]:
    """Rows and columns of the matrix that the row is."""
    assert isinstance(columns, int)
    assert isinstance(r.n, int)
    return r.n // columns, columns

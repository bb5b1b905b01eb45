"""Products of two matrices that a row has among its features, and transposes of one."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.compiler.matrix_pairs import sizes_of
from rnnbp.machine.rows import Row
from rnnbp.runners.llvm.matrices import columns_of, dots, sizes_of_row, store


def matmat(r: Row, args: Sequence[str], outs: Sequence[str], attr: object) -> None:
    """The product of two matrices, of which one may lie turned."""
    t, (a, b), (out,) = r.t, args, outs
    n, k, m, left, right = sizes_of(attr)
    assert not (left and right)  # no adjoint has both
    with t.loop(0, n) as loop:
        line = t.at(out, t.times(loop.index, m))
        if right:
            row = t.at(a, t.times(loop.index, k))
            with t.loop(0, m) as inner:
                (total,) = dots(t, [t.at(b, t.times(inner.index, k))], row, k)
                store(t, total, t.at(line, inner.index))
        else:
            first = t.at(a, loop.index if left else t.times(loop.index, k))
            columns_of(t, b, m, first, n if left else 1, line, k, m)


def transpose(r: Row, args: Sequence[str], outs: Sequence[str], columns: object) -> None:
    """The matrix, turned."""
    t, (x,), (out,) = r.t, args, outs
    n, m = sizes_of_row(r, columns)
    with t.loop(0, n) as line, t.loop(0, m) as column:
        place = t.at(x, t.plus(t.times(line.index, m), column.index))
        number = t.put(f"load {t.lanes.scalar}, ptr {place}, align {t.lanes.nbytes}")
        store(t, number, t.at(out, t.plus(t.times(column.index, n), line.index)))

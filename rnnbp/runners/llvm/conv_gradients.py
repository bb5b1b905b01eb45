"""The gradients of a convolution's weights and bias in machine code."""

from __future__ import annotations

from rnnbp.machine.ir import Text
from rnnbp.machine.rows import Row
from rnnbp.runners.llvm.block_loops import over_panels, over_rows
from rnnbp.runners.llvm.panel_code import transposed
from rnnbp.runners.llvm.window_code import DEPTH, left, sizes, stack
from rnnbp.runners.llvm.window_moves import read
from rnnbp.runners.llvm.windows import Windows

POSITIONS = 64
"""Positions that are summed into the weights' gradient at once."""
ROW = DEPTH + 16
"""Numbers from one of those to the next: not a power of two, whose lines share sets of a cache."""


def gradient(t: Text, rows: int, vectors: int) -> Text:
    """o (O, C K) += dy (n, O, P) times windows of x (n, C, H, W), of m channels from c on."""
    g, n = sizes(t), t.lanes.n
    panel, turned = stack(t, DEPTH * n), stack(t, POSITIONS * ROW)
    count = left(t, g["C"], "%c", "%m")
    wide, first = t.times(count, g["K"]), t.times("%c", g["K"])
    with t.loop(0, "%n") as image:
        x = t.at("%x", t.times(image.index, t.times(g["C"], g["HW"])))
        dy = t.at("%dy", t.times(image.index, t.times(g["O"], g["P"])))
        with t.loop(0, g["P"], POSITIONS) as some:
            many = left(t, g["P"], some.index, POSITIONS)
            with t.loop(0, many, n) as at:
                windows = Windows(t, g, t.plus(some.index, at.index), 1)
                windows.each("%c", count, x, panel, *read(t))
                _turn(t, panel, wide, t.at(turned, t.times(at.index, ROW)))

            def work(
                at: str, vectors: int, bits: str, some: str = some.index, many: str = many
            ) -> None:
                here = {"a": t.at(dy, some), "ra": g["P"], "ka": "1", "w": t.at(turned, at)}
                here |= {"kw": str(ROW), "K": many, "o": t.at("%o", t.plus(first, at))}
                here |= {"ldo": g["CK"], "from": "null", "ldf": "0", "bits": bits}
                over_rows(t, g["O"], rows, vectors, True, here, [("a", g["P"]), ("o", g["CK"])])

            over_panels(t, wide, vectors, work)
    return t


def _turn(t: Text, panel: str, wide: str, to: str) -> None:
    """Rows of n positions become n rows of all elements; past the last there is whatever was."""
    n = t.lanes.n
    with t.loop(0, wide, n) as row:
        square = [t.load(t.at(panel, t.times(t.plus(row.index, k), n))) for k in range(n)]
        for k, vector in enumerate(transposed(t, square)):
            t.store(vector, t.at(to, t.plus(row.index, k * ROW)))


def bias(t: Text) -> Text:
    """o (O,) += the sums of dy (n, O, P)."""
    g = sizes(t)
    with t.loop(0, "%n") as image, t.loop(0, g["O"]) as o:
        row = t.times(t.plus(t.times(image.index, g["O"]), o.index), g["P"])
        start, place = t.at("%dy", row), t.at("%o", o.index)
        total = Row(t, g["P"]).total(lambda i, m: t.load(t.at(start, i), m))
        before = t.put(f"load {t.lanes.scalar}, ptr {place}, align {t.lanes.nbytes}")
        after = t.put(f"fadd {t.lanes.scalar} {before}, {total}")
        t.do(f"store {t.lanes.scalar} {after}, ptr {place}, align {t.lanes.nbytes}")
    return t

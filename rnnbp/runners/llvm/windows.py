"""LLVM text that reads the windows of a convolution, or adds to them, vector by vector.

A panel has the windows of a few positions: a row for each channel and element of the kernel, as
wide as the positions. It lies on the stack.
"""

from __future__ import annotations

from rnnbp.machine.ir import Text
from rnnbp.runners.llvm.lane_numbers import divided, every, of, steps
from rnnbp.runners.llvm.window_code import FAR, Beside
from rnnbp.runners.llvm.window_moves import Move


class Windows:
    """The windows of ``vectors`` vectors of positions from ``at`` on."""

    def __init__(self, t: Text, g: dict[str, str], at: str, vectors: int) -> None:
        self.t, self.g, self.vectors = t, g, vectors
        self.kind = t.lanes.integers
        self.firsts = [self._first(t.plus(at, v * t.lanes.n)) for v in range(vectors)]

    def _spread(self, number: str) -> str:
        return every(self.t, number)

    def _op(self, name: str, a: str, b: str) -> str:
        return of(self.t, name, a, b)

    def _first(self, at: str) -> tuple[str, str, str]:
        """(row, column) of the first element of each window, and which windows exist."""
        t, g = self.t, {name: self._spread(self.g[name]) for name in ("SH", "SW", "PH", "PW")}
        p = self._op("add", self._spread(at), steps(self.t))
        row, column = divided(self.t, p, self.g["WO"])
        rows = self._op("sub", self._op("mul", row, g["SH"]), g["PH"])
        columns = self._op("sub", self._op("mul", column, g["SW"]), g["PW"])
        return rows, columns, t.first(t.put(f"sub i64 {self.g['P']}, {at}"))

    def each(self, start: str, count: str, x: str, panel: str, move: Move, scattered: Move) -> None:
        """Call for each channel of ``count`` from ``start`` on, and each element of the kernel.

        Args:
            move: of lanes that lie side by side. scattered: takes pointers in place of an address.
        """
        t, g, width = self.t, self.g, self.vectors * self.t.lanes.n
        plane = t.at(x, t.times(start, g["HW"]))
        for v, first in enumerate(self.firsts):
            with t.loop(0, g["K"]) as tap:
                lanes = self._lanes(tap.index, first, count)
                to = t.at(panel, t.plus(t.times(tap.index, width), v * t.lanes.n))
                across = t.times(g["K"], width)
                for many, mask in ((lanes.whole, None), (lanes.part, lanes.those)):
                    with t.loop(0, many) as channel:
                        here = t.plus(t.times(channel.index, g["HW"]), lanes.base)
                        there = t.at(to, t.times(channel.index, across))
                        move(t.beyond(plane, here), there, mask)
                with t.loop(0, lanes.apart) as channel:
                    here = t.at(plane, t.times(channel.index, g["HW"]))
                    pointers = t.put(
                        f"getelementptr {t.lanes.scalar}, ptr {here}, {self.kind} {lanes.offsets}"
                    )
                    there = t.at(to, t.times(channel.index, across))
                    scattered(pointers, there, lanes.those)

    def _lanes(self, tap: str, first: tuple[str, str, str], count: str) -> Beside:
        t, g, kind = self.t, self.g, self.kind
        rows, columns, exist = first
        down = t.put(f"sdiv i64 {tap}, {g['KW']}")
        along = t.put(f"sub i64 {tap}, {t.times(down, g['KW'])}")
        row = self._op("add", rows, self._spread(t.times(down, g["DH"])))
        column = self._op("add", columns, self._spread(t.times(along, g["DW"])))
        # Unsigned: what is negative is large.
        inside = [
            t.put(f"icmp ult {kind} {a}, {self._spread(g[size])}")
            for a, size in ((row, "H"), (column, "W"))
        ]
        those = t.put(f"and {t.lanes.bools} {exist}, {inside[0]}")
        those = t.put(f"and {t.lanes.bools} {those}, {inside[1]}")
        found = self._op("add", self._op("mul", row, self._spread(g["W"])), column)
        offsets = t.put(f"select {t.lanes.bools} {those}, {kind} {found}, {kind} zeroinitializer")
        # Lanes that exist lie side by side where all are as far from their number.
        distance = self._op("sub", found, steps(self.t))
        high, low = self._extreme("smax", distance, those), self._extreme("smin", distance, those)
        none = t.put(f"icmp eq i64 {high}, {-FAR}")
        base = t.put(f"select i1 {none}, i64 0, i64 {high}")
        beside = t.put(f"icmp sle i64 {high}, {low}")
        packed = t.put(f"bitcast {t.lanes.bools} {those} to i{t.lanes.n}")
        full = t.both(f"icmp eq i{t.lanes.n} {packed}, -1", f"icmp sle i64 {high}, {low}")
        whole = t.put(f"select i1 {full}, i64 {count}, i64 0")
        side = t.put(f"select i1 {beside}, i64 {count}, i64 0")
        return Beside(
            those, offsets, base, whole, t.put(f"sub i64 {side}, {whole}"),
            t.put(f"sub i64 {count}, {side}"),
        )  # fmt: skip

    def _extreme(self, name: str, values: str, those: str) -> str:
        """The largest or smallest of the lanes that exist."""
        t, kind, bits = self.t, self.kind, self.t.lanes.bits
        far = -FAR if name == "smax" else FAR
        other = "<" + ", ".join([f"i{bits} {far}"] * t.lanes.n) + ">"
        given = t.put(f"select {t.lanes.bools} {those}, {kind} {values}, {kind} {other}")
        reduce = f"@llvm.vector.reduce.{name}.v{t.lanes.n}i{bits}"
        t.needs.add(f"declare i{bits} {reduce}({kind})")
        found = t.put(f"call i{bits} {reduce}({kind} {given})")
        return found if bits == 64 else t.put(f"sext i{bits} {found} to i64")

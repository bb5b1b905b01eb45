"""Pooling in machine code, on planes (H, W) that are whole in a task.

Bits are those of the layers' NumPy: elements of a window are taken in C order, and what several
windows add to an element of dx comes in the order of its place within them.
"""

from __future__ import annotations

from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.target import vector_bytes
from rnnbp.machine.tasks import Signature
from rnnbp.runners.llvm.lane_numbers import divided, every, gathered, of, steps
from rnnbp.runners.llvm.pool_deltas import largest_back, mean_back
from rnnbp.runners.llvm.pool_sizes import sizes, unit
from rnnbp.support.lazy import cached

FORWARD = Signature("ptr %x", "ptr %y", "ptr %which", "ptr %sizes", "i64 %n")
BACK = Signature("ptr %dy", "ptr %which", "ptr %dx", "ptr %sizes", "i64 %n")


@cached
def library(bits: int, nbytes: int) -> Library:
    """The functions for vectors of ``nbytes`` of numbers of this many bits."""
    lanes = Lanes(bits, 8 * nbytes // bits)
    made = {
        "largest": (_largest(Text(lanes)), FORWARD),
        "mean": (_mean(Text(lanes)), FORWARD),
        "largest.back": (largest_back(Text(lanes)), BACK),
        "mean.back": (mean_back(Text(lanes)), BACK),
    }
    found, needs = list[str](), set[str]()
    for name, (body, signature) in made.items():
        found += [
            body.function(f"pool.{name}", signature.arguments),
            signature.task(f"pool.{name}"),
        ]
        needs |= body.needs
    return Library("\n".join([*sorted(needs), *found]))


def library_of(item: int) -> Library:
    """The functions for numbers of ``item`` bytes, with this processor's vectors."""
    return library(8 * item, vector_bytes())


class _Windows:
    """The windows of a vector of positions from ``at`` on, of all planes of a task."""

    def __init__(self, t: Text, g: dict[str, str], at: str, total: str) -> None:
        self.t, self.g = t, g
        self.exist = t.first(t.put(f"sub i64 {total}, {at}"))
        p = of(t, "add", every(t, at), steps(t))
        plane, rest = divided(t, p, g["P"])
        i, j = divided(t, rest, g["WO"])
        self.row = self._first(i, "SH", "PH")
        self.column = self._first(j, "SW", "PW")
        start = of(t, "mul", plane, every(t, g["HW"]))
        along = of(t, "add", of(t, "mul", self.row, every(t, g["W"])), self.column)
        self.offset = of(t, "add", start, along)

    def _first(self, index: str, stride: str, padding: str) -> str:
        t, g = self.t, self.g
        return of(t, "sub", of(t, "mul", index, every(t, g[stride])), every(t, g[padding]))

    def inside(self, first: str, along: str, size: str) -> str:
        """Which lanes' element ``along`` a window lies on the plane's axis."""
        # Unsigned: what is negative is large.
        found = of(self.t, "add", first, every(self.t, along))
        return self.t.put(
            f"icmp ult {self.t.lanes.integers} {found}, {every(self.t, self.g[size])}"
        )

    def both(self, one: str, other: str) -> str:
        return self.t.put(f"and {self.t.lanes.bools} {one}, {other}")

    def element(self, x: str, down: str, along: str, mask: str, other: str) -> str:
        """An element of each window; ``other`` where it is padding."""
        further = self.t.plus(self.t.times(down, self.g["W"]), along)
        return gathered(
            self.t, x, of(self.t, "add", self.offset, every(self.t, further)), mask, other
        )


def _largest(t: Text) -> Text:
    """y, and which (n, P) elements of their windows are the largest, of x (n, H, W)."""
    g, v = sizes(t), t.lanes
    total, least = t.times("%n", g["P"]), v.constant(float("-inf"))
    with t.loop(0, total, v.n) as some:
        w = _Windows(t, g, some.index, total)
        kinds = [(v.type, least), (v.integers, "zeroinitializer")]
        with t.loop(0, g["KH"], carried=kinds) as down:
            rows = w.both(w.exist, w.inside(w.row, down.index, "H"))
            pairs = list(zip((v.type, v.integers), down.carried, strict=True))
            with t.loop(0, g["KW"], carried=pairs) as along:
                best, which = along.carried
                mask = w.both(rows, w.inside(w.column, along.index, "W"))
                x = w.element("%x", down.index, along.index, mask, least)
                # As the layer: later ones must be larger, but of several NaN the last is taken.
                larger = t.put(f"fcmp ogt {v.type} {x}, {best}")
                larger = t.put(f"or {v.bools} {larger}, {t.put(f'fcmp uno {v.type} {x}, {x}')}")
                number = every(t, t.plus(t.times(down.index, g["KW"]), along.index))
                along.after.append(
                    t.put(f"select {v.bools} {larger}, {v.type} {x}, {v.type} {best}")
                )
                along.after.append(
                    t.put(f"select {v.bools} {larger}, {v.integers} {number}, {v.integers} {which}")
                )
            down.after += along.carried
        best, which = down.carried
        t.store(best, t.at("%y", some.index), w.exist)
        _store_bytes(t, which, some.index, w.exist)
    return t


def _store_bytes(t: Text, numbers: str, at: str, mask: str) -> None:
    v = t.lanes
    kind = f"<{v.n} x i8>"
    small = t.put(f"trunc {v.integers} {numbers} to {kind}")
    to = t.put(f"getelementptr inbounds i8, ptr %which, i64 {at}")
    t.needs.add(f"declare void @llvm.masked.store.v{v.n}i8.p0({kind}, ptr, {v.bools})")
    given = f"{kind} {small}, ptr align 1 {to}, {v.bools} {mask}"
    t.do(f"call void @llvm.masked.store.v{v.n}i8.p0({given})")


def _mean(t: Text) -> Text:
    """y (n, P), the means of the windows of x (n, H, W)."""
    g, v = sizes(t), t.lanes
    total, part = t.times("%n", g["P"]), t.every(unit(t, g))
    with t.loop(0, total, v.n) as some:
        w = _Windows(t, g, some.index, total)
        with t.loop(0, g["KH"], carried=[(v.type, v.constant(-0.0))]) as down:
            rows = w.both(w.exist, w.inside(w.row, down.index, "H"))
            with t.loop(0, g["KW"], carried=[(v.type, down.carried[0])]) as along:
                mask = w.both(rows, w.inside(w.column, along.index, "W"))
                x = w.element("%x", down.index, along.index, mask, "zeroinitializer")
                along.after.append(t.op("fadd", along.carried[0], x))
            down.after += along.carried
        t.store(t.op("fmul", down.carried[0], part), t.at("%y", some.index), w.exist)
    return t

"""What is done with a vector of windows: they are read into a panel, or a panel is added to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from rnnbp.machine.ir import Text

Move: TypeAlias = Callable[[str, str, str | None], None]
"""What is done with (address in x, address in the panel, mask)."""


def read(t: Text) -> tuple[Move, Move]:
    """Moves from x to the panel; zeros where there is nothing."""
    v = t.lanes
    name = f"@llvm.masked.gather.{v.suffix}.v{v.n}p0"

    def move(x: str, panel: str, mask: str | None) -> None:
        t.store(t.load(x, mask), panel)

    def scattered(pointers: str, panel: str, mask: str | None) -> None:
        t.needs.add(f"declare {v.type} {name}(<{v.n} x ptr>, {v.bools}, {v.type})")
        given = (
            f"<{v.n} x ptr> align {v.nbytes} {pointers}, {v.bools} {mask}, {v.type} zeroinitializer"
        )
        t.store(t.put(f"call {v.type} {name}({given})"), panel)

    return move, scattered


def added(t: Text) -> tuple[Move, Move]:
    """Moves that add the panel to x."""
    v = t.lanes
    kinds = f"{v.suffix}.v{v.n}p0"

    def move(x: str, panel: str, mask: str | None) -> None:
        t.store(t.op("fadd", t.load(x, mask), t.load(panel)), x, mask)

    def scattered(pointers: str, panel: str, mask: str | None) -> None:
        # No two windows have the same element of x at the same place of the kernel.
        many, where = f"<{v.n} x ptr> align {v.nbytes} {pointers}", f"{v.bools} {mask}"
        t.needs.add(
            f"declare {v.type} @llvm.masked.gather.{kinds}(<{v.n} x ptr>, {v.bools}, {v.type})"
        )
        t.needs.add(
            f"declare void @llvm.masked.scatter.{kinds}({v.type}, <{v.n} x ptr>, {v.bools})"
        )
        call = f"@llvm.masked.gather.{kinds}({many}, {where}, {v.type} zeroinitializer)"
        total = t.op("fadd", t.put(f"call {v.type} {call}"), t.load(panel))
        t.do(f"call void @llvm.masked.scatter.{kinds}({v.type} {total}, {many}, {where})")

    return move, scattered


def copy(t: Text, start: str, along: str, into: str, many: str, vectors: int, bits: str) -> None:
    """Copy vectors of rows ``along`` apart; zeros in lanes that there are not."""
    masks = [None] * (vectors - 1) + [None if bits == "-1" else t.bits(bits)]
    with t.loop(0, many) as row:
        source, to = (
            t.at(start, t.times(row.index, along)),
            t.at(into, t.times(row.index, vectors * t.lanes.n)),
        )
        for m, mask in enumerate(masks):
            t.store(t.load(t.at(source, m * t.lanes.n), mask), t.at(to, m * t.lanes.n))

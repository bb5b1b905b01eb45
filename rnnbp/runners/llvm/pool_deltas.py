"""The way back of pooling in machine code: windows from the last to the first add to dx.

So an element has what its windows send it in the order of its place within them, as in NumPy.
"""

from __future__ import annotations

from rnnbp.machine.ir import Text
from rnnbp.runners.llvm.pool_sizes import MANY, sizes, unit
from rnnbp.runners.llvm.window_code import zeros


def largest_back(t: Text) -> Text:
    """dx (n, H, W): each of dy (n, P) goes to the element that was the largest."""
    g = sizes(t)
    offsets, columns = (t.put(f"alloca [{MANY} x i64], align 64") for _ in range(2))
    with t.loop(0, g["KH"]) as down, t.loop(0, g["KW"]) as along:
        k = t.plus(t.times(down.index, g["KW"]), along.index)
        offset = t.plus(t.times(down.index, g["W"]), along.index)
        t.do(f"store i64 {offset}, ptr {_place(t, offsets, k)}")
        t.do(f"store i64 {along.index}, ptr {_place(t, columns, k)}")
    with t.loop(0, "%n") as plane:
        dx, dy, which = _start(t, g, plane.index)
        with t.loop(0, g["HO"], down=True) as i, t.loop(0, g["WO"], down=True) as j:
            at = t.plus(t.times(i.index, g["WO"]), j.index)
            byte = t.put(
                f"load i8, ptr {t.put(f'getelementptr inbounds i8, ptr {which}, i64 {at}')}"
            )
            k = t.put(f"zext i8 {byte} to i64")
            row, column = _first(t, g, i.index, "H"), _first(t, g, j.index, "W")
            there = t.put(f"load i64, ptr {_place(t, columns, k)}")
            inside = t.put(f"icmp ult i64 {t.plus(column, there)}, {g['W']}")
            offset = t.put(f"load i64, ptr {_place(t, offsets, k)}")
            to = t.plus(t.plus(t.times(row, g["W"]), column), offset)
            # Padding is the largest where all others are −∞ too; it has no delta.
            near = t.put(f"icmp ult i64 {to}, {g['HW']}")
            inside = t.put(f"and i1 {inside}, {near}")
            with t.loop(0, t.put(f"zext i1 {inside} to i64")):
                _add(t, t.at(dx, to), _load(t, t.at(dy, at)))
    return t


def mean_back(t: Text) -> Text:
    """dx (n, H, W): each of dy (n, P) goes to all elements of its window, in equal parts."""
    g = sizes(t)
    part = unit(t, g)
    with t.loop(0, "%n") as plane:
        dx, dy, _ = _start(t, g, plane.index)
        with t.loop(0, g["HO"], down=True) as i:
            row = _first(t, g, i.index, "H")
            top, bottom = _inside(t, g, row, "H")
            with t.loop(0, g["WO"], down=True) as j:
                at = t.plus(t.times(i.index, g["WO"]), j.index)
                share = t.put(f"fmul {t.lanes.scalar} {_load(t, t.at(dy, at))}, {part}")
                left, right = _inside(t, g, _first(t, g, j.index, "W"), "W")
                with t.loop(top, bottom) as down:
                    here = t.at(dx, t.times(down.index, g["W"]))
                    with t.loop(left, right) as along:
                        _add(t, t.at(here, along.index), share)
    return t


def _start(t: Text, g: dict[str, str], plane: str) -> tuple[str, str, str]:
    """dx, put to 0, dy and ``which`` of a plane."""
    out = t.times(plane, g["P"])
    dx = t.at("%dx", t.times(plane, g["HW"]))
    zeros(t, dx, g["HW"])
    which = t.put(f"getelementptr inbounds i8, ptr %which, i64 {out}")
    return dx, t.at("%dy", out), which


def _place(t: Text, table: str, k: str) -> str:
    return t.put(f"getelementptr inbounds i64, ptr {table}, i64 {k}")


def _first(t: Text, g: dict[str, str], index: str, axis: str) -> str:
    """Where a window begins on an axis."""
    return t.put(f"sub i64 {t.times(index, g[f'S{axis}'])}, {g[f'P{axis}']}")


def _inside(t: Text, g: dict[str, str], first: str, axis: str) -> tuple[str, str]:
    """From where to where a window lies on the plane."""
    end = t.plus(first, g[f"K{axis}"])
    start = t.put(f"select i1 {t.put(f'icmp slt i64 {first}, 0')}, i64 0, i64 {first}")
    stop = f"icmp slt i64 {end}, {g[axis]}"
    return start, t.put(f"select i1 {t.put(stop)}, i64 {end}, i64 {g[axis]}")


def _load(t: Text, place: str) -> str:
    return t.put(f"load {t.lanes.scalar}, ptr {place}, align {t.lanes.nbytes}")


def _add(t: Text, place: str, value: str) -> None:
    total = t.put(f"fadd {t.lanes.scalar} {_load(t, place)}, {value}")
    t.do(f"store {t.lanes.scalar} {total}, ptr {place}, align {t.lanes.nbytes}")

"""What the functions of convolutions share: the sizes that they read, and loops over parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnbp.machine.ir import Text
from rnnbp.runners.llvm.lane_numbers import passed

SIZES = (
    "C", "H", "W", "O", "KH", "KW", "SH", "SW", "DH", "DW", "PH", "PW", "HO", "WO",
    "HW", "K", "CK", "P",
)  # fmt: skip
"""Channels and axes of x, channels of y, the kernel's axes, strides, dilations, padding before, axes
of y; H · W, elements of the kernel, of all channels, positions."""
DEPTH = 128
"""Rows of a panel at the most, so that a kernel has no more elements."""
FAR = 2**30
"""More than any distance within a channel."""


def sizes(t: Text) -> dict[str, str]:
    """The numbers of ``SIZES``."""
    return passed(t, SIZES)


def channels_of(t: Text, g: dict[str, str]) -> str:
    """Channels of a panel."""
    return t.put(f"sdiv i64 {DEPTH}, {g['K']}")


def left(t: Text, count: str, at: str, most: str | int) -> str:
    """How many are in the part that begins at a place."""
    rest = t.put(f"sub i64 {count}, {at}")
    return t.put(f"select i1 {t.put(f'icmp slt i64 {rest}, {most}')}, i64 {rest}, i64 {most}")


def zeros(t: Text, to: str, count: str, value: Sequence[str] = ()) -> None:
    """``count`` numbers, each 0 or the value, a vector in all lanes."""
    (filled,) = value or ("zeroinitializer",)
    with t.loop(0, count, t.lanes.n) as loop:
        mask = t.first(t.put(f"sub i64 {count}, {loop.index}"))
        t.store(filled, t.at(to, loop.index), mask)


def stack(t: Text, numbers: int) -> str:
    """Memory for numbers, on the stack: to be asked for before any loop."""
    return t.put(f"alloca [{numbers} x {t.lanes.scalar}], align 64")


@dataclass(frozen=True)
class Beside:
    """Where the lanes of a tap are: which exist, and how far into a channel."""

    those: str
    offsets: str
    base: str
    whole: str
    part: str
    apart: str

"""A function in the making, and what it starts with: the addresses of its arrays, its thread's shares of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.records import located
from rnnbp.runners.llvm import blocks

ARGUMENTS = (
    "ptr %a", "i64 %L", "i64 %B", "i64 %b0", "i64 %b1", "i64 %S", "i64 %k", "i64 %n", "ptr %met",
    "ptr %bases",
)  # fmt: skip
"""Places of arrays; steps, batch; the first row of the batch and that after the last; steps of a block. Of n > 1
threads the k-th takes its share of the columns of products, on all rows, and they meet before and after. ``bases`` is
where the arrays of a job begin."""
LEAST = "declare i64 @llvm.smin.i64(i64, i64)"
_ROWS = (
    "  %together = icmp sgt i64 %n, 1",
    "  %r0 = select i1 %together, i64 0, i64 %b0",
    "  %own = sub i64 %b1, %b0",
    "  %all = select i1 %together, i64 %B, i64 %own",
)
"""How many rows are a thread's own, and where those of its products begin, and how many they are."""


class Frame:
    """A function that takes ``ARGUMENTS``, in the making.

    Args:
        part: whether it is a part of another one.
    """

    def __init__(self, lanes: Lanes, *, part: bool = False) -> None:
        self.t, self.part = Text(lanes), part
        self._shares: dict[int, list[str]] = {}
        """By the columns of products, what works out a thread's share of them."""
        self._arrays: dict[str, str] = {}

    def array(self, name: str) -> str:
        """The variable of an array's address."""
        return self._arrays.setdefault(name, f"%array.{name}")

    def share(self, columns: int) -> tuple[str, str]:
        """The first of a thread's columns of products with this many, and how many they are: whole panels."""
        name, width = f"%share{columns}", blocks.panel(self.t.lanes)
        panels = -(-columns // width)
        self._shares.setdefault(
            columns,
            [
                f"  {name}.before = mul i64 %k, {panels}",
                f"  {name}.after = add i64 {name}.before, {panels}",
                f"  {name}.from = sdiv i64 {name}.before, %n",
                f"  {name}.to = sdiv i64 {name}.after, %n",
                f"  {name}.first = mul i64 {name}.from, {width}",
                f"  {name}.end = mul i64 {name}.to, {width}",
                f"  {name}.stop = call i64 @llvm.smin.i64(i64 {name}.end, i64 {columns})",
                f"  {name}.count = sub i64 {name}.stop, {name}.first",
            ],
        )
        self.t.needs.add(LEAST)
        return f"{name}.first", f"{name}.count"

    def text(self, name: str, places: Mapping[str, int], more: Sequence[str] = ()) -> str:
        """The whole function; ``places``: the numbers of arrays. ``more``: arguments of a part."""
        variables, which = [variable[1:] for variable in self._arrays.values()], [places[one] for one in self._arrays]
        arrays = located("a", variables, which)
        self.t.lines[:0] = [*_ROWS, *(line for share in self._shares.values() for line in share), arrays]
        return self.t.function(name, [*ARGUMENTS, *more], internal=self.part)

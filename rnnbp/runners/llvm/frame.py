"""The frame of a kernel: its arguments, and what it works out before its first instruction of work.

That is the addresses of its arrays, and its thread's share of rows and of the columns of products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.records import located
from rnnbp.runners.llvm import blocks

ARGUMENTS = (
    "ptr %a", "i64 %L", "i64 %B", "i64 %b0", "i64 %b1", "i64 %S", "i64 %k", "i64 %n", "ptr %met",
    "ptr %bases",
)  # fmt: skip
"""Of a kernel, as ``machine.team.pieces`` passes them:

- a: the places of its arrays. L: steps. B: rows of the batch. b0, b1: the first row of this
  thread's share, and the row after its last. S: steps of a block.
- k, n: with n > 1 threads that share columns, the k-th takes its share of the columns of products,
  on all rows, and all wait for one another before and after, by the counter ``met``.
- bases: the addresses to which places refer.
"""
LEAST = "declare i64 @llvm.smin.i64(i64, i64)"
_ROWS = (
    "  %together = icmp sgt i64 %n, 1",
    "  %r0 = select i1 %together, i64 0, i64 %b0",
    "  %own = sub i64 %b1, %b0",
    "  %all = select i1 %together, i64 %B, i64 %own",
)
"""Rows of a thread: ``own`` of them for pointwise operations; for products ``all``, from ``r0``."""
# Pointwise operations go by rows also where products go by columns: a row's features lie together,
# and layer norm and softmax need all of them.


class Frame:
    """A function that takes ``ARGUMENTS``, while it is written.

    Args:
        part: whether it is a part of a kernel, called by it with the same arguments and more.
    """

    def __init__(self, lanes: Lanes, *, part: bool = False) -> None:
        self.t, self.part = Text(lanes), part
        self._shares: dict[int, list[str]] = {}
        """By the columns of a product, the lines that work out a thread's share of them."""
        self._arrays: dict[str, str] = {}

    def array(self, name: str) -> str:
        """The variable of an array's address; its lines go to the start of the function."""
        return self._arrays.setdefault(name, f"%array.{name}")

    def share(self, columns: int) -> tuple[str, str]:
        """Of a product's columns, the first of this thread's, and how many it has: whole panels."""
        # Whole panels, since packed weights have no other boundaries. Once at the start, not at
        # each product: a division takes as long as some 20 multiplications of vectors.
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
        """The function; ``places``: the index of each array, ``more``: arguments of a part."""
        # Which arrays and shares there are is known only now; their lines go before all others,
        # where they are computed once, and LLVM keeps in registers what it has room for.
        variables = [variable[1:] for variable in self._arrays.values()]
        which = [places[one] for one in self._arrays]
        arrays = located("a", variables, which)
        self.t.lines[:0] = [
            *_ROWS,
            *(line for share in self._shares.values() for line in share),
            arrays,
        ]
        return self.t.function(name, [*ARGUMENTS, *more], internal=self.part)

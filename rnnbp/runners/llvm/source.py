"""The LLVM text of a kernel, which runs a cell over a chunk, block of steps by block.

In each block: what needs no state, on all of its steps; the loop over steps; and what follows from
all states of the block.
"""

# Why blocks: products before and after the loop run on S steps at once, S · B rows instead of B, so
# weights are read S times less often. Why not the whole chunk: what these leave for the loop would
# not stay in the cache until it is read.

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from rnnbp.compiler.storage import Location
from rnnbp.compiler.weights import Matrix, Vector
from rnnbp.machine.ir import Lanes, Text
from rnnbp.runners.constants import Constants
from rnnbp.runners.llvm import blocks, pointwise
from rnnbp.runners.llvm.called import Called, written_out
from rnnbp.runners.llvm.frame import ARGUMENTS, Frame
from rnnbp.runners.llvm.groups import Group, Item, Lookup, Product, Reduction
from rnnbp.runners.llvm.operands import Operands

TABLE = "table"
"""The array that lookups read."""
GATHER = "declare void @gather(ptr, i64)"
COPY = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
MOST = 128
"""Items of a step, or of a block, that one function does."""
# LLVM's time for a function grows with the square of the addresses in its loops (Loop Strength
# Reduction): a cell of 1,000 tanhs took 34 s as one function, and takes 5.5 s in parts. Smaller
# cells stay one function, in which LLVM keeps addresses in registers from item to item.

PART = 32
"""Items of a part, where there are more than ``MOST``."""
Other: TypeAlias = Group | Reduction | Lookup
_Work: TypeAlias = Callable[[str, str], None]
PRODUCT = "declare void @product(ptr, i64, ptr, i64, i64, ptr, i64, ptr, i64, i64)"


@dataclass(frozen=True)
class Rows:
    """The rows that an item works on: ``count`` of them, from row ``first`` of a step on."""

    chunk: str
    """The step, counted in the chunk."""
    block: str
    """The step, counted in its block."""
    first: str
    count: str


@dataclass
class Source:
    """The text of a kernel while it is written, and the arrays that it takes.

    Args:
        back: whether steps run from the last to the first.
    """

    lanes: Lanes
    operands: Operands
    constants: Constants
    back: bool = False
    names: dict[str, int] = field(default_factory=dict)
    """The arrays, and the index of each among the kernel's."""
    widths: dict[str, int] = field(default_factory=dict)
    """Features of each array but constants."""
    _parts: list[str] = field(default_factory=list, init=False)
    """Functions that the body calls."""

    def __post_init__(self) -> None:
        self._called, self._frame = Called(self.lanes), Frame(self.lanes)

    @property
    def t(self) -> Text:
        """The text of the function that is being written: the kernel, or a part of it."""
        return self._frame.t

    def text(
        self,
        before: Sequence[Item],
        loop: Sequence[Item],
        after: Sequence[Item],
        rolled: Sequence[tuple[str, int]],
    ) -> str:
        """A module with the function ``run``.

        Args:
            rolled: states, with their features, whose value after a block goes before the next.
        """
        t = self.t
        with t.loop(0, "%L", "%S") as blocks:
            start = blocks.index
            left = t.put(f"sub i64 %L, {start}")
            n = t.put(f"select i1 {t.put(f'icmp slt i64 {left}, %S')}, i64 {left}, i64 %S")
            self._block(before, start, n)
            if loop:
                with t.loop(0, n, down=self.back) as step:
                    self._step(loop, t.plus(start, step.index), step.index)
            self._block(after, start, n)
            for name, width in rolled:
                self._roll(name, width, n)
        body = self._frame.text("run", self.names)
        return "\n".join([*sorted(t.needs), *self._called.texts.values(), *self._parts, body])

    def _step(self, items: Sequence[Item], chunk: str, block: str) -> None:
        """Items on one step of a loop."""
        ahead = self._ahead([item for item in items if isinstance(item, Group)])
        work: list[_Work] = []
        for item, following in zip(items, [*items[1:], None], strict=True):
            if isinstance(item, Product):
                work.append(partial(self._product_on_step, item, isinstance(following, Product)))
            else:
                locations = item.locations if isinstance(item, Group) else []
                asked = {
                    location: ahead.pop(location) for location in locations if location in ahead
                }
                work.append(partial(self._item_on_step, item, asked))
        self._in_parts(work, chunk, block)

    def _product_on_step(self, item: Product, more: bool, chunk: str, block: str) -> None:
        """A product on one step of a loop; ``more``: whether another follows."""
        # Before: another thread may not have written all of this product's argument. After: others
        # read its result. Between two products one barrier is both.
        self._gather()
        self._product(item, Rows(chunk, block, "%r0", "%all"), *self._frame.share(item.rows))
        self._gather(later=more)

    def _item_on_step(
        self, item: Other, asked: Mapping[Location, bool], chunk: str, block: str
    ) -> None:
        self._item(item, Rows(chunk, block, "%b0", "%own"), asked)

    def _block(self, items: Sequence[Item], start: str, n: str) -> None:
        """Items on all steps of a block."""
        self._in_parts([partial(self._item_on_block, item) for item in items], start, n)

    def _item_on_block(self, item: Item, start: str, n: str) -> None:
        if isinstance(item, Product):
            self._by_panels(item, start, n)
        else:
            with self._steps(start, n, "%b0", "%own") as rows:
                self._item(item, rows)

    def _in_parts(self, work: Sequence[_Work], one: str, two: str) -> None:
        """Work that takes two numbers; where it is much, in parts, each a function of its own."""
        if len(work) <= MOST:
            for do in work:
                do(one, two)
            return
        for first in range(0, len(work), PART):
            self._in_a_function(work[first : first + PART], one, two)

    def _in_a_function(self, work: Sequence[_Work], one: str, two: str) -> None:
        name, outer, inner = f"part{len(self._parts)}", self._frame, Frame(self.lanes, part=True)
        self._frame = inner
        for do in work:
            do("%one", "%two")
        self._frame = outer
        self._parts.append(inner.text(name, self.names, ["i64 %one", "i64 %two"]))
        self.t.needs |= inner.t.needs
        self.t.do(f"call void @{name}({', '.join(ARGUMENTS)}, i64 {one}, i64 {two})")

    def _by_panels(self, item: Product, start: str, n: str) -> None:
        """A product on all steps of a block."""
        # Panels outside, steps inside: a panel of weights is read from memory once for the block,
        # and from the cache for each step. The other way round all weights would come at every
        # step.
        t, width = self.t, blocks.panel(self.lanes)
        first, count = self._frame.share(item.rows)
        self._gather()
        with t.loop(0, count, width) as loop:
            left = t.put(f"sub i64 {count}, {loop.index}")
            some = t.put(f"call i64 @llvm.smin.i64(i64 {left}, i64 {width})")
            with self._steps(start, n, "%r0", "%all") as rows:
                self._product(item, rows, t.plus(first, loop.index), some)
        self._gather()

    @contextmanager
    def _steps(self, start: str, n: str, first: str, count: str) -> Iterator[Rows]:
        """The steps of a block: all rows at once where they are the whole batch, else step by step."""
        # A thread's share of the batch lies apart from step to step; the whole batch does not, and
        # is then one product of S · B rows. Both sum each element in the same order.
        t = self.t
        whole = t.put(f"icmp eq i64 {count}, %B")
        times = t.put(f"select i1 {whole}, i64 1, i64 {n}")
        many = t.put(f"select i1 {whole}, i64 {t.times(n, '%B')}, i64 {count}")
        with t.loop(0, times) as step:
            yield Rows(t.plus(start, step.index), step.index, first, many)

    def _item(self, item: Other, rows: Rows, asked: Mapping[Location, bool] | None = None) -> None:
        """An item row by row; ``asked``: what is asked for of the next step, and whether it writes
        there.
        """
        t = self.t
        with t.loop(0, rows.count) as loop:
            here = replace(rows, first=t.plus(rows.first, loop.index), count="1")
            if isinstance(item, Lookup):
                self._lookup(item, here)
            elif isinstance(item, Group):
                ahead = [
                    (self._next(location, here), written)
                    for location, written in (asked or {}).items()
                ]
                apply = self._called.pointwise if self._frame.part else pointwise.written_out
                pointwise.row(
                    t,
                    item,
                    lambda location: self._address(location, here),
                    self._constant,
                    ahead,
                    apply,
                )
            else:
                self._reduction(item, here)

    def _gather(self, *, later: bool = False) -> None:
        """Wait for the threads that share columns; not if ``later``, when the next item does."""
        if not later:
            t, stem = self.t, self.t.name("gather")[1:]
            t.needs.add(GATHER)
            t.do(f"br i1 %together, label %{stem}.come, label %{stem}.end")
            t.label(f"{stem}.come")
            t.do("call void @gather(ptr %met, i64 %n)")
            t.do(f"br label %{stem}.end")
            t.label(f"{stem}.end")

    def _lookup(self, item: Lookup, rows: Rows) -> None:
        t, row = self.t, self.t.plus(self.t.times(rows.chunk, "%B"), rows.first)
        numbers = self._array(self.operands.operand(item.arg).name)
        number = t.put(
            f"load i64, ptr {t.put(f'getelementptr inbounds i64, ptr {numbers}, i64 {row}')}"
        )
        source = t.at(self._array(TABLE), t.times(number, item.rows))
        self._copy(self._address(item.out, rows), source, str(item.rows * self.lanes.nbytes))

    def _copy(self, to: str, source: str, nbytes: str) -> None:
        self.t.needs.add(COPY)
        self.t.do(
            f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {nbytes}, i1 false)"
        )

    def _reduction(self, item: Reduction, rows: Rows) -> None:
        args, outs = (
            [self._address(location, rows) for location in locations]
            for locations in (item.args, item.outs)
        )
        (self._called.reduction if self._frame.part else written_out)(self.t, item, args, outs)

    def _product(self, item: Product, rows: Rows, first: str, columns: str) -> None:
        """Columns from ``first`` on of a product."""
        t = self.t
        arg, out = (self._address(location, rows) for location in (item.arg, item.out))
        lda, ldo = (self.operands.operand(location).width for location in (item.arg, item.out))
        start, width = "null", 0
        if isinstance(item.start, Vector):
            start = self._constant(item.start)
        elif item.start is not None:
            start, width = self._address(item.start, rows), self.operands.operand(item.start).width
        weights = t.at(self._constant(item.weights), t.times(first, item.depth))
        out, start = t.at(out, first), start if start == "null" else t.at(start, first)
        t.needs.add(PRODUCT)
        sizes = f"i64 {columns}, i64 {item.depth}, ptr {out}, i64 {ldo}, ptr {start}, i64 {width}, i64 {rows.count}"
        t.do(f"call void @product(ptr {arg}, i64 {lda}, ptr {weights}, {sizes})")

    def _address(self, location: Location, rows: Rows) -> str:
        operand, t = self.operands.operand(location), self.t
        self.widths[operand.name] = operand.width
        row = rows.first
        if operand.span.scope != "step":
            step = rows.chunk if operand.span.scope == "chunk" else rows.block
            row = t.plus(t.times(t.plus(step, operand.span.later), "%B"), row)
        return t.at(self._array(operand.name), t.plus(t.times(row, operand.width), operand.row))

    def _ahead(self, groups: Sequence[Group]) -> dict[Location, bool]:
        """What the next step uses of arrays of a whole chunk, and whether it writes there."""
        # Arrays of a block stay in the cache; those of the chunk (x, y, the tape) come from memory,
        # or go there, once. Processors guess the next line of a row, not the next step's row.
        found, locations = (
            dict[tuple[str, int], Location](),
            dict.fromkeys(location for group in groups for location in group.locations),
        )
        for location in sorted(locations, key=self._later, reverse=self.back):
            operand = self.operands.operand(location)
            if operand.span.scope == "chunk":
                found[operand.name, operand.row] = (
                    location  # of neighbouring steps the one that has not come
                )
        written = {location for group in groups for location in group.stored}
        return {location: location in written for location in found.values()}

    def _later(self, location: Location) -> int:
        return self.operands.operand(location).span.later

    def _next(self, location: Location, rows: Rows) -> str:
        """The address of a location a step on."""
        t, step = self.t, self.t.times("%B", self.operands.operand(location).width)
        return t.beyond(
            self._address(location, rows), t.put(f"sub i64 0, {step}") if self.back else step
        )

    def _constant(self, value: Matrix | Vector) -> str:
        return self._array(self.constants.name(value))

    def _array(self, name: str) -> str:
        self.names.setdefault(name, len(self.names))
        return self._frame.array(name)

    def _roll(self, name: str, width: int, n: str) -> None:
        """Copy this thread's rows of a state from after the block to before it."""
        t = self.t
        size = t.times(t.times("%own", width), self.lanes.nbytes)
        to = t.at(self._array(name), t.times("%b0", width))
        last = t.plus(t.times(n, "%B"), "%b0")
        source = t.at(self._array(name), t.times(last, width))
        self._copy(to, source, size)

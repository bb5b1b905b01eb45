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
from functools import partial
from typing import TypeAlias

from rnnbp.compiler.storage import Buffer, Location
from rnnbp.runners.llvm import blocks
from rnnbp.runners.llvm.frame import ARGUMENTS
from rnnbp.runners.llvm.groups import (
    Group,
    Item,
    KeySum,
    OuterSum,
    Product,
    Reduction,
    StepSum,
)
from rnnbp.runners.llvm.item_text import ItemText, RowItem
from rnnbp.runners.llvm.operand_text import OperandText, Rows

MOST = 128
"""Items of a step, or of a block, that one function does."""
# LLVM's time for a function grows with the square of the addresses in its loops (Loop Strength
# Reduction): a cell of 1,000 tanhs took 34 s as one function, and takes 5.5 s in parts. Smaller
# cells stay one function, in which LLVM keeps addresses in registers from item to item.

PART = 32
"""Items of a part, where there are more than ``MOST``."""
KEPT = 2**17
"""Pairs of bfloat16 weights, 512 kB, that one call multiplies by the rows of a block of steps."""
# Each call rounds its rows anew. With a call for each panel of 64 columns, two threads spent 6 % of
# their time on rounding for products (LSTM of 128 units, 32 rows), and spend 4 %. Where weights are
# larger (512 units, 64 rows) a run takes 1.03 times as long with 2**16, as long with 2**18 and
# 2**20 (EPYC of the Zen 5 kind, 1 MB of second-level cache). The number changes no bit.

_Work: TypeAlias = Callable[[str, str], None]


class Source:
    """The text of a kernel while it is written.

    Args:
        at: writes addresses, and notes the kernel's arrays; it is used for one kernel.
    """

    def __init__(self, at: OperandText) -> None:
        self.at, self.items = at, ItemText(at)
        self._parts: list[str] = []
        """Functions that the body calls."""

    def text(
        self,
        before: Sequence[Item],
        loop: Sequence[Item],
        after: Sequence[Item],
        rolled: Sequence[Buffer],
    ) -> str:
        """A module with the function ``run``.

        Args:
            rolled: states whose value after a block goes before the next.
        """
        t = self.at.t
        with t.loop(0, "%L", "%S") as blocks:
            start = blocks.index
            left = t.put(f"sub i64 %L, {start}")
            n = t.put(f"select i1 {t.put(f'icmp slt i64 {left}, %S')}, i64 {left}, i64 %S")
            self._block(before, start, n)
            if loop:
                with t.loop(0, n, down=self.at.back) as step:
                    self._step(loop, t.plus(start, step.index), step.index)
            self._block(after, start, n)
            for buffer in rolled:
                self.items.roll(buffer.name, buffer.rows, n)
        body = self.at.frame.text("run", self.at.names)
        return "\n".join([*sorted(t.needs), *self.items.called.texts.values(), *self._parts, body])

    def _step(self, items: Sequence[Item], chunk: str, block: str) -> None:
        """Items on one step of a loop."""
        ahead = self.at.ahead([item for item in items if isinstance(item, Group)])
        work: list[_Work] = []
        for item, following in zip(items, [*items[1:], None], strict=True):
            assert not isinstance(item, StepSum | OuterSum | KeySum)  # they come after the loop
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
        self.items.gather()
        rows, share = Rows(chunk, block, "%r0", "%all"), self.at.frame.share(item.rows)
        self.items.product(item, rows, *share)
        self.items.gather(later=more)

    def _item_on_step(
        self, item: RowItem, asked: Mapping[Location, bool], chunk: str, block: str
    ) -> None:
        self.items.item(item, Rows(chunk, block, "%b0", "%own"), asked)

    def _block(self, items: Sequence[Item], start: str, n: str) -> None:
        """Items on all steps of a block."""
        self._in_parts([partial(self._item_on_block, item) for item in items], start, n)

    def _item_on_block(self, item: Item, start: str, n: str) -> None:
        if isinstance(item, Product):
            self._by_panels(item, start, n)
        elif isinstance(item, StepSum):
            self.items.step_sum(item, start, n)
        elif isinstance(item, OuterSum):
            self.items.outer_sum(item, start, n)
        elif isinstance(item, KeySum):
            self.items.key_sum(item, start, n)
        else:
            still = isinstance(item, Group | Reduction) and self.at.reads_still(item)
            with self._steps(start, n, "%b0", "%own", still=still) as rows:
                self.items.item(item, rows)

    def _in_parts(self, work: Sequence[_Work], one: str, two: str) -> None:
        """Work that takes two numbers; where it is much, in parts, each a function of its own."""
        if len(work) <= MOST:
            for do in work:
                do(one, two)
            return
        for first in range(0, len(work), PART):
            self._in_a_function(work[first : first + PART], one, two)

    def _in_a_function(self, work: Sequence[_Work], one: str, two: str) -> None:
        name = f"part{len(self._parts)}"
        with self.at.part() as inner:
            for do in work:
                do("%one", "%two")
        self._parts.append(inner.text(name, self.at.names, ["i64 %one", "i64 %two"]))
        self.at.t.needs |= inner.t.needs
        self.at.t.do(f"call void @{name}({', '.join(ARGUMENTS)}, i64 {one}, i64 {two})")

    def _by_panels(self, item: Product, start: str, n: str) -> None:
        """A product on all steps of a block."""
        # Panels outside, steps inside: a panel of weights is read from memory once for the block,
        # and from the cache for each step. The other way round all weights would come at every
        # step.
        t, width = self.at.t, blocks.panel(self.at.lanes)
        first, count = self.at.frame.share(item.rows)
        # A single row takes all panels in one call, as it has a block of several of them.
        alone = t.put(f"icmp eq i64 {t.times(n, '%B')}, 1")
        wide = t.put(f"select i1 {alone}, i64 {count}, i64 {self._together(item, width)}")
        self.items.gather()
        with t.loop(0, count, wide) as loop:
            left = t.put(f"sub i64 {count}, {loop.index}")
            some = t.put(f"call i64 @llvm.smin.i64(i64 {left}, i64 {wide})")
            with self._steps(start, n, "%r0", "%all") as rows:
                self.items.product(item, rows, t.plus(first, loop.index), some)
        self.items.gather()

    def _together(self, item: Product, width: int) -> int:
        """Columns of a product that one call does, of panels of a width."""
        # Numbers are rounded to bfloat16 once for all panels of a call, so these are as many as
        # stay in the second level of the cache from step to step.
        if not self.at.pairs:
            return width
        return max(1, KEPT // (width * self.at.depth(item))) * width

    @contextmanager
    def _steps(
        self, start: str, n: str, first: str, count: str, *, still: bool = False
    ) -> Iterator[Rows]:
        """The steps of a block: all rows at once if they are the whole batch, else step by step.

        Args:
            still: True if some operand has no axis of steps, so that steps are not rows.
        """
        # A thread's share of the batch lies apart from step to step; the whole batch does not, and
        # is then one product of S · B rows. Both sum each element in the same order.
        t = self.at.t
        if still:
            with t.loop(0, n) as step:
                yield Rows(t.plus(start, step.index), step.index, first, count)
            return
        whole = t.put(f"icmp eq i64 {count}, %B")
        times = t.put(f"select i1 {whole}, i64 1, i64 {n}")
        many = t.put(f"select i1 {whole}, i64 {t.times(n, '%B')}, i64 {count}")
        with t.loop(0, times) as step:
            yield Rows(t.plus(start, step.index), step.index, first, many)

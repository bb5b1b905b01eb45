"""The LLVM text of a kernel's items, on rows of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from rnnbp.compiler.storage import Location
from rnnbp.compiler.weights import Vector
from rnnbp.machine.ir import Text
from rnnbp.runners.llvm import attending, pointwise, short_text
from rnnbp.runners.llvm.called import Called, written_out
from rnnbp.runners.llvm.groups import (
    Group,
    KeySum,
    Lookup,
    OuterSum,
    Product,
    Reduction,
    ShortField,
    StepSum,
)
from rnnbp.runners.llvm.operand_text import OperandText, Rows

TABLE = "table"
"""The array that lookups read."""
GATHER = "declare void @gather(ptr, i64)"
COPY = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
PRODUCT = "declare void @product(ptr, i64, ptr, i64, i64, ptr, i64, ptr, i64, i64)"
GRADIENT = "declare void @gradient(ptr, i64, ptr, i64, i64, i64, i64, ptr, i64)"
SUMS = "declare void @sums(ptr, i64, ptr, i64, i64, i64, i64, ptr, i64)"
RowItem: TypeAlias = Group | Reduction | Lookup | ShortField
"""An item that is done row by row."""


class ItemText:
    """Writes items into the function at hand; ``at`` writes the addresses of operands."""

    def __init__(self, at: OperandText) -> None:
        self.at, self.lanes, self.operands = at, at.lanes, at.operands
        self.called = Called(at.lanes)

    @property
    def t(self) -> Text:
        """The text of the function that is being written: the kernel, or a part of it."""
        return self.at.t

    def item(self, item: RowItem, rows: Rows, asked: Mapping[Location, bool] | None = None) -> None:
        """An item row by row.

        Args:
            asked: what is asked for of the next step, and whether it writes there.
        """
        t = self.t
        with t.loop(0, rows.count) as loop:
            here = replace(rows, first=t.plus(rows.first, loop.index), count="1")
            if isinstance(item, Lookup):
                self._lookup(item, here)
            elif isinstance(item, Group):
                self._group(item, here, asked or {})
            elif isinstance(item, ShortField):
                self._short_field(item, here)
            else:
                self._reduction(item, here)

    def _group(self, item: Group, rows: Rows, asked: Mapping[Location, bool]) -> None:
        def address(location: Location) -> str:
            return self.at.address(location, rows)

        ahead = [(self.at.next(location, rows), written) for location, written in asked.items()]
        apply = self.called.pointwise if self.at.frame.part else pointwise.written_out
        pointwise.row(self.t, item, address, self.at.constant, ahead, apply)

    def _short_field(self, item: ShortField, rows: Rows) -> None:
        wide, tape = (self.at.address(location, rows) for location in (item.wide, item.tape))
        ahead = self.at.next(item.tape, rows)
        short_text.row(self.t, item, wide, short_text.at(self.t, tape, item.field.place), ahead)

    def gather(self, *, later: bool = False) -> None:
        """Wait for the threads that share columns; not if ``later``, when the next item does."""
        if later:
            return
        t, stem = self.t, self.t.name("gather")[1:]
        t.needs.add(GATHER)
        t.do(f"br i1 %together, label %{stem}.come, label %{stem}.end")
        t.label(f"{stem}.come")
        t.do("call void @gather(ptr %met, i64 %n)")
        t.do(f"br label %{stem}.end")
        t.label(f"{stem}.end")

    def _lookup(self, item: Lookup, rows: Rows) -> None:
        t, row = self.t, self.t.plus(self.t.times(rows.chunk, "%B"), rows.first)
        numbers = self.at.array(self.operands.operand(item.arg).name)
        place = t.put(f"getelementptr inbounds i64, ptr {numbers}, i64 {row}")
        number = t.put(f"load i64, ptr {place}")
        source = t.at(self.at.array(TABLE), t.times(number, item.rows))
        self._copy(self.at.address(item.out, rows), source, str(item.rows * self.lanes.nbytes))

    def _copy(self, to: str, source: str, nbytes: str) -> None:
        self.t.needs.add(COPY)
        self.t.do(
            f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {nbytes}, i1 false)"
        )

    def _reduction(self, item: Reduction, rows: Rows) -> None:
        args = [self.at.address(location, rows) for location in item.args]
        args += [self.at.constant(item.attr)] if isinstance(item.attr, Vector) else []
        outs = [self.at.address(location, rows) for location in item.outs]
        (self.called.reduction if self.at.frame.part else written_out)(self.t, item, args, outs)

    def step_sum(self, item: StepSum, start: str, n: str) -> None:
        """Add what ``arg`` is in n steps from ``start`` on, for each row of this thread."""
        t = self.t
        step = t.times("%B", self.operands.operand(item.arg).width)
        t.needs.add(SUMS)
        with t.loop(0, "%own") as loop:
            row = Rows(start, "0", t.plus("%b0", loop.index), "1")
            arg, out = (self.at.address(location, row) for location in (item.arg, item.out))
            t.do(
                f"call void @sums(ptr {arg}, i64 {step}, ptr null, i64 0, i64 {n}, i64 {item.n}, "
                f"i64 0, ptr {out}, i64 0)"
            )

    def outer_sum(self, item: OuterSum, start: str, n: str) -> None:
        """Add the products of n steps from ``start`` on, for each row of this thread."""
        t, given = self.t, (item.deltas, item.vector)
        steps = [self._along(location) for location in given]
        t.needs.add(GRADIENT)
        with t.loop(0, "%own") as loop:
            row = Rows(start, "0", t.plus("%b0", loop.index), "1")
            d, v, out = (self.at.address(location, row) for location in (*given, item.out))
            t.do(
                f"call void @gradient(ptr {d}, i64 {steps[0]}, ptr {v}, i64 {steps[1]}, i64 {n}, "
                f"i64 {item.rows}, i64 {item.columns}, ptr {out}, i64 {item.columns})"
            )

    def key_sum(self, item: KeySum, start: str, n: str) -> None:
        """Add the deltas of keys of n steps from ``start`` on, for each row of this thread."""
        with self.t.loop(0, "%own") as loop:
            row = Rows(start, "0", self.t.plus("%b0", loop.index), "1")
            places = attending.Places(
                keys=self.at.address(item.keys, row),
                query=self.at.address(item.query, row),
                query_stride=self._along(item.query),
                deltas=self.at.address(item.deltas, row),
                deltas_stride=self._along(item.deltas),
                vector=self.at.constant(item.vector),
                out=self.at.address(item.out, row),
            )
            attending.additive_sum(self.t, places, n, item.lines, item.vector.count)

    def _along(self, location: Location) -> str:
        """Numbers from a step of a row to the next; 0 where all steps have one."""
        operand = self.operands.operand(location)
        return "0" if operand.span.scope == "step" else self.t.times("%B", operand.width)

    def product(self, item: Product, rows: Rows, first: str, columns: str) -> None:
        """Columns from ``first`` on of a product."""
        t = self.t
        arg, out = (self.at.address(location, rows) for location in (item.arg, item.out))
        lda, ldo = (self.operands.operand(location).width for location in (item.arg, item.out))
        start, width = "null", 0
        if isinstance(item.start, Vector):
            start = self.at.constant(item.start)
        elif item.start is not None:
            start = self.at.address(item.start, rows)
            width = self.operands.operand(item.start).width
        weights = t.at(self.at.constant(item.weights), t.times(first, self.at.depth(item)))
        out, start = t.at(out, first), start if start == "null" else t.at(start, first)
        t.needs.add(PRODUCT)
        t.do(
            f"call void @product(ptr {arg}, i64 {lda}, ptr {weights}, i64 {columns}, "
            f"i64 {item.depth}, ptr {out}, i64 {ldo}, ptr {start}, i64 {width}, i64 {rows.count})"
        )

    def roll(self, name: str, width: int, n: str) -> None:
        """Copy this thread's rows of a state from after the block to before it."""
        t = self.t
        size = t.times(t.times("%own", width), self.lanes.nbytes)
        to = t.at(self.at.array(name), t.times("%b0", width))
        last = t.plus(t.times(n, "%B"), "%b0")
        source = t.at(self.at.array(name), t.times(last, width))
        self._copy(to, source, size)

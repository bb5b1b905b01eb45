"""The LLVM text of a kernel's items: on rows of a step, and where their operands lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from rnnbp.compiler.storage import Location
from rnnbp.compiler.weights import Matrix, Vector
from rnnbp.machine.ir import Lanes, Text
from rnnbp.runners.constants import Constants
from rnnbp.runners.llvm import pointwise
from rnnbp.runners.llvm.called import Called, written_out
from rnnbp.runners.llvm.frame import Frame
from rnnbp.runners.llvm.groups import Group, Lookup, Product, Reduction
from rnnbp.runners.llvm.operands import Operands

TABLE = "table"
"""The array that lookups read."""
GATHER = "declare void @gather(ptr, i64)"
COPY = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
PRODUCT = "declare void @product(ptr, i64, ptr, i64, i64, ptr, i64, ptr, i64, i64)"
RowItem: TypeAlias = Group | Reduction | Lookup
"""An item that is done row by row."""


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
class ItemText:
    """Writes items into the function at hand, and notes the arrays that they take.

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

    def __post_init__(self) -> None:
        self.called, self.frame = Called(self.lanes), Frame(self.lanes)

    @property
    def t(self) -> Text:
        """The text of the function that is being written: the kernel, or a part of it."""
        return self.frame.t

    @contextmanager
    def part(self) -> Iterator[Frame]:
        """Write into a part of the kernel, a function of its own, within a ``with``."""
        outer, self.frame = self.frame, Frame(self.lanes, part=True)
        yield self.frame
        self.frame = outer

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
            else:
                self._reduction(item, here)

    def _group(self, item: Group, rows: Rows, asked: Mapping[Location, bool]) -> None:
        def address(location: Location) -> str:
            return self._address(location, rows)

        ahead = [(self._next(location, rows), written) for location, written in asked.items()]
        apply = self.called.pointwise if self.frame.part else pointwise.written_out
        pointwise.row(self.t, item, address, self._constant, ahead, apply)

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
        args = [self._address(location, rows) for location in item.args]
        outs = [self._address(location, rows) for location in item.outs]
        (self.called.reduction if self.frame.part else written_out)(self.t, item, args, outs)

    def product(self, item: Product, rows: Rows, first: str, columns: str) -> None:
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
        t.do(
            f"call void @product(ptr {arg}, i64 {lda}, ptr {weights}, i64 {columns}, "
            f"i64 {item.depth}, ptr {out}, i64 {ldo}, ptr {start}, i64 {width}, i64 {rows.count})"
        )

    def _address(self, location: Location, rows: Rows) -> str:
        operand, t = self.operands.operand(location), self.t
        self.widths[operand.name] = operand.width
        row = rows.first
        if operand.span.scope != "step":
            step = rows.chunk if operand.span.scope == "chunk" else rows.block
            row = t.plus(t.times(t.plus(step, operand.span.later), "%B"), row)
        return t.at(self._array(operand.name), t.plus(t.times(row, operand.width), operand.row))

    def ahead(self, groups: Sequence[Group]) -> dict[Location, bool]:
        """What the next step uses of arrays of a whole chunk, and whether it writes there."""
        # Arrays of a block stay in the cache; those of the chunk (x, y, the tape) come from memory,
        # or go there, once. Processors guess the next line of a row, not the next step's row.
        found = dict[tuple[str, int], Location]()
        locations = dict.fromkeys(location for group in groups for location in group.locations)
        for location in sorted(locations, key=self._later, reverse=self.back):
            operand = self.operands.operand(location)
            if operand.span.scope == "chunk":
                # Of neighbouring steps the one that has not come.
                found[operand.name, operand.row] = location
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
        return self.frame.array(name)

    def roll(self, name: str, width: int, n: str) -> None:
        """Copy this thread's rows of a state from after the block to before it."""
        t = self.t
        size = t.times(t.times("%own", width), self.lanes.nbytes)
        to = t.at(self._array(name), t.times("%b0", width))
        last = t.plus(t.times(n, "%B"), "%b0")
        source = t.at(self._array(name), t.times(last, width))
        self._copy(to, source, size)

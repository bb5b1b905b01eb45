"""A function over a chunk in LLVM's language: in each block of steps what goes before its loop, the loop, the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rnnbp.compiler.code import Matrix, Vector
from rnnbp.compiler.emit import Constants
from rnnbp.kernels import pointwise, reductions
from rnnbp.kernels.groups import Group, Item, Lookup, Product, Reduction
from rnnbp.kernels.places import Places, Spot
from rnnbp.native.ir import Lanes, Text

ARGUMENTS = ("ptr %a", "i64 %L", "i64 %B", "i64 %b0", "i64 %b1", "i64 %S")
"""Addresses of arrays; steps, batch; the first row of the batch and that after the last; steps of a block."""
TABLE = "table"
"""The array that lookups read."""
COPY = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
PRODUCT = "declare void @product(ptr, i64, ptr, i64, i64, ptr, i64, ptr, i64, i64)"


@dataclass(frozen=True)
class Rows:
    """Rows of arrays that are worked on: from row ``first`` of a step on, ``count`` of them."""

    chunk: str
    """The step, counted in the chunk."""
    block: str
    """The step, counted in its block."""
    first: str
    count: str
    looped: bool = False
    """Whether it is one of the steps of a loop, after which, but for the last, another comes."""


@dataclass
class Source:
    """The text of a function in the making, and the arrays that it takes.

    Args:
        back: whether steps run from the last to the first.
    """

    lanes: Lanes
    places: Places
    constants: Constants
    back: bool = False
    names: dict[str, str] = field(default_factory=dict)
    """By array, the variable of its address."""
    widths: dict[str, int] = field(default_factory=dict)
    """Features of each array but constants."""

    def text(
        self, before: Sequence[Item], loop: Sequence[Item], after: Sequence[Item], rolled: Sequence[tuple[str, int]]
    ) -> Text:
        """The body; ``rolled``: states, with their features, whose value after a block goes before the next."""
        t = self.t = Text(self.lanes)
        with t.loop(0, "%L", "%S") as blocks:
            start = blocks.index
            left = t.put(f"sub i64 %L, {start}")
            n = t.put(f"select i1 {t.put(f'icmp slt i64 {left}, %S')}, i64 {left}, i64 %S")
            self._block(before, start, n)
            if loop:
                with t.loop(0, n, down=self.back) as step:
                    here = t.put("sub i64 %b1, %b0")
                    rows = Rows(t.plus(start, step.index), step.index, "%b0", here, looped=True)
                    for item in loop:
                        self._item(item, rows)
            self._block(after, start, n)
            for name, width in rolled:
                self._roll(name, width, n)
        first = [f"  %array.at{k} = getelementptr inbounds ptr, ptr %a, i64 {k}" for k in range(len(self.names))]
        first += [f"  {variable} = load ptr, ptr %array.at{k}" for k, variable in enumerate(self.names.values())]
        t.lines[:0] = first
        return t

    def _block(self, items: Sequence[Item], start: str, n: str) -> None:
        """Items on all steps of a block: all rows at once where they are the whole batch, else step by step."""
        if not items:
            return
        t = self.t
        here = t.put("sub i64 %b1, %b0")
        whole = t.put(f"icmp eq i64 {here}, %B")
        times = t.put(f"select i1 {whole}, i64 1, i64 {n}")
        count = t.put(f"select i1 {whole}, i64 {t.times(n, '%B')}, i64 {here}")
        for item in items:
            with t.loop(0, times) as step:
                self._item(item, Rows(t.plus(start, step.index), step.index, "%b0", count))

    def _item(self, item: Item, rows: Rows) -> None:
        t = self.t
        if isinstance(item, Product):
            self._product(item, rows)
            return
        with t.loop(0, rows.count) as loop:
            here = replace(rows, first=t.plus(rows.first, loop.index), count="1")
            if isinstance(item, Lookup):
                self._lookup(item, here)
            elif isinstance(item, Group):
                ahead = self._ahead(item, here)
                pointwise.row(t, item, lambda spot: self._address(spot, here), self._constant, ahead)
            else:
                self._reduction(item, here)

    def _lookup(self, item: Lookup, rows: Rows) -> None:
        t, row = self.t, self.t.plus(self.t.times(rows.chunk, "%B"), rows.first)
        numbers = self._array(self.places.place(item.arg).name)
        number = t.put(f"load i64, ptr {t.put(f'getelementptr inbounds i64, ptr {numbers}, i64 {row}')}")
        source = t.at(self._array(TABLE), t.times(number, item.rows))
        self._copy(self._address(item.out, rows), source, str(item.rows * self.lanes.nbytes))

    def _copy(self, to: str, source: str, nbytes: str) -> None:
        self.t.needs.add(COPY)
        self.t.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {source}, i64 {nbytes}, i1 false)")

    def _reduction(self, item: Reduction, rows: Rows) -> None:
        args, outs = ([self._address(spot, rows) for spot in spots] for spots in (item.args, item.outs))
        reductions.emit(self.t, item, args, outs)

    def _product(self, item: Product, rows: Rows) -> None:
        t = self.t
        arg, out = (self._address(spot, rows) for spot in (item.arg, item.out))
        lda, ldo = (self.places.place(spot).width for spot in (item.arg, item.out))
        start, width = "null", 0
        if isinstance(item.start, Vector):
            start = self._constant(item.start)
        elif item.start is not None:
            start, width = self._address(item.start, rows), self.places.place(item.start).width
        weights = self._constant(item.weights)
        t.needs.add(PRODUCT)
        sizes = f"i64 {item.rows}, i64 {item.depth}, ptr {out}, i64 {ldo}, ptr {start}, i64 {width}, i64 {rows.count}"
        t.do(f"call void @product(ptr {arg}, i64 {lda}, ptr {weights}, {sizes})")

    def _address(self, spot: Spot, rows: Rows) -> str:
        place, t = self.places.place(spot), self.t
        self.widths[place.name] = place.width
        row = rows.first
        if place.kind != "step":
            step = rows.chunk if place.kind == "chunk" else rows.block
            row = t.plus(t.times(t.plus(step, place.later), "%B"), row)
        return t.at(self._array(place.name), t.plus(t.times(row, place.width), place.row))

    def _ahead(self, group: Group, rows: Rows) -> list[tuple[str, bool]]:
        """What the next step takes of arrays of a whole chunk, in the row, and whether it writes there."""
        if not rows.looped:
            return []
        found: dict[tuple[str, int], Spot] = {}
        for spot in sorted(group.spots, key=lambda spot: self.places.place(spot).later, reverse=self.back):
            place = self.places.place(spot)
            if place.kind == "chunk":
                found[place.name, place.row] = spot  # of neighbouring steps the one that has not come
        return [(self._next(spot, rows), spot in group.stored) for spot in found.values()]

    def _next(self, spot: Spot, rows: Rows) -> str:
        """The address of a spot a step on."""
        t, step = self.t, self.t.times("%B", self.places.place(spot).width)
        return t.beyond(self._address(spot, rows), t.put(f"sub i64 0, {step}") if self.back else step)

    def _constant(self, value: Matrix | Vector) -> str:
        return self._array(self.constants.name(value))

    def _array(self, name: str) -> str:
        return self.names.setdefault(name, f"%array.{name}")

    def _roll(self, name: str, width: int, n: str) -> None:
        """Copy this thread's rows of a state from after the block to before it."""
        t = self.t
        size = t.times(t.times(t.put("sub i64 %b1, %b0"), width), self.lanes.nbytes)
        to = t.at(self._array(name), t.times("%b0", width))
        last = t.plus(t.times(n, "%B"), "%b0")
        source = t.at(self._array(name), t.times(last, width))
        self._copy(to, source, size)


def function_text(name: str, body: Text) -> str:
    """A module with one function."""
    return "\n".join([*sorted(body.needs), body.function(name, ARGUMENTS)])

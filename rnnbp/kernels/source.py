"""A function over a chunk in LLVM's language: in each block of steps what goes before its loop, the loop, the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rnnbp.compiler.code import Matrix, Vector
from rnnbp.compiler.emit import Constants
from rnnbp.kernels import pointwise, products, reductions
from rnnbp.kernels.groups import Group, Item, Lookup, Product, Reduction
from rnnbp.kernels.places import Places, Spot
from rnnbp.native.calls import located
from rnnbp.native.ir import Lanes, Text

ARGUMENTS = (
    "ptr %a", "i64 %L", "i64 %B", "i64 %b0", "i64 %b1", "i64 %S", "i64 %k", "i64 %n", "ptr %met",
    "ptr %bases",
)  # fmt: skip
"""Places of arrays; steps, batch; the first row of the batch and that after the last; steps of a block. Of n > 1
threads the k-th takes its share of the columns of products, on all rows, and they meet before and after. ``bases`` is
where the arrays of a job begin."""
TABLE = "table"
"""The array that lookups read."""
GATHER = "declare void @gather(ptr, i64)"
COPY = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
LEAST = "declare i64 @llvm.smin.i64(i64, i64)"
_ROWS = (
    "  %together = icmp sgt i64 %n, 1",
    "  %r0 = select i1 %together, i64 0, i64 %b0",
    "  %own = sub i64 %b1, %b0",
    "  %all = select i1 %together, i64 %B, i64 %own",
)
"""How many rows are a thread's own, and where those of its products begin, and how many they are."""
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
    shares: dict[int, list[str]] = field(default_factory=dict)
    """By the columns of products, what works out a thread's share of them."""

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
                    self._step(loop, t.plus(start, step.index), step.index)
            self._block(after, start, n)
            for name, width in rolled:
                self._roll(name, width, n)
        first = located("a", [variable[1:] for variable in self.names.values()])
        t.lines[:0] = [*_ROWS, *(line for share in self.shares.values() for line in share), first]
        return t

    def _step(self, items: Sequence[Item], chunk: str, block: str) -> None:
        """Items on one step of a loop."""
        ahead = self._ahead([item for item in items if isinstance(item, Group)])
        for item, following in zip(items, [*items[1:], None], strict=True):
            if isinstance(item, Product):
                self._gather()
                self._product(item, Rows(chunk, block, "%r0", "%all"), *self._share(item.rows))
                self._gather(later=isinstance(following, Product))
            else:
                spots = item.spots if isinstance(item, Group) else []
                asked = {spot: ahead.pop(spot) for spot in spots if spot in ahead}
                self._item(item, Rows(chunk, block, "%b0", "%own"), asked)

    def _block(self, items: Sequence[Item], start: str, n: str) -> None:
        """Items on all steps of a block."""
        for item in items:
            if isinstance(item, Product):
                self._by_panels(item, start, n)
            else:
                with self._steps(start, n, "%b0", "%own") as rows:
                    self._item(item, rows)

    def _by_panels(self, item: Product, start: str, n: str) -> None:
        """A product on all steps of a block, its columns by panels, which stay in the cache while steps go by."""
        t, width = self.t, products.panel(self.lanes)
        first, count = self._share(item.rows)
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
        t = self.t
        whole = t.put(f"icmp eq i64 {count}, %B")
        times = t.put(f"select i1 {whole}, i64 1, i64 {n}")
        many = t.put(f"select i1 {whole}, i64 {t.times(n, '%B')}, i64 {count}")
        with t.loop(0, times) as step:
            yield Rows(t.plus(start, step.index), step.index, first, many)

    def _item(self, item: Group | Reduction | Lookup, rows: Rows, asked: Mapping[Spot, bool] | None = None) -> None:
        """An item row by row; ``asked``: what is asked for of the next step, and whether it writes there."""
        t = self.t
        with t.loop(0, rows.count) as loop:
            here = replace(rows, first=t.plus(rows.first, loop.index), count="1")
            if isinstance(item, Lookup):
                self._lookup(item, here)
            elif isinstance(item, Group):
                ahead = [(self._next(spot, here), written) for spot, written in (asked or {}).items()]
                pointwise.row(t, item, lambda spot: self._address(spot, here), self._constant, ahead)
            else:
                self._reduction(item, here)

    def _share(self, columns: int) -> tuple[str, str]:
        """The first of a thread's columns of products with so many, and how many they are: whole panels."""
        name, width = f"%share{columns}", products.panel(self.lanes)
        panels = -(-columns // width)
        self.shares.setdefault(
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

    def _gather(self, *, later: bool = False) -> None:
        """Wait for the threads that share columns, unless what follows does."""
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

    def _product(self, item: Product, rows: Rows, first: str, columns: str) -> None:
        """Columns from ``first`` on of a product."""
        t = self.t
        arg, out = (self._address(spot, rows) for spot in (item.arg, item.out))
        lda, ldo = (self.places.place(spot).width for spot in (item.arg, item.out))
        start, width = "null", 0
        if isinstance(item.start, Vector):
            start = self._constant(item.start)
        elif item.start is not None:
            start, width = self._address(item.start, rows), self.places.place(item.start).width
        weights = t.at(self._constant(item.weights), t.times(first, item.depth))
        out, start = t.at(out, first), start if start == "null" else t.at(start, first)
        t.needs.add(PRODUCT)
        sizes = f"i64 {columns}, i64 {item.depth}, ptr {out}, i64 {ldo}, ptr {start}, i64 {width}, i64 {rows.count}"
        t.do(f"call void @product(ptr {arg}, i64 {lda}, ptr {weights}, {sizes})")

    def _address(self, spot: Spot, rows: Rows) -> str:
        place, t = self.places.place(spot), self.t
        self.widths[place.name] = place.width
        row = rows.first
        if place.kind != "step":
            step = rows.chunk if place.kind == "chunk" else rows.block
            row = t.plus(t.times(t.plus(step, place.later), "%B"), row)
        return t.at(self._array(place.name), t.plus(t.times(row, place.width), place.row))

    def _ahead(self, groups: Sequence[Group]) -> dict[Spot, bool]:
        """What the next step takes of arrays of a whole chunk, and whether it writes there."""
        found, spots = dict[tuple[str, int], Spot](), dict.fromkeys(spot for group in groups for spot in group.spots)
        for spot in sorted(spots, key=lambda spot: self.places.place(spot).later, reverse=self.back):
            place = self.places.place(spot)
            if place.kind == "chunk":
                found[place.name, place.row] = spot  # of neighbouring steps the one that has not come
        return {spot: any(spot in group.stored for group in groups) for spot in found.values()}

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
        size = t.times(t.times("%own", width), self.lanes.nbytes)
        to = t.at(self._array(name), t.times("%b0", width))
        last = t.plus(t.times(n, "%B"), "%b0")
        source = t.at(self._array(name), t.times(last, width))
        self._copy(to, source, size)


def function_text(name: str, body: Text) -> str:
    """A module with one function."""
    return "\n".join([*sorted(body.needs), body.function(name, ARGUMENTS)])

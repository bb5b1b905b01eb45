"""A cell's functions over a chunk in machine code, and what is read off its deltas."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any
from weakref import ref

import numpy as np

from rnnbp.compiler.backward import Backward
from rnnbp.compiler.code import Matrix, Op, Rows, Vector
from rnnbp.compiler.rules import cut
from rnnbp.compiler.storage import Buffer, Home
from rnnbp.graph.cell import Cell
from rnnbp.machine import CompileError
from rnnbp.machine.compile import Library, vector_bytes
from rnnbp.machine.ir import Lanes
from rnnbp.machine.team import handoff
from rnnbp.runners.llvm import blocks, products
from rnnbp.runners.llvm.groups import Item, Lookup, Product, arranged, sums_of
from rnnbp.runners.llvm.places import Place, Places, Spot
from rnnbp.runners.llvm.source import GATHER, PRODUCT, Source
from rnnbp.support.lazy import cached, cached_property

TABLE: dict[str, Any] = {}
"""Stands for the owner of the deltas that are summed by symbol, under the key ``deltas``."""
Y, DX = Buffer(-2000, 0, fixed=True), Buffer(-2001, 0, fixed=True)


@dataclass(frozen=True, eq=False)
class Kernel:
    """A function over a chunk, and the arrays that it takes, in the order of their addresses."""

    text: str
    names: tuple[str, ...]
    widths: dict[str, int]
    """Features of each array but constants."""
    constants: dict[str, Any]
    products: Library
    """Functions that the text calls."""
    flops: int
    """Of its products, for a step of one sequence."""
    weights: int
    """Numbers that products read anew at every step."""
    cell: ref[Cell]

    @cached_property
    def keys(self) -> dict[str, Any]:
        """What tells the constants apart, by name."""
        return {name: value.identity for name, value in self.constants.items()}

    @cached_property
    def address(self) -> int:
        """Where the function is in machine code, made when it is first needed. Raises CompileError."""
        return self._library.address("run")

    @cached_property
    def _library(self) -> Library:
        given = {"product": self.products.address("product")} if PRODUCT in self.text else {}
        given |= {"gather": handoff.library().address("gather")} if GATHER in self.text else {}
        try:
            return Library(self.text, given)
        except CompileError as error:
            error.cell = self.cell
            raise

    def of_kind(self, letter: str) -> dict[str, int]:
        """The arrays of the tape (T), of a block (B) or of a step (S), and their features."""
        return {name: width for name, width in self.widths.items() if name[0] == letter}


@dataclass(frozen=True)
class Gradient:
    """A parameter gradient: rows of it += deltasᵀ · other, or of one or two += Σ deltas where there is no other.

    With ``by_symbol``: columns of the table's deltas, ``depth`` in all, += the deltas of the symbols that other names.
    """

    totals: tuple[Rows, ...]
    rows: int
    deltas: Place
    other: Place | None
    depth: int
    by_symbol: bool = False


@cached
def shared(bits: int, nbytes: int) -> tuple[Lanes, Library]:
    """Vectors of ``nbytes`` of numbers of this many bits, and the functions for products."""
    lanes = Lanes(bits, 8 * nbytes // bits)
    rows, vectors = blocks.block_of(nbytes)
    functions, needs = products.text(lanes, rows, vectors)
    return lanes, Library("\n".join([*sorted(needs), *functions]))


class KernelCell:
    """The kernels of a compiled cell for numbers of a kind; of any batch size.

    Args:
        of: the cell itself, which lives no longer for its kernels.
        symbols: whether x is the numbers of symbols in a table of what the cell makes of their vectors by a product.
    """

    def __init__(self, back: Backward, dtype: np.dtype[Any], of: ref[Cell], *, symbols: bool = False) -> None:
        self.back, self.cell, self.symbols, self.of = back, back.cell, symbols, of
        self.lanes, self.library = shared(8 * dtype.itemsize, vector_bytes())
        self._forward: dict[tuple[bool, ...], Kernel] = {}
        self.tables: dict[Any, tuple[Matrix, Vector | None]] = {}
        """The weights and biases whose products with x are looked up."""

    @property
    def by_product(self) -> bool:
        """Whether x is taken by one product alone, and its delta made by the same."""
        forward, back = self.cell.codes.forward, self.back
        x = forward.inputs[0]
        takers = [op.name for op in forward.ops if x in op.args]
        reads = [op for op in back.code.ops if x in op.args]
        if takers != ["linear"] or len(reads) != 1 or x in forward.outputs or back.dx_weights is None:
            return False
        (read,) = reads
        same = read.name == "grad_linear" and read.args[0] == back.dx_from
        return same and Matrix(read.attr.lanes).identity == back.dx_weights.identity

    def forward(self, *, rolling: bool = False, output: bool, taped: bool = False, known: bool = False) -> Kernel:
        """A forward function, as ``Compiled`` has them."""
        key = rolling, output, taped, known
        if key not in self._forward:
            self._forward[key] = self._made_forward(*key)
        return self._forward[key]

    def _made_forward(self, rolling: bool, output: bool, taped: bool, known: bool) -> Kernel:
        cell, homes = self.cell, self.cell.homes
        code, ops, phases = cell.chosen(output=output, taped=taped, known=known)
        first = cell.codes.forward.outputs[0]
        y = Buffer(Y.number, 0 if first is None else code.values.rows(first), fixed=True)
        spans = cell.spans(taped, rolling, known) | {cell.x: ("x", "t0:t1"), y: ("y", "t0:t1")}
        places = Places(homes, spans)
        ends: list[tuple[Home, Home | None]] = (
            [] if known else [(Home(cell.after[k]), homes.home(v)) for k, v in cell.moves()]
        )
        given = [(Home(y), homes.home(first))] if output and first is not None else []
        parts = {
            phase: arranged(code, homes, places, [op for op in ops if phases[id(op)] == phase], self._sums, moves)
            for phase, moves in (("before", []), ("loop", ends), ("after", given))
        }
        if self.symbols:
            x = places.of(code.inputs[0])
            parts = {phase: [self._looked_up(item, x) for item in items] for phase, items in parts.items()}
        rolled = [(f"H{k}", b.rows) for k, b in enumerate(cell.before)] if rolling else []
        return self._compiled(Source(self.lanes, places, cell.constants), parts, rolled)

    @cached_property
    def _sums(self) -> dict[int, Op]:
        """Of products, in all forward functions."""
        code = self.cell.codes.forward
        return sums_of(code, self.cell.homes, self.cell.phases, code.inputs[0] if self.symbols else None)

    def _looked_up(self, item: Item, x: Spot) -> Item:
        if not isinstance(item, Product) or item.arg != x:
            return item
        assert not isinstance(item.start, Spot)
        self.tables[item.weights.identity, getattr(item.start, "identity", None)] = item.weights, item.start
        return Lookup(item.arg, item.out, item.rows)

    @cached_property
    def backward(self) -> Kernel:
        """The delta recursion, and dx."""
        back, homes, places = self.back, self.back.homes, self.places
        real = [op for op in homes.order if not op.name.startswith("grad")]
        sums = sums_of(back.code, homes, back.phases)
        parts = {
            phase: arranged(back.code, homes, places, [op for op in real if back.phases[id(op)] == phase], sums, moves)
            for phase, moves in (("before", []), ("loop", []), ("after", self._dx_moves()))
        }
        moves = back.moves()
        waiting = {k: Home(Buffer(-3000 - k, back.carried[k].rows, fixed=True)) for k, v in moves if v is not None}
        for k, home in waiting.items():
            places.spans[home.buffer] = (f"S{9000 + k}", "")
        ends: list[tuple[Home, Home | None]] = [(waiting[k], homes.home(v)) for k, v in moves if v is not None]
        ends += [(Home(back.carried[k]), waiting.get(k)) for k, _ in moves]
        parts["loop"] += arranged(back.code, homes, places, [], sums, ends)
        parts["after"] += [] if self.symbols else self._dx_products()
        return self._compiled(Source(self.lanes, places, self.cell.constants, back=True), parts, [])

    @cached_property
    def places(self) -> Places:
        """The places of the backward code's values."""
        given = {self.cell.x: ("x", "t0:t1"), self.back.dy: ("dy", "t0:t1"), self._dx: ("dx", "t0:t1")}
        return Places(self.back.homes, self.back.spans() | given)

    @cached_property
    def _dx(self) -> Buffer:
        return Buffer(DX.number, self.cell.x.rows, fixed=True)

    def _dx_moves(self) -> list[tuple[Home, Home | None]]:
        v = self.back.code.outputs[0]
        return [] if v is None else [(Home(self._dx), self.back.homes.home(v))]

    def _dx_products(self) -> list[Item]:
        """dx from the deltas that give it by a product: one for each array in which they lie."""
        back, found, row = self.back, list[Item](), 0
        if back.dx_from is None or back.dx_weights is None:
            return []
        out = self.places.spot(Home(self._dx))
        for v in self._lanes(back.dx_from):
            rows = back.code.values.rows(v)
            weights = Matrix(cut(back.dx_weights, row, row + rows).lanes, turned=True)
            found.append(Product(weights, self.places.of(v), out, self._dx.rows, rows, out if found else None))
            row += rows
        return found

    def _lanes(self, v: int) -> tuple[int, ...]:
        """The values that a delta is put together from, where it is not put together in memory."""
        made = self.back.code.made.get(v)
        return made.args if made is not None and made.name == "concat" and self.back.homes.virtual(made) else (v,)

    @cached_property
    def gradients(self) -> tuple[Gradient, ...]:
        """What is read off the deltas of a piece."""
        found: list[Gradient] = []
        for op in self.back.code.ops:
            if op.name == "grad_linear" and op.attr is not None:
                lanes = [(lane.count, (lane,)) for lane in op.attr.lanes]
                other, depth = self.places.place(self.places.of(op.args[1])), self.back.code.values.rows(op.args[1])
                if self.symbols and op.args[1] == self.cell.codes.forward.inputs[0]:
                    rows = op.attr.shape[0]
                    whole = (rows, (Rows(TABLE, "deltas", 0, rows),))
                    found += (replace(g, by_symbol=True) for g in self._parts(op.args[0], [whole], other, rows))
                    continue
                found += self._parts(op.args[0], lanes, other, depth)
            elif op.name == "grad_bias":
                found += self._parts(op.args[0], op.attr.lanes, None, 0)
        return tuple(found)

    @cached_property
    def gradient_flops(self) -> int:
        """Floating-point operations of that, for a step of one sequence."""
        return sum(2 * g.rows * max(1, g.depth) for g in self.gradients)

    def _parts(
        self, deltas: int, lanes: Iterable[tuple[int, tuple[Rows, ...]]], other: Place | None, depth: int
    ) -> Iterator[Gradient]:
        """The gradients of rows of parameters, cut where the deltas are in another array."""
        ends = list(accumulate(self.back.code.values.rows(v) for v in self._lanes(deltas)))
        places = [self.places.place(self.places.of(v)) for v in self._lanes(deltas)]
        at = 0
        for count, parts in lanes:
            done = 0
            while done < count:
                k = bisect_right(ends, at)
                n = min(ends[k] - at, count - done)
                row = at - (ends[k - 1] if k else 0)
                here = replace(places[k], row=places[k].row + row)
                totals = [part.cut(done, done + n) for part in parts]
                size = 1 if other else 2
                for first in range(0, len(totals), size):
                    yield Gradient(tuple(totals[first : first + size]), n, here, other, depth)
                at, done = at + n, done + n

    def _compiled(self, source: Source, parts: dict[str, list[Item]], rolled: Sequence[tuple[str, int]]) -> Kernel:
        text = source.text(parts["before"], parts["loop"], parts["after"], rolled)
        named = self.cell.constants.named
        constants = {name: named[name] for name in source.names if name in named}
        made = [item for items in parts.values() for item in items if isinstance(item, Product)]
        flops = sum(2 * item.rows * item.depth for item in made)
        weights = sum(item.rows * item.depth for item in parts["loop"] if isinstance(item, Product))
        return Kernel(text, tuple(source.names), source.widths, constants, self.library, flops, weights, self.of)

"""A cell's functions over a chunk in machine code, and what is read off its deltas."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from weakref import ref

from rnnbp.compiler.code import Op
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.storage import Buffer, Held, Location, Span
from rnnbp.compiler.weights import Matrix, Rows, Vector, identity_of
from rnnbp.graph.cell import Cell
from rnnbp.machine import CompileError
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes
from rnnbp.machine.target import vector_bytes
from rnnbp.machine.team import handoff
from rnnbp.numerics import Array, Dtype
from rnnbp.runners.constants import Constant, Constants
from rnnbp.runners.llvm import blocks, products
from rnnbp.runners.llvm.groups import Item, Lookup, Product, arranged, sums_of
from rnnbp.runners.llvm.operands import Operand, Operands
from rnnbp.runners.llvm.source import GATHER, PRODUCT, Source
from rnnbp.support.lazy import cached, cached_property

TABLE: dict[str, Array] = {}
"""Stands for the owner of the deltas that are summed by symbol, under the key ``deltas``."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """A function over a chunk, and the arrays that it takes, in the order of their addresses."""

    text: str
    names: tuple[str, ...]
    widths: dict[str, int]
    """Features of each array but constants."""
    constants: dict[str, Constant]
    products: Library
    """Functions that the text calls."""
    flops: int
    """Of its products, for a step of one sequence."""
    weights: int
    """Numbers that products read anew at every step."""
    cell: ref[Cell]

    @cached_property
    def keys(self) -> dict[str, object]:
        """What tells the constants apart, by name."""
        return {name: identity_of(value) for name, value in self.constants.items()}

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
    """A parameter gradient: rows of it += deltasᵀ · other, or of one or two += Σ deltas where there
    is no other.

    With ``by_symbol``: columns of the table's deltas, ``depth`` in all, += the deltas of the
    symbols that other names.
    """

    totals: tuple[Rows, ...]
    rows: int
    deltas: Operand
    other: Operand | None
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
        symbols: whether x is the numbers of symbols in a table of what the cell makes of their
            vectors by a product.
    """

    def __init__(
        self, step: StepCode, dtype: Dtype, of: ref[Cell], *, symbols: bool = False
    ) -> None:
        self.step, self.symbols, self.of, self.constants = step, symbols, of, Constants()
        self.lanes, self.library = shared(8 * dtype.itemsize, vector_bytes())
        self._forward: dict[tuple[bool, ...], Kernel] = {}
        self.tables: dict[tuple[object, object], tuple[Matrix, Vector | None]] = {}
        """The weights and biases whose products with x are looked up."""

    @property
    def by_product(self) -> bool:
        """Whether x is taken by one product alone, and its delta made by the same."""
        forward, back = self.step.forward.code, self.step.backward
        x = forward.inputs[0]
        takers = [op.name for op in forward.ops if x in op.args]
        reads = [op for op in back.code.ops if x in op.args]
        if (
            takers != ["linear"]
            or len(reads) != 1
            or x in forward.outputs
            or back.dx_weights is None
        ):
            return False
        (read,) = reads
        same = read.name == "grad_linear" and read.args[0] == back.dx_from
        return same and Matrix(read.matrix.lanes).identity == back.dx_weights.identity

    def forward(
        self, *, rolling: bool = False, output: bool, taped: bool = False, known: bool = False
    ) -> Kernel:
        """A forward function; the arguments are those of ``compiler.forward.Forward``."""
        key = rolling, output, taped, known
        if key not in self._forward:
            self._forward[key] = self._made_forward(*key)
        return self._forward[key]

    def _made_forward(self, rolling: bool, output: bool, taped: bool, known: bool) -> Kernel:
        half, storage = self.step.forward, self.step.forward.storage
        code, ops, phases = half.chosen(output=output, taped=taped, known=known)
        first = half.code.outputs[0]
        y = Buffer("y", 0 if first is None else code.values.rows(first))
        outer = {buffer: Held(buffer.name, Span("chunk")) for buffer in (half.x, y)}
        operands = Operands(storage, half.arrays(taped=taped, rolling=rolling, known=known) | outer)
        ends: list[tuple[Location, Location | None]] = (
            []
            if known
            else [(Location(half.nexts[k]), storage.location(v)) for k, v in half.moves()]
        )
        given = [(Location(y), storage.location(first))] if output and first is not None else []
        parts = {
            phase: arranged(
                code,
                storage,
                operands,
                [op for op in ops if phases[id(op)] == phase],
                self._sums,
                moves,
            )
            for phase, moves in (("before", []), ("loop", ends), ("after", given))
        }
        if self.symbols:
            x = operands.of(code.inputs[0])
            parts = {
                phase: [self._looked_up(item, x) for item in items]
                for phase, items in parts.items()
            }
        rolled = [(buffer.name, buffer.rows) for buffer in half.states] if rolling else []
        return self._compiled(Source(self.lanes, operands, self.constants), parts, rolled)

    @cached_property
    def _sums(self) -> dict[int, Op]:
        """Of products, in all forward functions."""
        half = self.step.forward
        return sums_of(
            half.code, half.storage, half.phases, half.code.inputs[0] if self.symbols else None
        )

    def _looked_up(self, item: Item, x: Location) -> Item:
        if not isinstance(item, Product) or item.arg != x:
            return item
        assert not isinstance(item.start, Location)
        self.tables[item.weights.identity, identity_of(item.start)] = item.weights, item.start
        return Lookup(item.arg, item.out, item.rows)

    @cached_property
    def backward(self) -> Kernel:
        """The delta recursion, and dx."""
        half, storage, operands = self.step.backward, self.step.backward.storage, self.operands
        code, real = half.code, half.steps
        sums = sums_of(code, storage, half.phases)
        parts = {
            phase: arranged(
                code,
                storage,
                operands,
                [op for op in real if half.phases[id(op)] == phase],
                sums,
                moves,
            )
            for phase, moves in (("before", []), ("loop", []), ("after", self._dx_moves()))
        }
        moves = half.moves()
        waiting = {
            k: Location(Buffer(f"S{9000 + k}", half.carried[k].rows))
            for k, v in moves
            if v is not None
        }
        operands.arrays |= {
            at.buffer: Held(at.buffer.name, Span("step")) for at in waiting.values()
        }
        ends: list[tuple[Location, Location | None]] = [
            (waiting[k], storage.location(v)) for k, v in moves if v is not None
        ]
        ends += [(Location(half.carried[k]), waiting.get(k)) for k, _ in moves]
        parts["loop"] += arranged(code, storage, operands, [], sums, ends)
        parts["after"] += [] if self.symbols else self._dx_products()
        return self._compiled(Source(self.lanes, operands, self.constants, back=True), parts, [])

    @cached_property
    def operands(self) -> Operands:
        """What the backward code's values are to a kernel."""
        half, outer = self.step.backward, (self.step.forward.x, self.step.backward.dy, self._dx)
        return Operands(
            half.storage,
            {**half.arrays, **{buffer: Held(buffer.name, Span("chunk")) for buffer in outer}},
        )

    @cached_property
    def _dx(self) -> Buffer:
        return Buffer("dx", self.step.forward.x.rows)

    def _dx_moves(self) -> list[tuple[Location, Location | None]]:
        v = self.step.backward.code.outputs[0]
        return [] if v is None else [(Location(self._dx), self.step.backward.storage.location(v))]

    def _dx_products(self) -> list[Item]:
        """dx from the deltas that give it by a product: one for each array in which they lie."""
        back, found, row = self.step.backward, list[Item](), 0
        if back.dx_from is None or back.dx_weights is None:
            return []
        out = Location(self._dx)
        for v in back.storage.lanes(back.dx_from):
            rows = back.code.values.rows(v)
            weights = Matrix(back.dx_weights.cut(row, row + rows).lanes, turned=True)
            found.append(
                Product(
                    weights, self.operands.of(v), out, self._dx.rows, rows, out if found else None
                )
            )
            row += rows
        return found

    @cached_property
    def gradients(self) -> tuple[Gradient, ...]:
        """What is read off the deltas of a piece."""
        found: list[Gradient] = []
        for op in self.step.backward.code.ops:
            if op.name == "grad_linear" and op.attr is not None:
                lanes = [(lane.count, (lane,)) for lane in op.matrix.lanes]
                other, depth = (
                    self.operands.operand(self.operands.of(op.args[1])),
                    self.step.values.rows(op.args[1]),
                )
                if self.symbols and op.args[1] == self.step.forward.code.inputs[0]:
                    rows = op.matrix.shape[0]
                    whole = (rows, (Rows(TABLE, "deltas", 0, rows),))
                    found += (
                        replace(g, by_symbol=True)
                        for g in self._parts(op.args[0], [whole], other, rows)
                    )
                    continue
                found += self._parts(op.args[0], lanes, other, depth)
            elif op.name == "grad_bias":
                found += self._parts(op.args[0], op.vector.lanes, None, 0)
        return tuple(found)

    @cached_property
    def gradient_flops(self) -> int:
        """Floating-point operations of that, for a step of one sequence."""
        return sum(2 * g.rows * max(1, g.depth) for g in self.gradients)

    def _parts(
        self,
        deltas: int,
        lanes: Iterable[tuple[int, tuple[Rows, ...]]],
        other: Operand | None,
        depth: int,
    ) -> Iterator[Gradient]:
        """The gradients of rows of parameters, cut where the deltas are in another array."""
        values = self.step.backward.storage.lanes(deltas)
        ends = list(accumulate(map(self.step.values.rows, values)))
        operands = [self.operands.operand(self.operands.of(v)) for v in values]
        at = 0
        for count, parts in lanes:
            done = 0
            while done < count:
                k = bisect_right(ends, at)
                n = min(ends[k] - at, count - done)
                row = at - (ends[k - 1] if k else 0)
                here = replace(operands[k], row=operands[k].row + row)
                totals = [part.cut(done, done + n) for part in parts]
                size = 1 if other else 2
                for first in range(0, len(totals), size):
                    yield Gradient(tuple(totals[first : first + size]), n, here, other, depth)
                at, done = at + n, done + n

    def _compiled(
        self, source: Source, parts: dict[str, list[Item]], rolled: Sequence[tuple[str, int]]
    ) -> Kernel:
        text = source.text(parts["before"], parts["loop"], parts["after"], rolled)
        named = self.constants.named
        constants = {name: named[name] for name in source.names if name in named}
        made = [item for items in parts.values() for item in items if isinstance(item, Product)]
        flops = sum(2 * item.rows * item.depth for item in made)
        weights = sum(item.rows * item.depth for item in parts["loop"] if isinstance(item, Product))
        return Kernel(
            text,
            tuple(source.names),
            source.widths,
            constants,
            self.library,
            flops,
            weights,
            self.of,
        )

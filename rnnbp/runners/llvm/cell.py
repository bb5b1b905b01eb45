"""The kernels of a cell: functions over a chunk, each written when it is first needed."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import ref

from rnnbp.compiler.op import Op
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.storage import Buffer, Location
from rnnbp.compiler.weights import Matrix, Vector, identity_of
from rnnbp.graph.cell import Cell
from rnnbp.machine.target import vector_bytes
from rnnbp.numerics import Dtype
from rnnbp.runners.constants import Constants
from rnnbp.runners.llvm.cell_items import (
    Kind,
    Parts,
    backward_items,
    backward_operands,
    forward_items,
)
from rnnbp.runners.llvm.gradients import Gradient, gradients_of
from rnnbp.runners.llvm.groups import Item, Lookup, Product, flops_of
from rnnbp.runners.llvm.item_text import GRADIENT
from rnnbp.runners.llvm.kernel import Kernel
from rnnbp.runners.llvm.libraries import rounded, shared
from rnnbp.runners.llvm.operand_text import OperandText
from rnnbp.runners.llvm.operands import Operands
from rnnbp.runners.llvm.product_sums import sums_of
from rnnbp.runners.llvm.short_tape import ShortTape
from rnnbp.runners.llvm.source import Source
from rnnbp.support.lazy import cached_property


class KernelCell:
    """The kernels of a compiled cell for numbers of a kind; of any batch size.

    Args:
        of: the cell itself, which lives no longer for its kernels.
        symbols: whether x is the numbers of symbols in a table of what the cell makes of their
            vectors by a product.
        pairs: whether products are of numbers rounded to bfloat16. native: whether by instructions
            for them. short: whether tapes are of 16 bits.
    """

    def __init__(
        self, step: StepCode, dtype: Dtype, of: ref[Cell], *, symbols: bool = False,
        pairs: bool = False, native: bool = False, short: bool = False,
    ) -> None:  # fmt: skip
        self.step, self.symbols, self.of, self.constants = step, symbols, of, Constants()
        self.pairs, size = pairs, vector_bytes()
        self.lanes, self.library = (
            rounded(size, native) if pairs else shared(8 * dtype.itemsize, size)
        )
        self.tape = ShortTape(step, dtype.itemsize) if short else None
        self._forward: dict[tuple[bool, ...], Kernel] = {}
        self._making: dict[tuple[int, ...], Kernel] = {}
        self.tables: dict[tuple[object, object], tuple[Matrix, Vector | None]] = {}
        """The weights and biases whose products with x are looked up."""

    @property
    def by_product(self) -> bool:
        """True if x is taken by one product alone, and its delta computed by the same."""
        forward, back = self.step.forward.code, self.step.backward
        x = forward.inputs[0]
        takers = [op.name for op in forward.ops if x in op.args]
        reads = [op for op in back.code.ops if x in op.args]
        taken_once = takers == ["linear"] and len(reads) == 1 and x not in forward.outputs
        if not taken_once or 0 not in back.dx_products:
            return False
        (read,), (weights, taken) = reads, back.dx_products[0]
        same = read.name == "grad_linear" and read.args[0] == taken
        return same and Matrix(read.matrix.lanes).identity == weights.identity

    def forward(
        self, *, rolling: bool = False, output: bool, taped: bool = False, known: bool = False
    ) -> Kernel:
        """A forward function; the arguments are those of ``compiler.forward.Forward``."""
        # A plain tuple: this is asked for every chunk, and to make a Kind is a call of Python.
        key = rolling, output, taped, known
        if key not in self._forward:
            self._forward[key] = self._made_forward(Kind(*key))
        return self._forward[key]

    def _made_forward(self, kind: Kind) -> Kernel:
        half = self.step.forward
        operands, parts = forward_items(half, self._sums, kind, self.tape)
        if self.symbols:
            x = operands.of(half.code.inputs[0])
            parts = {
                phase: [self._looked_up(item, x) for item in items]
                for phase, items in parts.items()
            }
        rolled = list(half.states) if kind.rolling else []
        if self.tape is not None and kind.taped and not kind.known:
            rolled = self.tape.rolled()
        at = OperandText(self.lanes, operands, self.constants, pairs=self.pairs)
        return self._kernel(at, Source(at).text(**parts, rolled=rolled), parts, rolled)

    @cached_property
    def again(self) -> tuple[int, ...]:
        """The states that backward makes again from its tape."""
        return () if self.tape is None else self.tape.again

    def making(self, wanted: tuple[int, ...]) -> Kernel:
        """Makes some of these states of all steps of a chunk, from its tape."""
        assert self.tape is not None
        if wanted not in self._making:
            operands, items = self.tape.making(wanted)
            parts: Parts = {"before": items, "loop": [], "after": []}
            at = OperandText(self.lanes, operands, self.constants)
            self._making[wanted] = self._kernel(at, Source(at).text(**parts, rolled=[]), parts)
        return self._making[wanted]

    @cached_property
    def _sums(self) -> dict[int, Op]:
        """Of products, in all forward functions."""
        half = self.step.forward
        looked_up = half.code.inputs[0] if self.symbols else None
        return sums_of(half.code, half.storage, half.phases, looked_up)

    def _looked_up(self, item: Item, x: Location) -> Item:
        if not isinstance(item, Product) or item.arg != x:
            return item
        assert not isinstance(item.start, Location)
        self.tables[item.weights.identity, identity_of(item.start)] = item.weights, item.start
        return Lookup(item.arg, item.out, item.rows)

    @cached_property
    def backward(self) -> Kernel:
        """The delta recursion, and dx."""
        given = self.step, self.operands, self._dxs, self.tape
        parts = backward_items(*given, products=not self.symbols)
        at = OperandText(self.lanes, self.operands, self.constants, back=True, pairs=self.pairs)
        return self._kernel(at, Source(at).text(**parts, rolled=[]), parts)

    @cached_property
    def operands(self) -> Operands:
        """What the backward code's values are to a kernel."""
        return backward_operands(self.step, self._dxs, self.tape)

    @cached_property
    def _dxs(self) -> tuple[Buffer, ...]:
        return tuple([Buffer(f"d{x.name}", x.rows) for x in self.step.forward.xs])

    @cached_property
    def gradients(self) -> tuple[Gradient, ...]:
        """What is read off the deltas of a piece."""
        return gradients_of(self.step, self.operands, symbols=self.symbols)

    @cached_property
    def gradient_flops(self) -> int:
        """Floating-point operations of that, for a step of one sequence."""
        return sum(2 * g.rows * max(1, g.depth) for g in self.gradients)

    def _kernel(
        self, written: OperandText, text: str, parts: Parts, rolled: Sequence[Buffer] = ()
    ) -> Kernel:
        """A kernel of a text whose arrays ``written`` has noted."""
        named, names = self.constants.named, tuple(written.names)
        constants = {name: named[name] for name in names if name in named}
        flops = sum(flops_of(item) for items in parts.values() for item in items)
        weights = sum(item.rows * item.depth for item in parts["loop"] if isinstance(item, Product))
        # Sums of matrices that are features, whose products are not rounded either.
        plain = self.pairs and GRADIENT in text
        sums = shared(self.lanes.bits, vector_bytes())[1] if plain else self.library
        given = constants, self.library, sums
        sizes = flops, weights
        return Kernel(text, names, written.widths, *given, *sizes, self.of, tuple(rolled))

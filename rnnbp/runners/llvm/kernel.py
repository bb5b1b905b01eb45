"""A kernel: a function over a chunk in machine code, and the arrays that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import ref

from rnnbp.compiler.storage import Buffer
from rnnbp.compiler.weights import identity_of
from rnnbp.graph.cell import Cell
from rnnbp.machine import CompileError
from rnnbp.machine.compile import Library
from rnnbp.machine.team import handoff
from rnnbp.runners.constants import Constant
from rnnbp.runners.llvm.item_text import GATHER, GRADIENT, PRODUCT, SUMS
from rnnbp.support.lazy import cached_property


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
    sums: Library
    """Its ``gradient``, which rounds no operand."""
    flops: int
    """Of its products, of matrices of features too, for a step of one sequence."""
    weights: int
    """Numbers that products read anew at every step."""
    cell: ref[Cell]
    rolled: tuple[Buffer, ...] = ()
    """The states of which it has an array for a block alone."""

    @cached_property
    def keys(self) -> dict[str, object]:
        """What tells the constants apart, by name."""
        return {name: identity_of(value) for name, value in self.constants.items()}

    @cached_property
    def address(self) -> int:
        """Where the machine code is, compiled when it is first needed. Raises CompileError."""
        return self._library.address("run")

    @cached_property
    def _library(self) -> Library:
        # Linked by address, not written into the text: products are compiled once for all kernels.
        given = {"product": self.products.address("product")} if PRODUCT in self.text else {}
        given |= {"gradient": self.sums.address("gradient")} if GRADIENT in self.text else {}
        given |= {"sums": self.products.address("sums")} if SUMS in self.text else {}
        given |= {"gather": handoff.library().address("gather")} if GATHER in self.text else {}
        try:
            return Library(self.text, given)
        except CompileError as error:
            error.cell = self.cell
            raise

    def of_kind(self, letter: str) -> dict[str, int]:
        """The arrays of the tape (T), of a block (B) or of a step (S), and their features."""
        return {name: width for name, width in self.widths.items() if name[0] == letter}

"""The LLVM text of operands: the addresses of values, weights and arrays on rows of a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rnnbp.compiler.storage import Location
from rnnbp.compiler.weights import Matrix, Vector
from rnnbp.machine.bfloat16 import pair_count
from rnnbp.machine.ir import Lanes, Text
from rnnbp.runners.constants import Constants
from rnnbp.runners.llvm.frame import Frame
from rnnbp.runners.llvm.groups import Group, Product, Reduction
from rnnbp.runners.llvm.operands import Operands


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
class OperandText:
    """Writes the addresses of operands into the function at hand, and notes their arrays.

    Args:
        back: whether steps run from the last to the first.
        pairs: whether packed weights are pairs of bfloat16.
    """

    lanes: Lanes
    operands: Operands
    constants: Constants
    back: bool = False
    pairs: bool = False
    names: dict[str, int] = field(default_factory=dict)
    """The arrays, and the index of each among the kernel's."""
    widths: dict[str, int] = field(default_factory=dict)
    """Features of each array but constants."""

    def __post_init__(self) -> None:
        self.frame = Frame(self.lanes)

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

    def address(self, location: Location, rows: Rows) -> str:
        """The address of a location in the first of some rows."""
        operand, t = self.operands.operand(location), self.t
        self.widths[operand.name] = operand.width
        row = rows.first
        if operand.span.scope != "step":
            step = rows.chunk if operand.span.scope == "chunk" else rows.block
            row = t.plus(t.times(t.plus(step, operand.span.later), "%B"), row)
        return t.at(self.array(operand.name), t.plus(t.times(row, operand.width), operand.row))

    def reads_still(self, item: Group | Reduction) -> bool:
        """True if some of its operands have no axis of steps."""
        locations = item.locations if isinstance(item, Group) else item.args
        return any(self.operands.operand(at).span.scope == "step" for at in locations)

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

    def next(self, location: Location, rows: Rows) -> str:
        """The address of a location a step on."""
        t, step = self.t, self.t.times("%B", self.operands.operand(location).width)
        return t.beyond(
            self.address(location, rows), t.put(f"sub i64 0, {step}") if self.back else step
        )

    def depth(self, item: Product) -> int:
        """Numbers of 32 or 64 bits that a column of a product's packed weights takes."""
        return pair_count(item.depth) if self.pairs else item.depth

    def constant(self, value: Matrix | Vector) -> str:
        """The address of a weight or a vector."""
        return self.array(self.constants.name(value))

    def array(self, name: str) -> str:
        """The address of an array."""
        self.names.setdefault(name, len(self.names))
        return self.frame.array(name)

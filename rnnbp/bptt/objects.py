"""Python's own objects around arrays: views, tuples, jobs of machine code. Their bytes, estimated from a model's parts.

Measured by tracemalloc in 64-bit Python 3.11, of models of 0 to 8 Recurrents: most runs are within 20 kB of these
figures, all within 50 kB. A budget leaves room for what they are off by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnbp.graph import Node
from rnnbp.layers.base import Layer
from rnnbp.recurrent import Recurrent

if TYPE_CHECKING:
    from rnnbp.bptt.sizes import Sizes

RUN, NODE, PARAMETER = 20_000, 800, 1_900
"""Bytes of any run; for each layer within a Recurrent, and for each array of parameters."""
CELL = {"llvm": 7_000, "numpy": 3_000, "interpreter": 4_000}
"""Bytes for each Recurrent, by backend."""
ADVANCED = 4_000
"""Bytes more for each Recurrent, where chunks are not only recorded."""
BARE, TAPE, OPAQUE, STEP = 900, 2_100, 800, 500
"""Bytes of a tape without a Recurrent, for each that there is, for each layer in it that runs as Python; for each step
of one that runs step by step."""
WALKED_TAPE, WALKED_NODE = 1_024, 352
"""The same of the interpreter: for each Recurrent, and for each layer in it."""
STATES, STATE, THIN, WALKED_STATES = 350, 400, 200, 1_200
"""Bytes of a slot or thin tape; for each state; of a thin tape, and by the interpreter, for each Recurrent."""
FILED = 1_500
"""Bytes that a slot on disk also takes in memory."""


@dataclass(frozen=True)
class Objects:
    """Estimates for the model and backend of some sizes."""

    sizes: Sizes

    def held(self, length: int, *, tapes: int = 0, thin: int = 0, slots: int = 0) -> int:
        """Bytes of objects around so many tapes, thin tapes and slots, of chunks of ``length`` steps."""
        cells = self._cells()
        slot = STATES + STATE * sum(len(block.cell.state_shapes) for block in cells)
        slot += 0 if self.sizes.backend.compiles else WALKED_STATES * len(cells)
        return tapes * self._tape(cells, length) + slots * slot + thin * (slot + THIN * len(cells))

    def standing(self) -> int:
        """Bytes of objects that are there whatever the schedule."""
        cells, backend = self._cells(), self.sizes.backend
        nodes = sum(len(block.cell.nodes) for block in cells) if backend.compiles else 0
        parameters = len(self.sizes.model.params)
        return RUN + CELL[backend.name] * len(cells) + NODE * nodes + PARAMETER * parameters

    def peak(self, length: int, tapes: int, thin: int, slots: int, disk: int) -> int:
        """Bytes of objects in a run that holds at most so much at once; the slots are with those on disk."""
        ways = ADVANCED * len(self._cells()) if thin or slots else 0
        return self.standing() + ways + self.held(length, tapes=tapes, thin=thin, slots=slots) + FILED * disk

    def _cells(self) -> list[Recurrent]:
        return [node.block for node in self.sizes.parts.recurrent if isinstance(node.block, Recurrent)]

    def _tape(self, cells: list[Recurrent], length: int) -> int:
        inside = [node for block in cells for node in block.cell.nodes]
        if not self.sizes.backend.compiles:
            return WALKED_TAPE * len(cells) + WALKED_NODE * (len(inside) + len(self.sizes.parts.body))
        stepped = sum(part.stepped for part in self.sizes.layouts.values())
        return max(BARE, TAPE * len(cells) + OPAQUE * sum(map(_opaque, inside)) + STEP * length * stepped)


def _opaque(node: Node) -> bool:
    """Whether a layer within a cell runs as Python."""
    layer = node.block
    return isinstance(layer, Layer) and (layer.random or type(layer).lower is Layer.lower)

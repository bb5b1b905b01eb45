"""Python's own objects around arrays: views, tuples, jobs of machine code. Their bytes, estimated
from a model's parts.

Fitted to tracemalloc's peaks in 64-bit Python 3.11, of 11,000 runs of random models with 0 to 8
Recurrents: most are within 10 kB of these figures, all within 55 kB. A budget has room for these,
and for what they are off by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers.base import Layer
from rnnbp.runners.base import FusedRunner

if TYPE_CHECKING:
    from rnnbp.planning.sizes import Sizes


@dataclass(frozen=True)
class Each:
    """Bytes of any run; for each Recurrent, each layer within one, and each array of parameters.

    Where chunks are also advanced, or the last is shorter, bytes of either for each Recurrent and
    each layer within. Then bytes of a tape; in it for each Recurrent, each layer within, and each
    of those that runs as Python.
    """

    run: int
    cell: int
    node: int
    parameter: int
    way_cell: int
    way_node: int
    tape: int
    tape_cell: int
    tape_node: int
    opaque: int


EACH = {
    "llvm": Each(29_000, 6_700, 350, 1_850, 4_000, 230, 1_400, 1_600, 0, 1_200),
    "numpy": Each(21_000, 2_900, 650, 1_600, 2_300, 150, 1_400, 1_500, 0, 1_600),
    "interpreter": Each(24_000, 850, 390, 500, 0, 160, 1_700, 100, 230, 1_000),
}
STEP = 500
"""Bytes of a tape for each step of a layer that runs step by step."""
STATES, STATE, THIN = 350, 400, 200
"""Bytes of a slot or thin tape; for each state; of a thin tape, for each Recurrent."""
DISK, FILED = 3_500, 1_500
"""Bytes that slots on disk also take in memory: where there are any, and for each."""


WAYS = 2
"""The most ways more that ``ways_of`` counts."""


@dataclass(frozen=True)
class Objects:
    """Estimates for the model and backend of some sizes."""

    sizes: Sizes

    @property
    def each(self) -> Each:
        """The figures of the backend."""
        return EACH[self.sizes.backend.name]

    def held(self, length: int, *, tapes: int = 0, thin: int = 0, slots: int = 0) -> int:
        """Bytes of objects around tapes, thin tapes and slots, of chunks of ``length`` steps."""
        cells = self._cells()
        slot = STATES + STATE * sum(len(block.cell.state_shapes) for block in cells)
        return tapes * self._tape(cells, length) + slots * slot + thin * (slot + THIN * len(cells))

    def fixed(self, ways: int = 0) -> int:
        """Bytes of objects that are there whatever is held; ``ways`` as ``ways_of`` counts them."""
        cells, each = self._cells(), self.each
        nodes = sum(len(block.cell.nodes) for block in cells)
        parameters = each.parameter * len(self.sizes.model.params)
        ways *= each.way_cell * len(cells) + each.way_node * nodes
        return each.run + each.cell * len(cells) + each.node * nodes + parameters + ways

    def peak(
        self, length: int, tapes: int, thin: int, slots: int, disk: int, ways: int, fused: int
    ) -> int:
        """Bytes of objects in a run that holds at most this much at once; the slots are with those
        on disk.

        Args:
            ways, fused: as ``ways_of`` and ``fused_of`` count them.
        """
        taped, others = self.held(length, tapes=tapes), self.held(length, thin=thin, slots=slots)
        brief = max(taped, self.fused(fused))  # chunks are rarely advanced while there are tapes
        return self.fixed(ways) + brief + others + filed(disk)

    def fused(self, chunks: int) -> int:
        """Bytes of the job that advances ``chunks`` by one call, or as many of them as it takes.

        Only a Recurrent with nothing before it is run by such jobs.
        """
        if chunks < 2 or len(self.sizes.parts.body) != 1:
            return 0
        return sum(
            part.fused_bytes(min(FusedRunner.MOST, chunks)) for part in self.sizes.cells.values()
        )

    def _cells(self) -> list[Recurrent]:
        return [
            node.block for node in self.sizes.parts.recurrent if isinstance(node.block, Recurrent)
        ]

    def _tape(self, cells: list[Recurrent], length: int) -> int:
        inside, each = [node for block in cells for node in block.cell.nodes], self.each
        stepped = sum(part.stepped for part in self.sizes.cells.values())
        own = (
            each.tape_cell * len(cells)
            + each.tape_node * len(inside)
            + each.opaque * sum(map(_opaques, cells))
        )
        return each.tape + own + STEP * length * stepped


def ways_of(counts: Mapping[str, int], steps: int, length: int) -> int:
    """How many more ways chunks are run than recorded and run backward: advanced, and as a shorter
    last one.
    """
    advanced = bool(counts.get("Advance") or counts.get("Keep"))
    return advanced + bool(steps > length and steps % length)


def fused_of(counts: Mapping[str, int], chunks: int) -> int:
    """The most of this many chunks that may be advanced one after the other."""
    return min(chunks, counts.get("Advance", 0))


def always(objects: Objects, steps: int, length: int) -> int:
    """The most bytes of objects in chunks of ``length`` under any schedule, whatever is held."""
    ways = (steps > length) + bool(steps > length and steps % length)
    return objects.fixed(ways) + objects.fused(-(-steps // length))


def filed(disk: int) -> int:
    """Bytes in memory of this many slots on disk, apart from their states."""
    return DISK * bool(disk) + FILED * disk


def _opaques(block: Recurrent) -> int:
    """How many layers within a cell run as Python; those that take its symbols are one, as a tape
    has x once.
    """
    layers = [node.block for node in block.cell.nodes]
    own = [
        layer
        for layer in layers
        if isinstance(layer, Layer) and (layer.random or type(layer).lower is Layer.lower)
    ]
    symbols = sum(layer.symbols for layer in own)
    return len(own) - max(0, symbols - 1)

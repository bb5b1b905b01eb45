"""Bytes of Python's own objects around arrays, estimated from a model's parts.

These are views, tuples, jobs of machine code. The figures are fitted to tracemalloc's peaks in
64-bit Python 3.11, of 5,800 runs of random models with 0 to 8 Recurrents, so that the largest error
is as small as it can be: nine in ten are within 18 kB, all within 55 kB. A budget leaves room for
these errors.
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
    """Bytes of each part of a run.

    Attributes:
        run: of any run.
        cell, node: for each Recurrent, and each layer within one, where chunks are recorded and run
            backward.
        parameter, dense, numbers: for each array of parameters, each Dense outside cells that
            kernels run, and each value that is numbers of symbols.
        way_cell, way_node: for each Recurrent, and each layer within, in each further way that
            chunks are run, as ``ways_of`` counts them.
        tape: of a tape.
        tape_cell, tape_node, opaque, layer: in it for each Recurrent, each layer within one, each
            of those that runs as Python, and each layer between Recurrents.
    """

    run: int
    cell: int
    node: int
    parameter: int
    dense: int
    numbers: int
    way_cell: int
    way_node: int
    tape: int
    tape_cell: int
    tape_node: int
    opaque: int
    layer: int


EACH = {
    "llvm": Each(23_700, 12_300, 470, 500, 9_000, 6_800, 0, 325, 560, 1_250, 0, 1_250, 280),
    "numpy": Each(18_400, 5_250, 900, 1_170, 0, 0, 1_470, 0, 2_300, 575, 0, 1_800, 0),
    "interpreter": Each(20_600, 1_600, 220, 715, 0, 0, 180, 0, 730, 700, 220, 850, 200),
}
STEP = 500
"""Bytes of a tape for each step of a layer that runs step by step."""
STATES, STATE, THIN = 350, 400, 200
"""Bytes of a slot or thin tape; for each state; of a thin tape, for each Recurrent."""
DISK, FILED = 3_500, 1_500
"""Bytes that slots on disk also take in memory: where there are any, and for each."""


SHORT, REBUILT = 2, 2
"""Further ways of a shorter last chunk, which is recorded and run backward by jobs of its own; and
of chunks that are kept and rebuilt."""
WAYS = 1 + SHORT
"""The most further ways where no chunk is rebuilt."""


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
        cells, each, sizes = self._cells(), self.each, self.sizes
        around = (
            each.parameter * len(sizes.model.params)
            + each.dense * len(sizes.dense)
            + each.numbers * len(sizes.numbers)
        )
        own = each.cell * len(cells) + each.node * _layers(cells)
        return each.run + own + around + self.of_ways(ways)

    def of_ways(self, ways: int) -> int:
        """Bytes of further ways of running chunks."""
        cells, each = self._cells(), self.each
        return ways * (each.way_cell * len(cells) + each.way_node * _layers(cells))

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
        each, parts = self.each, self.sizes.parts
        stepped = sum(part.stepped for part in self.sizes.cells.values())
        own = (
            each.tape_cell * len(cells)
            + each.tape_node * _layers(cells)
            + each.opaque * sum(map(_opaques, cells))
            + each.layer * (len(parts.body) - len(parts.recurrent))
        )
        return each.tape + own + STEP * length * stepped


def ways_of(counts: Mapping[str, int], steps: int, length: int) -> int:
    """How many more ways chunks are run in than recorded and run backward, each with its own jobs.

    They are advanced, kept and rebuilt; a shorter last one has its jobs for both.
    """
    others = sum(bool(counts.get(name)) for name in ("Advance", "Keep", "Rebuild"))
    return others + SHORT * bool(steps > length and steps % length)


def fused_of(counts: Mapping[str, int], chunks: int) -> int:
    """The most of this many chunks that may be advanced one after the other."""
    return min(chunks, counts.get("Advance", 0))


def always(objects: Objects, steps: int, length: int) -> int:
    """The most bytes of objects in chunks of ``length`` under any schedule that rebuilds none."""
    ways = (steps > length) + SHORT * bool(steps > length and steps % length)
    return objects.fixed(ways) + objects.fused(-(-steps // length))


def filed(disk: int) -> int:
    """Bytes in memory of this many slots on disk, apart from their states."""
    return DISK * bool(disk) + FILED * disk


def _layers(blocks: list[Recurrent]) -> int:
    """How many layers there are within these."""
    return sum(len(block.cell.nodes) for block in blocks)


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

"""Bytes of Python's own objects around arrays, estimated from a model's parts.

These are views, tuples, jobs of machine code, and what the ledger has of each array that a tape
holds. The figures are fitted to tracemalloc's peaks in 64-bit Python 3.11, of 6,600 runs of random
models with 0 to 8 Recurrents, so that the largest error is as small as it can be: nine in ten are
within 20 kB, all within 51 kB. A budget leaves room for these errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnbp.graph.cell import Cell
from rnnbp.graph.layout import Layout
from rnnbp.layers.base import Layer
from rnnbp.runners.base import FusedRunner
from rnnbp.runners.numpy.sizes import ProgramSizes
from rnnbp.runners.runner_sizes import RunnerSizes

if TYPE_CHECKING:
    from rnnbp.planning.sizes import Sizes


@dataclass(frozen=True)
class Each:
    """Bytes of each part of a run.

    Attributes:
        run: of any run.
        parameter, dense, numbers: for each array of parameters, each Dense outside cells that
            kernels run, and each value that is numbers of symbols.
        opaque: for each layer within a Recurrent that runs as Python.
        tape: of a tape.
        tape_array: in it for each array of a Recurrent, which the ledger knows of too.
        tape_opaque, tape_layer: in it for each layer within a Recurrent that runs as Python, and
            each layer between Recurrents.
    """

    run: int
    parameter: int
    dense: int
    numbers: int
    opaque: int
    tape: int
    tape_array: int
    tape_opaque: int
    tape_layer: int


@dataclass(frozen=True)
class EachCell:
    """Bytes of each Recurrent.

    Attributes:
        cell, node, array: for it, each layer within, and each array of its tapes, where chunks are
            recorded and run backward.
        way_cell, way_node: for it, and each layer within, in each further way that chunks are run,
            as ``ways_of`` counts them.
        tape: in a tape.
    """

    cell: int
    node: int
    array: int
    way_cell: int
    way_node: int
    tape: int


EACH = {
    "llvm": Each(24_900, 0, 9_400, 11_000, 1_280, 830, 700, 320, 50),
    "numpy": Each(21_200, 1_040, 0, 0, 2_500, 1_450, 340, 1_140, 500),
    "interpreter": Each(21_700, 650, 0, 0, 0, 860, 370, 130, 1_340),
}
KERNELS = EachCell(11_800, 700, 0, 2_130, 144, 380)
"""A Recurrent that kernels run."""
OTHERS = {
    "llvm": EachCell(1_100, 440, 3_400, 1_930, 200, 770),
    "numpy": EachCell(2_670, 400, 2_350, 1_240, 56, 230),
    "interpreter": EachCell(1_240, 0, 510, 290, 0, 1_040),
}
"""By backend, one that they do not."""
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
        cells = self.sizes.cells.values()
        slot = STATES + STATE * sum(part.layout.n_states for part in cells)
        taped = tapes * self._tape(length) if tapes else 0
        return taped + slots * slot + thin * (slot + THIN * len(cells))

    def fixed(self, ways: int = 0) -> int:
        """Bytes of objects that are there whatever is held; ``ways`` as ``ways_of`` counts them."""
        each, sizes = self.each, self.sizes
        around = (
            each.parameter * len(sizes.model.params)
            + each.dense * len(sizes.dense)
            + each.numbers * len(sizes.numbers)
            + each.opaque * self._opaque
        )
        own = sum(
            of.cell + of.node * len(part.layout.cell.nodes) + of.array * _arrays(part)
            for part, of in self._cells()
        )
        return each.run + own + around + self.of_ways(ways)

    def of_ways(self, ways: int) -> int:
        """Bytes of further ways of running chunks."""
        return ways * sum(
            of.way_cell + of.way_node * len(part.layout.cell.nodes) for part, of in self._cells()
        )

    def peak(
        self, length: int, tapes: int, thin: int, slots: int, disk: int, ways: int, fused: int
    ) -> int:
        """Bytes of objects in a run that holds at most this much at once; slots also on disk.

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

    def _cells(self) -> Iterable[tuple[RunnerSizes, EachCell]]:
        """Each Recurrent, and its figures."""
        others = OTHERS[self.sizes.backend.name]
        return [
            (part, KERNELS if part.in_kernels else others) for part in self.sizes.cells.values()
        ]

    @property
    def _opaque(self) -> int:
        """How many layers within Recurrents run as Python."""
        return sum(_opaques(part.layout.cell) for part in self.sizes.cells.values())

    def _tape(self, length: int) -> int:
        each, parts, cells = self.each, self.sizes.parts, self._cells()
        own = (
            sum(of.tape + each.tape_array * _arrays(part) for part, of in cells)
            + each.tape_opaque * self._opaque
            + each.tape_layer * (len(parts.body) - len(parts.recurrent))
        )
        return each.tape + own + STEP * length * sum(part.stepped for part, _ in cells)


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


def _arrays(part: RunnerSizes) -> int:
    """How many arrays a tape of a Recurrent has: kernels' lie in one."""
    if part.in_kernels:
        return 1
    if isinstance(part, ProgramSizes):
        return part.layout.n_states + len(part.functions.record.tape)
    return _declared(part.layout)


def _declared(layout: Layout) -> int:
    """How many arrays layers keep, and the states."""
    extras = sum(len(keeps.extras) for keeps in layout.keeps if keeps is not None)
    return layout.n_states + len(layout.buffered) + extras


def _opaques(cell: Cell) -> int:
    """How many layers of a cell run as Python; those of its symbols are one: a tape has x once."""
    layers = [node.block for node in cell.nodes]
    own = [
        layer
        for layer in layers
        if isinstance(layer, Layer) and (layer.random or type(layer).lower is Layer.lower)
    ]
    symbols = sum(layer.symbols for layer in own)
    return len(own) - max(0, symbols - 1)

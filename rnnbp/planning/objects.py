"""Bytes of Python's own objects around arrays, estimated from a model's parts.

These are views, tuples, jobs of machine code, and what the ledger has of each array that a tape
holds. The figures are fitted to tracemalloc's peaks in 64-bit Python 3.11, of 18,000 runs of 1,300
random models with 0 to 8 Recurrents, so that the largest error is as small as it can be: nine in
ten are within 11 kB, all but those of one model within 37 kB. A budget leaves room for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnbp.graph.cell import Cell
from rnnbp.inputs.rows import Rows
from rnnbp.layers.base import Layer
from rnnbp.runners.base import ROW_COUNTS, FusedRunner
from rnnbp.runners.lanes import MOST_CHUNKS
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
        tape: of a tape.
        tape_opaque, tape_layer: in it for each layer within a Recurrent that runs as Python, and
            each layer between Recurrents.
    """

    run: int
    parameter: int
    dense: int
    numbers: int
    tape: int
    tape_opaque: int
    tape_layer: int


@dataclass(frozen=True)
class EachCell:
    """Bytes of each Recurrent.

    Attributes:
        cell, array: for it, and each array of its chunks, which are recorded and run backward.
        way_cell, way_array: for the same in each further way that chunks are run, as ``ways_of``
            counts them.
        tape, tape_array: of its part of a tape, and each array there.
    """

    cell: int
    array: int
    way_cell: int
    way_array: int
    tape: int
    tape_array: int


EACH = {
    "llvm": Each(25_000, 1_220, 7_100, 9_310, 632, 584, 373),
    "numpy": Each(21_000, 1_320, 0, 0, 1_220, 597, 281),
    "interpreter": Each(22_200, 1_190, 0, 0, 196, 191, 203),
}
KERNELS = EachCell(6_860, 318, 1_740, 100, 1_100, 0)
"""A Recurrent that kernels run."""
OTHERS = {
    "llvm": EachCell(4_640, 305, 1_980, 22, 212, 428),
    "numpy": EachCell(2_940, 386, 2_080, 0, 242, 252),
    "interpreter": EachCell(2_110, 0, 276, 0, 780, 373),
}
"""By backend, one that they do not."""
STEP = 500
"""Bytes of a tape for each step of a layer that runs step by step."""
READ = 500
"""Bytes of a tape of a sweep for each series that the sweep reads: an array of the chunk, a view of
it, and the ledger's entry. Fitted to 108 runs of 43 networks by kernels."""
STATES, STATE, THIN = 350, 400, 200
"""Bytes of a slot or thin tape; for each state; of a thin tape, for each Recurrent."""
DISK, FILED = 3_500, 1_500
"""Bytes that slots on disk also take in memory: where there are any, and for each."""


LANE, OF_CHUNK = 3_500, 240
"""Bytes of a layer that is a lane, and for each chunk that lanes advance by one call."""
SIZED = 2_500
"""Bytes of what a run knows of chunks of fewer rows, by tracemalloc."""
STAYS = 60
"""Of a hundred bytes that do not depend on what a sweep holds, those of ``stays``: read off what
tracemalloc has before and after the sweeps of three networks; a fit to 108 runs of 43 would change
what is told by less than 10 kB for a sweep."""
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
            + each.dense * len(sizes.layers)
            + each.numbers * len(sizes.numbers)
        )
        own = sum(of.cell + of.array * part.array_counts.chunk for part, of in self._cells())
        return each.run + own + around + LANE * len(sizes.lanes) + self.of_ways(ways)

    def of_ways(self, ways: int) -> int:
        """Bytes of further ways of running chunks."""
        return ways * sum(
            of.way_cell + of.way_array * part.array_counts.chunk for part, of in self._cells()
        )

    def waiting(self, length: int, tapes: int, thin: int, slots: int, disk: int) -> int:
        """Bytes of objects around what a sweep holds in its pause; slots also on disk."""
        return self.held(length, tapes=tapes, thin=thin, slots=slots) + filed(disk)

    def stays(self, rows: Rows | None, chunk: int) -> int:
        """Bytes of the jobs of a sweep's chunks, from its way forward to the end of the network's
        run.
        """
        return STAYS * self.fixed(ways_of_rows(rows, chunk)) // 100

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

        Only a Recurrent with nothing before it is run by such jobs, and a stack whose layers are
        lanes.
        """
        if chunks >= 2 and (lanes := self.sizes.lanes):
            return OF_CHUNK * len(lanes) * min(MOST_CHUNKS, chunks)
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
        each, parts = self.each, self.sizes.parts
        around = each.tape_opaque * self._opaque + each.tape_layer * (
            len(parts.body) - len(parts.recurrent)
        )
        own = sum(
            of.tape + of.tape_array * part.array_counts.tape + STEP * length * part.stepped
            for part, of in self._cells()
        )
        return each.tape + around + own + READ * self.sizes.read


def ways_of(counts: Mapping[str, int], steps: int, length: int) -> int:
    """How many more ways chunks have been run in than two, each with jobs of its own.

    They are advanced, kept, rebuilt, recorded and run backward; a shorter last one has its own jobs
    for the last two, and comes first.

    Args:
        counts: of actions so far, by name.
        steps, length: of the sequence, and of a chunk.
    """
    ways = sum(bool(counts.get(name)) for name in ("Advance", "Keep", "Rebuild"))
    for name in ("Record", "Backward"):
        ways += min(counts.get(name, 0), 2 if steps > length and steps % length else 1)
    return max(0, ways - 2)


def bytes_of_rows(rows: Rows | None, chunk: int) -> int:
    """Bytes of what a run knows of its chunks, if some have fewer rows than the batch.

    Args:
        rows, chunk: as of ``ways_of_rows``.
    """
    return SIZED * (ways_of_rows(rows, chunk) > 0)


def ways_of_rows(rows: Rows | None, chunk: int) -> int:
    """How many more ways there are where chunks have fewer rows than the batch: three, to advance,
    record and run backward, for each number of rows that runners remember.

    Args:
        rows: the lengths; None if all rows have all steps.
        chunk: steps in a chunk.
    """
    few = set() if rows is None else {*rows.counts(chunk)} - {rows.batch}
    return 3 * min(ROW_COUNTS, len(few))


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


def _opaques(cell: Cell) -> int:
    """How many layers of a cell run as Python; those of its symbols are one: a tape has x once."""
    layers = [node.block for node in cell.nodes]
    own = [
        layer for layer in layers if isinstance(layer, Layer) and type(layer).lower is Layer.lower
    ]
    symbols = sum(layer.symbols for layer in own)
    return len(own) - max(0, symbols - 1)

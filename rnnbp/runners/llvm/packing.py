"""Packed weights: matrices in the order in which products read them, packed anew for each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rnnbp.compiler.leaves import LeafOwner
from rnnbp.compiler.weights import Matrix, Rows
from rnnbp.layers.params import parameter
from rnnbp.machine.bfloat16 import pair_count
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes
from rnnbp.machine.records import place
from rnnbp.machine.team import threads
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array, Shape, address, readable
from rnnbp.runners.llvm.panel_code import PACK
from rnnbp.runners.weights import NONE, Given

WAKING = 2**16
"""Weights per extra thread that make waking it worthwhile (the caller does not wait for it)."""
# 65,536 float32 weights are packed in 20 µs (0.3 ns each, measured on a Xeon; NumPy's copy of a
# transpose takes 1.2 ns), which is what it takes until a thread that sleeps has begun. Too small:
# threads come when all is done, and the caller has paid for waking them. Too large: one thread
# packs what two could.


def packed_rows(rows: int, lanes: Lanes) -> int:
    """Rows of a matrix with those that fill its last vector."""
    return -(-rows // lanes.n) * lanes.n


def panel_numbers(shape: Shape, lanes: Lanes, *, pairs: bool) -> int:
    """Numbers that a packed matrix (M, K) takes; of ``pairs`` of bfloat16 half as many."""
    rows, depth = shape
    return packed_rows(rows, lanes) * (pair_count(depth) if pairs else depth)


class Panels:
    """The weights (M, K) of products in panels, as ``panel_code`` has them; ``fill`` packs them.

    Args:
        new: allocates the arrays of panels, one for each matrix.
        leaves: of the run, as they are when the panels are filled.
        pairs: whether the library packs pairs of bfloat16, each in a number.
    """

    def __init__(
        self,
        matrices: Sequence[Matrix],
        new: Callable[[Shape], Array],
        lanes: Lanes,
        library: Library,
        leaves: Given = NONE,
        *,
        pairs: bool = False,
    ) -> None:
        self.leaves, self.pairs = leaves, pairs
        self.arrays = [new((panel_numbers(m.shape, lanes, pairs=pairs),)) for m in matrices]
        rows = [part for matrix in matrices for part in matrix.lanes]
        # The index of a parameter among the job's arrays, however many parts of it are packed.
        self._sources = {(id(part.owner), part.key): part for part in rows}
        self._of_leaves = any(isinstance(part.owner, LeafOwner) for part in rows)
        self._indices = {key: k for k, key in enumerate(self._sources)}
        self._factors = np.array([part.factor for part in rows], self.arrays[0].dtype)
        self._fixed = [address(array) for array in (*self.arrays, self._factors)]
        self.many = len(self._sources) + len(self._fixed)
        """Arrays of the tasks: the weights, the panels, and the factors."""
        found, first = [], 0
        for which, matrix in enumerate(matrices):
            self._clear_padding(which, matrix, lanes)
            found.append(self._tasks(which, matrix, first, library))
            first += len(matrix.lanes)
        self.tasks = np.concatenate(found)
        self.together: tuple[list[Panels], Job] | None = None
        """The panels that were last packed together with these, and the job."""

    def _clear_padding(self, which: int, matrix: Matrix, lanes: Lanes) -> None:
        """Zeros from the last vector that is not whole on; the columns in it are packed later."""
        # Once, as no task writes to the padding. Without it a product would read what the memory
        # had before: its extra columns are never stored, but NaN or subnormal numbers there would
        # cost time.
        rows, depth = matrix.shape
        if self.pairs and depth % 2:  # half of a pair has no number
            self.arrays[which][...] = 0
        depth = pair_count(depth) if self.pairs else depth
        if rows % lanes.n:
            self.arrays[which][rows // lanes.n * lanes.n * depth :] = 0

    def _tasks(self, which: int, matrix: Matrix, first: int, library: Library) -> Array:
        """What packs a matrix; ``first``: the index of its first factor."""
        (rows, depth), item, parts = matrix.shape, self._factors.itemsize, matrix.lanes
        widths = np.array([parameter(part.owner, part.key).shape[1] for part in parts], np.int64)
        counts = np.array([part.count for part in parts], np.int64)
        starts = np.array([self._start(part) for part in parts], np.int64)
        return PACK.table(
            len(parts),
            library.address("turned.task" if matrix.turned else "upright.task"),
            **{"from": starts + item * widths * [part.start for part in parts]},
            rows=counts,
            columns=widths,
            at=np.cumsum(counts) - counts,
            M=rows,
            K=depth,
            to=place(len(self._sources) + which),
            factor=place(self.many - 1) + item * (first + np.arange(len(parts))),
        )

    def _start(self, part: Rows) -> int:
        """The place of the parameter that a part is from."""
        return place(self._indices[id(part.owner), part.key])

    def sources(self) -> list[Array]:
        """The weights as they are now, in C order.

        Raises ShapeError if one was resized since.
        """
        dtype, parts = self._factors.dtype, self._sources.values()
        if self._of_leaves:
            return [readable(self._source(part), dtype) for part in parts]
        return [readable(parameter(part.owner, part.key), dtype) for part in parts]

    def _source(self, part: Rows) -> Array:
        """The weights that rows are from."""
        if isinstance(part.owner, LeafOwner):
            return self.leaves[part.key]
        return parameter(part.owner, part.key)

    def bases(self, sources: Sequence[Array]) -> list[int]:
        """The addresses of the tasks' arrays."""
        return [*map(address, sources), *self._fixed]


def fill(several: Sequence[Panels], n: int = 1) -> None:
    """Pack weights as they are now, by at most n threads."""
    if not several:
        return
    first, *others = several
    # One job for all: each costs a wake-up and the Python of ``do``. It is made once for the same
    # panels, as a run packs those of all its cells together.
    if first.together is None or first.together[0] != others:
        first.together = others, _together(several)
    sources = [panels.sources() for panels in several]
    bases = [
        at for panels, those in zip(several, sources, strict=True) for at in panels.bases(those)
    ]
    size = sum(array.size for those in sources for array in those)
    threads.do(first.together[1], bases, min(n, 1 + size // WAKING))


def _together(several: Sequence[Panels]) -> Job:
    """The job that packs them all: their arrays come one after the other."""
    found, arrays = list[Array](), 0
    for panels in several:
        tasks = panels.tasks.copy()
        tasks[:, PACK.places] += place(arrays)
        found.append(tasks)
        arrays += panels.many
    return Job(np.concatenate(found)[None])

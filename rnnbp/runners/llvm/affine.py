"""Affine maps outside the loops of cells, and their gradients, as tasks for threads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from rnnbp.compiler.storage import Span
from rnnbp.compiler.weights import Rows
from rnnbp.machine.compile import Library
from rnnbp.machine.records import place
from rnnbp.machine.tasks import ROW
from rnnbp.machine.team import threads
from rnnbp.machine.team.job import Job
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, address
from rnnbp.runners.bound import BoundCall
from rnnbp.runners.llvm.gradients import Gradient
from rnnbp.runners.llvm.operands import Operand
from rnnbp.runners.llvm.products import PRODUCT
from rnnbp.runners.llvm.tasks import TOGETHER, Tasks
from rnnbp.runners.sums import Accumulator
from rnnbp.support.memo import Recent

WAKING = 10**7
"""Floating-point operations that take as long as to wake a thread."""


def job_bytes(rows: int) -> int:
    """The table of either job of a ``Map`` on this many rows."""
    return -(-rows // TOGETHER) * ROW * np.dtype(np.int64).itemsize


class Map:
    """y = b + x Wᵀ of rows x (N, K), W (M, K) of lanes one below the other, and its gradients.

    Args:
        library: of products. item: bytes of a number. bias: the parameter whose gradient is Σ d, if
            there is one.
    """

    def __init__(
        self,
        library: Library,
        lanes: Sequence[Rows],
        depth: int,
        item: int,
        bias: Rows | None = None,
    ) -> None:
        ends = list(accumulate((lane.count for lane in lanes), initial=0))
        self.library, self.item, self.columns, self.depth = library, item, ends[-1], depth
        x = Operand("x", Span("step"), 0, depth)
        deltas = [Operand("d", Span("step"), at, ends[-1]) for at in ends]
        found = [
            Gradient((lane,), lane.count, d, x, depth)
            for lane, d in zip(lanes, deltas, strict=False)
        ]
        found += [] if bias is None else [Gradient((bias,), bias.count, deltas[0], None, 0)]
        gradient, sums = (library.address(f"{name}.task") for name in ("gradient", "sums"))
        self._tasks = Tasks(found, (gradient, sums, 0), 1, item)
        self._forward, self._backward = Recent[int, Job](16), Recent[int, Job](16)
        """By how many rows there are."""

    def forward(
        self,
        x: Array,
        weights: Array,
        bias: Array | None,
        y: Array,
        rows: int,
        n: int,
        *,
        once: bool = False,
    ) -> None:
        """y (N, M) from this many ``rows``, by n threads at the most; ``weights`` are packed.

        ``once``: the job is not kept for as many rows.
        """
        job = self._forth(rows) if once else self._forward.get(rows, lambda: self._forth(rows))
        self._run(job, [address(a) for a in (x, weights, y, bias)], rows, n)

    def bound(
        self, x: Array, weights: Array, bias: Array | None, y: Array, rows: int, n: int
    ) -> BoundCall:
        """``forward`` on arrays that stay where they are."""
        job, arrays = self._forth(rows), (x, weights, y, bias)
        numbers = job.numbers([address(a) for a in arrays], False)
        return BoundCall(numbers, self._workers(rows, n), (), (job, arrays))

    def forward_turn(
        self, xs: Array, weights: Array, bias: Array | None, y: Array, rows: int, n: int
    ) -> Turn:
        """``forward`` from arrays x that begin at the addresses ``xs``, all to the same y."""
        job = self._forward.get(rows, lambda: self._forth(rows))
        bases = np.array([[0, address(weights), address(y), address(bias)]] * len(xs), np.int64)
        bases[:, 0] = xs
        return Turn(job, bases, self._workers(rows, n), kept=(weights, bias, y))

    def backward_turn(
        self, d: Array, xs: Array, weights: Array, dx: Array, grads: Accumulator, rows: int, n: int
    ) -> Turn:
        """``backward`` of the same d, to the same dx, with the inputs at the addresses ``xs``."""
        job, names = self._backward.get(rows, lambda: self._back(rows)), list(self._tasks.names)
        row = [address(d)] * len(names)
        row += [*self._tasks.sums(grads), address(weights), address(dx)]
        bases = np.array([row] * len(xs), np.int64)
        bases[:, names.index("x")] = xs
        return Turn(job, bases, self._workers(2 * rows, n), kept=(d, weights, dx))

    def backward(
        self,
        d: Array,
        x: Array,
        weights: Array,
        dx: Array,
        grads: Accumulator,
        rows: int,
        n: int,
        *,
        once: bool = False,
    ) -> None:
        """dx (N, K) from d (N, M) by turned ``weights``; adds gradients to ``grads``."""
        job = self._back(rows) if once else self._backward.get(rows, lambda: self._back(rows))
        addresses = {"d": address(d), "x": address(x)}
        bases = [
            *(addresses[name] for name in self._tasks.names),
            *self._tasks.sums(grads),
            address(weights),
            address(dx),
        ]
        self._run(job, bases, 2 * rows, n)

    def _forth(self, rows: int) -> Job:
        return Job(self._products(rows, self.depth, self.columns, (0, 1, 2, 3))[None])

    def _back(self, rows: int) -> Job:
        nothing, names = self._tasks.nothing, self._tasks.names
        gradients = self._tasks.pieces(np.zeros(1, np.int64), np.array([rows]), [0] * len(names))[0]
        arrays = names["d"], nothing + 1, nothing + 2, nothing
        products = self._products(rows, self.columns, self.depth, arrays)
        return Job(np.concatenate([gradients, products])[None])

    def _products(
        self, rows: int, depth: int, columns: int, arrays: tuple[int, int, int, int]
    ) -> Array:
        """out = bias + a · weights; ``arrays``: the indices of a, weights, out and bias."""
        function, (a, weights, out, bias) = self.library.address("product.task"), map(place, arrays)
        starts = np.arange(0, rows, TOGETHER)
        return PRODUCT.table(
            len(starts),
            function,
            **{"from": bias},
            a=a + self.item * depth * starts,
            lda=depth,
            w=weights,
            M=columns,
            K=depth,
            o=out + self.item * columns * starts,
            ldo=columns,
            ldf=0,
            n=np.minimum(TOGETHER, rows - starts),
        )

    def _run(self, job: Job, bases: list[int], rows: int, n: int) -> None:
        threads.do(job, bases, self._workers(rows, n))

    def _workers(self, rows: int, n: int) -> int:
        """Threads for products of this many rows, of n."""
        return min(n, 1 + 2 * rows * self.columns * self.depth // WAKING)

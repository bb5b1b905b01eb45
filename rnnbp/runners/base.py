"""The abstract class of runners, which a backend supplies.

The engine and the planner know this class and those of ``tapes``, ``sums`` and ``runner_sizes``
alone. A backend is a package next to this module, whose ``RunnerFactory`` makes its runners; the
packages do not import one another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias, final

from rnnbp.graph.cell import Cell
from rnnbp.graph.layout import Layout
from rnnbp.numerics import Array
from rnnbp.rng import Context
from rnnbp.runners.bound import BoundCall
from rnnbp.runners.later import Later
from rnnbp.runners.sums import Accumulator, SymbolTable
from rnnbp.runners.tapes import State, Tape, ThinTape
from rnnbp.runners.turns import TurnRunner
from rnnbp.support.lazy import cached_property
from rnnbp.support.memo import Recent

Deltas: TypeAlias = Sequence[Array | None]
"""The deltas of such a state; None is zero, and that no later step takes this array."""


ROW_COUNTS = 4
"""Numbers of rows for which a runner is remembered."""
# A batch of B sequences of different lengths has up to B of them, most of which come for one chunk.
# What is made for one takes a tenth of a millisecond, and its objects some 10 kB.


class FusedRunner(ABC):
    """Advances several chunks by one call."""

    MOST: ClassVar[int] = 128
    """The most actions, Advances and checkpoints between them, that become one call."""

    @abstractmethod
    def advance_all(
        self, xs: Sequence[Array], length: int, wanted: Sequence[bool], state: Sequence[Array]
    ) -> list[tuple[Array, ...]]:
        """The state after each chunk that is ``wanted``; () for the others.

        Args:
            xs: one for each input, series (T, B, ...), of chunks of ``length`` steps, the last
                perhaps shorter.
            state: before them.
        """


class Runner(ABC):
    """Runs one Recurrent a chunk at a time, on batches of one size and dtype.

    The arrays that its methods return are the caller's; inputs and states are read and never
    changed. ``xs`` has one array for each input of the cell: (L, B, ...) per step, (B, ...) per
    sequence.
    """

    layout: Layout
    cell: Cell
    remakes_output: bool
    """True if y need not be kept with a tape, because ``output`` returns it from the tape."""
    rounds_output: bool = False
    """True if ``output`` does so from rounded numbers."""
    table: SymbolTable | None = None
    """Takes symbols to the numbers that x then holds; None where x is the cell's own input."""

    @final
    def of_rows(self, rows: int) -> Runner:
        """This program for chunks of fewer rows than the batch: it itself for as many.

        It computes in the memory of this one, with the same packed weights and the same table of
        symbols, so it needs no ``prepare``. Row b of a chunk has the same values as in a whole
        batch, to rounding, and the same random numbers.

        Args:
            rows: from 1 to the batch.
        """
        if rows == self.layout.batch:
            return self
        return self._of_rows.get(rows, lambda: self.fewer(rows))

    @cached_property
    def _of_rows(self) -> Recent[int, Runner]:
        return Recent(ROW_COUNTS)

    @abstractmethod
    def fewer(self, rows: int) -> Runner:
        """What ``of_rows`` remembers. It must not refer to this runner, which would be a cycle."""

    @property
    def fused(self) -> FusedRunner | None:
        """What advances several chunks by one call; None where each chunk takes a call."""
        return None

    @property
    def turns(self) -> TurnRunner | None:
        """What runs many chunks by one call, forward and backward; None where Python runs each."""
        return None

    def later(self, work: Later | None) -> None:
        """Let the calls that follow be prepared alone, to run with ``work``; None: at once again.

        What they return has no values before it has run. One call may wait at a time, as all use
        the runner's workspace. Only kernels can wait: others raise NotImplementedError, and
        ``side_by_side`` does not choose them.
        """
        raise NotImplementedError(f"{type(self).__name__} runs every call at once")

    def flops(self, length: int) -> int:
        """Floating-point operations of a chunk's products, forward; 0 of runners that cannot wait."""
        return 0

    @abstractmethod
    def take(self, leaves: Mapping[int, Array]) -> None:
        """Take the inputs per "run", by number: called before ``prepare`` and ``renew``, and with
        none when the run has ended.

        Runners that read them as parameters add their deltas to the sums of the ``LeafOwner``.
        """

    @abstractmethod
    def prepare(self, length: int) -> None:
        """Take the memory that chunks of ``length`` steps use in a run, and read the weights."""

    @abstractmethod
    def renew(self) -> None:
        """Read the weights again: another run begins in the memory of an earlier one."""

    @abstractmethod
    def advance(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, State]:
        """(y, state) after a chunk; nothing else is kept.

        Args:
            state: the state before it, each array (B, ...). context: of the first step.
            output: False to run only what feeds the state; y is None then.
        """

    def bound(self, xs: Sequence[Array], y: Array) -> BoundCall | None:
        """``advance`` of a chunk with output, from arrays xs to y (L, B, ...), as a record that
        runs again and again; None where it takes Python, or an array does not lie as kernels read.

        It keeps the state in memory of this runner, which nothing else may use meanwhile, and is
        good until weights or inputs per "run" are read anew.
        """
        return None

    @abstractmethod
    def keep(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, ThinTape]:
        """(y, thin tape) of a chunk; arguments as ``advance`` takes them."""

    @abstractmethod
    def record(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool = True
    ) -> tuple[Array | None, Tape]:
        """(y, tape) of a chunk; y may be a view of the tape, and None without ``output``."""

    @abstractmethod
    def rebuild(
        self, xs: Sequence[Array], known: ThinTape, context: Context, *, output: bool = True
    ) -> tuple[Array | None, Tape]:
        """(y, tape) as of ``record``, to rounding, from a thin tape, which the tape then shares."""

    def output(self, tape: Tape) -> Array:
        """y (L, B, ...) from a tape of this runner, where ``remakes_output``."""
        raise NotImplementedError(f"{type(self).__name__} keeps y with its tapes")

    @abstractmethod
    def backward(
        self,
        tape: Tape,
        dy: Array | None,
        dstate: Deltas,
        grads: Accumulator,
        into: Sequence[Array | None] = (),
    ) -> tuple[tuple[Array | None, ...], tuple[Array | None, ...]]:
        """The delta recursion of a chunk, from its last step to its first, and the gradients.

        Args:
            tape: one of this runner. dy: (L, B, ...), None for zero. dstate: deltas of the state
                after the chunk.
            grads: takes the parameter gradients.
            into: for each input None, or an array of its shape, where its delta may be written;
                () for none.

        Returns a delta for each input, of its shape, and the deltas of the state before. That of a
        static input is summed over the steps. None if an input has no gradient.
        """

"""What a backend supplies, as abstract classes: runners, their tapes, and what they hold and need
in bytes.

The engine and the planner know these classes alone. A backend is a package next to this module,
whose ``RunnerFactory`` makes its runners; the packages do not import one another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeAlias

from rnnbp.graph.cell import Cell
from rnnbp.graph.layout import Layout
from rnnbp.numerics import Array, Nest
from rnnbp.rng import Context
from rnnbp.runners.heap import Heap
from rnnbp.runners.rehearsal import CellRehearsal

State: TypeAlias = tuple[Array, ...]
"""The state of one Recurrent, each array (B, ...)."""
Deltas: TypeAlias = Sequence[Array | None]
"""The deltas of such a state; None is zero, and that no later step takes this array."""


class Accumulator(ABC):
    """The sums of parameter gradients of a run. It owns the sums; runners add to them."""

    @abstractmethod
    def add(self, owner: dict[str, Array], grads: Mapping[str, Array]) -> None:
        """Add gradients, each of its parameter's shape, to the sums of ``owner``'s parameters."""

    @abstractmethod
    def at(self, owner: dict[str, Array], key: str) -> Array:
        """The sum of one of ``owner``'s parameters, to be added to in place."""

    @abstractmethod
    def begins(self, key: object, find: Callable[[], list[int]]) -> list[int]:
        """The addresses that ``find`` returns, computed once for each ``key`` because sums do not
        move.
        """


class ThinTape(ABC):
    """The states before and after each of the L steps of a chunk, of one Recurrent. It owns their
    memory.
    """

    __slots__ = ()

    @abstractmethod
    def at(self, step: int) -> State:
        """A copy of the state before a step in [0, L]; −1 is L, the state after the last step."""

    @abstractmethod
    def arrays(self) -> list[Array]:
        """All arrays that it keeps alive."""

    @property
    def entering(self) -> State:
        """A copy of the state before the first step."""
        return self.at(0)

    @property
    def leaving(self) -> State:
        """A copy of the state after the last step."""
        return self.at(-1)


class Tape(ABC):
    """The internals of a chunk of L steps of one Recurrent. It owns the memory of all but ``x``."""

    __slots__ = ()
    x: Array
    """The input (L, B, ...), which may be a view of the caller's."""

    @abstractmethod
    def at(self, step: int) -> State:
        """A copy of the state before a step, as ``ThinTape.at`` returns it."""

    @abstractmethod
    def arrays(self) -> Nest:
        """All arrays that it keeps alive."""

    @property
    def entering(self) -> State:
        """A copy of the state before the first step."""
        return self.at(0)

    @property
    def leaving(self) -> State:
        """A copy of the state after the last step."""
        return self.at(-1)

    def cut(self) -> CutTape | None:
        """This tape, if its runner carries zeros in place of deltas that are missing; else None."""
        return None


class CutTape(Tape):
    """A tape whose last steps another runner can run backward in place of its own."""

    __slots__ = ()

    @property
    @abstractmethod
    def divisible(self) -> bool:
        """True if ``first`` may be called: no layer saved arrays of all steps together."""

    @abstractmethod
    def finite(self, steps: int) -> bool:
        """True if x and the states of the last ``steps`` steps are finite."""

    @abstractmethod
    def first(self, steps: int) -> Tape:
        """The tape of the first ``steps`` steps: views of this one."""


class SymbolTable(ABC):
    """Takes symbols to the rows of a lookup table that a runner reads in place of their vectors."""

    @abstractmethod
    def numbers(self, x: Array) -> Array:
        """The row of each symbol of x (L, B), int64. Raises IndexError for a symbol outside the
        layer's range.
        """

    @abstractmethod
    def finish(self, grads: Accumulator) -> None:
        """Add the gradients that are summed by symbol over a whole run, and set those sums to zero."""


class FusedRunner(ABC):
    """Advances several chunks by one call."""

    MOST: ClassVar[int] = 128
    """The most actions, Advances and checkpoints between them, that become one call."""

    @abstractmethod
    def advance_all(
        self, x: Array, length: int, wanted: Sequence[bool], state: Sequence[Array]
    ) -> list[tuple[Array, ...]]:
        """The state after each chunk of ``length`` steps of x (T, B, ...) that is ``wanted``; ()
        for the others.
        """


class Runner(ABC):
    """Runs one Recurrent a chunk at a time, on batches of one size and dtype.

    The arrays that its methods return are the caller's; x and states are read and never changed.
    """

    layout: Layout
    cell: Cell
    remakes_output: bool
    """True if y need not be kept with a tape, because ``output`` returns it from the tape."""
    table: SymbolTable | None = None
    """Takes symbols to the numbers that x then holds; None where x is the cell's own input."""

    @property
    def fused(self) -> FusedRunner | None:
        """What advances several chunks by one call; None where each chunk takes a call."""
        return None

    @abstractmethod
    def prepare(self, length: int) -> None:
        """Take the memory that chunks of ``length`` steps use in a whole run, and read the weights
        as they are now.
        """

    @abstractmethod
    def renew(self) -> None:
        """Read the weights again: another run begins in the memory of an earlier one."""

    @abstractmethod
    def advance(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, State]:
        """(y, state) after a chunk; nothing else is kept.

        Args:
            x: (L, B, ...). state: the state before it, each array (B, ...). context: of the first
                step.
            output: False to run only what feeds the state; y is None then.
        """

    @abstractmethod
    def keep(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, ThinTape]:
        """(y, thin tape) of a chunk; arguments as ``advance`` takes them."""

    @abstractmethod
    def record(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool = True
    ) -> tuple[Array | None, Tape]:
        """(y, tape) of a chunk. y may be a view of the tape, to be read only; without ``output`` it
        may be None.
        """

    @abstractmethod
    def rebuild(
        self, x: Array, known: ThinTape, context: Context, *, output: bool = True
    ) -> tuple[Array | None, Tape]:
        """(y, tape) from a thin tape of this runner, which the tape then shares: equal to
        ``record`` to rounding.
        """

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
        into: Array | None = None,
    ) -> tuple[Array | None, tuple[Array | None, ...]]:
        """The delta recursion from the last step of a chunk to its first, and the parameter
        gradients.

        Args:
            tape: one of this runner. dy: (L, B, ...), None for zero. dstate: deltas of the state
                after the chunk.
            grads: takes the parameter gradients. into: (L, B, ...), where dx may be written.

        Returns dx (L, B, ...), None if x has no gradient, and the deltas of the state before the
        chunk.
        """


class RunnerSizes(ABC):
    """What a ``Runner`` holds and needs, in bytes, for chunks of ``length`` steps: known before
    anything runs.
    """

    layout: Layout
    in_kernels: ClassVar[bool] = False
    """True if all steps run in machine code, in memory that is kept from run to run."""

    @property
    def looks_up(self) -> bool:
        """True if x is numbers of rows in a ``SymbolTable``."""
        return False

    @property
    def remakes_output(self) -> bool:
        """As ``Runner.remakes_output``."""
        return False

    @property
    def stepped(self) -> int:
        """The layers that run as Python at every step, and keep Python objects of each."""
        return 0

    def state_bytes(self) -> int:
        """A checkpoint: the state of all sequences."""
        return self.layout.state_bytes()

    def delta_bytes(self) -> int:
        """The deltas of a state."""
        return self.layout.state_bytes()

    def thin_bytes(self, length: int) -> int:
        """A thin tape."""
        return self.layout.thin_bytes(length)

    @abstractmethod
    def tape_bytes(self, length: int) -> int:
        """A tape, its x apart. Raises TypeError where a layer does not declare what it keeps."""

    @abstractmethod
    def output_bytes(self, length: int, *, in_tape: bool) -> int:
        """y, where it has memory of its own; ``in_tape``: next to a tape."""

    @abstractmethod
    def program_bytes(self, length: int) -> int:
        """What is held for a whole run, the workspace and tables of tasks apart: packed weights,
        mostly.
        """

    @abstractmethod
    def workspace_bytes(self, length: int) -> int:
        """The memory that all actions use, one after the other, and share with other runners."""

    def task_bytes(self, length: int) -> tuple[int, int]:
        """(bytes of the table of tasks that the first Backward makes and that stays, temporary
        bytes of making it).
        """
        return 0, 0

    def fused_bytes(self, chunks: int) -> int:
        """What it takes to advance ``chunks`` by one call, their states apart; 0 without
        ``Runner.fused``.
        """
        return 0

    def vector_bytes(self, rows: int) -> int:
        """The vectors of the symbols that may come for the first time among ``rows`` of them."""
        return 0

    @abstractmethod
    def rehearsal(self, heap: Heap, length: int, symbol_bytes: int) -> CellRehearsal:
        """What a chunk takes and returns, action by action, on a ``heap``.

        Args:
            symbol_bytes: of an element of x that is a symbol.
        """

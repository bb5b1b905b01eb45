"""What a runner holds and needs in bytes, as an abstract class: known before anything runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from rnnbp.graph.layout import Layout
from rnnbp.runners.heap import Heap
from rnnbp.runners.rehearsal import CellRehearsal
from rnnbp.runners.thread_shares import Share


class ArrayCounts(NamedTuple):
    """How many arrays a run has, around each of which there are objects.

    Attributes:
        chunk: that functions of a chunk take by name, to record it and to run it backward.
        tape: of a tape; a state counts twice, for it has a view of its own.
    """

    chunk: int
    tape: int


class RunnerSizes(ABC):
    """What a ``Runner`` holds and needs, in bytes, for chunks of ``length`` steps."""

    layout: Layout
    in_kernels: ClassVar[bool] = False
    """True if all steps run in machine code, in memory that is kept from run to run."""

    @abstractmethod
    def of_rows(self, rows: int) -> RunnerSizes:
        """The sizes of ``Runner.of_rows``, for chunks of fewer rows than the batch.

        Packed weights and workspace are those of the whole batch. Tables of tasks are made for each
        call, and dropped after it.
        """

    @property
    def looks_up(self) -> bool:
        """True if x is numbers of rows in a ``SymbolTable``."""
        return False

    @property
    def alone(self) -> bool:
        """True if one thread alone runs it next to others, each with a cell of its own, faster than
        all of them together run one cell after the other. Such a ``Runner`` has ``later``.
        """
        return False

    @property
    def remakes_output(self) -> bool:
        """As ``Runner.remakes_output``."""
        return False

    @property
    def rounds_output(self) -> bool:
        """As ``Runner.rounds_output``."""
        return False

    @property
    def shares_states(self) -> bool:
        """True if a tape that is rebuilt from a thin one has its arrays of states."""
        return True

    @property
    def reached(self) -> tuple[bool, ...]:
        """For each input whether it has a delta, as where y depends on it at some step."""
        return (True,) * self.layout.cell.n_inputs

    @property
    def stepped(self) -> int:
        """The layers that run as Python at every step, and keep Python objects of each."""
        return 0

    @property
    def in_rounds(self) -> bool:
        """True if ``Runner.turns`` has what prepares chunks that run in rounds."""
        return False

    def flops(self, length: int) -> int:
        """Floating-point operations of a chunk, forward; 0 where they are not counted."""
        return 0

    def workers(self, flops: int, most: int) -> int:
        """How many of ``most`` threads are worth waking for ``flops`` operations."""
        return 1

    def share(self, length: int, most: int, *, back: bool = False) -> Share:
        """What threads share of a chunk that is recorded, or goes ``back``, of ``most`` threads."""
        return Share()

    def units_up_to(self, *, back: bool = False) -> int:
        """Rows of a thread up to which threads share units; above, they share rows."""
        return 0

    def part_of(self, found: Share, *, back: bool = False) -> float:
        """What threads that share so take, of the time of one, by estimate."""
        return 1

    @property
    @abstractmethod
    def array_counts(self) -> ArrayCounts:
        """How many arrays a run has."""

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
        """What is held for a run, workspace and tables of tasks apart: packed weights, mostly."""

    @abstractmethod
    def workspace_bytes(self, length: int) -> int:
        """The memory that all actions use, one after the other, and share with other runners."""

    def task_bytes(self, length: int) -> tuple[int, int]:
        """(bytes of the table of tasks, which stays from the first Backward on, temporary ones)."""
        return 0, 0

    def fused_bytes(self, chunks: int) -> int:
        """To advance ``chunks`` by one call, their states apart; 0 without ``Runner.fused``."""
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

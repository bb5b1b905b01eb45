"""What compiled step programs hold and need, whatever runs them."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, final

from rnnbp.runners.heap import Block, Heap
from rnnbp.runners.rehearsal import CellRehearsal, StateDeltas, Tables, TapeBlocks
from rnnbp.runners.runner_sizes import RunnerSizes


class StepSizes(RunnerSizes):
    """Sizes of a compiled cell: its actions take known bytes next to what they return."""

    reads_dense: ClassVar[bool] = False
    """True if x and dy are copied where their elements are not contiguous."""
    whole: StepSizes | None
    """Those of the whole batch, of sizes for fewer rows; None of the whole batch itself."""

    @property
    def batch(self) -> int:
        """The rows that there is a workspace for."""
        return (self if self.whole is None else self.whole).layout.batch

    @final
    def together(self, length: int, most: int) -> int:
        """Steps of a chunk that run together; ``most``: of the whole batch, where at least one is."""
        # Fewer rows run more steps: as many rows in all, so that they fit into the same workspace.
        return min(length, max(1, most) * self.batch // self.layout.batch)

    @abstractmethod
    def advance_bytes(self, length: int) -> int:
        """What an Advance needs apart from the state that it starts from, y and the workspace."""

    @abstractmethod
    def record_bytes(self, length: int) -> int:
        """What a Record needs apart from the tape that it makes, y and the workspace."""

    @abstractmethod
    def rebuild_bytes(self, length: int) -> int:
        """What a Rebuild needs apart from the tape that it makes."""

    @abstractmethod
    def backward_bytes(self, length: int) -> int:
        """What Backward needs next to tape, dy, dx and workspace; with the state's deltas."""

    def output_bytes(self, length: int, *, in_tape: bool) -> int:
        """y, which has memory of its own."""
        layout = self.layout
        return (
            length
            * layout.batch
            * layout.dtype.itemsize
            * math.prod(layout.shapes[layout.cell.outputs[0]])
        )

    @final
    def rehearsal(self, heap: Heap, length: int, symbol_bytes: int) -> CellRehearsal:
        return StepRehearsal(self, heap, length)


@final
class StepRehearsal(CellRehearsal):
    """Chunks of a compiled cell on blocks."""

    def __init__(self, sizes: StepSizes, heap: Heap, length: int) -> None:
        self.sizes, self.heap, self.length = sizes, heap, length

    def advance(self, xs: Sequence[Block], *, output: bool) -> tuple[Block | None, list[Block]]:
        sizes, xs = self.sizes, self._read(xs)
        y = self._new(sizes.output_bytes(self.length, in_tape=False)) if output else None
        state = [self._new(sizes.state_bytes())]
        self.heap.note(max(0, sizes.advance_bytes(self.length) - sizes.state_bytes()))
        return y, state

    def record(
        self, xs: Sequence[Block], tape: int, *, output: bool
    ) -> tuple[Block | None, TapeBlocks]:
        found = TapeBlocks(self._read(xs), [self._new(tape)])
        y = self._output(found) if output else None
        self.heap.note(max(0, self.sizes.record_bytes(self.length) - self.sizes.state_bytes()))
        return y, found

    def rebuild(
        self, xs: Sequence[Block], tape: int, states: Block, *, output: bool
    ) -> tuple[Block | None, TapeBlocks]:
        shared = [states] if self.sizes.shares_states else []
        own = tape - sum(block.nbytes for block in shared)
        found = TapeBlocks(self._read(xs), [self._new(max(0, own)), *shared])
        y = self._output(found) if output else None
        self.heap.note(max(0, self.sizes.rebuild_bytes(self.length)))
        return y, found

    def deltas(self) -> StateDeltas:
        return [self._new(self.sizes.delta_bytes())]

    def backward(
        self,
        tape: TapeBlocks,
        dy: Block | None,
        dstate: StateDeltas,
        tables: Tables,
        *,
        dx: Sequence[bool],
        placed: Sequence[bool],
    ) -> tuple[tuple[Block | None, ...], StateDeltas]:
        sizes = self.sizes
        if dy is None or (sizes.reads_dense and not dy.dense):
            dy = self._new(sizes.output_bytes(self.length, in_tape=False))
        wanted = [False] * len(dx) if sizes.looks_up else dx
        leaves = sizes.layout.leaves  # their deltas go where those of parameters do
        found = tuple(
            [
                self._dx(k, placed=placed[k]) if yes and k not in leaves else None
                for k, yes in enumerate(wanted)
            ]
        )
        tables(*sizes.task_bytes(self.length))
        need = sizes.backward_bytes(self.length)
        self.heap.note(need)
        self.heap.numpy += (
            0 if sizes.in_kernels else need + sum(b.nbytes for b in found if b is not None)
        )
        return found, [self._new(sizes.delta_bytes())]

    def _dx(self, k: int, *, placed: bool) -> Block:
        layout = self.sizes.layout
        size = layout.batch * layout.dtype.itemsize * math.prod(layout.x_shapes[k])
        size *= self.length if layout.cell.pers[k] == "step" else 1
        found = self._new(0 if placed else size)
        found.size = size
        return found

    def _output(self, tape: TapeBlocks) -> Block:
        """y next to a tape, or a view of it."""
        apart = self.sizes.output_bytes(self.length, in_tape=True)
        size = self.sizes.output_bytes(self.length, in_tape=False)
        return self._new(size, None if apart else tape.held[0])

    def _read(self, xs: Sequence[Block]) -> list[Block]:
        """The inputs as the runner reads them."""
        leaves = self.sizes.layout.leaves
        return [
            x if x.dense or not self.sizes.reads_dense or k in leaves else self._new(x.size)
            for k, x in enumerate(xs)
        ]

    def _new(self, nbytes: int, base: Block | None = None) -> Block:
        return Block(self.heap, nbytes, base)

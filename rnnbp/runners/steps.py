"""What compiled step programs hold and need, whatever runs them."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, final

from rnnbp.runners.heap import Block, Heap
from rnnbp.runners.rehearsal import CellRehearsal, StateDeltas, Tables, TapeBlocks
from rnnbp.runners.runner_sizes import RunnerSizes


class StepSizes(RunnerSizes):
    """Sizes of a compiled cell: its actions take known bytes next to what they return."""

    reads_dense: ClassVar[bool] = False
    """True if x and dy are copied where their elements are not contiguous."""

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

    def advance(self, x: Block, *, output: bool) -> tuple[Block | None, list[Block]]:
        sizes, x = self.sizes, self._read(x)
        y = self._new(sizes.output_bytes(self.length, in_tape=False)) if output else None
        state = [self._new(sizes.state_bytes())]
        self.heap.note(max(0, sizes.advance_bytes(self.length) - sizes.state_bytes()))
        return y, state

    def record(self, x: Block, tape: int, *, output: bool) -> tuple[Block | None, TapeBlocks]:
        found = TapeBlocks(self._read(x), [self._new(tape)])
        y = self._output(found) if output else None
        self.heap.note(max(0, self.sizes.record_bytes(self.length) - self.sizes.state_bytes()))
        return y, found

    def rebuild(
        self, x: Block, tape: int, states: Block, *, output: bool
    ) -> tuple[Block | None, TapeBlocks]:
        found = TapeBlocks(self._read(x), [self._new(max(0, tape - states.nbytes)), states])
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
        dx: bool,
        placed: bool,
    ) -> tuple[Block | None, StateDeltas]:
        sizes = self.sizes
        if dy is None or (sizes.reads_dense and not dy.dense):
            dy = self._new(sizes.output_bytes(self.length, in_tape=False))
        found = self._dx(placed=placed) if dx and not sizes.looks_up else None
        tables(*sizes.task_bytes(self.length))
        need = sizes.backward_bytes(self.length)
        self.heap.note(need)
        self.heap.numpy += 0 if sizes.in_kernels else need + (0 if found is None else found.nbytes)
        return found, [self._new(sizes.delta_bytes())]

    def _dx(self, *, placed: bool) -> Block:
        layout = self.sizes.layout
        size = self.length * layout.batch * layout.dtype.itemsize * math.prod(layout.x_shape)
        found = self._new(0 if placed else size)
        found.size = size
        return found

    def _output(self, tape: TapeBlocks) -> Block:
        """y next to a tape, or a view of it."""
        apart = self.sizes.output_bytes(self.length, in_tape=True)
        size = self.sizes.output_bytes(self.length, in_tape=False)
        return self._new(size, None if apart else tape.held[0])

    def _read(self, x: Block) -> Block:
        """x as the runner reads it."""
        return x if x.dense or not self.sizes.reads_dense else self._new(x.size)

    def _new(self, nbytes: int, base: Block | None = None) -> Block:
        return Block(self.heap, nbytes, base)

"""What the interpreter holds and needs, in bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from rnnbp.graph.layout import Layout
from rnnbp.runners.heap import Heap
from rnnbp.runners.interpreter.rehearsal import InterpreterRehearsal
from rnnbp.runners.rehearsal import CellRehearsal
from rnnbp.runners.runner_sizes import ArrayCounts, RunnerSizes


@final
@dataclass(frozen=True)
class InterpreterSizes(RunnerSizes):
    """A cell on a batch. Each action takes its own memory, and gives it back."""

    layout: Layout

    def of_rows(self, rows: int) -> InterpreterSizes:
        return InterpreterSizes(self.layout.of_rows(rows))

    @property
    def reached(self) -> tuple[bool, ...]:
        return tuple([k in self.layout.reached for k in range(self.layout.cell.n_inputs)])

    @property
    def array_counts(self) -> ArrayCounts:
        layout = self.layout
        extras = sum(len(keeps.extras) for keeps in layout.keeps.values() if keeps is not None)
        return ArrayCounts(0, 2 * layout.n_states + len(layout.buffered) + extras)

    def delta_bytes(self) -> int:
        """The deltas of the arrays of a state that y depends on; others have none."""
        layout, cell = self.layout, self.layout.cell
        shapes = enumerate(cell.state_shapes, cell.n_inputs)
        return self._bytes(sum(math.prod(shape) for k, shape in shapes if k in layout.reached))

    def tape_bytes(self, length: int) -> int:
        layout = self.layout
        total = sum(math.prod(layout.shapes[v]) for v in layout.buffered) * layout.dtype.itemsize
        for node, keeps in zip(layout.cell.nodes, layout.keeps.values(), strict=True):
            if keeps is None:
                raise TypeError(
                    f"{node.block}: its bytes are not known; "
                    "declare them by a method keeps(*shapes)"
                )
            for shape, dtype in keeps.extras:
                total += (
                    math.prod(shape) * np.dtype(layout.dtype if dtype is None else dtype).itemsize
                )
        return total * length * layout.batch + self.thin_bytes(length)

    def output_bytes(self, length: int, *, in_tape: bool) -> int:
        if in_tape and self._kept:
            return 0
        return length * self._bytes(math.prod(self.layout.shapes[self.layout.cell.outputs[0]]))

    def program_bytes(self, length: int) -> int:
        """Nothing is held for a whole run."""
        return 0

    def workspace_bytes(self, length: int) -> int:
        """Nothing is shared by all actions."""
        return 0

    def rehearsal(self, heap: Heap, length: int, symbol_bytes: int) -> CellRehearsal:
        return InterpreterRehearsal(heap, self.layout, length, symbol_bytes, kept=self._kept)

    @property
    def _kept(self) -> bool:
        """True if y lives in a tape, or is a view of what does."""
        layout, k = self.layout, self.layout.cell.outputs[0]
        for node in layout.output_views:
            k = node.args[0]
        return k < layout.first or k in layout.next_of or k in layout.kept

    def _bytes(self, elements: int) -> int:
        """Arrays of this number of elements for each sequence."""
        return self.layout.batch * self.layout.dtype.itemsize * elements

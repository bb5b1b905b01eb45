"""What kernels hold and need, in bytes and steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

from rnnbp.compiler.step import StepCode
from rnnbp.compiler.weights import Matrix, Vector, identity_of
from rnnbp.graph.layout import Layout
from rnnbp.layers.primitives import Numbers
from rnnbp.machine import elementwise, random_arrays, ziggurat
from rnnbp.machine.tasks import ROW
from rnnbp.numerics import Shape
from rnnbp.runners.constants import Constant
from rnnbp.runners.draws import Draws, Fill
from rnnbp.runners.llvm.cell import KernelCell
from rnnbp.runners.llvm.kernel import Kernel
from rnnbp.runners.llvm.packing import panel_numbers
from rnnbp.runners.llvm.shared_work import SharedWork
from rnnbp.runners.llvm.tasks import Tasks
from rnnbp.runners.runner_sizes import ArrayCounts
from rnnbp.runners.side_by_side import FEW_ROWS
from rnnbp.runners.workspace import workspace_bytes
from rnnbp.support.lazy import cached_property
from rnnbp.support.memo import Answers, Recent, once
from rnnbp.support.prepared import Remembered

COLUMNS = 512
"""Steps times batch of a piece of backward, whose deltas stay in the cache for gradients."""
CACHE = 2**19
"""Bytes of a block's arrays."""
FUSED = 128
"""Bytes of a chunk that is advanced together with others, its arrays and tasks apart."""
# Its action, if its state is stored, and its numbers in the job.

_answers = Remembered[KernelCell, Recent[tuple[int, int], Answers]](lambda kernels: Recent(8))
"""By batch and symbols, what has been asked of the sizes of a cell's kernels."""


@final
@dataclass(frozen=True)
class KernelSizes(SharedWork):
    """A cell's kernels on a batch."""

    layout: Layout
    cell: KernelCell
    symbols: int = 0
    """Of the table that x is looked up in; 0 where there is none."""
    whole: KernelSizes | None = None
    in_kernels: ClassVar[bool] = True
    reads_dense: ClassVar[bool] = True

    def of_rows(self, rows: int) -> KernelSizes:
        return KernelSizes(self.layout.of_rows(rows), self.cell, self.symbols, self.whole or self)

    @property
    def step(self) -> StepCode:
        """The compiled cell."""
        return self.cell.step

    @cached_property
    def _row(self) -> int:
        """Bytes of a feature of a step."""
        return self.layout.batch * self.layout.dtype.itemsize

    @cached_property
    def asked(self) -> Answers:
        """The answers given so far, to all who have these kernels and this batch."""
        known = _answers.of(self.cell)
        if self.whole is not None:  # of too many numbers of rows to be remembered with the cell
            return Recent(128)
        return known.get((self.layout.batch, self.symbols), lambda: Recent(128))

    @property
    @once
    def _all(self) -> tuple[Kernel, ...]:
        forward = [self.cell.forward(rolling=True, output=output) for output in (False, True)]
        forward += [self.cell.forward(output=output) for output in (False, True)]
        forward += [
            self.cell.forward(output=output, taped=True, known=known)
            for output in dict.fromkeys((self._made, self._made and not self.remakes_output))
            for known in (False, True)
        ]
        forward += [self.cell.making(self.cell.again)] if self.cell.again else []
        return (*forward, self.cell.backward)

    @property
    def recording(self) -> Kernel:
        return self.cell.forward(output=self._made, taped=True)

    @property
    @once
    def array_counts(self) -> ArrayCounts:
        names = len(self.recording.names) + len(self.cell.backward.names)
        return ArrayCounts(names, 1)  # a tape lies in one

    @property
    def looks_up(self) -> bool:
        return self.symbols > 0

    @property
    def alone(self) -> bool:
        return self.batch <= FEW_ROWS and not self.looks_up and not self.cell.again

    @property
    def tables(self) -> list[tuple[Matrix, Vector | None]]:
        """The weights and biases whose products with x are looked up, by any kernel."""
        return list(self.cell.tables.values()) if self._all else []

    @property
    def table(self) -> tuple[Matrix, Vector | None]:
        """Those of the one table."""
        (found,) = self.tables
        return found

    @property
    def _table_bytes(self) -> int:
        """The table, the symbols' vectors, both deltas, the weights in panels, and the numbers."""
        if not self.symbols:
            return 0
        (rows, depth), lanes = self.table[0].shape, self.cell.lanes
        turned = self.step.backward.dx_weights.get(0)
        back = 0 if turned is None else turned.shape[0]
        both = (rows, depth), (depth, back)
        panels = sum(panel_numbers(shape, lanes, pairs=self.cell.pairs) for shape in both)
        numbers = self.symbols * (rows + back + 2 * depth) + panels
        return numbers * self.layout.dtype.itemsize + 8 * (2 * self.symbols + 1)

    def vector_bytes(self, rows: int) -> int:
        size = math.prod(self.layout.x_shapes[0]) * self.layout.dtype.itemsize
        return min(self.symbols, rows) * size

    @once
    def block(self, length: int) -> int:
        """Steps in a block of a chunk of this many steps."""
        return self.together(length, (self.whole or self)._most)

    @property
    @once
    def _most(self) -> int:
        """Steps of the whole batch in a block."""
        rows = max(sum(kernel.of_kind("B").values()) for kernel in self._all[:-1])
        return CACHE // max(1, rows * self._row)

    def piece(self, length: int) -> int:
        """Steps of a chunk that backward takes together."""
        return self.together(length, COLUMNS // self.batch)

    @once
    def arrays(self, kernel: Kernel, length: int) -> dict[str, Shape]:
        """The shapes of the arrays that a kernel needs while it runs: batch first."""
        batch, back = self.layout.batch, kernel is self.cell.backward
        size = self.piece(length) if back else self.block(length)
        found: dict[str, Shape] = {
            name: (size, batch, rows) for name, rows in kernel.of_kind("B").items()
        }
        found |= {name: (batch, rows) for name, rows in kernel.of_kind("S").items()}
        if back:
            found |= {buffer.name: (batch, buffer.rows) for buffer in self.step.backward.carried}
        found |= {buffer.name: (size + 1, batch, buffer.rows) for buffer in kernel.rolled}
        return found | self.draws.shapes(self.drawn(kernel), length)

    @cached_property
    def draws(self) -> Draws:
        """The random numbers of the cell."""
        half, fast = self.step.forward, dict[Numbers, Fill]()
        fast["uniform"] = random_arrays.uniform
        normal = any(draw.numbers == "normal" for _, draw in half.drawn.values())
        if normal and ziggurat.agrees():
            fast["normal"] = random_arrays.normal
        return Draws(half, self.layout.batch, self.layout.dtype, fast)

    @once
    def drawn(self, kernel: Kernel) -> tuple[str, ...]:
        """The arrays of random numbers that a kernel takes; backward, its gradients' too."""
        read = self.cell.gradients if kernel is self.cell.backward else ()
        others = [gradient.other.name for gradient in read if gradient.other is not None]
        known = [buffer.name for buffer, _ in self.step.forward.drawn.values()]
        return tuple(name for name in known if name in kernel.names or name in others)

    @once
    def workspace_bytes(self, length: int) -> int:
        """The memory that all kernels use, one after the other."""
        arrays, dtype = (self.arrays(kernel, length) for kernel in self._all), self.layout.dtype
        return max(workspace_bytes(each.values(), dtype) for each in arrays)

    @property
    @once
    def constants(self) -> dict[object, Constant]:
        """What a run packs: weights and biases, by what tells them apart."""
        values = [value for kernel in self._all for value in kernel.constants.values()]
        return {identity_of(value): value for value in values}

    @once
    def program_bytes(self, length: int) -> int:
        """Weights in panels, biases, and the table of symbols."""
        item, total = self.layout.dtype.itemsize, self._table_bytes
        for value in self.constants.values():
            if isinstance(value, Matrix):
                numbers = panel_numbers(value.shape, self.cell.lanes, pairs=self.cell.pairs)
                total += numbers * item
            elif isinstance(value, Vector):
                total += value.count * item
        return total

    def task_bytes(self, length: int) -> tuple[int, int]:
        return self.tasks.nbytes(-(-length // self.piece(length))), 2 * self.tasks.nbytes(1)

    @property
    @once
    def tasks(self) -> Tasks:
        """What backward reads off its deltas."""
        if self.whole is not None:
            return self.whole.tasks.of_batch(self.layout.batch)
        gradient, sums = (
            self.cell.library.address(f"{name}.task") for name in ("gradient", "sums")
        )
        functions = gradient, sums, elementwise.library(self.layout.dtype).address("scatter.task")
        return Tasks(self.cell.gradients, functions, self.layout.batch, self.layout.dtype.itemsize)

    @property
    def copy(self) -> int:
        """The address of what copies numbers, as a task: good as long as that library is there."""
        return elementwise.library(self.layout.dtype).address("copy.task")

    def fused_bytes(self, chunks: int) -> int:
        kernel = self.cell.forward(rolling=True, output=False)
        if self.drawn(kernel):  # chunks are advanced one by one
            return 0
        numbers = ROW * len(self.layout.cell.state_shapes) + len(kernel.names)
        return chunks * (FUSED + 8 * numbers)

    def tape_bytes(self, length: int) -> int:
        rows = sum(self.recording.of_kind("T").values())
        # Of states that are made again, the tape has the first and the last.
        return length * rows * self._row + self.thin_bytes(length) - (length - 1) * self._again

    @property
    def _again(self) -> int:
        """Bytes of a step of the states that are made again."""
        return self._row * sum(self.step.forward.states[k].rows for k in self.cell.again)

    @property
    def remakes_output(self) -> bool:
        return self.step.forward.output_state in self.cell.again

    @property
    def rounds_output(self) -> bool:
        return self.remakes_output

    @property
    def shares_states(self) -> bool:
        return not self.cell.again

    @property
    def _made(self) -> bool:
        """Whether y is an array of its own next to a tape."""
        return self.step.forward.output_state is None or self.remakes_output

    def output_bytes(self, length: int, *, in_tape: bool) -> int:
        """y, where it is not a state of the tape."""
        return 0 if in_tape and not self._made else super().output_bytes(length, in_tape=in_tape)

    def advance_bytes(self, length: int) -> int:
        return self.state_bytes()

    def record_bytes(self, length: int) -> int:
        return self.state_bytes()

    def rebuild_bytes(self, length: int) -> int:
        return 0

    def backward_bytes(self, length: int) -> int:
        """The deltas of the state, or before them the states that are made again."""
        return max(self.state_bytes(), length * self._again)

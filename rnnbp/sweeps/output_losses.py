"""The outputs of a network in a run, with their losses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple, final

import numpy as np

from rnnbp.inputs.held import Held
from rnnbp.inputs.objective import Objective
from rnnbp.losses import Loss
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Shape
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.lengths import Lengths
from rnnbp.sweeps.row_losses import RowLosses


class Read(NamedTuple):
    """What a loss reads of a chunk: with a mask, targets or masks of another dtype, and the bytes of
    target and mask that are copied for a step of a row; or the target's rows where they lie.
    """

    masked: bool = False
    recast: bool = False
    copied: int = 0
    in_rows: bool = False


@final
@dataclass(frozen=True)
class Output:
    """An output of a network in a run.

    Attributes:
        number: among the outputs.
        value: the number of the value of the graph.
        shape: its feature shape.
        lengths: of its axis; a static output has one step.
        static: True for a static output, (B, ...).
        objective: its loss, with data; None if there is none.
        factor: the weight of the loss.
        trained: whether it has a loss.
        whole: whether that takes the outputs of all steps at once.
        needs: temporary bytes of the loss for each step of a row, apart from its derivative.
        needs_whole: of chunks in which no row ends.
    """

    number: int
    value: int
    shape: Shape
    lengths: Lengths
    static: bool
    objective: Objective | None = None
    factor: float = 1.0
    trained: bool = False
    whole: bool = False
    needs: float = 0.0
    needs_whole: float = 0.0

    def with_loss(
        self,
        loss: Loss,
        factor: float,
        item: int,
        read: Read = Read(),  # noqa: B008 (a tuple)
        whole: Read | None = None,
    ) -> Output:
        """The output with a loss, whose data may be none yet.

        Args:
            item: bytes of a number of the output.
            read: what it reads of a chunk.
            whole: of a chunk in which no row ends; None for the same.
        """
        found = replace(self, factor=factor, trained=True, whole=loss.whole)
        if loss.whole:
            return found
        needs, of_whole = [self._needs(loss, factor, item, r) for r in (read, whole or read)]
        return replace(found, needs=needs, needs_whole=of_whole)

    def _needs(self, loss: Loss, factor: float, item: int, read: Read) -> float:
        arrays, rows = loss.needs(item, masked=read.masked, recast=read.recast)
        size = math.prod(self.shape) * item
        needs = arrays * size + rows * math.prod(self.shape[:-1]) + read.copied
        needs = 0 if read.in_rows else needs
        return max(needs, size * (factor != 1))  # the loss is done when dy is multiplied

    def losses(self, rows: ChunkRows) -> RowLosses:
        """The losses of the chunks of a sweep; the output has one."""
        objective = self.objective
        assert objective is not None
        chunks = replace(objective.problem, chunk=rows.chunk, x=frame(rows.steps, rows.batch))
        return RowLosses(objective, chunks, rows)

    def static_losses(self) -> RowLosses:
        """The loss of a static output, as of one step."""
        return self.losses(ChunkRows(self.lengths, 1))

    def static_loss(self, y: Array) -> Scalar:
        """The value of the loss of a static output (B, ...)."""
        losses = self.static_losses()
        losses.show(y[None], 0)
        whole = losses.loss.whole
        return losses.value_of_all(y[None]) if whole else losses.value(y[None], 0)


def frame(steps: int, batch: int) -> Held:
    """What stands for a series of which only the time and the batch matter."""
    return Held(np.broadcast_to(np.zeros(1, np.float32), (steps, batch)))

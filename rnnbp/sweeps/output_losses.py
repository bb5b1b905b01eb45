"""The outputs of a network in a run, with their losses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from rnnbp.inputs.held import Held
from rnnbp.inputs.objective import Objective
from rnnbp.numerics import Array, Shape
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.lengths import Lengths
from rnnbp.sweeps.row_losses import RowLosses


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
        objective: its loss; None if it is not trained.
        factor: the weight of the loss.
    """

    number: int
    value: int
    shape: Shape
    lengths: Lengths
    static: bool
    objective: Objective | None = None
    factor: float = 1.0

    def losses(self, rows: ChunkRows) -> RowLosses:
        """The losses of the chunks of a sweep; the output has one."""
        objective = self.objective
        assert objective is not None
        chunks = replace(objective.problem, chunk=rows.chunk, x=frame(rows.steps, rows.batch))
        return RowLosses(objective, chunks, rows)

    def static_losses(self) -> RowLosses:
        """The loss of a static output, as of one step."""
        return self.losses(ChunkRows(self.lengths, 1))

    def static_loss(self, y: Array) -> float:
        """The value of the loss of a static output (B, ...)."""
        losses = self.static_losses()
        losses.show(y[None], 0)
        whole = losses.loss.whole
        value = losses.value_of_all(y[None]) if whole else losses.value(y[None], 0)
        return float(value.real)


def frame(steps: int, batch: int) -> Held:
    """What stands for a series of which only the time and the batch matter."""
    return Held(np.broadcast_to(np.zeros(1, np.float32), (steps, batch)))

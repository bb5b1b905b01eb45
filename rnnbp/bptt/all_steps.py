"""Outputs of all steps: kept for the user, or for a loss of all steps at once."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.graph.deltas import Deltas
from rnnbp.graph.node_checks import Values
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.problem import Problem
from rnnbp.losses.outputs import Scalar
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array


def new_outputs(problem: Problem, memory: Reuse | None = None) -> Array:
    """Return an array for y of all steps, (T, B, ...), not initialised."""
    shape = (problem.steps, problem.batch, *problem.output_shape)
    return np.empty(shape, problem.dtype) if memory is None else memory.new(shape, problem.dtype)


@final
class OutputLoss:
    """The loss of a model's one output, chunk by chunk, as ``Chunks.backward`` takes it.

    Args:
        output: the number of that output among the model's values.
        y: (T, B, ...), where the output of all steps is kept; None where it is not.
    """

    def __init__(self, losses: ChunkLosses, output: int, y: Array | None = None) -> None:
        self.losses, self.output, self.y = losses, output, y

    def __call__(self, values: Values, n: int) -> tuple[Scalar, Deltas]:
        """Return (value, deltas of the model's values) of chunk n."""
        y, deltas = values[self.output], list[Array | None]()
        deltas += [None] * len(values)
        if self.y is not None:
            self.y[self.losses.problem.span(n)] = y
        value, deltas[self.output] = self.losses(y, n)
        return value, deltas

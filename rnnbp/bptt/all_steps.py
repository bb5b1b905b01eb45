"""Outputs of all steps: kept for the user, or for a loss of all steps at once."""

from __future__ import annotations

from typing import final

import numpy as np

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
class KeptOutputs:
    """Losses of chunks, which keep y (T, B, ...) of all of them."""

    def __init__(self, losses: ChunkLosses, memory: Reuse) -> None:
        self.losses, self.y = losses, new_outputs(losses.problem, memory)

    def __call__(self, y: Array, n: int) -> tuple[Scalar, Array]:
        """Return (value, dy) of chunk n, as ``losses`` does."""
        self.y[self.losses.problem.span(n)] = y
        return self.losses(y, n)

"""Outputs of all steps: kept for the user, or taken to a loss of all steps at once."""

from __future__ import annotations

import numpy as np

from rnnbp.inputs.objective import Objective
from rnnbp.inputs.problem import Problem
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array


def new_outputs(problem: Problem, memory: Reuse | None = None) -> Array:
    """An array for y of all steps, (T, B, ...)."""
    shape = (problem.steps, problem.batch, *problem.output_shape)
    return np.empty(shape, problem.dtype) if memory is None else memory.new(shape, problem.dtype)


def keep_outputs(objective: Objective, memory: Reuse) -> Array:
    """Memory for y of all steps, which the objective is shown chunk by chunk."""
    problem, watching = objective.problem, objective.seen
    found = new_outputs(problem, memory)

    def put(y: Array, n: int) -> None:
        found[problem.span(n)] = y
        if watching is not None:
            watching(y, n)

    objective.seen = put
    return found

"""The seconds of a sweep's actions, measured on a few synthetic chunks."""

from __future__ import annotations

import numpy as np

from rnnbp.bptt.calibration import remembered
from rnnbp.bptt.measuring import measured, synthetic
from rnnbp.bptt.sweep_chunks import SweepChunks
from rnnbp.graph.model_split import recurrent_blocks
from rnnbp.inputs.other_inputs import OtherInputs
from rnnbp.inputs.passed import Form
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.series import Series, series
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array
from rnnbp.planning.costs import Costs
from rnnbp.planning.sizes import Sizes


def costs_of(sizes: Sizes, room: int) -> Costs:
    """The costs of a sweep's actions on chunks of all rows, measured once for each structure.

    Args:
        room: bytes that measuring may take.
    """
    return remembered(sizes, room, lambda: measured(sizes, room, started=_started))


def _started(sizes: Sizes, length: int) -> tuple[Problem, SweepChunks]:
    """A problem of one chunk, of random numbers, and what runs it."""
    graph, every = sizes.model, synthetic(sizes, length)
    found: dict[int, Series] = {}
    static: dict[int, Array] = {}
    for k, per in enumerate(graph.pers):
        if per == "step":
            found[k] = series("x", every[k])
        else:
            static[k] = np.asarray(every[k])
    x = found.pop(0)
    others = OtherInputs(0, found, static, frozenset(static), Form(several=len(every) > 1))
    shapes = [block.cell.state_shapes for block in recurrent_blocks(graph)]
    states = tuple(
        [tuple([np.zeros((sizes.batch, *s), sizes.dtype) for s in each]) for each in shapes]
    )
    what = graph, x, sizes.dtype, length, states, (True,) * len(states), (), sizes.backend
    problem = Problem(*what, training=sizes.training, others=others)
    none = (False,) * graph.n_outputs
    memory = Reuse("calibration")
    return problem, SweepChunks(problem, none, seed=0, training=sizes.training, memory=memory)

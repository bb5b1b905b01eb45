"""Runs that no memory could hold are refused before x is read."""

from __future__ import annotations

import math
import os

import numpy as np

from rnnbp.graph.graph import Graph
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.given import SeriesLike
from rnnbp.planning.budget import shown
from rnnbp.support.lazy import cached

BEYOND = 16
"""How many times the memory of the machine is surely too much, swap included."""
WIDEST = 16
"""Bytes of the largest numbers, complex ones."""


def check_possible(model: Graph, x: SeriesLike, checkpoint: object, dx: bool | None) -> None:
    """Raise MemoryError, with the bytes, where a run would keep far more than the machine's memory.

    ``x`` may be anything; only an array in memory can be so long, as ``np.broadcast_to`` makes one.
    """
    if not isinstance(x, np.ndarray) or x.ndim < 2:
        return
    numbers = _row_of_states(model) * x.shape[1]
    memory = _memory()
    if memory is None or WIDEST * max(x.size, numbers * max(1, x.shape[0])) <= BEYOND * memory:
        return  # nearly always
    item = np.dtype(model.dtype or np.float32).itemsize
    state = numbers * item
    if x.dtype.kind == "f" and dx is not False and not (dx is None and isinstance(x, np.memmap)):
        _possible(
            "the gradient by x", x.size * item, "give dx=False, a shorter x, or a smaller batch"
        )
    if isinstance(checkpoint, str) and checkpoint == "all":
        _possible(
            "the states of all steps",
            state * x.shape[0],
            "give checkpoint='sqrt' or a budget, or a shorter x",
        )
    _possible("the state", state, "give a smaller batch")


def check_outputs_possible(x: SeriesLike) -> None:
    """The same of a run that returns an output for each step."""
    if isinstance(x, np.ndarray) and x.ndim >= 2:
        _possible(
            "the outputs of all steps",
            x.shape[0] * x.shape[1] * 4,
            "give a part of x at a time, with state=",
        )


def _possible(what: str, nbytes: int, cure: str) -> None:
    memory = _memory()
    if memory is not None and nbytes > BEYOND * memory:
        raise MemoryError(
            f"{what} would take {nbytes} bytes, and this machine has {shown(memory)} of memory; "
            f"{cure}"
        )


@cached
def _memory() -> int | None:
    """Bytes of the machine's memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf, others not these names
        return None


def _row_of_states(model: Graph) -> int:
    """Numbers in the states of one row of the batch."""
    total = 0
    for node in model.nodes:
        if isinstance(node.block, Recurrent):
            for shape in node.block.cell.state_shapes:
                total += math.prod(shape)
    return total

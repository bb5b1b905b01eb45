"""Several chunks advanced by one job: a piece of it is a chunk, and its tasks copy states out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rnnbp.machine.elementwise import COPY
from rnnbp.machine.records import place
from rnnbp.machine.tasks import FUNCTION, ROW
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array, address
from rnnbp.runners.llvm.kernel import Kernel
from rnnbp.runners.llvm.tasks import first_places


def copies(
    kernel: Kernel, wanted: Sequence[tuple[Array, ...]], states: int, copy: int, bases: list[int]
) -> Array:
    """(chunks, states, ROW): tasks that copy the states after each chunk.

    Args:
        wanted: by chunk, the arrays to copy to; () where no state is wanted.
        copy: the address of what copies numbers, as a task.
        bases: the addresses of the job's arrays, to which those of ``wanted`` are added.
    """
    tasks = np.zeros((len(wanted), states, ROW), np.int64)
    # All rows have a function: a task is called whatever its size, and 0 numbers copy nothing.
    tasks[:, :, FUNCTION] = copy
    for piece, ends in enumerate(wanted):
        for k, end in enumerate(ends):
            source, to = place(kernel.names.index(f"H{k}")), place(len(bases))
            tasks[piece, k, COPY.columns] = source, to, end.size
            bases.append(address(end))
    return tasks


def job(
    kernel: Kernel,
    moves: Mapping[str, int],
    steps: int,
    length: int,
    tasks: Array,
    batch: int,
    block: int,
) -> Job:
    """A kernel on chunks of ``length`` of all steps, the last perhaps shorter, with their tasks.

    Args:
        moves: by name, bytes from step to step of the inputs.
    """
    starts = np.arange(0, steps, length)
    places = np.repeat(first_places(len(kernel.names)), len(starts), axis=0)
    for k, name in enumerate(kernel.names):
        if name in moves:
            places[:, k] += starts * moves[name]
    lengths = np.minimum(length, steps - starts)
    return Job(tasks, run=kernel.address, places=places, lengths=lengths, batch=batch, block=block)

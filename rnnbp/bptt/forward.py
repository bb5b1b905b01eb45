"""What runs forward only share: the memory of the last one, and a bar of steps."""

from __future__ import annotations

from contextlib import AbstractContextManager

from rnnbp.bptt.forward_chunks import ForwardChunks
from rnnbp.inputs.problem import Problem
from rnnbp.memory_pool import Reuse, reuse
from rnnbp.support import late_bars
from rnnbp.wording.arguments import takes


@takes()
def bar_of(
    name: str, progress: bool | None, total: int | None
) -> AbstractContextManager[late_bars.LateBar | None]:
    """A bar of steps."""
    return late_bars.late(
        progress, total, desc=name, unit=" steps", unit_scale=True, dynamic_ncols=True
    )


def prepared_chunks(problem: Problem, seed: int = 0) -> tuple[Reuse, ForwardChunks]:
    """What the last run left, if of this kind, with weights as they are now; else new chunks."""
    memory = reuse(("forward", problem.kind) if problem.known else None)
    found = ForwardChunks.left(memory, problem, seed)
    if new := found is None:
        found = ForwardChunks(problem, seed=seed, training=problem.training)
    found.compute_fixed(keep=False)
    if not new:
        found.runners.renew()
    return memory, found

"""The seconds of actions by a count of operations: the same in every process and machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rnnbp.planning.costs import KINDS, Costs
from rnnbp.planning.sizes import Sizes

RATE, CHUNK = 2e10, 2e-4
"""Operations in a second, and seconds that a chunk of a Recurrent adds: by these schedules are
compared, not predicted.
"""
TIMES = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 1.2, "Backward": 2.0}
"""What a step takes by action, in units of an Advance."""

counted = ContextVar("counted", default=False)
"""True where plans within a budget are made by rough costs, so that processes have the same."""


@contextmanager
def by_count(wanted: bool = True) -> Iterator[None]:
    """Plan within budgets by rough costs, if that is ``wanted``: nothing is measured."""
    before = counted.set(wanted or counted.get())
    try:
        yield
    finally:
        counted.reset(before)


def rough_costs(sizes: Sizes, batch: float) -> Costs:
    """Seconds of actions by a count of operations.

    Args:
        batch: the rows of a step.
    """
    params = sum(array.size for array in sizes.model.params.values())
    step = 2.0 * max(1, params) * batch / RATE
    return Costs(
        {kind: CHUNK * (1 + len(sizes.cells)) for kind in KINDS},
        {kind: step * TIMES[kind] for kind in KINDS},
    )

"""How many steps the sweeps of a network run, for a bar of progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rnnbp.bptt.progress import steps_of
from rnnbp.schedules import ScheduleLike, resolve
from rnnbp.schedules.simulation import simulate
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.stage import Stage, Sweep


def steps_of_sweeps(
    network: PosedNetwork, stages: Sequence[Stage], schedules: Callable[[int], ScheduleLike]
) -> int:
    """The steps of all sweeps under their schedules, forward and backward. Raises ScheduleError."""
    sweeps, total = [stage for stage in stages if isinstance(stage, Sweep)], 0
    for k, sweep in enumerate(sweeps):
        rows = network.rows[sweep.axis]
        actions = resolve(schedules(k), rows.chunks)
        expected = simulate(actions, rows.chunks, steps=rows.steps, chunk=rows.chunk)
        total += steps_of(expected, rows.steps)
    return total

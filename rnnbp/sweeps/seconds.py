"""The seconds of a sweep under a schedule, by the rows that each of its chunks runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rnnbp.actions import Action
from rnnbp.planning.costs import KINDS, Costs
from rnnbp.sweeps.chunk_rows import ChunkRows


def seconds_of(schedule: Iterable[Action], rows: ChunkRows, costs: Costs) -> float:
    """Seconds of all actions; a step of some of the rows takes its part of one of all rows.

    Args:
        costs: of chunks of all rows.
    """
    counts, steps = Counter[str](), Counter[str]()
    weights = [rows.length(n) * rows.live(n) / rows.batch for n in range(rows.chunks)]
    for action in schedule:
        name = type(action).__name__
        if name in KINDS:
            counts[name] += 1
            # counted in hundredths of a step, because steps are whole numbers
            steps[name] += round(100 * weights[action.n])
    fixed = costs.seconds(dict(counts), {})
    return fixed + costs.seconds({}, dict(steps)) / 100

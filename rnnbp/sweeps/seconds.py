"""The seconds of a sweep under a schedule, by the rows that each of its chunks runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rnnbp.actions import Action
from rnnbp.planning.costs import KINDS, Costs
from rnnbp.schedules.sized import SizedSchedule
from rnnbp.sweeps.chunk_rows import ChunkRows


def seconds_of(schedule: Iterable[Action], rows: ChunkRows, costs: Costs) -> float:
    """Seconds of all actions; a step of some of the rows takes its part of one of all rows.

    Args:
        costs: of chunks of all rows.
    """
    counts, steps, weights = Counter[str](), Counter[str](), _weights(rows)
    for action in schedule:
        name = type(action).__name__
        if name in KINDS:
            counts[name] += 1
            # counted in hundredths of a step, because steps are whole numbers
            steps[name] += round(100 * weights[action.n])
    fixed = costs.seconds(dict(counts), {})
    return fixed + costs.seconds({}, dict(steps)) / 100


def seconds_by_counts(schedule: SizedSchedule, rows: ChunkRows, costs: Costs) -> float:
    """The same without going through the actions, of which a schedule of few slots has millions.

    Every chunk is taken to be as long as the mean of all, which differs where rows end early.
    """
    chunks, rebuilt = schedule.chunks, schedule.rebuilt
    counts = dict.fromkeys(KINDS, chunks) | {"Keep": rebuilt, "Rebuild": rebuilt}
    counts |= {"Advance": schedule.steps - chunks, "Record": chunks - rebuilt}
    mean = sum(_weights(rows)) / chunks
    fixed = costs.seconds(counts, {})
    return fixed + mean * costs.seconds({}, counts)


def _weights(rows: ChunkRows) -> list[float]:
    """Of each chunk its steps, each counted as the part of all rows that it runs."""
    return [rows.length(n) * rows.live(n) / rows.batch for n in range(rows.chunks)]

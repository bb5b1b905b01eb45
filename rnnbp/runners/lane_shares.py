"""Which threads run which lanes of a pipeline, and what that takes: the cost model of lanes.

Layer l runs chunk k while layer l − 1 runs chunk k + 1: (l, k) needs (l − 1, k) and (l, k − 1). So
L lanes of equal work, a thread each, take N + L − 1 rounds for N chunks in place of N · L (W-Par,
10.1145/3392717.3392762).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from rnnbp.runners.thread_shares import together
from rnnbp.support.memo import Recent

Shares: TypeAlias = tuple[tuple[int, int], ...]
"""By lane, the first of its threads, and how many they are."""
ROOM = 2
"""Buffers in which a lane writes for the next one, in turn: one is written while one is read."""


class LanePlan(NamedTuple):
    """How threads share lanes.

    Attributes:
        shares: by number of threads, from 1 to as many as there are.
        most: threads of a lane at most.
        part: of the time of one thread, what it takes with all of them. by_layer: what it would
            take if all threads shared each lane, one after the other.
    """

    shares: tuple[Shares, ...]
    most: int
    part: float
    by_layer: float

    @property
    def pays(self) -> bool:
        """True if lanes side by side are faster than one after the other."""
        return self.part < self.by_layer


class Work(NamedTuple):
    """What there is to do.

    Attributes:
        costs: of a round of each lane, in any unit.
        rounds: of all lanes. rows: of the batch.
        alone: by lane, the part of the time of one thread that it would take by itself, shared by
            all threads.
        threads: that there are.
    """

    costs: tuple[int, ...]
    rounds: int
    rows: int
    alone: tuple[float, ...]
    threads: int


def planned(work: Work) -> LanePlan:
    """The shares of some work, and what it takes."""
    return _known.get(work, lambda: _planned(work))


def _planned(work: Work) -> LanePlan:
    shares = tuple([shared(work.costs, n) for n in range(1, work.threads + 1)])
    serial = sum(work.costs)
    by_layer = sum(cost * part for cost, part in zip(work.costs, work.alone, strict=True))
    part = makespan(work.costs, shares[-1], work.rounds, work.rows) / (serial * work.rounds)
    return LanePlan(shares, max(many for _, many in shares[-1]), part, by_layer / serial)


def shared(costs: Sequence[float], n: int) -> Shares:
    """Lanes one after the other for each of n threads, or threads for each lane if they are more,
    so that the thread with the most to do has as little as can be.
    """
    if n < len(costs):
        ends = _cut(costs, n)
        return tuple([(sum(end <= k for end in ends), 1) for k in range(len(costs))])
    many = [1] * len(costs)
    for _ in range(n - len(costs)):
        k = max(range(len(costs)), key=lambda k: costs[k] / many[k])
        many[k] += 1
    firsts = [0, *accumulate(many)]
    return tuple(zip(firsts, many, strict=False))


def _cut(costs: Sequence[float], n: int) -> list[int]:
    """Where to cut lanes into n groups, one after the other: the end of each."""
    before = [0.0, *accumulate(costs)]
    best = [(before[k], [k]) for k in range(len(costs) + 1)]  # of the first k in one group
    for _ in range(n - 1):
        best = [
            min((max(best[i][0], before[k] - before[i]), [*best[i][1], k]) for i in range(k + 1))
            for k in range(len(costs) + 1)
        ]
    return best[-1][1]


def makespan(costs: Sequence[float], shares: Shares, rounds: int, rows: int = 0) -> float:
    """When the last lane ends its last round, in units of the costs: as ``machine.team.lanes``
    orders them, of threads that begin at once.

    Args:
        rows: of the batch, which threads of one lane share; 0 for lanes that halve exactly.
    """
    ended = [[0.0] * (rounds + 1) for _ in costs]
    free = [0.0] * max(first + many for first, many in shares)
    for r in range(1, rounds + 1):
        for lane, (first, many) in enumerate(shares):
            start = free[first]
            if lane:
                start = max(start, ended[lane - 1][r])
            if lane + 1 < len(costs) and r > ROOM:
                start = max(start, ended[lane + 1][r - ROOM])
            part = together(rows, many) if rows else 1 / many
            free[first] = ended[lane][r] = start + costs[lane] * part
    return max(end[rounds] for end in ended)


_known = Recent[Work, LanePlan](64)
"""The last answers: a run asks for the same at each of its stretches."""

"""The choice of a plan: the fastest schedule within a budget, among those for other budgets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from rnnbp.planning.budget import margin, too_small, with_margin
from rnnbp.planning.costs import Costs
from rnnbp.planning.least import most_of
from rnnbp.planning.plan import Plan
from rnnbp.planning.prices import least_of
from rnnbp.planning.search import Candidate, Search
from rnnbp.planning.sizes import Sizes

BETWEEN = 6
"""Budgets between the least and full caching that a frontier is made for: some ms each."""

SLOWEST = 100
"""Times as long as full caching that a row of the frontier may take: nobody waits for more. The
least that works stays whatever it takes."""


def check(sizes: Sizes, steps: int, budget: int) -> None:
    """Raise BudgetError where no schedule fits in a budget."""
    least, _ = least_of(sizes, steps)
    if budget < with_margin(least):
        raise too_small(budget, least, most_of(sizes, steps, least), sizes.all_outputs(steps))


def choose(
    sizes: Sizes, steps: int, budget: int, costs: Costs, disk: int = 0, *, between: bool = False
) -> Plan:
    """The fastest candidate within a budget. Raises BudgetError where there is none.

    ``between``: whether the frontier has plans for budgets all the way from the least that works
    to full caching, which is for readers; a run needs none.
    """
    check(sizes, steps, budget)
    search, room = Search(sizes, steps, costs, disk), budget - margin(budget)
    cached = [*search.cached()]
    budgets = (math.floor(budget * 2.0**k) for k in range(-3, 4))
    others = [c for other in budgets for c in search.planned(other, tables=False)]
    others += search.least()
    fitting = [*search.planned(room), *(c for c in others if c.bytes <= room)]
    best = min(fitting, key=lambda c: (c.seconds, c.bytes))
    if between:
        # Where bytes take time, one of these may fit and be faster than the best. It is left out: a
        # plan chooses what a run within its budget does, and no row of its table beats that.
        others += (
            c for c in _between(search, cached) if c.bytes > room or c.seconds > best.seconds
        )
    fastest = min(c.seconds for c in cached)
    least, *more = _frontier([best, *cached, *others])
    frontier = [least, *(c for c in more if c == best or c.seconds <= SLOWEST * fastest)]
    thinned, ratio = tuple(_thinned(frontier, best)), best.seconds / fastest
    return Plan(budget, steps, best, ratio, thinned, costs, sizes, disk=disk)


def _between(search: Search, cached: list[Candidate]) -> Iterator[Candidate]:
    """Candidates for budgets that come ever closer to the least that works."""
    least, _ = least_of(search.sizes, search.steps)
    more = max(c.bytes for c in cached) - least
    for halvings in range(2, 2 * BETWEEN + 1, 2):
        yield from search.planned(least + (more >> halvings), tables=False)


def _frontier(candidates: list[Candidate]) -> list[Candidate]:
    """Those that no other beats in both bytes and seconds, by bytes."""
    found: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (c.bytes, c.seconds)):
        if not found or candidate.seconds < found[-1].seconds:
            found.append(candidate)
    return found


def thinned(candidates: list[Candidate], best: Candidate) -> list[Candidate]:
    """Those of few candidates that no other beats, and ``best``, by bytes."""
    found = _frontier([best, *candidates])
    return found if best in found else sorted([*found, best], key=lambda c: c.bytes)


def _thinned(frontier: list[Candidate], best: Candidate, most: int = 9) -> list[Candidate]:
    """About ``most`` of the frontier: the least, the fastest, the chosen, and some between.

    Those are evenly far apart, in the logarithms of bytes and seconds. A large drop of seconds
    counts as a factor of e, so that the rows do not all go to the quadratic schedules at the least.
    """
    far = [0.0]
    for a, b in pairwise(frontier):
        drop = min(1.0, math.log(a.seconds / b.seconds))
        far.append(far[-1] + math.log(b.bytes / a.bytes) + drop)
    ends, apart, last = (frontier[0], best, frontier[-1]), far[-1] / most, -math.inf
    kept: list[Candidate] = []
    for candidate, at in zip(frontier, far, strict=True):
        if candidate in ends or at - last >= apart:
            kept.append(candidate)
            last = at
    return kept if best in kept else sorted([*kept, best], key=lambda c: c.bytes)

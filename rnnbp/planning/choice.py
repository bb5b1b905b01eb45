"""The choice of a plan: the fastest schedule within a budget, among those for other budgets."""

from __future__ import annotations

import math

from rnnbp.planning.budget import margin, too_small, with_margin
from rnnbp.planning.costs import Costs
from rnnbp.planning.least import most_of
from rnnbp.planning.plan import Plan
from rnnbp.planning.prices import least_of
from rnnbp.planning.search import Candidate, Search
from rnnbp.planning.sizes import Sizes


def check(sizes: Sizes, steps: int, budget: int) -> None:
    """Raise BudgetError where no schedule fits in a budget."""
    least, _ = least_of(sizes, steps)
    if budget < with_margin(least):
        raise too_small(budget, least, most_of(sizes, steps, least), sizes.all_outputs(steps))


def choose(sizes: Sizes, steps: int, budget: int, costs: Costs, disk: int = 0) -> Plan:
    """The fastest candidate within a budget. Raises BudgetError where there is none."""
    check(sizes, steps, budget)
    search, room = Search(sizes, steps, costs, disk), budget - margin(budget)
    cached = [*search.cached()]
    budgets = (math.floor(budget * 2.0**k) for k in range(-3, 4))
    others = [c for other in budgets for c in search.planned(other, tables=False)]
    others += search.least()
    fitting = [*search.planned(room), *(c for c in others if c.bytes <= room)]
    best = min(fitting, key=lambda c: (c.seconds, c.bytes))
    frontier, fastest = _frontier([best, *cached, *others]), min(c.seconds for c in cached)
    thinned, ratio = tuple(_thinned(frontier, best)), best.seconds / fastest
    return Plan(budget, steps, best, ratio, thinned, costs, sizes)


def _frontier(candidates: list[Candidate]) -> list[Candidate]:
    """Those that no other beats in both bytes and seconds, by bytes."""
    found: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (c.bytes, c.seconds)):
        if not found or candidate.seconds < found[-1].seconds:
            found.append(candidate)
    return found


def _thinned(frontier: list[Candidate], best: Candidate, most: int = 9) -> list[Candidate]:
    """About ``most`` of the frontier, spread evenly, the chosen one among them."""
    every = max(1, math.ceil(len(frontier) / most))
    last = len(frontier) - 1
    kept = [c for k, c in enumerate(frontier) if k % every == 0 or c == best or k == last]
    return kept if best in kept else sorted([*kept, best], key=lambda c: c.bytes)

"""A schedule chosen for a budget of bytes, with what it will cost."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

from rnnbp.bptt.candidates import Candidate, Candidates
from rnnbp.bptt.costs import Costs, remembered
from rnnbp.bptt.forecast import Forecast, foretell, sizes_of
from rnnbp.bptt.objective import LossLike
from rnnbp.bptt.problem import Problem, as_model, feature_shape
from rnnbp.bptt.sizes import Sizes
from rnnbp.numerics import Shape, positive_int
from rnnbp.schedules import ScheduleLike

UNITS = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9} | {
    f"{letter}{mark}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for mark, base in (("b", 1000), ("ib", 1024))
}


class BudgetError(ValueError):
    """A budget that is no number of bytes, or that no schedule fits in; says the least that would do."""


@dataclass(frozen=True)
class Plan:
    """A schedule for a budget; ``bptt`` takes it as ``checkpoint``."""

    budget: int
    chosen: Candidate
    forecast: Forecast
    """What the run will count, to the byte."""
    ratio: float
    """Seconds over those of the fastest way to cache everything."""
    frontier: tuple[Candidate, ...]
    """For other budgets: each is the fastest within its own bytes."""
    costs: Costs
    """The seconds of actions that it rests on."""

    @property
    def chunk(self) -> int:
        """Steps in a chunk."""
        return self.chosen.chunk

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {_shown(n)}" for kind, n in self.forecast.peak_bytes_by_kind.items())
        lines = [
            f"schedule   {self.chosen.name}, chunks of {self.chunk} steps",
            f"bytes      {_shown(self.forecast.peak_bytes)} of {_shown(self.budget)}: {kinds}",
            f"steps      {self.forecast.steps_rerun:,} run again, {self.forecast.steps_rebuilt:,} rebuilt",
            f"seconds    {self.chosen.seconds:.3g}, {self.ratio:.2f} of caching everything",
            "",
            f"{'bytes':>12}  {'seconds':>9}  {'ratio':>5}  other budgets",
        ]
        least = self.chosen.seconds / self.ratio
        for other in self.frontier:
            mark = "*" if other == self.chosen else " "
            lines.append(
                f"{_shown(other.bytes):>12}  {other.seconds:9.3g}  {other.seconds / least:5.2f} {mark}{other.name}, "
                f"chunks of {other.chunk}"
            )
        return "\n".join(lines)


def plan(
    model: Any,
    loss: LossLike | None = None,
    *,
    steps: int,
    batch: int,
    budget: int | str,
    x_shape: Shape | None = None,
    costs: Costs | None = None,
) -> Plan:
    """The fastest schedule and chunk length whose run holds no more than ``budget`` bytes.

    Args:
        model, loss: as ``bptt`` takes them; without a loss, its temporary arrays are guessed.
        steps, batch: T and B of x.
        budget: bytes, or text as "64 MB" or "64 MiB". It covers all that the engine allocates.
        x_shape: feature shape of x, () for symbols; None where the model's Input says it.
        costs: seconds of actions; None asks ``calibrate``, which measures them in about a second.

    Raises BudgetError, and what ``forecast`` raises.
    """
    limit = parse_budget(budget)
    graph = as_model(model)
    shape = feature_shape("plan", graph, x_shape)
    steps, batch = positive_int("plan: steps", steps), positive_int("plan: batch", batch)
    return choose(sizes_of(graph, shape, batch, loss), steps, limit, costs or remembered(graph, batch, shape))


def choose(sizes: Sizes, steps: int, budget: int, costs: Costs) -> Plan:
    """The fastest candidate within a budget, its run foretold. Raises BudgetError where there is none."""
    candidates = Candidates(sizes, steps, costs)
    fitting = list(candidates.within(budget - margin(budget)))
    if not fitting:
        least = candidates.least()
        least += margin(least) + least // 99
        raise BudgetError(f"a budget of {_shown(budget)} is too small for any schedule; {least} bytes would do")
    best = min(fitting, key=lambda c: (c.seconds, c.bytes))
    cached = min(c.seconds for c in candidates.cached())
    found = foretell(sizes, best.schedule, steps, best.chunk, costs)
    others = [c for k in range(-3, 4) for c in candidates.within(math.floor(budget * 2.0**k), tables=False)]
    frontier = _frontier([*candidates.cached(), *others])
    return Plan(budget, best, found, best.seconds / cached, tuple(_thinned(frontier, best)), costs)


def margin(budget: int) -> int:
    """What is left free: measured memory is the ledger's within 1 % or 64 KiB."""
    return max(budget // 100, 64 * 1024)


def parse_budget(budget: int | str) -> int:
    """Bytes from a number, or from text with a unit: 1 MB is 10**6 bytes, 1 MiB is 2**20. Raises BudgetError."""
    if isinstance(budget, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", budget)
        if match is None or match[2].lower() not in UNITS:
            raise BudgetError(f"budget {budget!r} is not a number of bytes; write as '64 MB', '64 MiB', or an integer")
        value: int = math.floor(float(match[1]) * UNITS[match[2].lower()])
    elif isinstance(budget, bool) or not isinstance(budget, int):
        raise BudgetError(f"budget must be an integer of bytes or text, found {budget!r}; write as '64 MB'")
    else:
        value = budget
    if value < 1:
        raise BudgetError(f"budget must be at least 1 byte, found {budget!r}")
    return value


def settle(
    problem: Problem, loss_spare: float, checkpoint: ScheduleLike | Plan, chunk: int | None
) -> tuple[Problem, ScheduleLike]:
    """What a budget or a plan means for a run: the problem in its chunks, and its schedule."""
    if isinstance(checkpoint, str) and re.match(r"\s*[-+.]?\d", checkpoint):
        if chunk is not None:
            raise BudgetError(f"a budget chooses the chunks too, found chunk={chunk}; leave chunk and horizon out")
        costs = remembered(problem.model, problem.batch, problem.x.shape[2:])
        checkpoint = choose(problem.sizes(loss_spare), problem.steps, parse_budget(checkpoint), costs)
    if not isinstance(checkpoint, Plan):
        return problem, checkpoint
    if chunk not in (None, checkpoint.chunk):
        raise BudgetError(f"the plan is for chunks of {checkpoint.chunk} steps, found chunk={chunk}; leave chunk out")
    return replace(problem, chunk=min(checkpoint.chunk, problem.steps)), checkpoint.chosen.schedule


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
    kept = [c for k, c in enumerate(frontier) if k % every == 0 or c == best or k == len(frontier) - 1]
    return kept if best in kept else sorted([*kept, best], key=lambda c: c.bytes)


def _shown(n: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n} B"

"""The bar that a run shows: steps done, bytes and seconds, forecast and so far."""

from __future__ import annotations

import sys
from typing import Any, Self

from rnnbp.bars import Bar
from rnnbp.bptt.budget import shown
from rnnbp.bptt.planner import Plan
from rnnbp.bptt.problem import Problem
from rnnbp.ledger import Ledger
from rnnbp.simulation import Simulation


class Progress:
    """A bar of steps run forward, rebuilt and run backward; called after each action. Writes to stderr."""

    def __init__(
        self, problem: Problem, foreseen: Simulation | None, plan: Plan | None, *, whole: bool = False
    ) -> None:
        total = None if foreseen is None else foreseen.steps_run + foreseen.steps_rebuilt + (1 + whole) * problem.steps
        self.plan = plan
        told = "" if plan is None else f", {plan.forecast.seconds:.3g} s predicted"
        look: Any = {"unit": " steps", "unit_scale": True, "dynamic_ncols": True, "disable": sys.stderr is None}
        self.bar = Bar(total=total, desc=f"bptt{told}", **look)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def __call__(self, steps: int, ledger: Ledger) -> None:
        """Take note of an action and the number of its steps."""
        if steps:
            predicted = "" if self.plan is None else f" of {shown(self.plan.forecast.peak_bytes)} predicted"
            self.bar.set_postfix_str(f"peak {shown(ledger.peak_bytes)}{predicted}", refresh=False)
            self.bar.update(steps)

"""The bar that a run shows: steps done, bytes and seconds, forecast and so far."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from rnnbp.inputs.problem import Problem
from rnnbp.ledger import Ledger
from rnnbp.numerics import optional_flag
from rnnbp.planning.budget import shown
from rnnbp.planning.plan import Plan
from rnnbp.schedules.simulation import Simulation
from rnnbp.support import bars


class Progress(bars.LateBar):
    """A bar of steps run forward, rebuilt and run backward; called after each action."""

    def __init__(
        self,
        problem: Problem,
        predicted: Simulation | None,
        plan: Plan | None,
        *,
        whole: bool = False,
        after: float = 0,
    ) -> None:
        total = None
        if predicted is not None:
            total = predicted.steps_run + predicted.steps_rebuilt + (1 + whole) * problem.steps
        found = None if plan is None else plan.forecast
        self.predicted = "" if found is None else f"; predicted {shown(found.peak_bytes)}, {found.seconds:.3g} s"
        super().__init__(total, after=after, desc="bptt", unit=" steps", unit_scale=True, dynamic_ncols=True)

    def __call__(self, steps: int, ledger: Ledger) -> None:
        """Take note of an action and the number of its steps."""
        if steps:
            self.update(steps, f"peak {shown(ledger.peak_bytes)}{self.predicted}")


def progress_of(
    asked: bool | None, problem: Problem, predicted: Simulation | None, plan: Plan | None, *, whole: bool = False
) -> AbstractContextManager[Progress | None]:
    """The bar of a run, at once where it was asked for; with None late, and on a terminal or in a notebook only.

    ``whole`` is True for a loss of the whole sequence, which takes another run forward. Raises TypeError
    for what is no bool.
    """
    asked = optional_flag("progress", asked)
    if not bars.wanted(asked):
        return nullcontext()
    return Progress(problem, predicted, plan, whole=whole, after=0 if asked else bars.LATE)

"""The bar that a run shows: steps done, bytes and seconds, forecast and so far."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from rnnbp.bptt.resolve import Resolved
from rnnbp.ledger import Ledger
from rnnbp.numerics import optional_flag
from rnnbp.planning.budget import shown
from rnnbp.schedules.simulation import Simulation
from rnnbp.support import late_bars


class Progress(late_bars.LateBar):
    """A bar of steps run forward, rebuilt and run backward; called after each action.

    Args:
        total: of these steps; None where it is not known.
        predicted: what a plan says, which follows the figures.
        after: seconds after which it appears.
    """

    def __init__(self, total: int | None, predicted: str = "", *, after: float = 0) -> None:
        self.predicted = predicted
        super().__init__(
            total, after=after, desc="bptt", unit=" steps", unit_scale=True, dynamic_ncols=True
        )

    def __call__(self, steps: int, ledger: Ledger) -> None:
        """Take note of an action and the number of its steps."""
        self.update(steps, f"peak {shown(ledger.peak_bytes)}{self.predicted}")


def progress_of(
    asked: bool | None, resolved: Resolved, *, whole: bool = False
) -> AbstractContextManager[Progress | None]:
    """The bar of a run: late, and only on a terminal or in a notebook, unless it is asked for.

    ``whole`` is True for a loss of the whole sequence, which takes another run forward. Raises
    TypeError for what is no bool.
    """
    if not _wanted(asked):
        return nullcontext()
    plan, expected = resolved.plan, resolved.expected
    predicted = ""
    if plan is not None:
        found = plan.forecast
        predicted = f"; predicted {shown(found.peak_bytes)}, {found.seconds:.3g} s"
    total = None if expected is None else steps_of(expected, resolved.problem.steps)
    if total is not None:
        total += whole * resolved.problem.steps
    return Progress(total, predicted, after=_after(asked))


def progress_of_steps(
    asked: bool | None, total: Callable[[], int]
) -> AbstractContextManager[Progress | None]:
    """``progress_of`` a run of several sweeps, whose steps are counted if there is a bar."""
    return Progress(total(), after=_after(asked)) if _wanted(asked) else nullcontext()


def steps_of(expected: Simulation, steps: int) -> int:
    """The steps of a schedule over a sequence of ``steps``, forward and backward."""
    return expected.steps_run + expected.steps_rebuilt + steps


def _wanted(asked: bool | None) -> bool:
    return late_bars.wanted(optional_flag("progress", asked))


def _after(asked: bool | None) -> float:
    return 0 if asked else late_bars.LATE

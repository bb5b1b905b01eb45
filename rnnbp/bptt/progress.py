"""The bar that a run shows: steps done, bytes and seconds, forecast and so far."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from rnnbp.bptt.resolve import Resolved
from rnnbp.ledger import Ledger
from rnnbp.numerics import optional_flag
from rnnbp.planning.budget import shown
from rnnbp.support import late_bars


class Progress(late_bars.LateBar):
    """A bar of steps run forward, rebuilt and run backward; called after each action."""

    def __init__(
        self,
        resolved: Resolved,
        *,
        whole: bool = False,
        after: float = 0,
    ) -> None:
        total, expected, plan = None, resolved.expected, resolved.plan
        if expected is not None:
            total = (
                expected.steps_run + expected.steps_rebuilt + (1 + whole) * resolved.problem.steps
            )
        found = None if plan is None else plan.forecast
        self.predicted = (
            "" if found is None else f"; predicted {shown(found.peak_bytes)}, {found.seconds:.3g} s"
        )
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
    asked = optional_flag("progress", asked)
    if not late_bars.wanted(asked):
        return nullcontext()
    return Progress(resolved, whole=whole, after=0 if asked else late_bars.LATE)

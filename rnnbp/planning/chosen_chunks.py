"""The length of chunks where a budget or a plan chooses it, and what may be passed with these."""

from __future__ import annotations

from numbers import Integral

from rnnbp.planning.budget import BudgetError, is_budget
from rnnbp.planning.plan import Plan


def chunk_of_run(checkpoint: object, chunk: int | None, horizon: int | None = None) -> int | None:
    """The ``chunk`` of a run: as it was passed, or with a horizon that of the plan.

    Raises BudgetError for a chunk or horizon with a budget, which chooses the chunks, and
    for a horizon within a chunk of a plan.
    """
    if isinstance(checkpoint, Plan):
        if chunk is not None or horizon is None:
            return chunk
        if not _is_int(horizon) or horizon % checkpoint.chunk == 0:
            return checkpoint.chunk  # what is no integer is refused with the chunk
        raise BudgetError(
            f"the plan is for chunks of {checkpoint.chunk} steps, found horizon={horizon}, which "
            f"would cut one; give a multiple, or plan for steps={horizon} and run as many steps at "
            f"a time, with state="
        )
    if not is_budget(checkpoint):
        return chunk
    if horizon is not None:
        raise BudgetError(
            f"a budget chooses the chunks, and gradients flow through all of them, found "
            f"horizon={horizon}; leave horizon and chunk out, or run {horizon} steps at a time: "
            f"fit by rnnbp.Windows(x, target, horizon={horizon}, ...), bptt with state="
        )
    if chunk is not None:
        raise BudgetError(
            f"a budget chooses the chunks too, found chunk={chunk}; leave it out: "
            f"rnnbp.plan(..., budget={checkpoint!r}).chunk says what is chosen"
        )
    return None


def _is_int(value: object) -> bool:
    """True for an integer, of NumPy too."""
    return isinstance(value, Integral) and not isinstance(value, bool)

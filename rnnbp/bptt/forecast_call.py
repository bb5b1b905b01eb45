"""The forecast of a run of ``bptt`` from the arguments of the call."""

from __future__ import annotations

import math

from rnnbp.bptt.networks import (
    Ahead,
    ChunkLike,
    LengthsLike,
    LossesLike,
    chunk_of_sweep,
    is_network,
    networks,
)
from rnnbp.inputs.chunk_length import default_chunk
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.horizon import check_horizon
from rnnbp.inputs.models import as_network
from rnnbp.inputs.shapes import ShapeLike, each_shape, feature_shape
from rnnbp.numerics import flag, positive_int
from rnnbp.planning.budget import BudgetError, is_budget
from rnnbp.planning.chosen_chunks import chunk_of_run
from rnnbp.planning.costs import Costs
from rnnbp.planning.forecast import Forecast, forecast_of
from rnnbp.planning.network_plan import refuse_network
from rnnbp.planning.plan import Plan, check_length
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.runners.backend import BackendLike
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.schedules import ScheduleLike, resolve
from rnnbp.support.ieee import restoring
from rnnbp.wording.arguments import takes

MOST = 10**8
"""Chunks that a forecast goes through, one by one: some minutes."""


@takes()
@restoring
@by_numpy_where_refused
def forecast(
    model: ModelLike, loss: LossesLike, *,
    steps: int | dict[str, int], batch: int, x_shape: ShapeLike = None,
    checkpoint: ScheduleLike | Plan = "all", chunk: ChunkLike = None, dx: bool = True,
    horizon: int | None = None, costs: Costs | None = None, backend: BackendLike = None,
    training: bool = True, return_y: bool = False, lengths: LengthsLike = None,
    reset: bool = False,
) -> Forecast:  # fmt: skip
    """What ``bptt`` with these arguments will count in ``stats``, before there is any data.

    Args:
        model, loss, chunk, horizon, backend, training, return_y: as ``bptt`` takes them.
        checkpoint: a schedule, as ``bptt`` takes it, or a ``Plan``, with its chunks, dx and costs.
            For a budget ``plan`` makes one.
        steps, batch: T and B of x; of several time axes a dict of T by axis.
        x_shape: feature shape of x, () for symbols; None if the model's first layer or Input
            declares it. Of several
            inputs a tuple or a dict of one for each.
        dx: True if the gradient by x is kept.
        costs: seconds of actions, as ``calibrate`` measures them; None for a forecast without
            seconds. Of a network over time they are those of each sweep.
        lengths: (B,), or a dict by time axis, as ``bptt`` takes it.
        reset: True if rows will begin anew at some steps, as with ``bptt``'s ``reset``.

    Returns:
        A ``Forecast``. x is assumed to be in C order and of the model's dtype, without an initial
        state or a mask; a checkpoint on disk is assumed to be written at once.

    ``peak_bytes`` is what the arrays take. tracemalloc counts Python's own objects too: its peak is
    about ``peak_bytes + object_bytes``, of which the second is an estimate, in a run that is not
    the first of its kind in a process. The first one compiles, and fills caches.

    Raises ShapeError for an unknown feature shape, TypeError if a layer does not declare what it
    keeps, ValueError for a horizon that is not a multiple of the chunk, and as ``simulate`` does.

    >>> import rnnbp as rb
    >>> model, loss = rb.LSTM(3, 4), rb.losses.MeanSquaredError()
    >>> rb.forecast(model, loss, steps=100, batch=2, horizon=20).peak_tapes
    5
    """
    _check_no_budget(checkpoint, steps, batch)
    graph = as_network(model)
    if is_network(graph, loss, lengths=lengths, reset=flag("forecast: reset", reset) or None):
        _check_no_horizon(horizon)
        rows = lengths, reset, chunk
        ahead = Ahead("forecast", loss, steps, batch, x_shape, *rows, dx, return_y, backend)
        ahead = ahead._replace(training=training)
        return networks().forecast(graph, ahead, checkpoint, costs)
    steps, batch = positive_int("forecast: steps", steps), positive_int("forecast: batch", batch)
    shape = feature_shape("forecast", graph, x_shape)
    chunk = chunk_of_run(checkpoint, chunk_of_sweep(chunk), horizon)
    horizon, chunk = check_horizon(horizon, chunk, "forecast: ")
    if isinstance(checkpoint, Plan):
        dx, costs = _dx(checkpoint, dx), costs or checkpoint.costs
        check_length(checkpoint, steps, chunk)
        chunk, checkpoint = checkpoint.chunk, checkpoint.schedule
    if chunk is None:
        chunk = default_chunk(graph, each_shape(shape), batch, steps)
    length, flags = _length(chunk, steps), _flags(dx=dx, training=training, return_y=return_y)
    sizes = sizes_of(graph, shape, batch, loss, **flags, backend=backend)
    actions = resolve(checkpoint, math.ceil(steps / length))
    return forecast_of(sizes, actions, steps, length, costs, horizon)


def _flags(**given: bool) -> dict[str, bool]:
    """These arguments, checked."""
    return {name: flag(f"forecast: {name}", value) for name, value in given.items()}


def _check_no_horizon(horizon: int | None) -> None:
    """Raise TypeError for a horizon, which networks over time do not take."""
    if horizon is not None:
        raise TypeError(
            f"forecast: horizon={horizon} is for models of one direction whose rows have one "
            "length; leave it out"
        )


def _check_no_budget(checkpoint: object, steps: object, batch: object) -> None:
    """Raise BudgetError for a budget, which says how its plan is forecast."""
    if is_budget(checkpoint):
        call = f"plan(model, loss, steps={steps}, batch={batch}, budget={checkpoint!r})"
        raise BudgetError(
            f"forecast: checkpoint is a budget, {checkpoint!r}, for which a schedule is chosen "
            f"first; the forecast of the fastest is {call}.forecast"
        )


def _dx(plan: Plan, asked: bool) -> bool:
    """Whether the run of a plan keeps dx. Raises BudgetError where it is not to, but does, and for
    the plan of a network.
    """
    refuse_network(plan)
    if plan.sizes.dx and not asked:
        raise BudgetError(
            "forecast: the plan is for dx=True, found dx=False; plan for that, or leave it out"
        )
    return plan.sizes.dx


def _length(chunk: int, steps: int) -> int:
    """Steps in a chunk. Raises ValueError where they make more than MOST chunks."""
    length = min(positive_int("forecast: chunk", chunk), steps)
    if (chunks := math.ceil(steps / length)) > MOST:
        raise ValueError(
            f"forecast: {chunks:,} chunks of {length} steps are too many to go through, more than "
            f"{MOST:,}; give a longer chunk, or ask plan"
        )
    return length

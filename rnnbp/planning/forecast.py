"""Bytes and seconds of a run, predicted before there is any data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from rnnbp.actions import Action
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.horizon import check_horizon
from rnnbp.inputs.models import as_model, feature_shape
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.pose import DEFAULT_CHUNK
from rnnbp.numerics import Shape, flag, positive_int
from rnnbp.planning.costs import Costs
from rnnbp.planning.objects import fused_of, ways_of
from rnnbp.planning.predicted_ledger import PredictedLedger
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.planning.sizes import Sizes
from rnnbp.runners.backend import BackendLike
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.schedules import ScheduleLike, resolve
from rnnbp.schedules.cost_text import cost_text
from rnnbp.schedules.simulation import Simulation, simulate
from rnnbp.support.ieee import restoring
from rnnbp.wording.arguments import takes

MOST = 10**8
"""Chunks that a forecast goes through, one by one: some minutes."""


@dataclass(frozen=True)
class Forecast(Simulation):
    """The predicted cost of a run of ``bptt``.

    Attributes:
        chunks, counts: chunks of the sequence, and actions by name.
        peak_slots, peak_tapes, peak_thin_tapes, peak_slots_by_tier: the most that is held at once.
        steps_run, steps_rerun, chunks_rebuilt, steps_rebuilt: forward steps in all, those beyond
            the first time, and what is rebuilt from thin tapes.
        writes, reads: checkpoints stored and loaded, by tier.
        peak_bytes, peak_bytes_by_kind: bytes of arrays at the peak.
        object_bytes: bytes of Python's objects.
        seconds: predicted from measured costs.
        output_bytes: bytes of y, if it is returned.
    """

    peak_bytes: int = field(kw_only=True)
    """The most bytes that the ledger of the run will hold at once."""
    peak_bytes_by_kind: dict[str, int] = field(kw_only=True)
    """The bytes of each kind at that moment."""
    object_bytes: int = field(kw_only=True)
    """About what Python's own objects around these arrays take at most."""
    seconds: float | None = field(default=None, kw_only=True)
    """What the actions take by the costs given, None without."""
    output_bytes: int = field(default=0, kw_only=True)
    """Of y, and then dy, of all steps: held under any schedule for a ``WholeSequence`` loss, which
    also takes one more run of all steps. Checkpoints save nothing of these; other losses have
    none."""

    __repr__ = cost_text


@takes()
@restoring
@by_numpy_where_refused
def forecast(
    model: ModelLike,
    loss: LossLike,
    *,
    steps: int,
    batch: int,
    x_shape: Shape | None = None,
    checkpoint: ScheduleLike = "all",
    chunk: int | None = None,
    dx: bool = True,
    horizon: int | None = None,
    costs: Costs | None = None,
    backend: BackendLike = None,
    training: bool = True,
    return_y: bool = False,
) -> Forecast:
    """What ``bptt`` with these arguments will count in ``stats``, before there is any data.

    Args:
        model, loss, chunk, horizon, backend, training, return_y: as ``bptt`` takes them.
        checkpoint: a schedule, as ``bptt`` takes it; a ``Plan`` has its own forecast.
        steps, batch: T and B of x.
        x_shape: feature shape of x, () for symbols; None if the model's first layer or Input
            declares it.
        dx: True if the gradient by x is kept.
        costs: seconds of actions, as ``calibrate`` measures them; None for a forecast without
            seconds.

    Returns:
        A ``Forecast``. x is assumed to be in C order and of the model's dtype, without an initial
        state; a checkpoint on disk is assumed to be written at once.

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
    steps, batch = positive_int("forecast: steps", steps), positive_int("forecast: batch", batch)
    graph = as_model(model)
    shape = feature_shape("forecast", graph, x_shape)
    horizon, chunk = check_horizon(horizon, chunk, "forecast: ")
    length = DEFAULT_CHUNK if chunk is None else positive_int("forecast: chunk", chunk)
    length = min(length, steps)
    chunks = _chunks(steps, length)
    flags = {"dx": flag("forecast: dx", dx), "training": flag("forecast: training", training)}
    flags["return_y"] = flag("forecast: return_y", return_y)
    sizes = sizes_of(graph, shape, batch, loss, **flags, backend=backend)
    return forecast_of(sizes, resolve(checkpoint, chunks), steps, length, costs, horizon)


def _chunks(steps: int, length: int) -> int:
    """Chunks of this many steps in a sequence. Raises ValueError where there are more than MOST."""
    chunks = math.ceil(steps / length)
    if chunks > MOST:
        raise ValueError(
            f"forecast: {chunks:,} chunks of {length} steps are too many to go through, more than "
            f"{MOST:,}; give a longer chunk, or ask plan"
        )
    return chunks


def forecast_of(
    sizes: Sizes,
    schedule: Iterable[Action],
    steps: int,
    length: int,
    costs: Costs | None = None,
    horizon: int | None = None,
) -> Forecast:
    """The forecast of a schedule over ``steps`` steps in chunks of ``length``."""
    chunks = math.ceil(steps / length)
    counts = simulate(schedule, chunks, steps=steps, chunk=length)
    ledger = PredictedLedger(sizes, steps, length, horizon)
    ledger.run(schedule)
    again = steps if sizes.loss_whole else 0
    run = {"steps_run": counts.steps_run + again, "steps_rerun": counts.steps_rerun + again}
    return Forecast(
        **(vars(counts) | run),
        output_bytes=sizes.all_outputs(steps),
        peak_bytes=ledger.peak,
        peak_bytes_by_kind=ledger.by_kind,
        object_bytes=sizes.object_bytes(
            length,
            counts.peak_tapes,
            counts.peak_thin_tapes,
            counts.peak_slots,
            counts.peak_slots_by_tier["disk"],
            ways_of(counts.counts, steps, length),
            fused_of(counts.counts, chunks),
        ),
        seconds=None if costs is None else _seconds(costs, counts, ledger, again),
    )


def _seconds(costs: Costs, counts: Simulation, ledger: PredictedLedger, again: int) -> float:
    """Seconds of a run; ``again`` steps are run before it, for a loss that takes all at once."""
    disk = {"write": counts.writes["disk"], "read": counts.reads["disk"]}
    seconds = costs.seconds(counts.counts | disk, ledger.steps, ledger.peak)
    return (
        seconds + costs.seconds({"Advance": counts.chunks}, {"Advance": again})
        if again
        else seconds
    )

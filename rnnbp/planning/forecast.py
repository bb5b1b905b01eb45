"""Bytes and seconds of a run, predicted before there is any data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from rnnbp.actions import Action
from rnnbp.planning.costs import Costs
from rnnbp.planning.objects import fused_of, ways_of
from rnnbp.planning.predicted_ledger import PredictedLedger
from rnnbp.planning.sizes import Sizes
from rnnbp.schedules.cost_text import cost_text
from rnnbp.schedules.simulation import Simulation, simulate
from rnnbp.schedules.sized import table_bytes
from rnnbp.wording.instead import COST


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
        rounding: what is not exact, as "bfloat16 products, 16-bit tapes"; "" where all is.
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
    rounding: str = field(default="", kw_only=True)
    """What is not exact, in words."""

    _instead = COST
    __repr__ = cost_text


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
        rounding=sizes.backend.rounding,
        peak_bytes=ledger.peak,
        peak_bytes_by_kind=ledger.by_kind,
        object_bytes=_objects(sizes, counts, ledger, steps, length) + table_bytes(schedule),
        seconds=None if costs is None else _seconds(costs, counts, ledger, again),
    )


def _objects(
    sizes: Sizes, counts: Simulation, ledger: PredictedLedger, steps: int, length: int
) -> int:
    """Bytes of Python's objects, as a run tells them, tables of the schedule apart."""
    return sizes.object_bytes(
        length,
        counts.peak_tapes,
        counts.peak_thin_tapes,
        counts.peak_slots,
        counts.peak_slots_by_tier["disk"],
        ways_of(ledger.at_highest, steps, length),
        fused_of(counts.counts, counts.chunks),
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

"""The bytes of a run foretold: a schedule run on sizes instead of arrays."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

from rnnbp.actions import Action, Advance, Backward, Drop, Keep, Load, Rebuild, Record, Store
from rnnbp.compensated import parted
from rnnbp.inputs.horizon import check_horizon, cuts
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.problem import DEFAULT_CHUNK, as_model, feature_shape
from rnnbp.numerics import Shape, flag, positive_int
from rnnbp.planning.costs import Costs
from rnnbp.planning.live_states import LiveStates
from rnnbp.planning.objects import fused_of, ways_of
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.planning.sizes import Sizes
from rnnbp.planning.tables import reversing
from rnnbp.runners.backend import BackendLike
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.schedules import ScheduleLike, resolve
from rnnbp.schedules.read_ahead import readable_ahead
from rnnbp.schedules.simulation import Simulation, cost_text, simulate
from rnnbp.support.ieee import restoring
from rnnbp.wording.arguments import takes

OUTPUTS = "outputs of all steps"
"""The kind of what a loss of all steps at once holds: y, and then dy."""
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
    """Of y, and then dy, of all steps: held under any schedule for a ``WholeSequence`` loss, which also takes
    one more run of all steps. Checkpoints save nothing of these; other losses have none."""

    __repr__ = cost_text


@takes()
@restoring
@by_numpy_where_refused
def forecast(
    model: Any,
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
    length = min(DEFAULT_CHUNK, steps) if chunk is None else min(positive_int("forecast: chunk", chunk), steps)
    chunks = math.ceil(steps / length)
    if chunks > MOST:
        raise ValueError(
            f"forecast: {chunks:,} chunks of {length} steps are too many to go through, more than {MOST:,}; "
            f"give a longer chunk, or ask plan"
        )
    flags = {"dx": flag("forecast: dx", dx), "training": flag("forecast: training", training)}
    flags["return_y"] = flag("forecast: return_y", return_y)
    sizes = sizes_of(graph, shape, batch, loss, **flags, backend=backend)
    return foretell(sizes, resolve(checkpoint, chunks), steps, length, costs, horizon)


def foretell(
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
    balance = _Balance(sizes, steps, length, horizon)
    balance.run(schedule)
    disk = {"write": counts.writes["disk"], "read": counts.reads["disk"]}
    again = steps if sizes.loss_whole else 0
    seconds = None if costs is None else costs.seconds(counts.counts | disk, balance.steps, balance.peak)
    if costs is not None and seconds is not None and again:
        seconds += costs.seconds({"Advance": chunks}, {"Advance": again})
    slots, disk_slots = counts.peak_slots, counts.peak_slots_by_tier["disk"]
    run = {"steps_run": counts.steps_run + again, "steps_rerun": counts.steps_rerun + again}
    return Forecast(
        **(vars(counts) | run),
        output_bytes=sizes.all_outputs(steps),
        peak_bytes=balance.peak,
        peak_bytes_by_kind=balance.by_kind,
        object_bytes=sizes.object_bytes(
            length,
            counts.peak_tapes,
            counts.peak_thin_tapes,
            slots,
            disk_slots,
            ways_of(counts.counts, steps, length),
            fused_of(counts.counts, chunks),
        ),
        seconds=seconds,
    )


class _Balance:
    """The ledger of a run, by arithmetic."""

    def __init__(self, sizes: Sizes, steps: int, length: int, horizon: int | None) -> None:
        self.horizon = horizon
        self.sizes, self.whole, self.last = sizes, length, math.ceil(steps / length) - 1
        self.rest = steps - self.last * length
        self.held: Counter[str] = Counter(
            gradients=sizes.gradients(steps, parted=parted(self.last + 1, length)),
            program=sizes.program(length),
        )
        self.live, self.ram, self.tabled = LiveStates(), set[int](), set[int]()
        self.disk, self.tapes, self.thin, self.rebuilt = set[int](), set[int](), set[int](), set[int]()
        self.total, self.peak, self.by_kind = self.held.total(), 0, dict[str, int]()
        self.steps: Counter[str] = Counter()
        self.stand()
        self.note()
        self.arrived = 0
        if sizes.loss_whole:
            self.see_all(steps)

    def see_all(self, steps: int) -> None:
        """A loss of all steps at once: y is made and taken to it, and its dy stays."""
        sizes = self.sizes
        self.hold(OUTPUTS, sizes.all_outputs(steps))
        self.hold("state", sizes.slot)
        self.arrived = self.last + 1
        for length in (self.whole, self.rest) if self.last else (self.rest,):
            self.note(sizes.arriving(length))
            self.note(sizes.outputs(length))
        self.hold("state", -sizes.slot)
        self.note(sizes.whole_loss(steps))

    def run(self, schedule: Iterable[Action]) -> None:
        for action, after in pairwise(chain(schedule, [None])):
            assert action is not None
            length = self.rest if action.n == self.last else self.whole
            self.steps[type(action).__name__] += length
            if isinstance(action, Advance | Keep | Record) and action.n == self.arrived:
                self.arrived += 1
                self.note(self.sizes.arriving(length))
            if self.disk and readable_ahead(action, after, self.disk, (self.tapes, self.thin)) is not None:
                self.hold("read ahead", self.sizes.slot)
            self.do(action, length)
            self.stand()

    def stand(self) -> None:
        """Count the states that are held now."""
        nbytes = self.live.nbytes(self.ram, self.sizes.slot, self.sizes.deltas)
        self.hold("state", nbytes - self.held["state"])

    def do(self, action: Action, length: int) -> None:
        sizes = self.sizes
        if isinstance(action, Advance | Keep | Record):
            self.live.ran(last=action.n == self.last)
        match action:
            case Advance():
                self.note(sizes.advance(length))
            case Keep():
                self.thin.add(action.n)
                self.hold("thin tape", sizes.thin(length))
                self.note(sizes.keep(length))
            case Record():
                self.tapes.add(action.n)
                self.hold("tape", sizes.tape(length))
                self.note(sizes.record(length))
            case Rebuild():
                self.thin.remove(action.n)
                self.tapes.add(action.n)
                self.hold("thin tape", -sizes.thin(length))
                self.rebuilt.add(action.n)
                self.hold("tape", sizes.rebuilt_tape(length))
                self.note(sizes.rebuild(length))
            case Store(n, "disk"):
                self.disk.add(n)
                self.hold("disk buffer", sizes.slot - self.held["disk buffer"])
                self.note()
            case Store(n):
                self.ram.add(n)
                self.hold("checkpoint", sizes.slot)
                self.note()
            case Drop(n) if n in self.disk:
                self.disk.remove(n)
                self.hold("disk buffer", -self.held["disk buffer"])
            case Drop(n):
                self.ram.discard(n)
                self.hold("checkpoint", -sizes.slot)
            case Backward():
                first, tabled = self.live.no_deltas, length in self.tabled
                need, made = reversing(sizes, length, self.whole, first=first, tabled=tabled)
                self.note(need)
                self.tabled.add(length)
                self.hold("program", made)
                self.live.reversed(cut=cuts(self.horizon, action.n * self.whole))
                self.tapes.remove(action.n)
                self.hold("tape", -(sizes.rebuilt_tape if action.n in self.rebuilt else sizes.tape)(length))
                self.rebuilt.discard(action.n)
            case Load(n):
                self.live.loaded(n if n in self.ram else None)
                self.hold("read ahead", -self.held["read ahead"])

    def hold(self, kind: str, nbytes: int) -> None:
        """Count so many bytes of a kind more."""
        self.held[kind] += nbytes
        self.total += nbytes

    def note(self, workspace: int = 0) -> None:
        """Take note of the bytes held now, with a workspace."""
        if self.total + workspace > self.peak:
            self.peak = self.total + workspace
            self.by_kind = {kind: n for kind, n in (self.held | Counter(workspace=workspace)).items() if n}

"""The arguments of a Trainer that may be changed between two steps, and their checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rnnbp.bptt.networks import LossesLike
from rnnbp.numerics import flag, positive_int, real_number, shown
from rnnbp.optim import OnPlateau, Schedule
from rnnbp.optim.rates import Rate as OwnRate
from rnnbp.optim.rates import checked_rate
from rnnbp.parallel import Exchange
from rnnbp.parallel.exchange import check_exchange
from rnnbp.planning.budget import is_budget, parse_budget
from rnnbp.planning.chosen_chunks import chunk_of_run
from rnnbp.planning.plan import Plan
from rnnbp.schedules import ScheduleLike
from rnnbp.schedules.named import check_kind
from rnnbp.support.lazy import cached_property
from rnnbp.train.averages import Metric
from rnnbp.train.best import VALIDATION
from rnnbp.train.event import Event, check_callbacks
from rnnbp.train.figures import as_monitor
from rnnbp.train.metrics import MetricsLike, as_metrics
from rnnbp.train.monitor import LOSS, Mode, Monitor
from rnnbp.train.output_losses import each_loss, names_of_losses
from rnnbp.train.source import Source
from rnnbp.train.sources import as_source

Callbacks: TypeAlias = Sequence[Callable[[Event], object]]
Rate: TypeAlias = OwnRate | None
"""A number, a function of the step, or one that follows validation; None for the optimiser's own.
"""
OnNonFinite: TypeAlias = Literal["raise", "skip"]
OnInterrupt: TypeAlias = Literal["raise", "return"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Those arguments, as ``Trainer`` describes them. Raises TypeError or ValueError."""

    loss: LossesLike
    checkpoint: ScheduleLike | Plan = "all"
    chunk: int | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    learning_rate: Schedule | OnPlateau | None = None
    """None where the optimiser's own rate rules: that is what a number is put into."""
    validation: Source | None = None
    validate_every: int | None = None
    patience: int | None = None
    keep_best: bool | None = None
    monitor: str = "val_loss"
    mode: Mode = "auto"
    snapshot_every: int | None = None
    snapshot_minutes: float | None = None
    callbacks: Callbacks = ()
    progress: bool | None = None
    on_nonfinite: OnNonFinite = "raise"
    on_interrupt: OnInterrupt = "raise"
    metrics: MetricsLike = ()
    accumulate: int = 1
    parallel: Exchange | None = None

    def __post_init__(self) -> None:
        each_loss(self.loss)
        self._check_numbers()
        self._put("callbacks", check_callbacks(self.callbacks))
        for name in ("progress", "keep_best"):
            if (given := getattr(self, name)) is not None:
                self._put(name, flag(f"Trainer: {name}", given))
        if not isinstance(self.on_nonfinite, str) or self.on_nonfinite not in ("raise", "skip"):
            raise ValueError(
                f"Trainer: on_nonfinite is 'raise' or 'skip', found {shown(self.on_nonfinite)}"
            )
        check_on_interrupt("Trainer: on_interrupt", self.on_interrupt)
        if self.parallel is not None:
            check_exchange("Trainer: parallel", self.parallel)
        self._put("monitor", self.monitored.name)
        self._check_validation()

    @cached_property
    def measured(self) -> tuple[Metric, ...]:
        """The metrics."""
        return as_metrics("Trainer: metrics", self.metrics, self.loss)

    @cached_property
    def monitored(self) -> Monitor:
        """The figure that decides which parameters are the best; ``check`` checks its direction."""
        return as_monitor(self.monitor, self.mode, self.measured, self.output_losses)

    @property
    def output_losses(self) -> tuple[str, ...]:
        """The names of the losses of several outputs in a line of metrics."""
        return names_of_losses(self.loss)

    @property
    def judges(self) -> bool:
        """True if there is a figure to follow."""
        return self.validation is not None or not self.monitored.validation

    @property
    def keeps_best(self) -> bool:
        """True if the best parameters are to be in the model when ``fit`` returns."""
        return self.patience is not None if self.keep_best is None else self.keep_best

    def _check_numbers(self) -> None:
        for name in ("validate_every", "snapshot_every", "patience", "chunk"):
            if (count := getattr(self, name)) is not None:
                self._put(name, positive_int(f"Trainer: {name}", count))
        if is_budget(self.checkpoint):
            parse_budget(self.checkpoint, "checkpoint")
        elif not isinstance(self.checkpoint, Plan):
            check_kind(self.checkpoint)
        chunk_of_run(self.checkpoint, self.chunk)
        self._put("accumulate", positive_int("Trainer: accumulate", self.accumulate))
        for name, cure in (
            ("clip_norm", "None clips nothing"),
            ("clip_value", "None clips nothing"),
            ("snapshot_minutes", "None writes none by time"),
        ):
            if (number := getattr(self, name)) is not None:
                real_number(f"Trainer: {name}", number, above=0, cure=cure)

    def _check_validation(self) -> None:
        """Raise ValueError if an option needs validation losses, and there will be none."""
        if self.validation is not None:
            self._put("validation", as_source("Trainer: validation", self.validation))
            return
        needing, cure = [], "give validation=, a source"
        if self.monitored.validation:
            needing = [
                name for name in ("validate_every", "patience") if getattr(self, name) is not None
            ]
            needing += ["keep_best"] * bool(self.keep_best)
            needing += [f"monitor={self.monitor!r}"] * (self.monitor != VALIDATION + LOSS)
            cure += ", or monitor='loss', that of training," if needing else ""
        needing += ["learning_rate=OnPlateau"] * isinstance(self.learning_rate, OnPlateau)
        if needing:
            raise ValueError(
                f"Trainer: {', '.join(needing)} needs validation losses; {cure.rstrip(',')}"
            )

    def _put(self, name: str, value: object) -> None:
        """Replace an argument by its normal form while the object is built."""
        object.__setattr__(self, name, value)


def split_rate(given: Rate) -> tuple[Schedule | OnPlateau | None, float | None]:
    """(The rule, None) or (None, the rate of all steps), from the argument ``learning_rate``.

    Raises TypeError for anything but a number or a function of the step, ValueError for a rate not
    above 0.
    """
    found = None if given is None else checked_rate("Trainer: learning_rate", given, above=0)
    return (None, found) if isinstance(found, float) else (found, None)


def check_on_interrupt(name: str, value: object) -> None:
    """Raise ValueError unless it is a way to end on a signal."""
    if not isinstance(value, str) or value not in ("raise", "return"):
        raise ValueError(f"{name} is 'raise' or 'return', found {shown(value)}")

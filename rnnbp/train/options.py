"""The arguments of a Trainer that may be changed between two steps, checked one by one and together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rnnbp.bptt.objective import LossLike, check_loss
from rnnbp.bptt.planner import Plan
from rnnbp.numerics import flag, positive_int, real_number
from rnnbp.optim import OnPlateau, Schedule
from rnnbp.optim.learning_rates import check_schedule
from rnnbp.schedules import ScheduleLike
from rnnbp.train.event import Event, check_callbacks
from rnnbp.train.source import Source
from rnnbp.train.sources import as_source

Callbacks: TypeAlias = Sequence[Callable[[Event], object]]
OnNonFinite: TypeAlias = Literal["raise", "skip"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Those arguments, as ``Trainer`` describes them. Raises TypeError or ValueError for what does
    not fit."""

    loss: LossLike
    checkpoint: ScheduleLike | Plan = "all"
    chunk: int | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    learning_rate: Schedule | OnPlateau | None = None
    """None where the optimiser's own rate is taken."""
    validation: Source | None = None
    validate_every: int | None = None
    patience: int | None = None
    snapshot_every: int | None = None
    snapshot_minutes: float | None = None
    callbacks: Callbacks = ()
    progress: bool | None = None
    on_nonfinite: OnNonFinite = "raise"

    def __post_init__(self) -> None:
        check_loss(self.loss)
        self._check_numbers()
        self._put("callbacks", check_callbacks(self.callbacks))
        if self.progress is not None:
            self._put("progress", flag("Trainer: progress", self.progress))
        if self.on_nonfinite not in ("raise", "skip"):
            raise ValueError(f"Trainer: on_nonfinite is 'raise' or 'skip', found {self.on_nonfinite!r}")
        if self.learning_rate is not None and not isinstance(self.learning_rate, OnPlateau):
            check_schedule("Trainer: learning_rate", self.learning_rate)
        self._check_validation()

    def _check_numbers(self) -> None:
        for name in ("validate_every", "snapshot_every", "patience"):
            if (count := getattr(self, name)) is not None:
                self._put(name, positive_int(f"Trainer: {name}", count))
        for name, cure in (
            ("clip_norm", "None clips nothing"),
            ("clip_value", "None clips nothing"),
            ("snapshot_minutes", "None writes none by time"),
        ):
            if (number := getattr(self, name)) is not None:
                real_number(f"Trainer: {name}", number, above=0, cure=cure)

    def _check_validation(self) -> None:
        """Raise ValueError where something needs validation losses, and there will be none."""
        if self.validation is not None:
            self._put("validation", as_source("Trainer: validation", self.validation))
            return
        needing = [name for name in ("validate_every", "patience") if getattr(self, name) is not None]
        needing += ["learning_rate=OnPlateau"] * isinstance(self.learning_rate, OnPlateau)
        if needing:
            raise ValueError(f"Trainer: {', '.join(needing)} needs validation losses; give validation=, a source")

    def _put(self, name: str, value: object) -> None:
        """Replace what was given by what it means, while the object is built."""
        object.__setattr__(self, name, value)

"""Learning rates. A schedule is a pure function of the step, from 0: ``optimizer.step(grads, lr=schedule(step))``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from rnnbp.ieee import ieee
from rnnbp.numerics import positive_int, real_number, shown, whole_number

Schedule: TypeAlias = Callable[[int], float]


def _step(step: int) -> int:
    return whole_number("a schedule's step", step, least=0)


def check_schedule(name: str, schedule: object) -> None:
    """Raise TypeError unless ``schedule`` is a function of the step."""
    if isinstance(schedule, type) or not callable(schedule):
        raise TypeError(f"{name} must be a schedule, found {shown(schedule)}; as optim.Constant(1e-3)")


@final
@dataclass(frozen=True, slots=True)
class Constant:
    """lr at every step. Raises ValueError for lr ≤ 0, as all schedules do."""

    lr: float

    def __post_init__(self) -> None:
        real_number("Constant: lr", self.lr, above=0)

    @ieee
    def __call__(self, step: int) -> float:
        _step(step)
        return self.lr


@final
@dataclass(frozen=True, slots=True)
class StepDecay:
    """lr · factor^⌊step / every⌋. Raises ValueError unless every ≥ 1 and 0 < factor < 1."""

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        real_number("StepDecay: lr", self.lr, above=0)
        real_number("StepDecay: factor", self.factor, above=0, below=1)
        positive_int("StepDecay: every", self.every)

    @ieee
    def __call__(self, step: int) -> float:
        return self.lr * self.factor ** (_step(step) // self.every)


@final
@dataclass(frozen=True, slots=True)
class Cosine:
    """floor + ½(lr − floor)(1 + cos(π step / steps)), and floor from ``steps`` on.

    Loshchilov & Hutter 2017, "SGDR", eq. 5, without restarts. Raises ValueError unless 0 ≤ floor < lr.
    """

    lr: float
    steps: int
    floor: float = 0.0

    def __post_init__(self) -> None:
        real_number("Cosine: lr", self.lr, above=0)
        real_number("Cosine: floor", self.floor, least=0, below=self.lr)
        positive_int("Cosine: steps", self.steps)

    @ieee
    def __call__(self, step: int) -> float:
        if _step(step) >= self.steps:
            return self.floor
        return self.floor + 0.5 * (self.lr - self.floor) * (1 + math.cos(math.pi * step / self.steps))


@final
@dataclass(frozen=True, slots=True)
class WarmUp:
    """schedule(step) · min(1, (step + 1) / steps): linear at first (Goyal et al. 2017, sec. 2.2).

    ``schedule`` sees the true step, so it ends when it would without the warm-up. Raises ValueError
    unless steps ≥ 1, TypeError for another thing than a schedule.
    """

    schedule: Schedule
    steps: int

    def __post_init__(self) -> None:
        check_schedule("WarmUp: schedule", self.schedule)
        positive_int("WarmUp: steps", self.steps)

    @ieee
    def __call__(self, step: int) -> float:
        return self.schedule(_step(step)) * min(1.0, (step + 1) / self.steps)


@final
class OnPlateau:
    """lr · factor whenever a metric, told after each epoch, has not improved for more than ``patience`` epochs.

    An improvement is a metric below best − threshold · |best|, or above best + threshold · |best| for
    mode "max": PyTorch's ReduceLROnPlateau, for a metric above 0. After a reduction ``cooldown`` epochs
    are not counted, and lr never falls below ``floor``.

    Raises ValueError for a value out of its range.
    """

    def __init__(
        self,
        lr: float,
        *,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        floor: float = 0.0,
        mode: str = "min",
    ) -> None:
        self.lr = real_number("OnPlateau: lr", lr, above=0)
        self.factor = real_number("OnPlateau: factor", factor, above=0, below=1)
        self.patience = whole_number("OnPlateau: patience", patience, least=0)
        self.threshold = real_number("OnPlateau: threshold", threshold, least=0, below=1)
        self.cooldown = whole_number("OnPlateau: cooldown", cooldown, least=0)
        self.floor = real_number("OnPlateau: floor", floor, least=0, below=self.lr)
        if not isinstance(mode, str) or mode not in ("min", "max"):
            raise ValueError(f"OnPlateau: mode must be 'min' or 'max', found {shown(mode)}")
        self.sign = 1.0 if mode == "min" else -1.0
        self.best: float | None = None
        self.bad_epochs = 0
        self.cooling = 0

    @ieee
    def update(self, metric: float) -> float:
        """Tell the metric of an epoch; gives the rate for the next. Raises ValueError unless it is finite."""
        cure = "stop the training, or restore an earlier state"
        found = self.sign * real_number("OnPlateau: the metric", metric, cure=cure)
        if self.best is None or found < self.best - self.threshold * abs(self.best):
            self.best, self.bad_epochs = found, 0
        else:
            self.bad_epochs += 1
        if self.cooling:
            self.cooling, self.bad_epochs = self.cooling - 1, 0
        if self.bad_epochs > self.patience:
            self.lr, self.bad_epochs, self.cooling = max(self.lr * self.factor, self.floor), 0, self.cooldown
        return self.lr

    def state_dict(self) -> dict[str, float | int | None]:
        """What ``update`` has changed; goes through JSON unharmed."""
        return {"lr": self.lr, "best": self.best, "bad_epochs": self.bad_epochs, "cooling": self.cooling}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state_dict`` gave. Raises ValueError for other names."""
        if state.keys() != self.state_dict().keys():
            raise ValueError(
                f"OnPlateau.load_state_dict: names must be {sorted(self.state_dict())}, found {sorted(state)}; "
                f"load what an OnPlateau saved"
            )
        self.lr, self.best = float(state["lr"]), None if state["best"] is None else float(state["best"])
        self.bad_epochs, self.cooling = int(state["bad_epochs"]), int(state["cooling"])

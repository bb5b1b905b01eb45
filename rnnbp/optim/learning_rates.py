"""Learning rates. A schedule is a pure function of the step, from 0:
``Adam(model, learning_rate=schedule)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, final

from rnnbp.numerics import positive_int, real_number, shown, whole_number
from rnnbp.support.ieee import ieee
from rnnbp.support.nearest import hint
from rnnbp.wording.arguments import Named
from rnnbp.wording.renamed import renamed, warn_renamed

T = TypeVar("T")
Schedule: TypeAlias = Callable[[int], float]


def _step(step: int) -> int:
    return whole_number("a schedule's step", step, least=0)


def check_schedule(name: str, schedule: object) -> None:
    """Raise TypeError unless ``schedule`` is a function of the step."""
    if isinstance(schedule, type) or not callable(schedule):
        raise TypeError(
            f"{name} must be a schedule, found {shown(schedule)}; as optim.Constant(1e-3)"
        )


class Rated(Named):
    """A schedule with a ``learning_rate``, and its old name ``lr``."""

    __slots__ = ()
    learning_rate: float

    @property
    def lr(self) -> float:
        """The old name of ``learning_rate``."""
        warn_renamed(f"{type(self).__name__}.lr", "learning_rate")
        return self.learning_rate


def renamed_rate(kind: type[T]) -> type[T]:
    """Decorate a class so that it accepts its ``learning_rate`` as ``lr=`` too, with a
    DeprecationWarning.
    """
    kind.__init__ = renamed("lr", "learning_rate")(kind.__init__)  # type: ignore[method-assign]  # its own, wrapped
    return kind


@renamed_rate
@final
@dataclass(frozen=True, slots=True)
class Constant(Rated):
    """The same learning rate at every step.

    Args:
        learning_rate: > 0.

    Raises ValueError for a learning_rate ≤ 0, as all schedules do.

    >>> import rnnbp as rb
    >>> rb.optim.Constant(1e-3)(99)
    0.001
    """

    learning_rate: float

    def __post_init__(self) -> None:
        real_number("Constant: learning_rate", self.learning_rate, above=0)

    @ieee
    def __call__(self, step: int) -> float:
        _step(step)
        return self.learning_rate


@renamed_rate
@final
@dataclass(frozen=True, slots=True)
class StepDecay(Rated):
    """learning_rate · factor^⌊step / every⌋.

    Args:
        learning_rate: the first rate, > 0.
        every: steps between two reductions, ≥ 1.
        factor: in (0, 1).

    Raises ValueError for a value out of its range.

    >>> import rnnbp as rb
    >>> rate = rb.optim.StepDecay(1.0, every=10, factor=0.5)
    >>> rate(0), rate(9), rate(10), rate(20)
    (1.0, 1.0, 0.5, 0.25)
    """

    learning_rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        real_number("StepDecay: learning_rate", self.learning_rate, above=0)
        real_number("StepDecay: factor", self.factor, above=0, below=1)
        positive_int("StepDecay: every", self.every)

    @ieee
    def __call__(self, step: int) -> float:
        return self.learning_rate * self.factor ** (_step(step) // self.every)


@renamed_rate
@final
@dataclass(frozen=True, slots=True)
class Cosine(Rated):
    """floor + ½(learning_rate − floor)(1 + cos(π step / steps)), and floor from ``steps`` on.

    Loshchilov & Hutter 2017, "SGDR", eq. 5, without restarts.

    Args:
        learning_rate: the first rate, > 0.
        steps: steps until the floor is reached, ≥ 1.
        floor: the last rate, in [0, learning_rate).

    Raises ValueError for a value out of its range.

    >>> import rnnbp as rb
    >>> rate = rb.optim.Cosine(1.0, steps=100)
    >>> rate(0), round(rate(50), 12), rate(100)
    (1.0, 0.5, 0.0)
    """

    learning_rate: float
    steps: int
    floor: float = 0.0

    def __post_init__(self) -> None:
        real_number("Cosine: learning_rate", self.learning_rate, above=0)
        real_number("Cosine: floor", self.floor, least=0, below=self.learning_rate)
        positive_int("Cosine: steps", self.steps)

    @ieee
    def __call__(self, step: int) -> float:
        if _step(step) >= self.steps:
            return self.floor
        return self.floor + 0.5 * (self.learning_rate - self.floor) * (
            1 + math.cos(math.pi * step / self.steps)
        )


@final
@dataclass(frozen=True, slots=True)
class WarmUp(Named):
    """schedule(step) · min(1, (step + 1) / steps): linear at first (Goyal et al. 2017, sec. 2.2).

    ``schedule`` sees the true step, so it ends when it would without the warm-up.

    Args:
        schedule: a function of the step, as a schedule of ``rnnbp.optim``.
        steps: steps of the warm-up, ≥ 1.

    Raises ValueError for a value out of its range, TypeError unless ``schedule`` is a function.

    >>> import rnnbp as rb
    >>> rate = rb.optim.WarmUp(rb.optim.Constant(1.0), steps=4)
    >>> [rate(step) for step in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """

    schedule: Schedule
    steps: int

    def __post_init__(self) -> None:
        check_schedule("WarmUp: schedule", self.schedule)
        positive_int("WarmUp: steps", self.steps)

    @ieee
    def __call__(self, step: int) -> float:
        return self.schedule(_step(step)) * min(1.0, (step + 1) / self.steps)


@renamed_rate
@final
class OnPlateau(Named):
    """Multiplies the learning rate by ``factor`` when a metric has not improved for over
    ``patience`` epochs.

    Call ``update`` with the metric after each epoch; a ``Trainer`` calls it with the validation
    losses.

    Args:
        learning_rate: the first rate, > 0.
        factor: in (0, 1).
        patience: epochs without an improvement that are tolerated, ≥ 0.
        threshold: an improvement is a metric below best − threshold · |best|, or for mode "max"
            above best + threshold · |best|; in [0, 1).
        cooldown: epochs after a reduction that are not counted, ≥ 0.
        floor: the rate never falls below it; in [0, learning_rate).
        mode: "min" or "max", the direction in which the metric improves.

    PyTorch's ReduceLROnPlateau, for a metric above 0. Raises ValueError for a value out of its
    range.

    >>> import rnnbp as rb
    >>> rate = rb.optim.OnPlateau(1.0, factor=0.5, patience=1)
    >>> [rate.update(loss) for loss in (3.0, 2.0, 2.0, 2.0, 1.0)]
    [1.0, 1.0, 1.0, 0.5, 0.5]
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        floor: float = 0.0,
        mode: str = "min",
    ) -> None:
        self.learning_rate = real_number("OnPlateau: learning_rate", learning_rate, above=0)
        self.factor = real_number("OnPlateau: factor", factor, above=0, below=1)
        self.patience = whole_number("OnPlateau: patience", patience, least=0)
        self.threshold = real_number("OnPlateau: threshold", threshold, least=0, below=1)
        self.cooldown = whole_number("OnPlateau: cooldown", cooldown, least=0)
        self.floor = real_number("OnPlateau: floor", floor, least=0, below=self.learning_rate)
        if not isinstance(mode, str) or mode not in ("min", "max"):
            near = hint(mode, ("min", "max"))
            raise ValueError(f"OnPlateau: mode must be 'min' or 'max', found {shown(mode)}{near}")
        self.sign = 1.0 if mode == "min" else -1.0
        self.best: float | None = None
        self.bad_epochs = 0
        self.cooling = 0

    @property
    def lr(self) -> float:
        """The old name of ``learning_rate``."""
        warn_renamed("OnPlateau.lr", "learning_rate")
        return self.learning_rate

    @lr.setter
    def lr(self, value: float) -> None:
        warn_renamed("OnPlateau.lr", "learning_rate")
        self.learning_rate = value

    @ieee
    def update(self, metric: float) -> float:
        """Note the metric of an epoch and return the rate for the next. Raises ValueError unless it
        is finite.
        """
        cure = "stop the training, or restore an earlier state"
        found = self.sign * real_number("OnPlateau: the metric", metric, cure=cure)
        if self.best is None or found < self.best - self.threshold * abs(self.best):
            self.best, self.bad_epochs = found, 0
        else:
            self.bad_epochs += 1
        if self.cooling:
            self.cooling, self.bad_epochs = self.cooling - 1, 0
        if self.bad_epochs > self.patience:
            self.learning_rate, self.bad_epochs, self.cooling = (
                max(self.learning_rate * self.factor, self.floor),
                0,
                self.cooldown,
            )
        return self.learning_rate

    def state_dict(self) -> dict[str, float | int | None]:
        """What ``update`` changes; all of it can be stored as JSON."""
        return {
            "lr": self.learning_rate,
            "best": self.best,
            "bad_epochs": self.bad_epochs,
            "cooling": self.cooling,
        }

    def load_state_dict(self, state: Mapping[str, float | int | None]) -> None:
        """Restore a state that ``state_dict`` returned. Raises ValueError for other names."""
        if state.keys() != self.state_dict().keys():
            raise ValueError(
                f"OnPlateau.load_state_dict: names must be {sorted(self.state_dict())}, found "
                f"{sorted(state)}; load what an OnPlateau saved"
            )
        known = {name: value for name, value in state.items() if value is not None}
        self.learning_rate = float(known["lr"])
        self.best = float(known["best"]) if "best" in known else None
        self.bad_epochs, self.cooling = int(known["bad_epochs"]), int(known["cooling"])

    def __repr__(self) -> str:
        options = ("factor", "patience", "threshold", "cooldown", "floor")
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in options)
        return f"OnPlateau(learning_rate={self.learning_rate}, {shown}, mode={'min' if self.sign > 0 else 'max'!r})"

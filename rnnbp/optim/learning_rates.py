"""Learning rates. A schedule is a pure function of the step, from 0:
``Adam(model, learning_rate=schedule)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from rnnbp.numerics import positive_int, real_number
from rnnbp.optim.rated import Rated, Schedule, check_schedule, checked_step, renamed_rate
from rnnbp.support.ieee import ieee
from rnnbp.wording.arguments import Named


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
        checked_step(step)
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
        return self.learning_rate * self.factor ** (checked_step(step) // self.every)


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
        if checked_step(step) >= self.steps:
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
        return self.schedule(checked_step(step)) * min(1.0, (step + 1) / self.steps)

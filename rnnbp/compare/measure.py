"""One schedule measured: its bytes, its seconds against full caching, its gradients."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

import numpy as np

from rnnbp.bptt import Gradients, Stats, bptt
from rnnbp.compare.choices import Choice
from rnnbp.inputs.given import ModelLike, SeriesLike
from rnnbp.inputs.objective import LossLike
from rnnbp.memory import Used, allocated
from rnnbp.numerics import Array
from rnnbp.planning.plan import Plan
from rnnbp.runners.backend import Backend, as_backend
from rnnbp.schedules import All, ScheduleLike


@dataclass(frozen=True)
class Measured:
    """Figures of the runs of a schedule; seconds and the ratio to full caching are medians.

    The ratio of full caching itself, in the chunks of ``reference``, is 1.
    """

    stats: Stats
    traced_bytes: int
    """tracemalloc's peak, Python's own objects included, of a run of its own."""
    seconds: float
    ratio: float
    same_bits: bool
    """True if gradients are those of full caching in chunks of the same length, to the bit."""
    error_at_chunk: float
    """The largest difference of a gradient from those, over the largest value in its array."""
    relative_error: float
    """The same, from those of full caching in its own chunks."""
    rounding: str = ""
    """What is not exact, in words; "" where all is."""


Arguments: TypeAlias = tuple[ModelLike, SeriesLike, SeriesLike, LossLike]
"""(model, x, target, loss), as ``bptt`` takes them."""


class Bench:
    """Runs schedules on one model, input and loss. ``reference`` is full caching, ``rows`` further
    arguments of ``bptt``, as lengths.
    """

    def __init__(
        self,
        problem: Arguments,
        seed: int,
        reference: Choice,
        *,
        dx: bool = True,
        rows: Mapping[str, SeriesLike] | None = None,
    ) -> None:
        self.problem, self.seed, self.reference, self.dx = problem, seed, reference, dx
        self.rows = rows or {}
        self._cached: dict[int, dict[str, Array]] = {}

    def run(self, choice: Choice) -> Gradients:
        """One run of ``bptt``."""
        planned = isinstance(choice.checkpoint, Plan)
        return self._bptt(choice.checkpoint, None if planned else choice.chunk, choice.backend)

    def _bptt(
        self, checkpoint: ScheduleLike | Plan, chunk: int | None, backend: Backend | None = None
    ) -> Gradients:
        return bptt(
            *self.problem,
            checkpoint=checkpoint,
            chunk=chunk,
            seed=self.seed,
            dx=self.dx,
            progress=False,
            backend=backend,
            **self.rows,
        )

    def measure(self, choice: Choice, repeats: int) -> Iterator[Measured | None]:
        """None after each run, and the figures at the end."""
        here, there = self._cached_at(choice.chunk), self._cached_at(self.reference.chunk)
        result, traced = self._traced(choice)
        found = _arrays(result)
        stats = result.stats
        del result
        yield None
        seconds, ratios, itself = [], [], choice.key == self.reference.key
        for _ in range(repeats):  # alternated, so that what else the machine does falls on both
            cached = self.run(self.reference).stats.seconds
            seconds.append(cached if itself else self.run(choice).stats.seconds)
            ratios.append(seconds[-1] / cached)
            yield None
        same = all(np.array_equal(found[name], here[name]) for name in found)
        errors = relative_error(found, here), relative_error(found, there)
        rounding = as_backend(choice.backend).rounding
        yield Measured(stats, traced, median(seconds), median(ratios), same, *errors, rounding)

    def _traced(self, choice: Choice) -> tuple[Gradients, int]:
        gc.collect()
        used = Used()
        with allocated(used):  # the caller's own tracing and resident mark are not disturbed
            result = self.run(choice)
        return result, used.peak_bytes

    def _cached_at(self, chunk: int) -> dict[str, Array]:
        """Gradients of full caching in chunks of this length."""
        if chunk not in self._cached:
            self._cached[chunk] = _arrays(self._bptt(All, chunk))
        return self._cached[chunk]


def relative_error(found: dict[str, Array], expected: dict[str, Array]) -> float:
    """The largest difference of two arrays of a name, over the largest expected value in them."""
    errors = [0.0]
    for name, array in found.items():
        largest = float(np.abs(expected[name]).max(initial=0.0))
        errors.append(float(np.abs(array - expected[name]).max(initial=0.0)) / (largest or 1.0))
    return max(errors)


def _arrays(result: Gradients) -> dict[str, Array]:
    """All gradients by name: of the parameters, and of x where it is floats."""
    if not isinstance(result.dx, tuple | dict):
        return dict(result.grads) if result.dx is None else {**result.grads, "x": result.dx}
    named = result.dx.items() if isinstance(result.dx, dict) else enumerate(result.dx)
    return {**result.grads, **{f"x[{key!r}]": dx for key, dx in named if dx is not None}}

"""How a Forecaster's windows become inputs of its network, and its outputs forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator

from rnnbp.estimators.deviations import root_mean_square
from rnnbp.estimators.time_series import TimeSeries
from rnnbp.numerics import Array

MEDIAN = 0.5
"""The quantile that ``predict`` returns, and that later steps take for what has come."""


@dataclass(frozen=True)
class Frame:
    """How windows of series become inputs of a network, and its outputs forecasts.

    Attributes:
        window, horizon: steps that are read, and that are forecast in one run.
        center: True if each window is given as differences from its own mean.
        mean, deviation: (targets,) of what was learnt from.
        dtype: of the network.
        levels: the quantiles that it writes, in order; none for the mean.
    """

    window: int
    horizon: int
    center: bool
    mean: Array
    deviation: Array
    dtype: str
    levels: tuple[float, ...]

    @classmethod
    def of(
        cls, series: Sequence[TimeSeries], estimator: BaseEstimator, levels: tuple[float, ...]
    ) -> Self:
        """That of these series, for a Forecaster."""
        window, horizon, center = estimator.window, estimator.horizon, estimator.center
        every = np.concatenate([one.y for one in series])
        mean, parts = every.mean(axis=0), [every - every.mean(axis=0)]
        if center:
            parts = [one.y[window:] - _means(one.y, window)[:-1] for one in series]
        deviation = root_mean_square(np.concatenate(parts))
        usable = deviation > 1e-12 * np.abs(every).max(axis=0)
        scale = np.where(usable, deviation, 1.0)
        return cls(window, horizon, center, mean, scale, estimator.dtype, levels)

    @property
    def middle(self) -> int:
        """The output that ``predict`` returns: the median, or the only one."""
        return self.levels.index(MEDIAN) if self.levels else 0

    def level(self, past: Array) -> Array:
        """(B, targets) What y (window, B, targets) is given relative to."""
        found: Array = (
            past.mean(axis=0) if self.center else np.broadcast_to(self.mean, past.shape[1:])
        )
        return found

    def inputs(self, past: Array, known: Array, future: Array) -> dict[str, Array]:
        """The network's, of y (window, B, targets) and covariates (window, B, k), (H, B, k)."""
        relative = (past - self.level(past)) / self.deviation
        place = np.arange(1, len(future) + 1, dtype=self.dtype)[:, None, None] / self.horizon
        places = np.broadcast_to(place, (*future.shape[:2], 1))
        return {
            "past": np.concatenate([relative, known], axis=-1).astype(self.dtype),
            "future": np.concatenate([places, future], axis=-1).astype(self.dtype),
        }


def _means(y: Array, window: int) -> Array:
    """(T − window + 1, ...) The mean of each window."""
    sums = np.cumsum(np.concatenate([np.zeros_like(y[:1]), y - y[0]]), axis=0)
    found: Array = y[0] + (sums[window:] - sums[:-window]) / window
    return found

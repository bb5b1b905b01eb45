"""Targets and weights of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_array

from rnnbp.estimators.deviations import root_mean_square
from rnnbp.numerics import Array


@dataclass(frozen=True)
class Scale:
    """Targets of mean 0 and deviation 1 for the network, and its outputs in the user's units."""

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, y: Array, weight: Array | None) -> Self:
        """That of each column of y (n, outputs); a constant one keeps its unit."""
        mean = np.average(y, axis=0, weights=weight)
        deviation = root_mean_square(y - mean, weight)
        return cls(mean, np.where(deviation > 1e-12 * np.abs(mean), deviation, 1.0))

    def down(self, y: Array) -> Array:
        """As the network has it."""
        found: Array = (y - self.mean) / self.deviation
        return found

    def up(self, y: Array) -> Array:
        """As the user has it."""
        return y * self.deviation + self.mean


def check_there(estimator: BaseEstimator, y: object) -> None:
    """Raise ValueError unless there is a y."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None; give "
            "fit(X, y)"
        )


def weights_of(estimator: BaseEstimator, given: ArrayLike | None, n: int) -> Array | None:
    """Weights (n,) of samples, float64. Raises ValueError for those that cannot be."""
    if given is None:
        return None
    name = f"{type(estimator).__name__}: sample_weight"
    found: Array = check_array(given, ensure_2d=False, dtype=np.float64, input_name=name)
    if found.shape != (n,):
        raise ValueError(f"{name} has shape {found.shape}; give a number for each series, ({n},)")
    if (found < 0).any() or not found.any():
        what = f"found {found.min()}" if found.any() else "all are zero"
        raise ValueError(f"{name} must be at least 0, and above 0 for some series; {what}")
    return found

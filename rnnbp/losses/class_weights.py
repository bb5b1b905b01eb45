"""Weights of classes, as a vector or by class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.checks.arrays import plain
from rnnbp.numerics import Array, shown

ClassWeight: TypeAlias = ArrayLike | Mapping[int, float]
"""K numbers ≥ 0, or a dict of them by the classes 0 to K − 1."""


def vector_of(given: ClassWeight) -> Array:
    """They as float64 (K,). Raises ValueError for what they cannot be."""
    name = "CrossEntropy: class_weight"
    if isinstance(given, str) and given == "balanced":
        raise ValueError(
            f"{name} is a vector of numbers, found 'balanced'; for labels y of K classes: "
            f"class_weight=len(y) / (K * np.bincount(y, minlength=K))"
        )
    v = plain(name, _in_order(name, given) if isinstance(given, Mapping) else given)
    if (
        v.dtype.kind not in "biuf"
        or v.ndim != 1
        or not v.size
        or not ((v >= 0) & (v < np.inf)).all()
    ):
        found = shown(given if v.ndim != 1 or v.dtype.kind not in "biuf" else v.tolist())
        raise ValueError(f"{name} must be a vector of finite numbers at least 0, found {found}")
    return v.astype(np.float64)


def _in_order(name: str, given: Mapping[int, float]) -> list[float]:
    """The values by class. Raises ValueError unless the keys are 0 to K − 1."""
    classes = [key for key in given if isinstance(key, SupportsIndex) and not isinstance(key, bool)]
    if len(classes) < len(given) or sorted(map(int, classes)) != list(range(len(given))):
        raise ValueError(
            f"{name}: the keys of a dict are the classes 0 to K - 1, all of them, found "
            f"{shown(list(given))}; give a class without a weight of its own 1.0"
        )
    return [given[k] for k in range(len(given))]

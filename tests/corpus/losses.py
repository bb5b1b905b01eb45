"""The losses of the corpus, and the targets that they take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import rnnbp as rb


@dataclass(frozen=True)
class Loss:
    """A function of the number of outputs that returns a loss, and the kind of its target."""

    build: Callable[[int], Any]
    target: Literal["numbers", "classes", "bits", "none"] = "numbers"

    def data(self, shape: tuple[int, ...], dtype: str) -> Any:
        """The target for y of a shape (T, B, ...)."""
        rng = np.random.default_rng(1)
        match self.target:
            case "numbers":
                return rng.normal(size=shape).astype(dtype)
            case "classes":
                return rng.integers(0, shape[-1], shape[:-1])
            case "bits":
                return rng.integers(0, 2, shape).astype(dtype)
            case "none":
                return None


def quantile(y: Any, target: Any) -> Any:
    d = target - y
    return np.maximum(0.9 * d, -0.1 * d), np.where(d > 0, y.dtype.type(-0.9), y.dtype.type(0.1))


def by_step(y: Any, target: Any) -> Any:
    """One value a step, (T, B)."""
    d = y - target
    return (d**2).reshape(*d.shape[:2], -1).sum(-1), 2 * d


def ratio(y: Any, target: Any, mask: Any = None) -> Any:
    w = 1.0 if mask is None else mask.reshape(mask.shape + (1,) * (y.ndim - 2)).astype(y.dtype)
    d, energy = w * (y - target), (w * target**2).sum() + y.dtype.type(1e-8)
    return float((d**2).sum() / energy), 2 * d / energy


def summed(y: Any, target: Any) -> Any:
    d = y - target
    return float((d**2).sum() / 2), d


def half_square(y: Any, _: Any) -> Any:
    return float((y**2).sum() / 2), y.copy()


half_square.spare = 0  # type: ignore[attr-defined]  # y² is gone when dy is made


def _weights(n: int) -> list[float]:
    return [1 + k / 4 for k in range(n)]


LOSSES: dict[str, Loss] = {
    "squares": Loss(lambda _: rb.losses.MeanSquaredError()),
    "absolute": Loss(lambda _: rb.losses.MeanAbsoluteError()),
    "huber": Loss(lambda _: rb.losses.Huber()),
    "huber 0.3": Loss(lambda _: rb.losses.Huber(0.3)),
    "binary": Loss(lambda _: rb.losses.BinaryCrossEntropy(), "bits"),
    "classes": Loss(lambda _: rb.losses.CrossEntropy(), "classes"),
    "smoothed": Loss(lambda _: rb.losses.CrossEntropy(label_smoothing=0.1), "classes"),
    "weighted": Loss(lambda n: rb.losses.CrossEntropy(class_weight=_weights(n)), "classes"),
    "per step": Loss(lambda _: rb.losses.PerStep(quantile)),
    "per step, a value a step": Loss(lambda _: rb.losses.PerStep(by_step)),
    "whole sequence": Loss(lambda _: rb.losses.WholeSequence(ratio)),
    "function": Loss(lambda _: summed),
    "function of y": Loss(lambda _: half_square, "none"),
}

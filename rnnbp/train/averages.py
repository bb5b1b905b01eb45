"""Means of metrics over a batch or a source, weighted by the mask."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.losses.outputs import mask_of_known
from rnnbp.losses.returned import target_not_finite
from rnnbp.numerics import Array
from rnnbp.storage import JSON
from rnnbp.support.callers import outside
from rnnbp.train.metric_values import Values


@dataclass(frozen=True, slots=True)
class Metric:
    """A name, and the function whose values are averaged.

    ``kind`` is its name in this library, "" for a function of the user's.
    """

    name: str
    values: Values
    kind: str = ""


class Averages:
    """Means of metrics, chunk by chunk."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self._sums, self._weights = [0.0] * len(metrics), [0.0] * len(metrics)

    def see(self, y: Array, target: Array | None, mask: Array | None) -> None:
        """Add a chunk.

        Args:
            y: (L, B, ...).
            target: (L, B, ...) or None.
            mask: (L, B) or None.
        """
        for k, metric in enumerate(self.metrics):
            values = metric.values(y, target)
            rows = values.reshape(-1, values.size // (y.shape[0] * y.shape[1]))
            sums = rows.sum(axis=1, dtype=np.float64)
            weights = (
                np.ones(len(sums)) if mask is None else np.asarray(mask, np.float64).reshape(-1)
            )
            sums[weights == 0] = 0  # they may be NaN
            total = float(sums @ weights)
            if not math.isfinite(total) or metric.kind == "accuracy":  # where NaN is a wrong class
                _warn_of_target(metric.name, target, mask)
            self._sums[k] += total
            self._weights[k] += float(weights.sum()) * rows.shape[1]

    def values(self, prefix: str = "") -> dict[str, float]:
        """The means by name; empty if nothing had weight."""
        found = zip(self.metrics, self._sums, self._weights, strict=True)
        return {
            f"{prefix}{metric.name}": total / weight
            for metric, total, weight in found
            if weight > 0
        }


def _warn_of_target(name: str, target: Array | None, mask: Array | None) -> None:
    """Warn of a metric that has a target that is not finite, and has weight."""
    if target is not None and target_not_finite(target, mask):
        warnings.warn(
            f"metric {name}: the target is not finite at steps that count, so that the mean says "
            f"nothing; give them weight 0, {mask_of_known(target)}",
            UserWarning,
            stacklevel=outside(),
        )


def in_json(found: Mapping[str, JSON]) -> dict[str, JSON]:
    """Metrics as JSON, which has no NaN."""
    return {
        name: None if isinstance(v, float) and not math.isfinite(v) else v
        for name, v in found.items()
    }

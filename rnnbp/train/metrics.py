"""Metrics: means over a whole source of values of each step, as accuracy, weighted by the mask."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rnnbp.losses import BinaryCrossEntropy
from rnnbp.numerics import Array, shown
from rnnbp.storage import JSON
from rnnbp.support.nearest import nearest
from rnnbp.train.metric_values import Accuracy, MetricFunction, Own, Values, differences, squares

MetricsLike: TypeAlias = str | Sequence[str | MetricFunction] | Mapping[str, str | MetricFunction]
TAKEN = (
    "step",
    "epoch",
    "loss",
    "grad_norm",
    "lr",
    "seconds",
    "weight",
    "validation",
    "skipped",
    "nonfinite",
)
"""Names in a line of metrics."""
OTHER_NAMES = {
    "acc": "accuracy",
    "sparse_accuracy": "accuracy",
    "categoricalaccuracy": "accuracy",
    "top1": "accuracy",
    "rmse": "mse",
    "l1": "mae",
    "l2": "mse",
    "binary_accuracy": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
}
"""What other libraries call them."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A name, and the function whose values are averaged; ``kind`` is its name in this library, ""
    for the user's.
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
            self._sums[k] += float(sums @ weights)
            self._weights[k] += float(weights.sum()) * rows.shape[1]

    def values(self, prefix: str = "") -> dict[str, float]:
        """The means by name; empty if nothing had weight."""
        found = zip(self.metrics, self._sums, self._weights, strict=True)
        return {
            f"{prefix}{metric.name}": total / weight
            for metric, total, weight in found
            if weight > 0
        }


def in_json(found: Mapping[str, JSON]) -> dict[str, JSON]:
    """Metrics as JSON, which has no NaN."""
    return {
        name: None if isinstance(v, float) and not math.isfinite(v) else v
        for name, v in found.items()
    }


def as_metrics(what: str, given: MetricsLike, loss: object) -> tuple[Metric, ...]:
    """Metrics by name, or functions of the user's.

    Args:
        what: the argument, for errors.
        loss: decides whether y is logits, as for BinaryCrossEntropy.

    Raises TypeError or ValueError for anything else.
    """
    pairs: list[tuple[str, Any]]
    if isinstance(given, Mapping):
        pairs = [*given.items()]
    elif isinstance(given, (list, tuple)):
        pairs = [("", metric) for metric in given]
    else:
        pairs = [("", given)]
    found = tuple(_metric(what, name, metric, loss) for name, metric in pairs)
    names = [metric.name for metric in found]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{what}: two are called {repeated!r}; give a dict of names and functions")
    return found


def _metric(what: str, name: object, given: object, loss: object) -> Metric:
    if isinstance(given, str):
        known: dict[str, Values] = {
            "accuracy": Accuracy(isinstance(loss, BinaryCrossEntropy)),
            "mse": squares,
            "mae": differences,
        }
        if given not in known:
            near = OTHER_NAMES.get(given.lower()) or nearest(given.lower(), known)
            meant = f", did you mean {near!r}?" if near else ";"
            cure = f"they are {', '.join(map(repr, known))}, or a function (y, target) -> values"
            raise ValueError(f"{what}: no metric is called {given!r}{meant} {cure}")
        return Metric(_free(what, name or given), known[given], given)
    if isinstance(given, type) or not callable(given):
        raise TypeError(
            f"{what}: a metric is a name or a function (y, target) -> values, found {shown(given)}"
        )
    called = _free(what, name or getattr(given, "__name__", type(given).__name__))
    return Metric(called, Own(called, given))


def _free(what: str, name: object) -> str:
    """A name that is not in use in a line of metrics. Raises ValueError for others."""
    if not isinstance(name, str) or name in TAKEN:
        raise ValueError(
            f"{what}: a metric cannot be called {name!r}; give a dict of other names and functions"
        )
    return name

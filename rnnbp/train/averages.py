"""Means of metrics over a batch or a source, weighted by the mask."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.inputs.objective import Seen
from rnnbp.losses.outputs import mask_of_known
from rnnbp.losses.returned import target_not_finite
from rnnbp.numerics import Array, Shape, ShapeError
from rnnbp.storage import JSON
from rnnbp.support.callers import outside
from rnnbp.train.metric_values import Values

LEAD = 2
"""Axes of a mask of steps."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A name, and the function whose values are averaged.

    ``kind`` is its name in this library, "" for a function of the user's; ``output`` the name or
    number of the output that it is of, "" for the only one.
    """

    name: str
    values: Values
    kind: str = ""
    output: str | int = ""


def loss_name(output: str | int) -> str:
    """What the loss of one of several outputs is called in a line of metrics."""
    return f"{output}_loss"


class Averages:
    """Means of metrics, chunk by chunk."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self._sums, self._weights = [0.0] * len(metrics), [0.0] * len(metrics)
        self._losses = dict[str, float]()

    def see(self, y: Array, target: Array | None, mask: Array | None) -> None:
        """Add a chunk.

        Args:
            y: (L, B, ...); of a static output (1, B, ...).
            target: (L, B, ...) or None.
            mask: (L, B), of elements (L, B, n), or None.
        """
        for k in range(len(self.metrics)):
            self._see(k, y, target, mask)

    def of_output(self, key: str | int) -> Seen:
        """``see`` of the metrics of one of several outputs."""
        numbers = [k for k, metric in enumerate(self.metrics) if metric.output == key]

        def see(y: Array, target: Array | None, mask: Array | None) -> None:
            for k in numbers:
                self._see(k, y, target, mask)

        return see

    def _see(self, k: int, y: Array, target: Array | None, mask: Array | None) -> None:
        metric = self.metrics[k]
        values = metric.values(y, target)
        rows = values.reshape(y.shape[0] * y.shape[1], -1)
        if mask is not None and mask.ndim > LEAD:
            weights = _of_elements(metric.name, mask, values.shape)
            sums, weights = rows.astype(np.float64).reshape(-1), weights.reshape(-1)
            each = 1
        else:
            sums, each = rows.sum(axis=1, dtype=np.float64), rows.shape[1]
            weights = (
                np.ones(len(sums)) if mask is None else np.asarray(mask, np.float64).reshape(-1)
            )
        sums[weights == 0] = 0  # they may be NaN
        total = float(sums @ weights)
        if not math.isfinite(total) or metric.kind == "accuracy":  # where NaN is a wrong class
            _warn_of_target(metric.name, target, mask)
        self._sums[k] += total
        self._weights[k] += float(weights.sum()) * each

    def note_losses(self, losses: Mapping[str | int, float]) -> None:
        """Take note of the loss of each of several outputs, by its name or number."""
        self._losses = {loss_name(key): value for key, value in losses.items()}

    def totals(self) -> list[float]:
        """The sums of all metrics, and then their weights."""
        return self._sums + self._weights

    def put(self, totals: list[float]) -> None:
        """Take up what ``totals`` returned, or several of these added up."""
        self._sums, self._weights = totals[: len(self.metrics)], totals[len(self.metrics) :]

    def forget(self) -> None:
        """Begin again."""
        self.put([0.0] * 2 * len(self.metrics))

    def values(self) -> dict[str, float]:
        """The losses of several outputs and the means by name; those that had weight."""
        found = zip(self.metrics, self._sums, self._weights, strict=True)
        return self._losses | {
            metric.name: total / weight for metric, total, weight in found if weight > 0
        }


def _of_elements(name: str, mask: Array, shape: Shape) -> Array:
    """A mask of elements as weights of the values of a metric, which must be elements too."""
    if shape != mask.shape:
        raise ShapeError(
            f"metric {name} has values {shape}, and the mask is of elements, {mask.shape}; give a "
            "metric of each element, or a mask of steps"
        )
    return np.asarray(mask, np.float64)


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

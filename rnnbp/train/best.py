"""The best point of a run, by the figure that it follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rnnbp.storage import JSON, Fields
from rnnbp.support import reprs
from rnnbp.train.averages import in_json

VALIDATION = "val_"
"""How names of figures of validation begin; in a History another way."""


@dataclass(frozen=True, slots=True)
class Best:
    """The best of a run so far, by the figure that it monitors.

    step: the number of steps done then. epoch: the one that it was in or at the end of, from 1;
    None in a run that continues from a snapshot of an earlier version. monitor: the name of the
    figure, as "val_loss" or "val_accuracy"; value: its value. metrics: all figures by such names:
    "loss" and metrics, the means over the batches since the validation before; "val_loss" and the
    like of the validation, if there was one.

    >>> import numpy as np, rnnbp as rb
    >>> x, labels = np.ones((4, 5, 1), np.float32), np.array([0, 1, 1, 1])
    >>> data = rb.Sequences(x, labels, last=True, batch_size=4)
    >>> model = rb.Sequential(rb.Dense(1, 2, rng=0))
    >>> options = {"metrics": ["accuracy"], "monitor": "val_accuracy", "keep_best": True}
    >>> loss = rb.losses.CrossEntropy()
    >>> history = rb.fit(model, data, loss, epochs=3, validation=data, **options)
    >>> history.best.monitor, history.best.value == max(history.metrics["validation_accuracy"])
    ('val_accuracy', True)
    >>> sorted(history.best.metrics)
    ['accuracy', 'loss', 'val_accuracy', 'val_loss']
    """

    step: int
    epoch: int | None
    monitor: str
    value: float
    metrics: dict[str, float]

    @reprs.safe
    def __repr__(self) -> str:
        return reprs.cut("; ".join(filter(None, (self.text(), self.means()))))

    def text(self) -> str:
        """The figure, its place, and the others of the validation."""
        epoch = "" if self.epoch is None else f", epoch {self.epoch:,}"
        place = f"{self.monitor} {reprs.number(self.value)} at step {self.step:,}{epoch}"
        return "; ".join(filter(None, (place, self._others(validation=True))))

    def means(self) -> str:
        """The means of training over the batches since the validation before."""
        others = self._others(validation=False)
        return others and f"mean {others}"

    def _others(self, *, validation: bool) -> str:
        return ", ".join(
            f"{name} {reprs.number(value)}"
            for name, value in self.metrics.items()
            if name != self.monitor and name.startswith(VALIDATION) == validation
        )

    def to_json(self) -> dict[str, JSON]:
        """As a snapshot has it, apart from the step."""
        metrics = in_json(self.metrics)
        return {
            "epoch": self.epoch,
            "monitor": self.monitor,
            "value": self.value,
            "metrics": metrics,
        }

    @classmethod
    def read(cls, step: int, found: Fields) -> Best:
        """What ``to_json`` wrote. Raises StorageError for what it cannot have written."""
        found.only("epoch", "monitor", "value", "metrics")
        epoch = None if found.raw("epoch") is None else found.whole("epoch", 1)
        values = found.fields("metrics")
        metrics = {name: _figure(values, name) for name in values.values}
        return cls(
            step, epoch, found.text("monitor"), found.number("value", least=-math.inf), metrics
        )

    @classmethod
    def of_loss(cls, step: int, loss: float) -> Best:
        """What a snapshot of an earlier version knows."""
        return cls(step, None, "val_loss", loss, {"val_loss": loss})


def means(sums: Mapping[str, tuple[float, int]]) -> dict[str, float]:
    """Means, from sums and counts."""
    return {name: total / count for name, (total, count) in sums.items()}


def _figure(values: Fields, name: str) -> float:
    """NaN for None, because JSON has no NaN."""
    return math.nan if values.raw(name) is None else values.number(name, least=-math.inf)

"""Windows of long series, each with the steps after it, as batches for an encoder and a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final

import numpy as np

from rnnbp.estimators.time_series import TimeSeries
from rnnbp.numerics import Array
from rnnbp.train.digests import digest
from rnnbp.train.shuffled import Shuffled
from rnnbp.train.source import Batch


@dataclass(frozen=True)
class Frame:
    """How windows of series become inputs of a network, and its outputs forecasts.

    Attributes:
        window, horizon: steps that are read, and that are forecast in one run.
        center: True if each window is given as differences from its own mean.
        mean, deviation: (targets,) of what was learnt from.
        dtype: of the network.
    """

    window: int
    horizon: int
    center: bool
    mean: Array
    deviation: Array
    dtype: str

    @classmethod
    def of(
        cls, series: Sequence[TimeSeries], window: int, horizon: int, *, center: bool, dtype: str
    ) -> Self:
        """That of these series."""
        every = np.concatenate([one.y for one in series])
        mean, parts = every.mean(axis=0), [every - every.mean(axis=0)]
        if center:
            parts = [one.y[window:] - _means(one.y, window)[:-1] for one in series]
        deviation = np.sqrt(np.mean(np.concatenate(parts) ** 2, axis=0))
        usable = deviation > 1e-12 * np.abs(every).max(axis=0)
        return cls(window, horizon, center, mean, np.where(usable, deviation, 1.0), dtype)

    def level(self, past: Array) -> Array:
        """(B, targets) What y (window, B, targets) is given relative to."""
        return past.mean(axis=0) if self.center else np.broadcast_to(self.mean, past.shape[1:])

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
    return y[0] + (sums[window:] - sums[:-window]) / window


@final
class ForecastWindows(Shuffled):
    """Windows that end before ``starts``, numbers of steps of all series one after the other."""

    def __init__(
        self,
        series: Sequence[TimeSeries],
        starts: Array,
        frame: Frame,
        *,
        quantiles: bool,
        batch_size: int,
        seed: int,
    ) -> None:
        self.y = np.concatenate([one.y for one in series])
        self.x = np.concatenate([one.x for one in series])
        self.starts, self.frame, self.quantiles = starts, frame, quantiles
        self.rows = len(starts)
        super().__init__(batch_size, True, seed)

    @property
    def fingerprint(self) -> str:
        """Of the data and their order."""
        return digest((self.batch_size, self.seed, self.quantiles), self.y, self.x, self.starts)

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch ``index`` of the epoch's order."""
        starts, frame = self.starts[self._chosen(epoch, index)], self.frame
        before = np.arange(-frame.window, 0)[:, None] + starts
        after = np.arange(frame.horizon)[:, None] + starts
        past = self.y[before]
        target = ((self.y[after] - frame.level(past)) / frame.deviation).astype(frame.dtype)
        x = frame.inputs(past, self.x[before], self.x[after])
        return Batch(x, target[..., None] if self.quantiles else target)


def starts_of(
    series: Sequence[TimeSeries], frame: Frame, stride: int, held: float
) -> tuple[Array, Array]:
    """Where forecasts begin that are learnt from, and those for validation, the last ones.

    No step that is learnt as a target is one of validation.
    """
    learnt, later, begin = [], [], 0
    for one in series:
        end = len(one.y) - frame.horizon
        cut = end - int(np.ceil(held * (end - frame.window))) + 1 if held else end + 1
        found = np.arange(frame.window, end + 1, stride) + begin
        learnt.append(found[found <= begin + cut - (frame.horizon if held else 1)])
        later.append(found[found >= begin + cut])
        begin += len(one.y)
    return np.concatenate(learnt), np.concatenate(later)

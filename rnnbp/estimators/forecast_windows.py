"""Windows of long series, each with the steps after it, as batches for an encoder and a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np

from rnnbp.estimators.frame import Frame
from rnnbp.estimators.time_series import TimeSeries
from rnnbp.numerics import Array
from rnnbp.train.digests import digest
from rnnbp.train.shuffled import Shuffled
from rnnbp.train.source import Batch


@final
class ForecastWindows(Shuffled):
    """Windows that end before ``starts``, numbers of steps of all series one after the other."""

    def __init__(
        self,
        series: Sequence[TimeSeries],
        starts: Array,
        frame: Frame,
        batch_size: int,
        seed: int,
    ) -> None:
        self.y = np.concatenate([one.y for one in series])
        self.x = np.concatenate([one.x for one in series])
        self.starts, self.frame = starts, frame
        self.rows = len(starts)
        super().__init__(batch_size, True, seed)

    @property
    def fingerprint(self) -> str:
        """Of the data and their order."""
        return digest((self.batch_size, self.seed, str(self.frame)), self.y, self.x, self.starts)

    def _of(self, chosen: Array | slice) -> Batch:
        """A batch of some windows."""
        starts, frame = self.starts[chosen], self.frame
        before = np.arange(-frame.window, 0)[:, None] + starts
        after = np.arange(frame.horizon)[:, None] + starts
        past = self.y[before]
        target = ((self.y[after] - frame.level(past)) / frame.deviation).astype(frame.dtype)
        x = frame.inputs(past, self.x[before], self.x[after])
        return Batch(x, target[..., None] if frame.levels else target)


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

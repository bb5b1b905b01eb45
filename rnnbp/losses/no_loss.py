"""The loss of steps that do not count."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.losses.base import Loss
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Shape


@final
class NoLoss(Loss):
    """The loss of a window without weight, 0 whatever its targets, which carries the state on."""

    spare = 0.0

    def weight(self, target: Like, weights: Like | None = None, *, outputs: Shape) -> float:
        self._weights(weights, outputs[:2])
        return 1.0

    def summed(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        return 0.0, np.zeros_like(y)

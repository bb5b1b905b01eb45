"""Sigmoid and binary cross-entropy as one."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.losses.elementwise import Elementwise
from rnnbp.losses.outputs import first_true
from rnnbp.numerics import Array, positive


@final
class BinaryCrossEntropy(Elementwise):
    """Sigmoid and cross-entropy in one, on logits: ℓ = −t log σ(y) − (1 − t) log σ(−y), 0 ≤ t ≤ 1.

    As max(y, 0) − t y + log(1 + e^(−|y|)) nothing overflows; the derivative is (1 − t)σ(y) − t
    σ(−y). Shapes: y and target (..., n) alike. Raises ValueError for a target outside [0, 1].

    >>> import numpy as np, rnnbp as rb
    >>> value, dy = rb.losses.BinaryCrossEntropy()(np.zeros((1, 2)), np.array([[1.0, 0.0]]))
    >>> bool(np.isclose(value, np.log(2))), dy.tolist()
    (True, [[-0.25, 0.25]])
    """

    spare = 3.0
    flags = 1

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        above, zero, one = positive(y), y.dtype.type(0), y.dtype.type(1)
        small = np.exp(np.where(above, -y, y))
        losses = np.where(above, y, zero) - target * y + np.log1p(small)
        dy = (1 - target) * np.where(above, one, small) - target * np.where(above, small, one)
        dy /= 1 + small
        return losses, dy

    def _check_range(self, target: Array) -> None:
        if (at := first_true((target < 0) | (target > 1))) is not None:
            raise ValueError(
                f"{self}: target must lie in [0, 1], found {target[at]} at {list(at)}; give "
                "probabilities"
            )

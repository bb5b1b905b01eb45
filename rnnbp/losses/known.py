"""A loss of the elements of a target that are known, where the others are NaN."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.arrays import plain
from rnnbp.losses.base import Loss
from rnnbp.losses.elementwise import Elementwise
from rnnbp.losses.outputs import Scalar, check_outputs
from rnnbp.numerics import Array, Dtype, Shape, cast, shown


@final
class Known(Loss):
    """The mean of a loss over the elements whose target is known: not NaN.

    A mask is of steps; this leaves out single elements, as the hours of a forecast that were not
    measured. A mask, weights and ``lengths`` work as without it.

    Args:
        loss: a loss of elements: MeanSquaredError, MeanAbsoluteError, Huber, Quantile,
            BinaryCrossEntropy, or an ``Elementwise`` of your own.

    Shapes: those of ``loss``. Raises TypeError for a loss that is not of elements; in calls what
    ``loss`` raises, for an infinite target too.

    >>> import numpy as np, rnnbp as rb
    >>> loss = rb.losses.Known(rb.losses.MeanSquaredError())
    >>> value, dy = loss(np.array([[1.0, 4.0, 9.0]]), np.array([[3.0, 4.0, np.nan]]))
    >>> value, dy.tolist()
    (2.0, [[-2.0, 0.0, 0.0]])
    """

    def __init__(self, loss: Elementwise) -> None:
        if not isinstance(loss, Elementwise):
            raise TypeError(
                f"Known: needs a loss of elements, as MeanSquaredError() or Quantile(0.5), found "
                f"{shown(loss)}; a mask leaves out steps under any loss"
            )
        self.loss = loss

    def needs(self, item: int, *, masked: bool = False, recast: bool = False) -> tuple[float, int]:
        spare, rows = self.loss.needs(item, masked=True)
        return spare + (1 if masked else 1 / item), rows  # the weights: bools without a mask

    def check_target(self, target: Shape, outputs: Shape) -> None:
        self.loss.check_target(target, outputs)

    def weight(self, target: Like, weights: Like | None = None, *, outputs: Shape) -> float:
        return self.loss.weight(
            target, self._known(target, weights, outputs, np.dtype(np.float64)), outputs=outputs
        )

    def summed(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        y = check_outputs(self, y)
        return self.loss.summed(y, target, self._known(target, weights, y.shape, y.real.dtype))

    def _known(
        self, target: Like, weights: Like | None, outputs: Shape, dtype: Dtype
    ) -> Array | None:
        """Weights of y's shape, 0 where the target is not known."""
        t = plain("target", target, self)
        self.check_target(t.shape, outputs)
        if t.dtype.kind != "f":
            return None if weights is None else plain("weights", weights, self)
        w = self._weights(weights, outputs)
        known = np.isnan(t)
        known = np.broadcast_to(np.logical_not(known, out=known), outputs)
        return known if w is None else known * cast(w, dtype, self, "weights")

    def describe(self) -> str:
        return f"{self.loss}"

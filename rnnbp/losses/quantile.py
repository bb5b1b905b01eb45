"""The loss of quantiles: its least mean is at the quantile of the target, not at the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.arrays import plain
from rnnbp.losses.elementwise import Elementwise
from rnnbp.numerics import Array, Shape, ShapeError, real_number


@final
class Quantile(Elementwise):
    """ℓ = max(q d, (q − 1) d), d = t − y: the pinball loss (Koenker & Bassett 1978, eq. 1.3).

    Args:
        q: the share of targets that is to lie below y, 0 < q < 1; or several, one for each output.

    The derivative by y is −q where y < t, 1 − q where y > t, and 0 at t. Shapes: y and target
    (..., n) alike; of several quantiles the target may be (..., 1), a number that all are of.
    Raises ValueError unless 0 < q < 1, ShapeError in calls where the outputs are not as many as
    the quantiles.

    >>> import numpy as np, rnnbp as rb
    >>> value, dy = rb.losses.Quantile(0.9)(np.array([[1.0], [4.0]]), np.array([[3.0], [3.0]]))
    >>> round(value, 3), dy.round(3).tolist()
    (0.95, [[-0.45], [0.05]])

    Three quantiles of one target, so that four of five lie between the first output and the last:

    >>> loss = rb.losses.Quantile((0.1, 0.5, 0.9))
    >>> loss(np.array([[1.0, 3.0, 4.0]]), np.array([[3.0]]))[1].round(3).tolist()
    [[-0.033, 0.0, 0.033]]
    """

    spare = 1.0
    flags = 1

    def __init__(self, q: float | Sequence[float]) -> None:
        several = isinstance(q, (tuple, list)) or (isinstance(q, np.ndarray) and q.ndim == 1)
        listed = list(q) if several else [q]  # type: ignore[arg-type]  # of what is not several
        cure = "0.5 is the median, 0.9 what nine of ten targets lie below"
        found = [real_number("Quantile: q", each, above=0, below=1, cure=cure) for each in listed]
        if not found:
            raise ValueError("Quantile: q is empty; give one for each output, as (0.1, 0.5, 0.9)")
        self.q: float | tuple[float, ...] = tuple(found) if several else found[0]

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        q = np.asarray(self.q, y.real.dtype)
        if q.ndim and y.shape[-1] != len(q):
            raise ShapeError(
                f"{self} has {len(q)} quantiles, one for each output, and y of shape {y.shape} has "
                f"{y.shape[-1]} outputs; build the model with {len(q)}"
            )
        d, one = y - target, q.dtype.type(1)
        slope = np.where(d.real < 0, one - one, one)  # not of arrays, which it copies to buffers
        slope -= q
        slope[d.real == 0] = 0
        d *= slope
        return d, slope.astype(y.dtype, copy=False)

    def _checked(
        self, target: Like, weights: Like | None, outputs: Shape
    ) -> tuple[Array, Array | None]:
        t = plain("target", target, self)
        one = (*outputs[:-1], 1)
        if isinstance(self.q, tuple) and t.shape == one:
            t = np.broadcast_to(t, outputs)
        elif isinstance(self.q, tuple) and t.shape == one[:-1]:
            raise ShapeError(
                f"{self}: target has shape {t.shape}, without an axis of features; give it shape "
                f"{one} if all quantiles are of one number, as target[..., None]"
            )
        return super()._checked(t, weights, outputs)

    def describe(self) -> str:
        return f"{self.q}"

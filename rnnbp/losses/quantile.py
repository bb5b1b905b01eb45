"""The loss of quantiles: its least mean is at the quantile of the target, not at the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.arrays import plain
from rnnbp.losses.elementwise import Elementwise
from rnnbp.losses.outputs import added_axis
from rnnbp.numerics import Array, Shape, ShapeError, real_number

SHOWN = 9
"""Quantiles that an error lists in full."""


@final
class Quantile(Elementwise):
    """ℓ = max(q d, (q − 1) d), d = t − y: the pinball loss (Koenker & Bassett 1978, eq. 1.3).

    Args:
        q: the share of targets that is to lie below y, 0 < q < 1; or several, one for each output.

    The derivative by y is −q where y < t, 1 − q where y > t, and 0 at t. Shapes: y and target
    (..., n) alike; of several quantiles y (..., n) and target (..., 1), a number that all are of,
    or (..., n). Raises ValueError unless 0 < q < 1, ShapeError in calls where the outputs are not
    as many as the quantiles.

    >>> import numpy as np, rnnbp as rb
    >>> value, dy = rb.losses.Quantile(0.9)(np.array([[1.0], [4.0]]), np.array([[3.0], [3.0]]))
    >>> round(value, 3), dy.round(3).tolist()
    (0.95, [[-0.45], [0.05]])

    Three quantiles of one target, so that four of five lie between the first output and the last:

    >>> loss = rb.losses.Quantile((0.1, 0.5, 0.9))
    >>> loss(np.array([[1.0, 3.0, 4.0]]), np.array([[3.0]]))[1].round(3).tolist()
    [[-0.033, 0.0, 0.033]]

    The same of 12 numbers at each step, as the next 12 hours: outputs (T, B, 12, 3), and a target
    (T, B, 12, 1), of ``Sequences`` (N, T, 12, 1):

    >>> model = rb.Sequential(rb.GRU(2, 8), rb.Dense(8, 36), rb.Reshape((36,), (12, 3)))
    >>> x, hours = np.zeros((20, 50, 2), np.float32), np.ones((20, 50, 12), np.float32)
    >>> data = rb.Sequences(x, hours[..., None], batch_size=10)
    >>> rb.fit(model, data, loss, epochs=1).steps
    2
    """

    spare = 1.0
    flags = 1

    def __init__(self, q: float | Sequence[float]) -> None:
        if isinstance(q, np.ndarray) and q.ndim == 1:
            q = tuple(q)
        listed = q if isinstance(q, (tuple, list)) else (q,)
        cure = "0.5 is the median, 0.9 what nine of ten targets lie below"
        found = [real_number("Quantile: q", each, above=0, below=1, cure=cure) for each in listed]
        if not found:
            raise ValueError("Quantile: q is empty; give one for each output, as (0.1, 0.5, 0.9)")
        self.q: float | tuple[float, ...] = tuple(found) if listed is q else found[0]

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        q = np.asarray(self.q, y.real.dtype)
        d, one = y - target, q.dtype.type(1)
        slope = np.where(d.real < 0, one - one, one)  # not of arrays, which it copies to buffers
        slope -= q
        slope[d.real == 0] = 0
        d *= slope
        return d, slope.astype(y.dtype, copy=False)

    def target_shapes(self, outputs: Shape) -> tuple[Shape, ...]:
        """Raises ShapeError where the outputs are not as many as the quantiles."""
        if not isinstance(self.q, tuple):
            return (outputs,)
        if outputs[-1:] != (len(self.q),):
            raise ShapeError(self._of_outputs(len(self.q), outputs))
        return ((*outputs[:-1], 1), outputs)

    def _of_outputs(self, n: int, outputs: Shape) -> str:
        """The error of outputs of this shape for n quantiles."""
        found = outputs[-1] if outputs else 0
        cure = f"end the model with {n} outputs, as Dense(n_in, {n})"
        if found > n > 1 and found % n == 0:
            k = found // n
            cure = (
                f"for {k} numbers at each step end the model with Reshape(({found},), ({k}, {n})), "
                f"and give a target (..., {k}, 1), which is target[..., None] of (..., {k})"
            )
        return (
            f"{self} has {n} quantiles, one for each output, and the last axis of the outputs has "
            f"size {found}; {cure}"
        )

    def check_target(self, target: Shape, outputs: Shape) -> None:
        one, *every = self.target_shapes(outputs)
        if not every:
            super().check_target(target, outputs)
        elif target not in (one, outputs):
            cure = f"; give {added}" if (added := added_axis(target, one)) else ""
            raise ShapeError(
                f"{self}: target must have shape {one}, or {outputs} with a number for each "
                f"quantile, found {target}{cure}"
            )

    def __str__(self) -> str:
        if not isinstance(self.q, tuple) or len(self.q) <= SHOWN:
            return repr(self)
        return f"Quantile(({self.q[0]:.4g}, {self.q[1]:.4g}, ..., {self.q[-1]:.4g}))"

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

"""Losses of each element alone: squares, absolute differences, Huber, binary cross-entropy."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.arrays import plain
from rnnbp.losses.base import Loss, Scalar, check_outputs, first_true, sum_of
from rnnbp.machine.finite import first_bad
from rnnbp.numerics import Array, DtypeError, NonFiniteError, Shape, cast, positive, real_number


class Elementwise(Loss):
    """A loss of each element of y and the element of ``target`` at the same index.

    A subclass has one method, ``elements``.

    Shapes: y and target (..., n) alike; weights y's leading axes, or all of them.

    >>> import numpy as np, rnnbp as rb
    >>> class Quantile(rb.losses.Elementwise):
    ...     def elements(self, y, target):
    ...         below = y < target
    ...         return np.where(below, 0.9, -0.1) * (target - y), np.where(below, -0.9, 0.1).astype(y.dtype)
    >>> value, dy = Quantile()(np.array([[1.0], [4.0]]), np.array([[3.0], [3.0]]))
    >>> round(value, 3), dy.tolist()
    (0.95, [[-0.45], [0.05]])
    """

    flags: ClassVar[int] = 0
    """Bytes for each element apart from ``spare``."""

    def needs(self, item: int, *, masked: bool = False, recast: bool = False) -> tuple[float, int]:
        return self.spare + self.flags / item + (masked or recast) + masked, 0

    @abstractmethod
    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        """The loss of each element.

        Args:
            y: outputs, (..., n).
            target: the same shape, in y's real dtype.

        Returns:
            (ℓ, dℓ/dy), two new arrays of y's shape and dtype.
        """

    def weight(self, target: Like, weights: Like | None = None, *, outputs: Shape) -> float:
        _, w = self._checked(target, weights, outputs)
        count = math.prod(outputs)
        if w is None:
            return float(count)
        return float(w.sum(dtype=np.float64)) * count / max(w.size, 1)

    def summed(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        y = check_outputs(self, y)
        t, w = self._checked(target, weights, y.shape)
        t = cast(t, y.real.dtype, self, "target")
        if w is None:
            losses, dy = self.elements(y, t)
            return sum_of(losses), dy
        losses, dy = self.elements(np.where(w > 0, y, y.dtype.type(0)), t)
        w = cast(w, y.real.dtype, self, "weights")
        if not self.ours:  # arrays that a user's own returns may be kept by it
            return sum_of(losses * w), dy * w
        losses *= w
        dy *= w
        return sum_of(losses), dy

    def _checked(
        self, target: Like, weights: Like | None, outputs: Shape
    ) -> tuple[Array, Array | None]:
        """(target with 0 where the weight is 0, weights with y's number of axes)."""
        t = plain("target", target, self)
        if t.dtype.kind not in "biuf":
            raise DtypeError(
                f"{self}: target must be real numbers, found dtype {t.dtype}; convert it to float"
            )
        self._same_shape("target", t.shape, outputs)
        w = self._weights(weights, outputs)
        if w is not None:
            t = np.where(w > 0, t, t.dtype.type(0))
        if (bad := first_bad(t)) is not None:
            raise NonFiniteError(
                f"{self}: target has {t[bad]} at {list(bad)}; replace it, or give it weight 0"
            )
        self._check_range(t)
        return t, w

    def _check_range(self, target: Array) -> None:
        """Raise ValueError for a target that the loss is not defined for."""


@final
class MeanSquaredError(Elementwise):
    """ℓ = (y − t)², without a factor ½. Shapes: y and target (..., n) alike.

    >>> import numpy as np, rnnbp as rb
    >>> value, dy = rb.losses.MeanSquaredError()(np.array([[1.0, 4.0]]), np.array([[3.0, 4.0]]))
    >>> value, dy.tolist()
    (2.0, [[-2.0, 0.0]])
    """

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        d = y - target
        return d * d, 2 * d


@final
class MeanAbsoluteError(Elementwise):
    """ℓ = |y − t|, derivative 0 at 0. Shapes: y and target (..., n) alike.

    >>> import numpy as np, rnnbp as rb
    >>> value, dy = rb.losses.MeanAbsoluteError()(np.array([[1.0, 4.0]]), np.array([[3.0, 4.0]]))
    >>> value, dy.tolist()
    (1.0, [[-0.5, 0.0]])
    """

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        d = y - target
        sign = np.sign(d.real).astype(y.dtype)
        return sign * d, sign


@final
class Huber(Elementwise):
    """ℓ = ½d² for |d| ≤ δ, else δ(|d| − ½δ), with d = y − t (Huber 1964, "Robust estimation", eq.
    1.1).

    Args:
        delta: δ > 0, in the unit of y.

    With c = d clipped to ±δ that is c(d − ½c), and the derivative is c. Shapes: y and target (...,
    n) alike. Raises ValueError unless 0 < δ < ∞.

    >>> import numpy as np, rnnbp as rb
    >>> value, dy = rb.losses.Huber(1.0)(np.array([[1.0, 4.0]]), np.array([[4.0, 3.5]]))
    >>> value, dy.tolist()
    (1.3125, [[-0.5, 0.25]])
    """

    spare = 3.0
    flags = 1

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = real_number(
            "Huber: delta", delta, above=0, cure="for squares use MeanSquaredError"
        )

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        d = y - target
        inside = np.abs(d.real) <= self.delta
        c = np.where(inside, d, (np.sign(d.real) * self.delta).astype(y.dtype))
        return c * (d - c * 0.5), c

    def describe(self) -> str:
        return f"{self.delta}"


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

"""The base of losses of each element alone."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.arrays import plain
from rnnbp.losses.base import Loss
from rnnbp.losses.counted import clear, with_weight
from rnnbp.losses.outputs import Scalar, check_outputs, mask_of_known, sum_of
from rnnbp.machine.finite import first_bad
from rnnbp.numerics import Array, DtypeError, NonFiniteError, Shape, cast


class Elementwise(Loss):
    """A loss of each element of y and the element of ``target`` at the same index.

    A subclass has one method, ``elements``.

    Shapes: y and target (..., n) alike; weights y's leading axes, or all of them.

    >>> import numpy as np, rnnbp as rb
    >>> class LogCosh(rb.losses.Elementwise):
    ...     def elements(self, y, target):
    ...         d = y - target
    ...         return np.log(np.cosh(d)), np.tanh(d)
    >>> value, dy = LogCosh()(np.array([[1.0], [4.0]]), np.array([[3.0], [3.0]]))
    >>> round(value, 3), dy.round(3).tolist()
    (0.879, [[-0.482], [0.381]])
    """

    flags: ClassVar[int] = 0
    """Bytes for each element apart from ``spare``."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        base = Elementwise
        cls.copies_target = (cls._checked, cls._check_range) != (base._checked, base._check_range)

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
        w = self._weights_of(target, weights, outputs)
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
        losses, dy = self.elements(with_weight(y, w), t)
        if self.ours and w.dtype.kind == "b":
            clear(losses, w)
            clear(dy, w)
            return sum_of(losses), dy
        w = cast(w, y.real.dtype, self, "weights")
        if not self.ours:  # arrays that a user's own returns may be kept by it
            return sum_of(losses * w), dy * w
        losses *= w
        dy *= w
        return sum_of(losses), dy

    def target_shapes(self, outputs: Shape) -> tuple[Shape, ...]:
        """Shapes of a target that fit outputs, the one to propose first; of features alike."""
        return (outputs,)

    def check_target(self, target: Shape, outputs: Shape) -> None:
        if target != outputs:
            self._same_shape("target", target, outputs)

    def _checked(
        self, target: Like, weights: Like | None, outputs: Shape
    ) -> tuple[Array, Array | None]:
        """(target with 0 where the weight is 0, weights with y's number of axes)."""
        t, w = self._fitting(target, weights, outputs)
        if w is not None:
            t = with_weight(t, w)
        self._check_finite(t, t)
        self._check_range(t)
        return t, w

    def _check_finite(self, part: Array, target: Array, *lead: int) -> None:
        """Raise NonFiniteError unless ``part``, at ``lead`` in a target, is finite."""
        if (found := first_bad(part)) is not None:
            bad = (*lead, *found)
            raise NonFiniteError(
                f"{self}: target has {target[bad]} at {list(bad)}; replace it, or give it weight "
                f"0, {mask_of_known(target, bad)}"
            )

    def _weights_of(self, target: Like, weights: Like | None, outputs: Shape) -> Array | None:
        """The weights, once the target has been checked."""
        if self.copies_target:
            return self._checked(target, weights, outputs)[1]
        t, w = self._fitting(target, weights, outputs)
        if w is None:
            self._check_finite(t, t)
        elif first_bad(t) is not None:  # where it counts?
            for k, (row, of_row) in enumerate(zip(t, w, strict=True)):
                self._check_finite(with_weight(row, of_row), t, k)
        return w

    def _fitting(
        self, target: Like, weights: Like | None, outputs: Shape
    ) -> tuple[Array, Array | None]:
        """(target, weights with y's number of axes), whose shapes fit."""
        t = plain("target", target, self)
        if t.dtype.kind not in "biuf":
            raise DtypeError(
                f"{self}: target must be real numbers, found dtype {t.dtype}; convert it to float"
            )
        self.check_target(t.shape, outputs)
        return t, self._weights(weights, outputs)

    def _check_range(self, target: Array) -> None:
        """Raise ValueError for a target that the loss is not defined for."""

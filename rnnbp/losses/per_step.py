"""A loss of the user's whose value is a mean over elements or steps."""

from __future__ import annotations

import math
from typing import final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.arrays import plain
from rnnbp.losses.cuts import check_cut
from rnnbp.losses.outputs import Scalar, check_outputs, sum_of
from rnnbp.losses.own import LossFunction, Own
from rnnbp.losses.passed import has_passed, note_passed
from rnnbp.losses.returned import derivative
from rnnbp.numerics import Array, DtypeError, Shape, ShapeError, cast


@final
class PerStep(Own):
    """The mean over a whole sequence of a function's values for each element or step.

    Masks, weights, ``last=True``, chunks and budgets are the library's: the function sees some
    steps, and returns values that depend on no other step.

    Args:
        function: ``f(y, target) -> (values, dy)``, with y (t, B, ...) of any number t of steps, and
            target (t, B, ...) or None. ``values`` has y's shape, or a number for each step, (t, B).
            ``dy`` is the derivative of ``values.sum()`` by y, of y's shape.

    The mean is over elements if values are of elements, and over steps of all sequences if they are
    of steps; values of 0 count too, so a value of 0 does not leave out an element without a target.
    Weights are of steps, (T, B); to count elements put an ``Elementwise`` into ``Known``. At a step
    without weight, y and target are copied from a step with weight: the function sees no padding.
    Forecasts assume that the function needs two arrays of y's size apart from dy; ``f.spare = 3``
    declares a different number.

    Raises TypeError for anything but a function. Calls raise ValueError if values depend on the
    steps around them, as those that are divided by ``y.size``; ShapeError for other shapes.

    >>> import numpy as np, rnnbp as rb
    >>> def quantile(y, target, q=0.9):
    ...     d = target - y
    ...     return np.maximum(q * d, (q - 1) * d), np.where(d > 0, -q, 1 - q)
    >>> loss = rb.losses.PerStep(quantile)
    >>> y = np.array([[[1.0]], [[4.0]]])  # (T, B, 1)
    >>> value, dy = loss(y, np.array([[[3.0]], [[3.0]]]))
    >>> round(value, 3)
    0.95
    """

    unknown = "; a value of 0 in its place would count in the mean"
    returns = "(values, dy)"

    def __init__(self, function: LossFunction) -> None:
        super().__init__(function)

    def needs(self, item: int, *, masked: bool = False, recast: bool = False) -> tuple[float, int]:
        return max(self.declared, 2.0) + 2 * masked, 0

    def weight(self, target: Like | None, weights: Like | None = None, *, outputs: Shape) -> float:
        return self.steps(weights, outputs)[0]

    def summed(
        self, y: Like, target: Like | None, weights: Like | None = None
    ) -> tuple[Scalar, Array]:
        y = check_outputs(self, y)
        values, given, w = self._values(y, target, weights)
        if values is None:
            return 0.0, np.zeros_like(y)
        share = math.prod(y.shape[:2]) / values.size
        value = _weighted(values, w) * share
        del values
        found = np.multiply(derivative(self, given, y, target, weights), y.real.dtype.type(share))
        if w is not None:
            keep = w.reshape(w.shape + (1,) * (y.ndim - 2))
            found *= keep
            np.copyto(found, 0, where=keep == 0)
        return value, found

    def value(self, y: Array, target: Array | None, weights: Array | None) -> Scalar:
        values, _, w = self._values(check_outputs(self, y), target, weights)
        return (
            0.0 if values is None else _weighted(values, w) * math.prod(y.shape[:2]) / values.size
        )

    def _values(
        self, y: Array, target: Like | None, weights: Like | None
    ) -> tuple[Array | None, object, Array | None]:
        """(values, dy as returned, weights (T, B)); values None if no step counts."""
        if y.ndim < 2:
            raise ShapeError(
                f"{self}: y needs axes (T, B, ...), found shape {y.shape}; for one sequence y[:, "
                "None]"
            )
        t = None if target is None else plain("target", target, self)
        if t is not None and t.shape[:2] != y.shape[:2]:
            raise ShapeError(
                f"{self}: target must have axes {y.shape[:2]} as the outputs, found shape {t.shape}"
            )
        w = self.steps(weights, y.shape)[1]
        if w is not None:
            w = np.broadcast_to(cast(w, y.real.dtype, self, "weights"), y.shape[:2])
            if not (w > 0).any():
                return None, None, w
            y, t = _filled(y, w), None if t is None else _filled(t, w)
        self._check(y, t)
        values, dy = self.call(y, t)
        return self._fitting_values(values, y), dy, w

    def _fitting_values(self, values: object, y: Array) -> Array:
        found = plain("values", values, self)
        if found.shape not in (y.shape, y.shape[:2]):
            last = found.shape == (*y.shape[:2], 1)
            cure = (
                "leave its last axis out"
                if last
                else "do not sum or average over steps or sequences"
            )
            raise ShapeError(
                f"{self}: values must have y's shape {y.shape}, or {y.shape[:2]}, one for each "
                f"step of each sequence, found {found.shape}; {cure}"
            )
        if found.dtype.kind not in "fiub" and found.dtype != y.dtype:
            raise DtypeError(f"{self}: values have dtype {found.dtype}; return floats")
        return found

    def _check(self, y: Array, target: Array | None) -> None:
        """Raise ValueError if values of steps depend on the steps around them; checked once."""
        if y.dtype.kind == "c" or has_passed(self.function, type(self)):
            return

        def call(y: Array, target: Array | None) -> tuple[Array, object]:
            values, dy = self.call(y, target)
            return self._fitting_values(values, y), dy

        found = check_cut(call, (y, target), max(self.declared, 2.0), kept=2)
        if found.found:
            raise ValueError(
                f"{self}: the values of a step depend on other steps: {found.found}. Return each "
                "element's or step's own value, not divided by a size, and its derivative; the "
                "mean is taken over the whole sequence. rnnbp.losses.WholeSequence(f) is for "
                "values of all steps together"
            )
        if found.seen:
            note_passed(self.function, type(self))


def _filled(array: Array, w: Array) -> Array:
    """A copy in which steps without weight are the first step that has weight."""
    bad = w == 0
    if not bad.any():
        return array
    found = array.copy()
    found[bad] = array[tuple(np.argwhere(~bad)[0])]
    return found


def _weighted(values: Array, w: Array | None) -> Scalar:
    if w is None:
        return sum_of(values)
    keep = w.reshape(w.shape + (1,) * (values.ndim - w.ndim))
    return sum_of(np.where(keep > 0, values, values.dtype.type(0)) * keep)

"""A loss of the user's that needs the outputs of all steps at once."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.arrays import plain
from rnnbp.losses.base import New
from rnnbp.losses.outputs import Scalar, check_outputs, check_weightless
from rnnbp.losses.own import LossFunction, Own, mask_taken, without
from rnnbp.losses.returned import derivative, number
from rnnbp.numerics import Array, Shape


@final
class WholeSequence(Own):
    """A loss of all outputs together: a ratio of sums, a correlation, a maximum over time.

    The function is called once, with y of all steps, whatever the chunks and the schedule. For that
    the model is run forward once more, and y, and then dy, are held for all steps: checkpoints save
    less. ``plan``, ``forecast`` and budgets count these bytes.

    Args:
        function: ``f(y, target) -> (value, dy)``, or ``f(y, target, mask)``, with y (T, B, ...),
            target (T, B, ...) or None, mask (T, B) or None. ``value`` is a number, ``dy`` its
            derivative by y, of y's shape. With a mask or ``last=True`` it must take the mask, and
            use it: dy is 0 at steps of weight 0, where y and target have no meaning (the target
            is 0).

    Over the batches of a source, as in ``evaluate`` and in a Trainer's validation, the loss is the
    mean of the batches' values, weighted by the number of their steps that count: not the value of
    all of them as one batch. For that pass one batch; or, if the loss is a sum divided by what
    depends on the target alone, write a subclass of ``Loss``, as ``ErrorToSignal`` in
    ``help(rb.losses)``.

    Forecasts assume that the function needs three arrays of y's size apart from y and dy;
    ``f.spare = 1`` declares a different number.

    Raises TypeError for anything but a function, and in a run with a mask for a function that takes
    none; ValueError for a stream of unknown length, for a dy that is not finite, and for one that
    is not 0 at steps of weight 0.

    >>> import numpy as np, rnnbp as rb
    >>> def esr(y, target):  # error-to-signal ratio
    ...     d, energy = y - target, (target**2).sum()
    ...     return (d**2).sum() / energy, 2 * d / energy
    >>> x, target = np.zeros((6, 1, 2), np.float32), np.ones((6, 1, 3), np.float32)
    >>> rb.bptt(rb.RNN(2, 3, bias=False), x, target, rb.losses.WholeSequence(esr), chunk=2).loss
    1.0
    """

    whole = True
    assumed = 3.0  # of all steps: what a function takes more exceeds a budget, by up to y's size

    def __init__(self, function: LossFunction) -> None:
        super().__init__(function)
        self.takes_mask, self.needs_mask = mask_taken(function)

    def needs(self, item: int, *, masked: bool = False, recast: bool = False) -> tuple[float, int]:
        return self.declared + masked, 0

    def check_mask(self) -> None:
        if not self.takes_mask:
            raise TypeError(
                f"{self}: there is a mask, of mask=, lengths=, warm_up= or Sequences(last=True), "
                "and the function takes (y, target); let it take (y, target, mask), with mask (T, "
                "B)"
            )

    def some(self, total: float) -> float:
        """1: the value is not divided."""
        super().some(total)
        return 1.0

    def weight(self, target: Like | None, weights: Like | None = None, *, outputs: Shape) -> float:
        return self.steps(weights, outputs)[0]

    def summed(
        self, y: Like, target: Like | None, weights: Like | None = None
    ) -> tuple[Scalar, Array]:
        y = check_outputs(self, y)
        value, dy = self._called(y, target, weights)
        found = derivative(self, dy, y, target, weights)
        check_weightless(self, found, weights)
        return number(str(self), value, real=y.dtype.kind != "c"), found

    def summed_in(
        self, y: Like, target: Like | None, weights: Like | None, new: New, factor: float = 1.0
    ) -> tuple[Scalar, Array]:
        return self.summed(y, target, weights)

    def value(self, y: Array, target: Array | None, weights: Array | None) -> Scalar:
        return number(str(self), self._called(y, target, weights)[0], real=y.dtype.kind != "c")

    def _called(self, y: Array, target: Like | None, weights: Like | None) -> tuple[Like, Like]:
        given = None if target is None else plain("target", target, self)
        if weights is None:
            return (
                self.call(y, given, np.broadcast_to(True, y.shape[:2]))
                if self.needs_mask
                else self.call(y, given)
            )
        self.check_mask()
        w = self.steps(weights, y.shape)[1]
        assert w is not None
        w = np.broadcast_to(w, y.shape[:2])
        return self.call(y, without(given, w), w)

"""A bare function as a loss: called once for each chunk, its values summed."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.arrays import plain
from rnnbp.checks.functions import name_of
from rnnbp.losses.base import New
from rnnbp.losses.cuts import check_cut, check_rows
from rnnbp.losses.outputs import Scalar, check_weightless
from rnnbp.losses.own import LossFunction, Own, mask_taken, without
from rnnbp.losses.passed import has_passed, note_passed
from rnnbp.losses.returned import fitting, number
from rnnbp.numerics import Array, Shape

NAME = "the loss function"


class Rows:
    """The check that a function sums over sequences as over steps, as a key of what has passed."""


@final
class FunctionLoss(Own):
    """The loss that wraps a function ``(y, target) -> (value, dy)``: values of chunks are summed.

    With a mask of 0 and 1 the function is called with the steps that count, (N, 1, ...) instead of
    (T, B, ...); or, if it takes a third argument, ``(y, target, mask)``, with all steps, and 0 in
    the target where the mask is 0: dy must be 0 there.

    Args:
        time: False for a function of arrays without the time axis, whose T is 1.
    """

    def __init__(self, function: LossFunction, *, time: bool = True) -> None:
        super().__init__(function)
        self.time = time
        self.takes_mask, self.needs_mask = mask_taken(function)

    def __repr__(self) -> str:
        return f"{NAME} {name_of(self.function)}"

    @property
    def name(self) -> str:
        return NAME

    def needs(self, item: int, *, masked: bool = False, recast: bool = False) -> tuple[float, int]:
        return self.declared + masked * (1 if self.takes_mask else 3), 0

    def some(self, total: float) -> float:
        """1: a sum is not divided."""
        super().some(total)
        return 1.0

    def weight(self, target: Like | None, weights: Like | None = None, *, outputs: Shape) -> float:
        total, w = self.steps(weights, outputs)
        if w is not None and not self.takes_mask and ((w != 0) & (w != 1)).any():
            raise TypeError(
                f"{self} takes (y, target), so weights must be 0 or 1, found others; "
                f"use rnnbp.losses.PerStep, whose values of elements or steps are weighted, "
                f"or let it take (y, target, mask)"
            )
        return total

    def summed(
        self, y: Like, target: Like | None, weights: Like | None = None
    ) -> tuple[Scalar, Array]:
        y, target, w = self._given(y, target, weights)
        value, dy = self._called(y, target, w)
        if dy is None:
            return 0.0, np.zeros_like(y)
        own = number(NAME, value, real=y.dtype.kind != "c")
        if w is None or self.takes_mask:
            found = fitting(NAME, dy if self.time else plain("dy", dy, NAME)[None], y)
            check_weightless(self, found, w)
            return own, found
        rows = fitting(NAME, dy, self._rows(y, w))
        found = np.zeros_like(y)
        found[w != 0] = rows[:, 0] if self.time else rows
        return own, found

    def summed_in(
        self, y: Like, target: Like | None, weights: Like | None, new: New, factor: float = 1.0
    ) -> tuple[Scalar, Array]:
        if (
            weights is None
            and self.time
            and not self.needs_mask
            and isinstance(y, np.ndarray)
            and (target is None or isinstance(target, np.ndarray))
        ):
            value, dy = self.call(y, target)  # nearly always: the engine's arrays need no look
            return number(NAME, value, real=y.dtype.kind != "c"), fitting(NAME, dy, y)
        return self.summed(y, target, weights)

    def value(self, y: Array, target: Array | None, weights: Array | None) -> Scalar:
        y, target, w = self._given(y, target, weights)
        return self._called(y, target, w)[0]

    def due(self, *, masked: bool) -> bool:
        """True if a check of the function is still to be done."""
        return not has_passed(self.function, type(self)) or self._rows_due(masked)

    def _rows_due(self, masked: bool) -> bool:
        gathered = masked and self.time and not self.takes_mask
        return gathered and not has_passed(self.function, Rows)

    def check(
        self, y: Array, target: Array | None, weights: Array | None, *, several: bool
    ) -> bool:
        """Check the function on a chunk.

        Args:
            several: True if it is called more than once, so that its values are summed.

        Returns:
            True if it need not be checked on other chunks of this run.

        Raises ValueError if its value for some steps is not the sum of those of their halves, or,
        with a mask, if it does not treat steps and sequences alike.
        """
        y, target, w = self._given(y, target, weights)
        given: tuple[Array | None, ...] = (y, target)
        if w is not None:
            counted = None if target is None else self._rows(target, w)
            given = (y, target, w) if self.takes_mask else (self._rows(y, w), counted)
        if given[0] is None or not len(given[0]):
            return False
        seen = not self._rows_due(w is not None) or self._check_rows(given)
        if several and not has_passed(self.function, type(self)):
            return self._check_cut(given) and seen
        return seen

    def _check_rows(self, given: tuple[Array | None, ...]) -> bool:
        found = check_rows(self.call, given, self.declared)
        if found.found:
            raise ValueError(
                f"{self} does not sum over sequences as over steps: {found.found}. With a mask it "
                "is called with the steps that count, (N, 1, ...). Use rnnbp.losses.PerStep(f), "
                "if f can return a value for each element or step, or let it take (y, target, "
                "mask)"
            )
        if found.seen:
            note_passed(self.function, Rows)
        return found.seen

    def _check_cut(self, given: tuple[Array | None, ...]) -> bool:
        found = check_cut(self.call, given, self.declared, kept=1)
        if found.found:
            raise ValueError(
                f"{self} does not add up over steps: {found.found}. It is called once per "
                f"chunk and the values are summed, so the loss would depend on the chunks. "
                "Use rnnbp.losses.PerStep(f), if f can return a value for each element or step, "
                "whose mean is then taken over the whole sequence; rnnbp.losses.WholeSequence(f), "
                "which calls f once, with all steps; for a sum over a sum of the target alone, a "
                "subclass of rnnbp.losses.Loss, as ErrorToSignal in help(rnnbp.losses), which "
                "needs one chunk at a time; or one chunk, chunk=T"
            )
        if found.seen:
            note_passed(self.function, type(self))
        return found.seen

    def _given(
        self, y: Like, target: Like | None, weights: Like | None
    ) -> tuple[Array, Array | None, Array | None]:
        """The arguments as arrays; the mask is (T, B), all True if none was passed and one is
        needed.
        """
        y = plain("outputs", y, self)
        target = None if target is None else plain("target", target, self)
        if weights is None:
            return y, target, np.broadcast_to(True, y.shape[:2]) if self.needs_mask else None
        w = np.broadcast_to(self._mask(weights, y.shape), y.shape[:2])
        return y, without(target, w) if self.takes_mask else target, w

    def _mask(self, weights: Like, shape: Shape) -> Array:
        found = self.steps(weights, shape)[1]
        assert found is not None
        return found

    def _called(self, y: Array, target: Array | None, w: Array | None) -> tuple[Like, Like | None]:
        """The function's result; (0, None) if no step counts."""
        if w is not None and not self.takes_mask:
            if not (w != 0).any():
                return 0.0, None
            target = None if target is None else self._rows(target, w)
            y, w = self._rows(y, w), None
        elif not self.time:
            y, target, w = y[0], None if target is None else target[0], None if w is None else w[0]
        return self.call(y, target) if w is None else self.call(y, target, w)

    def _rows(self, array: Array, w: Array) -> Array:
        """The steps that count, (N, 1, ...); without the time axis (N, ...)."""
        found: Array = array[w != 0]
        return found[:, None] if self.time else found

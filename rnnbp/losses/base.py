"""The interface of a loss: a weighted mean over the whole sequence, summed chunk by chunk."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, SupportsFloat, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.arrays import plain
from rnnbp.checks.functions import note_call
from rnnbp.checks.mapped import check_there
from rnnbp.losses.calls import called_with, other_axes
from rnnbp.losses.in_rounds import InRounds, LossRounds
from rnnbp.losses.outputs import Scalar, check_outputs, check_weightless, first_true
from rnnbp.losses.shapes import require_shape
from rnnbp.numerics import Array, Dtype, DtypeError, Shape, ShapeError, real_number, shown
from rnnbp.support.ieee import ieee
from rnnbp.wording.arguments import Named

New: TypeAlias = Callable[[Shape, Dtype], Array]


class NoWeightError(ValueError):
    """A mean over no element: all weights are 0."""


class Loss(Named, ABC):
    """The weighted mean Σ w ℓ / Σ w over the elements of a sequence, as sums over its chunks.

    A subclass has two methods, ``summed`` and ``weight``; ``weight`` may depend on the target, not
    on y. Where weights are 0 the target may be NaN: leave out what is masked by ``np.where``, not
    by a factor 0. A function needs no subclass: pass it to ``PerStep`` or ``WholeSequence``; a loss
    of elements is an ``Elementwise``.

    Shapes: y (T, B, ...) or any other batch axes; ``weights``, a bool mask or floats ≥ 0, has y's
    leading axes, as (T, B), and counts for every element behind them. Elements of weight zero are
    ignored. Arguments are never written to; returned arrays belong to the caller.

    Raises ShapeError, DtypeError or ValueError for a target or weights that do not fit.

    >>> import numpy as np, rnnbp as rb
    >>> class Distance(rb.losses.Loss):  # Σ w |y − t|, the length of y − t at each step, over Σ w
    ...     def summed(self, y, target, weights=None):
    ...         d, w = y - target, np.ones(y.shape[:-1]) if weights is None else weights
    ...         length = np.sqrt((d**2).sum(axis=-1))
    ...         return float((w * length).sum()), (w / np.maximum(length, 1e-12))[..., None] * d
    ...
    ...     def weight(self, target, weights=None, *, outputs):
    ...         return float(np.prod(outputs[:-1]) if weights is None else np.sum(weights))
    >>> y, target = np.zeros((2, 1, 2)), np.array([[[3.0, 4.0]], [[0.0, 1.0]]])
    >>> Distance()(y, target)[0], Distance()(y, target, np.array([[1.0], [0.0]]))[0]
    (3.0, 5.0)
    """

    spare: ClassVar[float] = 2.0
    """Temporary arrays of ``summed`` apart from dy, in sizes of y."""
    brief: ClassVar[bool] = False
    """True if ``summed_in`` allocates the derivative with ``new``."""
    needs_target: ClassVar[bool] = True
    """True if the target may not be None."""
    reads_target: ClassVar[bool] = True
    """True if ``weight`` looks at the target."""
    copies_target: ClassVar[bool] = True
    """True if ``weight`` copies a target of floats some of which weights leave out."""
    whole: ClassVar[bool] = False
    """True if ``summed`` takes the outputs of all steps at once."""

    def needs(self, item: int, *, masked: bool = False, recast: bool = False) -> tuple[float, int]:
        """Temporary arrays of ``summed_in``, dy not included.

        Args:
            item: bytes of an element of y.
            masked: True if there are weights.
            recast: True if weights, or targets without any, have a different dtype than y, or
                weights have fewer axes than its rows.

        Returns:
            (arrays of y's size, bytes for each row of y).
        """
        return self.spare, 0

    @abstractmethod
    def weight(self, target: Like, weights: Like | None = None, *, outputs: Shape) -> float:
        """Σ w over a sequence or a part of it.

        Args:
            target: (T, B, ...), as ``summed`` takes it.
            weights: (T, B) or y's leading axes; None for 1 everywhere.
            outputs: the shape of y.
        """

    def total(self, target: Like, weights: Like | None = None, *, outputs: Shape) -> float:
        """Σ w over the sequence, the denominator of the mean; arguments as those of ``weight``.

        Raises NoWeightError if no element has weight.
        """
        return self.some(self.weighed(target, weights, outputs))

    @final
    def weighed(self, target: Like, weights: Like | None, outputs: Shape) -> float:
        """``weight``; if it is a user's, its exceptions get a note. Raises TypeError unless it
        returns a number.
        """
        if type(self).weight.__module__.startswith("rnnbp."):
            return self.weight(target, weights, outputs=outputs)
        returns = "a number, the sum of the weights"
        try:
            found = self.weight(target, weights, outputs=outputs)
        except Exception as error:  # whatever the user's code raises
            given = f"target, weights, outputs={outputs}"
            note_call(error, f"the loss {self}", type(self).weight, given, returns)
            raise
        if not isinstance(found, SupportsFloat):
            raise TypeError(f"{self}: weight() returned {shown(found)}; return {returns}")
        return found

    @abstractmethod
    def summed(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        """The loss as a sum over elements, not divided.

        Args:
            y: outputs, (T, B, ...).
            target: targets of the same steps.
            weights: (T, B) or y's leading axes; None for 1 everywhere.

        Returns:
            (Σ w ℓ in float64, its derivative by y, of y's shape and dtype).
        """

    def summed_in(
        self, y: Like, target: Like, weights: Like | None, new: New, factor: float = 1.0
    ) -> tuple[Scalar, Array]:
        """``summed``, with the derivative times ``factor``, allocated by ``new(shape, dtype)``."""
        value, dy = self._summed_checked(y, target, weights)
        return value, self._scaled(dy, factor)

    @property
    def ours(self) -> bool:
        """True if the loss is one of the library's, which return new arrays."""
        return type(self).__module__.startswith("rnnbp.")

    def _scaled(self, dy: Array, factor: float) -> Array:
        """dy times a factor; in place only for losses of the library, whose arrays are new."""
        if self.ours:
            dy *= factor
            return dy
        return dy if factor == 1 else dy * factor

    @ieee
    def __call__(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        """(mean, its derivative by y): ``summed`` divided by ``total``."""
        y = check_outputs(self, y)
        check_there(y, target, weights)
        total = self.total(target, weights, outputs=y.shape)
        value, dy = self._summed_checked(y, target, weights)
        if not self.ours:
            return value / total, dy / total
        if total != 1:
            dy /= total
        return value / total, dy

    def __mul__(self, factor: float) -> Weighted:
        return Weighted(self, factor)

    __rmul__ = __mul__

    @classmethod
    def _is_own(cls) -> bool:
        """True if ``summed`` is a user's, not the library's."""
        return not cls.summed.__module__.startswith("rnnbp.")

    def _summed_checked(self, y: Like, target: Like, weights: Like | None) -> tuple[Scalar, Array]:
        """``summed``; if it is a user's, its exceptions get a note and its dy is checked.

        Raises ShapeError if a target that lacks an axis was broadcast, ValueError unless dy is 0 at
        steps of weight 0.
        """
        if not self._is_own():
            return self.summed(y, target, weights)
        try:
            value, dy = self.summed(y, target, weights)
        except Exception as error:  # whatever the user's code raises
            given = [None if a is None else np.asarray(a) for a in (y, target, weights)]
            error.add_note(
                called_with(type(self).summed, "(value, dy)", given, ("y", "target", "weights"))
            )
            raise
        if np.shape(dy) != np.shape(y) and (cure := other_axes(np.asarray(y), np.asarray(target))):
            raise ShapeError(
                f"{self} returned dy of shape {np.shape(dy)} for y of shape {np.shape(y)}; {cure}"
            )
        check_weightless(self, dy, weights)
        return value, dy

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"

    def describe(self) -> str:
        """The arguments as ``repr`` shows them."""
        return ""

    def _weights(self, weights: Like | None, batch: Shape) -> Array | None:
        """``weights`` checked, with axes of size 1 for those of ``batch`` that it lacks."""
        if weights is None:
            return None
        w = plain("weights", weights, self)
        if w.dtype.kind not in "biuf":
            raise DtypeError(
                f"{self}: weights must be a bool mask or floats, found dtype {w.dtype}; use a bool "
                "mask"
            )
        if not 1 <= w.ndim <= len(batch):
            raise ShapeError(
                f"{self}: weights have shape {w.shape}; give them one or more leading axes of "
                f"{batch}"
            )
        self._same_shape("weights", w.shape, batch[: w.ndim])
        if (at := first_true(~((w >= 0) & (w < np.inf)))) is not None:
            raise ValueError(
                f"{self}: weights must be finite and at least 0, found {w[at]} at {list(at)}; use "
                "0 to leave out"
            )
        return w.reshape(w.shape + (1,) * (len(batch) - w.ndim))

    def check_target(self, target: Shape, outputs: Shape) -> None:
        """Raise ShapeError where a target of this shape does not fit outputs, whatever its values.

        A run calls it with the shapes of the whole sequence, before it reads a part of it.
        """

    def _same_shape(self, what: str, found: Shape, expected: Shape) -> None:
        require_shape(self, what, found, expected)

    def some(self, total: float) -> float:
        """The total. Raises NoWeightError if it is 0, ValueError if negative or not finite."""
        if not 0 <= total < math.inf:
            raise ValueError(
                f"{self}: the sum of its weights is {total}, it must be finite and at least 0; "
                f"let weight() leave out elements whose target is NaN"
            )
        if not total > 0:
            raise NoWeightError(
                f"{self}: no element is left to average over, all weights are 0; "
                f"give a mask with a True, or leave out what is padding alone"
            )
        return total


@final
class Weighted(Loss, InRounds):
    """A loss times a number: what ``0.5 * CrossEntropy()`` is.

    Args:
        loss: of the data.
        factor: ≥ 0.
    """

    def __init__(self, loss: Loss, factor: float) -> None:
        self.loss, self.factor = loss, real_number("a loss times a number", factor, least=0)
        own = ("spare", "brief", "needs_target", "reads_target", "copies_target", "whole")
        vars(self).update({name: getattr(loss, name) for name in own})  # the class has constants

    def needs(self, item: int, *, masked: bool = False, recast: bool = False) -> tuple[float, int]:
        return self.loss.needs(item, masked=masked, recast=recast)

    def weight(self, target: Like, weights: Like | None = None, *, outputs: Shape) -> float:
        return self.loss.weight(target, weights, outputs=outputs)

    def summed(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        return self.summed_in(y, target, weights, np.empty)

    def summed_in(
        self, y: Like, target: Like, weights: Like | None, new: New, factor: float = 1.0
    ) -> tuple[Scalar, Array]:
        value, dy = self.loss.summed_in(y, target, weights, new, factor * self.factor)
        return self.factor * value, dy

    def row_bytes(self, item: int) -> int:
        return self.loss.row_bytes(item) if isinstance(self.loss, InRounds) else 0

    def in_rounds(
        self, y: Array, at: Array, target: Like, new: New, factor: float
    ) -> LossRounds | None:
        loss, factor = self.loss, factor * self.factor
        found = loss.in_rounds(y, at, target, new, factor) if isinstance(loss, InRounds) else None
        return None if found is None else found.times(self.factor)

    def check_target(self, target: Shape, outputs: Shape) -> None:
        self.loss.check_target(target, outputs)

    def some(self, total: float) -> float:
        return self.loss.some(total)

    def __repr__(self) -> str:
        return f"{self.factor} * {self.loss!r}"

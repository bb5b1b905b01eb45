"""The loss of a whole sequence, taken chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from rnnbp.bptt.problem import Problem
from rnnbp.losses import Loss
from rnnbp.numerics import Array, DtypeError, ShapeError, first_bad

LossLike: TypeAlias = Loss | Callable[[Any, Any], tuple[Any, Any]]


class Objective:
    """``objective(y, n)`` is (value, dy) of chunk n; the values of all chunks add up to the loss.

    A ``Loss`` is a mean over all unmasked elements of the whole sequence, whatever the chunks. A function
    ``(y, target) -> (value, dy)`` is called as it is, once per chunk; ``target`` None stays None.
    """

    def __init__(self, problem: Problem, loss: LossLike, target: Any, mask: Any) -> None:
        if isinstance(loss, type) or not callable(loss):
            raise TypeError(
                f"loss must be a Loss or a function (y, target) -> (value, dy), found {loss!r}; build it first"
            )
        self.problem, self.loss = problem, loss
        self.target: Any = None if target is None else np.asarray(target)
        self.mask = None if mask is None else np.asarray(mask)
        lead = (problem.steps, problem.batch)
        if self.target is not None:
            self._check_target(lead)
        if self.mask is not None and self.mask.shape != lead:
            raise ShapeError(f"mask must have shape (T, B) = {lead}, found {self.mask.shape}; one weight for each step")
        self.total = 1.0
        if isinstance(loss, Loss):
            if self.target is None:
                raise TypeError(f"{loss} compares with a target, found None; give one, or write a loss function")
            self.total = loss.total(self.target, self.mask, outputs=(*lead, *problem.output_shape))
        elif mask is not None:
            raise TypeError("a mask, as Sequences(last=True) makes one, needs one of rnnbp.losses, not a function")

    def _check_target(self, lead: tuple[int, int]) -> None:
        found = self.target.shape[:2]
        if not found or found != lead[: len(found)]:
            axis = next((k for k, (a, b) in enumerate(zip(found, lead, strict=False)) if a != b), 0)
            raise ShapeError(
                f"target axis {axis} must have size {lead[axis]}, as x has (T, B) = {lead}, "
                f"found shape {self.target.shape}; give a target for every step"
            )

    @property
    def spare(self) -> float:
        """Temporary arrays of the loss besides dy, in sizes of y."""
        return spare_of(self.loss)

    def __call__(self, y: Array, n: int) -> tuple[Any, Array]:
        value, dy = self._evaluate(y, n)
        if isinstance(self.loss, Loss):
            dy *= 1 / self.total
            return value / self.total, dy
        return _number(value), self._own(dy, y, n)

    def value(self, y: Array, n: int) -> Any:
        """The part of the loss that chunk n adds."""
        return self._evaluate(y, n)[0] / self.total

    def _evaluate(self, y: Array, n: int) -> tuple[Any, Any]:
        span = self.problem.span(n)
        target: Any = None if self.target is None else self.target[span]
        if isinstance(self.loss, Loss):
            return self.loss.summed(y, target, None if self.mask is None else self.mask[span])
        found = self.loss(read_only(y), None if target is None else read_only(target))
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(f"the loss function must return (value, dy), found {type(found).__name__}")
        return found

    def _own(self, dy: Any, y: Array, n: int) -> Array:
        """The dy that a function of the user gave, checked."""
        dy = np.asarray(dy)
        if dy.shape != y.shape:
            raise ShapeError(f"the loss function gave dy of shape {dy.shape} for y of shape {y.shape}; they must agree")
        if dy.dtype.kind not in "fiub":
            raise DtypeError(f"the loss function gave dy of dtype {dy.dtype}; give floats")
        if (at := first_bad(dy)) is not None:
            step = self.problem.span(n).start + at[0]
            raise ValueError(f"the loss function gave dy = {dy[at]} at {[step, *at[1:]]}; it must be finite")
        cast: Array = dy.astype(y.dtype, copy=False)
        return cast


def spare_of(loss: LossLike | None) -> float:
    """Temporary arrays of a loss besides dy, in sizes of y; of a function of the user, or an unknown one, a guess."""
    return loss.spare if isinstance(loss, Loss) else Loss.spare


def read_only(array: Array) -> Array:
    """A view that refuses to be written to."""
    view: Array = array.view()
    view.flags.writeable = False
    return view


def _number(value: Any) -> float:
    """The value that a function of the user gave, checked."""
    if np.ndim(value):
        raise ShapeError(f"the loss function gave a value of shape {np.shape(value)}; sum it to one number")
    if not isinstance(value, (int, float, np.integer, np.floating, np.ndarray)) or np.asarray(value).dtype.kind == "c":
        raise TypeError(f"the loss function gave the value {value!r}; it must be a real number")
    return float(value)

"""Losses that call a function of the user's: how it is called, and what it must return."""

from __future__ import annotations

import inspect
import math
from abc import abstractmethod
from collections.abc import Callable
from types import FunctionType
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.functions import name_of
from rnnbp.losses.base import Loss
from rnnbp.losses.calls import called_with, other_axes
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Shape, ShapeError, real_number, shown

LossFunction = Callable[..., tuple[Like, Like]]
"""(y, target) or (y, target, mask) -> (value, dy)."""
MASKS = ("mask", "weight", "weights")
"""Names that a third argument with a default has where it is a mask."""
MEASURED = 2
"""Axes of y before its features, (T, B), which a mask has too."""


class Own(Loss):
    """A loss that calls a function of the user's.

    Args:
        function: called with read-only NumPy arrays. Its attribute ``spare``, if it has one, is the
            number of temporary arrays of y's size that it takes apart from dy; ``assumed`` by
            default.

    Raises TypeError for anything but a function.
    """

    needs_target = False
    reads_target = False
    assumed: ClassVar[float] = Loss.spare
    """Temporary arrays, in sizes of y, of a function that declares none."""
    unknown: ClassVar[str] = "; or leave it out in your loss"
    """What else to do about steps whose target is not known."""
    returns: ClassVar[str] = "(value, dy)"
    """What the function returns, as errors say it."""

    def __init__(self, function: LossFunction) -> None:
        if isinstance(function, type | Loss) or not callable(function):
            raise TypeError(
                f"{type(self).__name__}: needs a function (y, target) -> {self.returns}, found "
                f"{shown(function)}"
            )
        self.function = function

    @property
    def name(self) -> str:
        """The loss as errors call it."""
        return str(self)

    def needs(self, item: int, *, masked: bool = False, recast: bool = False) -> tuple[float, int]:
        return self.declared, 0

    @property
    def declared(self) -> float:
        """Temporary arrays of the function, in sizes of y. Raises TypeError or ValueError unless it
        is a number.
        """
        spare = getattr(self.function, "spare", self.assumed)
        return real_number("loss.spare", spare, least=0, cure="it counts arrays of y's size")

    def check_mask(self) -> None:
        """Raise TypeError where the function cannot be called with a mask."""

    @abstractmethod
    def value(self, y: Array, target: Array | None, weights: Array | None) -> Scalar:
        """The value alone of ``summed``; the function's dy is ignored."""

    def steps(self, weights: Like | None, outputs: Shape) -> tuple[float, Array | None]:
        """(the weights' sum, weights (T, B)); T · B without weights."""
        lead = outputs[:MEASURED]
        w = self._weights(weights, lead)
        if w is None:
            return float(math.prod(lead)), None
        return float(np.broadcast_to(w, lead).sum(dtype=np.float64)), w

    def call(self, y: Array, *others: Array | None) -> tuple[Like, Like]:
        """Call the function. Raises TypeError unless it returns a pair, and whatever it raises."""
        given = [None if a is None else read_only(a) for a in (y, *others)]
        try:
            found = self.function(*given)
        except (
            Exception
        ) as error:  # whatever the user's code raises: it gets a note, and propagates
            error.add_note(called_with(self.function, self.returns, given))
            raise
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(f"{self.name} must return {self.returns}, found {type(found).__name__}")
        if (
            isinstance(dy := found[1], np.ndarray)
            and dy.shape != y.shape
            and (cure := other_axes(y, others[0]))
        ):
            raise ShapeError(
                f"{self.name} returned dy of shape {dy.shape} for y of shape {y.shape}; {cure}"
            )
        return found

    def describe(self) -> str:
        return name_of(self.function)


def mask_taken(function: object) -> tuple[bool, bool]:
    """(True if a function takes a mask as its third argument, True if it requires one)."""
    if isinstance(function, FunctionType) and function.__code__.co_argcount <= MEASURED:
        return False, False  # as nearly always; a look at the signature takes longer
    try:
        parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]  # else a TypeError
    except (TypeError, ValueError):  # of what is compiled it may not be known
        return False, False
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(placed) <= MEASURED:
        return False, False
    needed = placed[2].default is inspect.Parameter.empty
    return needed or placed[2].name in MASKS, needed


def read_only(array: Array) -> Array:
    """A view that cannot be written to."""
    view: Array = array.view()
    view.setflags(write=False)
    return view


def without(array: Array | None, w: Array) -> Array | None:
    """A copy with 0 where the weights (T, B) are 0, so that what is there, as NaN, is ignored."""
    if array is None or not (w == 0).any():
        return array
    keep = w.reshape(w.shape + (1,) * (array.ndim - w.ndim)) > 0
    return np.where(keep, array, array.dtype.type(0))

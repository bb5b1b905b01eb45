"""What a loss function of the user's returned, checked, and why it is not finite."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.arrays import plain
from rnnbp.losses.outputs import Scalar, first_true, mask_of_known
from rnnbp.losses.own import Own
from rnnbp.machine.finite import first_bad
from rnnbp.numerics import Array, DtypeError, NonFiniteError, ShapeError, cast, shown


def fitting(who: object, returned: object, y: Array) -> Array:
    """dy as returned, in y's dtype. Raises ShapeError, DtypeError, ValueError unless it fits."""
    dy = plain("dy", returned, who)
    if dy.shape != y.shape:
        raise ShapeError(
            f"{who} returned dy of shape {dy.shape} for y of shape {y.shape}; they must agree"
        )
    if dy.dtype.kind not in "fiub" and dy.dtype != y.dtype:  # gradcheck's are complex
        raise DtypeError(f"{who} returned dy of dtype {dy.dtype}; return floats")
    return cast(dy, y.dtype, who, "dy")


def not_finite(
    loss: Own, dy: Array, at: tuple[int, ...], target: object, weights: object, start: int
) -> NonFiniteError:
    """The error of a function whose dy, of steps from ``start`` on, is not finite at an index."""
    place = [start + at[0], *at[1:]]
    why = why_not(loss, target, weights, start) or _of_silent(target, weights)
    return NonFiniteError(f"{loss.name} returned dy = {dy[at]} at {place}; it must be finite{why}")


def derivative(
    who: Own, dy: object, y: Array, target: Like | None = None, weights: Like | None = None
) -> Array:
    """As ``fitting``; raises NonFiniteError too if dy is not finite although y is.

    The target and the weights say why.
    """
    found = fitting(who, dy, y)
    if (at := first_bad(found)) is not None and first_bad(y) is None:
        why = why_not(who, target, weights) or _of_silent(target, weights)
        raise NonFiniteError(
            f"{who} returned dy = {found[at]} at {list(at)}; it must be "
            f"finite{why or ': mask steps without a target'}"
        )
    return found


def why_not(loss: Own, target: object, weights: object = None, start: int = 0) -> str:
    """Why a loss is not finite, if a target that counts is not, and the cures; "" else.

    Args:
        target: (L, B, ...).
        weights: (L, B).
        start: the number of their first step.
    """
    found = target_not_finite(target, weights, start)
    return f": {found}{loss.unknown}" if found else ""


def silent(target: object, weights: object = None) -> str:
    """What to do about a quotient, if a target (L, B, ...) is 0 wherever it counts; "" else."""
    if not isinstance(target, np.ndarray) or target.dtype.kind != "f":
        return ""
    counted: Array = target
    if isinstance(weights, np.ndarray) and weights.shape == target.shape[: weights.ndim]:
        counted = target[weights != 0]
    if not counted.size or counted.any():
        return ""
    return (
        "the target that counts is all 0; if the loss divides by it, add a small number to the "
        "divisor, as (target**2).sum() + 1e-8, or leave such data out"
    )


def _of_silent(target: object, weights: object) -> str:
    found = silent(target, weights)
    return f": {found}, as fit does with on_nonfinite='skip'" if found else ""


def target_not_finite(target: object, weights: object = None, start: int = 0) -> str:
    """Where a target that counts is not finite, and the cure; "" if all are finite."""
    if not isinstance(target, np.ndarray) or target.dtype.kind != "f" or first_bad(target) is None:
        return ""
    bad = ~np.isfinite(target)
    if isinstance(weights, np.ndarray) and weights.shape == target.shape[: weights.ndim]:
        bad &= (weights != 0).reshape(weights.shape + (1,) * (target.ndim - weights.ndim))
    if (at := first_true(bad)) is None:
        return ""
    place = [start + at[0], *at[1:]] if at else []
    return (
        f"the target is {target[at]} at {place}; give that step weight 0, "
        f"{mask_of_known(target, at)}"
    )


def number(who: str, value: Like, *, real: bool = True) -> Scalar:
    """The value that a function returned as one number; complex only if y is complex."""
    if np.ndim(value):
        raise ShapeError(
            f"{who} returned a value of shape {np.shape(value)}; sum it to one number, or use "
            "PerStep"
        )
    if not real and isinstance(value, complex | np.complexfloating):
        return complex(value)
    if (
        not isinstance(value, (int, float, np.integer, np.floating, np.ndarray))
        or np.asarray(value).dtype.kind == "c"
    ):
        raise TypeError(f"{who} returned the value {shown(value)}; it must be a real number")
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        raise ValueError(f"{who} returned a value beyond float64; scale it") from None

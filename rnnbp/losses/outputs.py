"""Checks and sums that losses share: of outputs, of derivatives, of indices."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.checks.arrays import plain
from rnnbp.numerics import Array, DtypeError, Shape

Scalar: TypeAlias = Any  # float, but for gradcheck, and callers compare it as one
"""A float; a complex number for complex outputs, which gradcheck uses."""


LEAD = 2
"""Axes of a target before its features, (T, B)."""


def check_outputs(loss: object, y: Like) -> Array:
    y = plain("outputs", y, loss)
    if y.dtype not in (np.float32, np.float64, np.complex128):
        raise DtypeError(
            f"{loss}: outputs are float32 or float64, found dtype {y.dtype}; use "
            "y.astype(np.float32)"
        )
    return y


def check_weightless(who: object, dy: object, weights: Like | None) -> None:
    """Raise ValueError unless dy (T, B, ...) is 0 at steps of weight 0, weights (T, B)."""
    if weights is None or not isinstance(dy, np.ndarray):
        return
    left_out = np.asarray(weights) == 0
    if (
        left_out.shape != dy.shape[: left_out.ndim]
        or not left_out.any()
        or not (rows := dy[left_out]).any()
    ):
        return
    if (at := first_true((rows != 0) & np.isfinite(rows))) is not None:
        place = [*np.argwhere(left_out)[at[0]].tolist(), *at[1:]]
        raise ValueError(
            f"{who}: dy is not 0 at steps of weight 0: {rows[at]} at {place}; multiply by "
            f"mask[..., None], and count only what the mask counts"
        )


def added_axis(target: Shape, fitting: Shape) -> str:
    """The cure for a target that has the last axis of size 1 too few or too many; "" for others."""
    if (*target, 1) == fitting:
        return "target[..., None]"
    return "target[..., 0]" if target == (*fitting, 1) else ""


def first_true(bad: Array) -> tuple[int, ...] | None:
    """The index of the first True."""
    return tuple(np.argwhere(bad)[0].tolist()) if bad.any() else None


def mask_of_known(target: Array, at: tuple[int, ...] = ()) -> str:
    """The cure for a target (T, B, ...) that is not finite, at ``at``: the mask that leaves it out.

    The mask is written so that it is right for batch-first arrays too.
    """
    features = target.ndim - LEAD
    axes = "-1" if features == 1 else f"{tuple(range(-features, 0))}"
    every = f".all(axis={axes})" if features > 0 else ""
    some = len(at) > LEAD and np.isfinite(target[at[:LEAD]]).any()
    return (
        f"mask=np.isfinite(target){every} in Sequences, Windows or bptt; where each sequence or "
        "example has one target, leave out those without"
        + "; rnnbp.losses.Known(loss) leaves out single elements"
        * bool(some)
    )


def sum_of(losses: Array) -> Scalar:
    return losses.sum(dtype=np.complex128 if losses.dtype.kind == "c" else np.float64).item()

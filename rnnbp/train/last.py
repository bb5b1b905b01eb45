"""Where sequences end: masks of their lengths, and targets that stand at their last steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.arrays import as_array
from rnnbp.bptt.inference import last_steps
from rnnbp.numerics import Array, Shape, ShapeError


def at_last(target: Array, mask: Array | None, steps: int) -> tuple[Array, Array]:
    """Targets (B, ...) as (B, T, ...), and their weights (B, T): 0 but at each sequence's last step.

    Raises as ``last_steps`` does.
    """
    known = np.ones((len(target), steps), np.bool_) if mask is None else mask
    at = np.arange(len(target)), steps - 1 if mask is None else last_steps(mask.swapaxes(0, 1))
    placed, weight = np.zeros((len(target), steps, *target.shape[1:]), target.dtype), np.zeros_like(known)
    placed[at], weight[at] = target, known[at]
    return placed, weight


def mask_of(name: str, lengths: ArrayLike, shape: Shape) -> Array:
    """The mask (N, T) of sequences of these lengths (N,). Raises ShapeError, DtypeError or ValueError for others."""
    found, (rows, steps) = as_array(name, lengths, kinds="iu"), shape
    if found.shape != (rows,):
        raise ShapeError(f"{name} must have shape ({rows},), one for each sequence, found {found.shape}")
    fits = (found >= 1) & (found <= steps)
    if not fits.all():
        row = int(np.argmin(fits))
        raise ValueError(f"{name}[{row}] is {found[row]}, which must lie in [1, {steps}], the steps of x")
    made: Array = np.arange(steps) < found[:, None]
    return made

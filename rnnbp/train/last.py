"""Where sequences end: masks of their lengths, and targets at their last steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.bptt.inference import last_steps
from rnnbp.checks.arrays import as_array, plain
from rnnbp.numerics import Array, DtypeError, Shape, ShapeError

TURN, TURNED = "time-first: say batch_first=False", "batch-first: leave batch_first out"
"""What to do where x was taken as batch-first, or as time-first."""


def at_last(target: Array, mask: Array | None, steps: int) -> tuple[Array, Array]:
    """Targets (B, ...) at the last steps of (B, T, ...), and weights (B, T), 0 elsewhere.

    Raises as ``last_steps`` does.
    """
    known = np.ones((len(target), steps), np.bool_) if mask is None else mask
    at = np.arange(len(target)), steps - 1 if mask is None else last_steps(mask.swapaxes(0, 1))
    placed = np.zeros((len(target), steps, *target.shape[1:]), target.dtype)
    weight = np.zeros_like(known)
    placed[at], weight[at] = target, known[at]
    return placed, weight


def lengths_of(name: str, lengths: ArrayLike, shape: Shape, turn: str = TURN) -> Array:
    """(N,) int64 the lengths of N sequences of at most T steps, ``shape`` being (N, T).

    Args:
        turn: for errors, the other order of axes that x may have, and the cure.

    Raises ShapeError, DtypeError or ValueError for lengths that do not fit.
    """
    given, (rows, steps) = plain(name, lengths), shape
    if given.dtype.kind == "b" or (
        given.ndim > 1 and steps > 1 and given.shape in ((rows, steps), (steps, rows))
    ):
        raise DtypeError(
            f"{name} is {given.dtype} of shape {given.shape}, which is a mask; give it as mask="
        )
    found = as_array(name, given, kinds="iu")
    if found.shape != (rows,):
        cure = f"; if x is {turn}" * (found.shape == (steps,))
        cure = f"; give {name.rpartition(' ')[2]}[:, 0]" if found.shape == (rows, 1) else cure
        raise ShapeError(
            f"{name} must have shape ({rows},), one for each sequence, found {found.shape}{cure}"
        )
    fits = (found >= 1) & (found <= steps)
    if not fits.all():
        row = int(np.argmin(fits))
        raise ValueError(
            f"{name}[{row}] is {found[row]}, which must lie in [1, {steps}], the steps of x"
        )
    return found.astype(np.int64)


def known_steps(lengths: Array, steps: int) -> Array:
    """(N, T) bool: True before the end of each sequence."""
    found: Array = np.arange(steps) < lengths[:, None]
    return found


def of_sequences(name: str, weights: Array, shape: Shape) -> Array:
    """The mask (N, T) of weights (N,) of sequences: the same at each of their steps.

    Raises ShapeError for weights that do not fit, and for integers that look like lengths,
    ValueError for weights that are negative or not finite.
    """
    rows = shape[0]
    if weights.shape != (rows,):
        raise ShapeError(
            f"{name} must have shape (N, T) = {shape}, a weight for each step, or ({rows},), one "
            f"for each sequence, found {weights.shape}"
        )
    if weights.dtype.kind in "iu" and weights.size and weights.max() > 1:
        raise ShapeError(
            f"{name} has shape {weights.shape} and integers up to {weights.max()}: are they "
            f"weights, or lengths? give weights of sequences as floats, or give lengths as lengths="
        )
    fits = (weights >= 0) & (weights < np.inf)
    if not fits.all():
        row = int(np.argmin(fits))
        raise ValueError(
            f"{name}[{row}] is {weights[row]}; weights must be finite and at least 0, use 0 to "
            "leave out"
        )
    return np.broadcast_to(weights[:, None], shape)


def within(mask: Array, known: Array) -> Array:
    """A mask (N, T), or of elements, 0 after the end of each sequence, as ``known`` (N, T) says."""
    known = known.reshape(known.shape + (1,) * (mask.ndim - known.ndim))
    found: Array = np.where(known, mask, mask.dtype.type(0))
    return found

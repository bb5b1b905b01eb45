"""Targets of whole sequences: each stands at its sequence's last step."""

from __future__ import annotations

import numpy as np

from rnnbp.numerics import Array


def last_steps(mask: Array | None, rows: int, steps: int) -> Array:
    """(B,) the last step of each row of weights (B, T) that has weight; without a mask the last of all.

    Raises ValueError for a row without weight.
    """
    if mask is None:
        return np.full(rows, steps - 1)
    some = mask > 0
    if not some.any(axis=1).all():
        row = int(np.argmin(some.any(axis=1)))
        raise ValueError(f"sequence {row} has no last step, its mask is all 0; leave it out")
    found: Array = steps - 1 - np.argmax(some[:, ::-1], axis=1)
    return found


def at_last(target: Array, mask: Array | None, steps: int) -> tuple[Array, Array]:
    """Targets (B, ...) as (B, T, ...), and their weights (B, T): 0 but at each sequence's last step.

    Raises as ``last_steps`` does.
    """
    known = np.ones((len(target), steps), np.bool_) if mask is None else mask
    at = np.arange(len(target)), last_steps(mask, len(target), steps)
    placed, weight = np.zeros((len(target), steps, *target.shape[1:]), target.dtype), np.zeros_like(known)
    placed[at], weight[at] = target, known[at]
    return placed, weight

"""Targets of whole sequences: each stands at its sequence's last step."""

from __future__ import annotations

import numpy as np

from rnnbp.bptt.inference import last_steps
from rnnbp.numerics import Array


def at_last(target: Array, mask: Array | None, steps: int) -> tuple[Array, Array]:
    """Targets (B, ...) as (B, T, ...), and their weights (B, T): 0 but at each sequence's last step.

    Raises as ``last_steps`` does.
    """
    known = np.ones((len(target), steps), np.bool_) if mask is None else mask
    at = np.arange(len(target)), steps - 1 if mask is None else last_steps(mask.swapaxes(0, 1))
    placed, weight = np.zeros((len(target), steps, *target.shape[1:]), target.dtype), np.zeros_like(known)
    placed[at], weight[at] = target, known[at]
    return placed, weight

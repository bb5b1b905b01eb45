"""Notices blocks of a stream whose axes are swapped: the state is carried along axis 1, the batch.

A block that is a view tells where it lies in its array. If it begins where the last block ended
along axis 1, and is given the state after that block, then axis 1 is most likely time. Blocks that
are copies, and the first one, are not noticed. There is a false alarm where groups of sequences,
time-first and views of one array, are run in order, each from the final state of the group before.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import ReferenceType, ref

import numpy as np

from rnnbp.numerics import Array, Shape, address
from rnnbp.support.callers import outside

AXES = 2
"""Axes of a block for steps and sequences."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block that has been run: where it lies in its array, and the state after it."""

    whole: ReferenceType[Array]
    state: ReferenceType[Array]
    start: int
    shape: Shape
    strides: Shape


_last: list[Block] = []
"""The last one, or none."""


def look(x: object, state: object, after: Sequence[Sequence[Array]]) -> None:
    """Warn of a block that goes on along axis 1 with the state of the last one; remember it.

    Args:
        x: the block, (T, B, ...) if it is right.
        state: what was passed as its state.
        after: the state after it.
    """
    if not isinstance(x, np.ndarray) or x.ndim < AXES or not after or not after[0]:
        return
    if state is not None and _last and _goes_on(x, state, _last[0]):
        warnings.warn(
            f"x has shape {x.shape}, taken as {x.shape[0]:,} steps of {x.shape[1]:,} sequences, "
            "and it goes on with the state of the last block, which lies before it along axis 1: "
            "time is axis 0 here, give x.swapaxes(0, 1)",
            UserWarning,
            stacklevel=outside(),
        )
    base = x.base
    _last[:] = (
        [Block(ref(base), ref(after[0][0]), address(x), x.shape, x.strides)]
        if isinstance(base, np.ndarray)
        else []
    )


def _goes_on(x: Array, state: object, last: Block) -> bool:
    """True if x lies after the last block along axis 1 of their array, and has its state."""
    whole, stride = last.whole(), last.strides[1]
    if whole is None or x.base is not whole or x.strides != last.strides or stride <= 0:
        return False
    begins, time_first = address(x), last.start + last.shape[0] * last.strides[0]
    if begins != last.start + last.shape[1] * stride or begins == time_first:
        return False
    if last.shape[:AXES] == (1, 1) or not _has_state(state, last.state()):
        return False
    steps = last.shape[1] + x.shape[1]
    begin = (last.start - address(whole)) // stride
    return any(
        n >= steps and begin % n + steps <= n
        for n, own in zip(whole.shape, whole.strides, strict=True)
        if own == stride
    )


def _has_state(state: object, array: Array | None) -> bool:
    """True if an array is the first of a state that was passed."""
    first = state[0] if isinstance(state, (tuple, list)) and state else None
    held = first[0] if isinstance(first, (tuple, list)) and first else None
    return array is not None and held is array

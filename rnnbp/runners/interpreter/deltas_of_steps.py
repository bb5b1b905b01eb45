"""Values and deltas of single steps, put together for a chunk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.graph.values import Per
from rnnbp.numerics import Array


def put(buffers: Sequence[Array], t: int, values: Sequence[Array]) -> None:
    """Write the values of step t."""
    for buffer, value in zip(buffers, values, strict=True):
        buffer[t] = value


def put_deltas(
    buffers: list[Array | None], t: int, parts: Sequence[Array | None], length: int
) -> None:
    """Write the deltas of step t; a buffer is made, of zeros, when the first delta comes."""
    for k, part in enumerate(parts):
        if part is not None:
            buffer = buffers[k]
            if buffer is None:
                buffer = buffers[k] = np.zeros((length, *part.shape), part.dtype)
            buffer[t] = part


def put_input_delta(
    whole: Array | None, t: int, delta: Array | None, length: int, per: Per
) -> Array | None:
    """The delta of an input with what step t adds: to the sum of all steps if it is static.

    Args:
        whole: that of later steps, None where there is none.
    """
    if delta is None:
        return whole
    if whole is None:
        shape = (length, *delta.shape) if per == "step" else delta.shape
        whole = np.zeros(shape, delta.dtype)
    if per == "step":
        whole[t] = delta
    else:
        np.add(whole, delta, out=whole)
    return whole

"""Arrays that are 0 where weights are."""

from __future__ import annotations

import numpy as np

from rnnbp.numerics import Array


def with_weight(array: Array, w: Array) -> Array:
    """A copy that is 0 where the weights are, which have its leading axes, or 1 for the last ones."""
    found = np.array(array, order="C")
    clear(found, w)
    return found


def clear(array: Array, w: Array) -> None:
    """Put 0 where the weights are 0; ``w`` as ``with_weight`` takes it."""
    # By rows: np.where takes ten times as long where a row of features has one weight.
    lead = w.ndim
    while lead and w.shape[lead - 1] == 1:
        lead -= 1
    array[(w == 0).reshape(w.shape[:lead])] = 0

"""The orders in which libraries stack the gates of a cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.numerics import Array


def in_order(array: Array, given: Sequence[str], wanted: Sequence[str]) -> Array:
    """Rows of gates that are stacked in the order ``given``, in the order ``wanted``.

    >>> import numpy as np
    >>> in_order(np.array([1, 1, 2, 2, 3, 3]), "rzn", "zrn").tolist()
    [2, 2, 1, 1, 3, 3]
    """
    parts = dict(zip(given, np.split(array, len(given)), strict=True))
    return np.concatenate([parts[gate] for gate in wanted])

"""Rows of a batch, as ``reset`` is passed them."""

from __future__ import annotations

import numpy as np

from rnnbp.numerics import Array, ShapeError, shown


def checked_rows(rows: object, batch: int) -> Array:
    """Rows of a batch as an index. Raises TypeError, ShapeError or IndexError."""
    found = np.asarray(rows)
    if found.dtype == np.bool_:
        if found.shape != (batch,):
            raise ShapeError(
                f"reset: rows as a mask has shape {found.shape}, expected (B,) = ({batch},); give "
                "a bool for each sequence"
            )
        return found
    if found.size == 0:
        return found.astype(np.int64)
    if found.dtype.kind not in "iu":
        raise TypeError(
            f"reset: rows are numbers of sequences, or a mask (B,) of bools, found {shown(rows)}; "
            "leave rows out for all"
        )
    if found.min() < 0 or found.max() >= batch:
        raise IndexError(
            f"reset: rows must lie in [0, {batch}), found {found.min()} to {found.max()}; count "
            "sequences from 0"
        )
    return found

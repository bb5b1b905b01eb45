"""One series of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from sklearn.utils import check_array

from rnnbp.estimators.x_checks import AXES, check_finite, count_axes
from rnnbp.numerics import Array

Numbers: TypeAlias = str | Sequence[type[np.floating]]
"""A dtype, or several, of which the first is for what has none of them."""


def item_of(what: str, item: object, dtype: Numbers) -> Array:
    """A series (T, features), of one feature (T,) too. Raises ValueError for anything else."""
    shape = getattr(item, "shape", ())
    if not 1 <= count_axes(what, item) < AXES or 0 in shape:
        raise ValueError(
            f"{what} has shape {tuple(shape)}; a series is (T, features) or (T,), with a step or "
            "more"
        )
    how = {"dtype": dtype, "ensure_all_finite": False, "input_name": what}
    found: Array = check_array(item, ensure_2d=False, **how)
    check_finite(what, found, ("step", "feature"))
    return found[:, None] if found.ndim == 1 else found

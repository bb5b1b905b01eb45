"""Which of several time axes of Sequences a target of each step has."""

from __future__ import annotations

import numpy as np

from rnnbp.numerics import ShapeError
from rnnbp.train.ended_rows import EndedRows
from rnnbp.train.rows import Rows
from rnnbp.train.sequence_checks import static_of
from rnnbp.train.time_axes import TimeAxis


def axis_for(name: str, target: Rows | None, axes: tuple[TimeAxis, ...]) -> int:
    """The number of the axis that a target of each step has: the first one that it fits.

    An array fits axes without ends better than others; ``check_inputs`` compares with the model.
    Raises ShapeError for an array that fits none of several.
    """
    if target is None or len(axes) == 1:
        return 0
    fits = [k for k, axis in enumerate(axes) if _fits(target, axis)]
    whole = [k for k in fits if (axes[k].ends == axes[k].lead.steps).all()]
    if not fits and not isinstance(target, EndedRows):
        each = [f"{(a.lead.rows, a.lead.steps)} of x[{a.keys[0]!r}]" for a in axes]
        raise ShapeError(
            f"Sequences: {name} must begin with the axes {' or '.join(each)}, found shape "
            f"{target.shape}; give one for each step, or say {static_of(name)} if it has values for "
            "each sequence as a whole"
        )
    return [*whole, *fits, 0][0]


def _fits(target: Rows, axis: TimeAxis) -> bool:
    if isinstance(target, EndedRows):
        return np.array_equal(target.lengths, axis.ends)
    return target.shape[:2] == (axis.lead.rows, axis.lead.steps)

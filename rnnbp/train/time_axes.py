"""Which series of Sequences end alike, and so may share a time axis of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.numerics import Array
from rnnbp.train.ended_rows import EndedRows
from rnnbp.train.rows import Rows
from rnnbp.train.sequence_checks import Lead, ended
from rnnbp.train.several_rows import SeveralRows


@final
@dataclass(frozen=True)
class TimeAxis:
    """Series that end alike.

    Attributes:
        lead: their first axes.
        lengths: (N,) of their sequences; None where all have T steps.
        keys: the names or numbers of these inputs; () of a single input.
    """

    lead: Lead
    lengths: Array | None
    keys: tuple[str | int, ...] = ()


def time_axes(
    x: Rows | SeveralRows, given: ArrayLike | None, *, batch_first: bool
) -> tuple[TimeAxis, ...]:
    """The time axes of x: several where lists of sequences end differently.

    Args:
        given: the lengths of sequences of arrays.

    Raises as ``Lead.lengths`` does.
    """
    lead = Lead(int(x.shape[0]), int(x.shape[1]), batch_first)
    if not isinstance(x, SeveralRows):
        return (TimeAxis(lead, lead.lengths(x, given)),)
    names: tuple[str | int, ...] = x.form.keys or tuple(range(len(x.parts)))
    found = dict[bytes, TimeAxis]()
    for k, part in enumerate(x.parts):
        if k not in x.static and isinstance(part, EndedRows):
            mark = part.lengths.tobytes()
            before = found.get(mark)
            keys = () if before is None else before.keys
            own = Lead(len(part), part.shape[1], batch_first)
            found[mark] = TimeAxis(own, part.lengths, (*keys, names[k]))
    if len(found) < 2:
        return (TimeAxis(lead, lead.lengths(x, given)),)
    lead.lengths(x, given)
    return tuple(found.values())


def total(axes: tuple[TimeAxis, ...]) -> Array | None:
    """(N,) the steps of each sequence on all axes; None where none ends early."""
    each = [axis.lengths for axis in axes if axis.lengths is not None]
    return None if not each else np.sum(each, axis=0)


def inputs_that_end(x: Rows | SeveralRows, axes: tuple[TimeAxis, ...]) -> Rows | SeveralRows:
    """x, whose arrays end as the lists of as many steps do."""

    def end(label: str, part: Rows) -> Rows:
        if isinstance(part, EndedRows) and len(axes) > 1:
            return part
        alike = [axis for axis in axes if axis.lead.steps == part.shape[1]]
        lengths = (alike or axes)[0].lengths
        return part if lengths is None else ended(label, part, lengths)

    return x.with_series(end) if isinstance(x, SeveralRows) else end("x", x)


def axis_for(target: Rows | None, axes: tuple[TimeAxis, ...]) -> int:
    """The number of the axis that a target of each step has: the first one that it fits."""
    if target is None:
        return 0
    for k, axis in enumerate(axes):
        fits = target.shape[1:2] == (axis.lead.steps,)
        if isinstance(target, EndedRows):
            fits = axis.lengths is not None and np.array_equal(target.lengths, axis.lengths)
        if fits:
            return k
    return 0

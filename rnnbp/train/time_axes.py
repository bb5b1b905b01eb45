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

    @property
    def ends(self) -> Array:
        """(N,) the steps of each sequence."""
        if self.lengths is None:
            return np.full(self.lead.rows, self.lead.steps)
        return self.lengths


def time_axes(
    x: Rows | SeveralRows, given: ArrayLike | None, *, batch_first: bool
) -> tuple[TimeAxis, ...]:
    """The time axes of x: several where its inputs have different numbers of steps.

    An array has as many as the lists that are as long as it at most.

    Args:
        given: the lengths of sequences of arrays.

    Raises as ``Lead.lengths`` does, TypeError for lengths of several axes.
    """
    lead = Lead(int(x.shape[0]), int(x.shape[1]), batch_first)
    if not isinstance(x, SeveralRows):
        return (TimeAxis(lead, lead.lengths(x, given)),)
    found, marks = dict[bytes | int, TimeAxis](), _marks(x)
    for k, mark in marks.items():
        part = x.parts[k]
        own = np.frombuffer(mark, np.int64) if isinstance(mark, bytes) else None
        keys = found[mark].keys if mark in found else ()
        alike = Lead(len(part), int(part.shape[1]), batch_first)
        found[mark] = TimeAxis(alike, own, (*keys, x.form.key(k)))
    if len(found) < 2:
        return (TimeAxis(lead, lead.lengths(x, given), next(iter(found.values())).keys),)
    if given is not None and not any(isinstance(part, EndedRows) for part in x.parts):
        steps = ", ".join(str(axis.lead.steps) for axis in found.values())
        raise TypeError(
            f"Sequences: lengths are for one number of steps, and the series of x have {steps}; "
            "give those that end as lists of sequences, [a[:n] for a, n in zip(x, lengths)]"
        )
    lead.lengths(x, given)
    return tuple(found.values())


def _marks(x: SeveralRows) -> dict[int, bytes | int]:
    """What series of one time axis have in common: the lengths of lists, or T; by number."""
    series = {k: part for k, part in enumerate(x.parts) if k not in x.static}
    lists = {k: part.lengths.tobytes() for k, part in series.items() if isinstance(part, EndedRows)}
    by_steps = dict[int, bytes | int]()
    for k, mark in lists.items():
        by_steps.setdefault(series[k].shape[1], mark)
    return {
        k: lists[k] if k in lists else by_steps.get(part.shape[1], int(part.shape[1]))
        for k, part in series.items()
    }


def total(axes: tuple[TimeAxis, ...]) -> Array | None:
    """(N,) the steps of each sequence on all axes; None where none ends early."""
    each = [axis.lengths for axis in axes if axis.lengths is not None]
    return None if not each else np.sum(each, axis=0)


def inputs_that_end(x: Rows | SeveralRows, axes: tuple[TimeAxis, ...]) -> Rows | SeveralRows:
    """x, whose arrays end as the lists of as many steps do."""
    of = {f"x[{key!r}]": axis for axis in axes for key in axis.keys}

    def end(label: str, part: Rows) -> Rows:
        lengths = of.get(label, axes[0]).lengths
        return part if lengths is None else ended(label, part, lengths)

    return x.with_series(end) if isinstance(x, SeveralRows) else end("x", x)

"""Which series of Sequences end alike, and so may share a time axis of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from rnnbp.numerics import Array
from rnnbp.train.ended_rows import EndedRows
from rnnbp.train.given_lengths import LengthsOf, Mark, marks_of, of_one
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
    x: Rows | SeveralRows, given: LengthsOf, *, batch_first: bool
) -> tuple[TimeAxis, ...]:
    """The time axes of x: several where its inputs have different numbers of steps.

    An array has as many as the inputs of lengths that are as long as it at most.

    Args:
        given: the lengths of sequences of arrays, or of each input by name or number.

    Raises as ``Lead.lengths`` does, TypeError for lengths of several axes, ValueError for those of
    no input.
    """
    lead = Lead(int(x.shape[0]), int(x.shape[1]), batch_first)
    if not isinstance(x, SeveralRows):
        return (TimeAxis(lead, lead.lengths(x, of_one(given))),)
    found, marks = dict[Mark, TimeAxis](), marks_of(x, given, batch_first=batch_first)
    for k, mark in marks.items():
        part = x.parts[k]
        own = np.frombuffer(mark[1], np.int64) if mark[1] else None
        keys = found[mark].keys if mark in found else ()
        alike = Lead(len(part), int(part.shape[1]), batch_first)
        found[mark] = TimeAxis(alike, own, (*keys, x.form.key(k)))
    if isinstance(given, dict):
        return tuple(found.values())
    if len(found) < 2:
        return (TimeAxis(lead, lead.lengths(x, given), next(iter(found.values())).keys),)
    if given is not None and not any(isinstance(part, EndedRows) for part in x.parts):
        steps = ", ".join(str(axis.lead.steps) for axis in found.values())
        keys = tuple([axis.keys[0] for axis in found.values()])
        raise TypeError(
            f"Sequences: lengths are for one number of steps, and the series of x have {steps}; "
            f"give those of each, lengths={{{keys[0]!r}: ..., {keys[1]!r}: ...}}, or lists of "
            "sequences, [a[:n] for a, n in zip(x, lengths)]"
        )
    lead.lengths(x, given)
    return tuple(found.values())


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

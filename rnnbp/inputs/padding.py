"""What lies in x where no loss looks: it may be anything, and is read as 0 where it cannot be used.

With Recurrents that is after the last step of a row that has weight: what lies before it would
reach that step through the state. There x is read as 0 from the first value on that cannot be used.
Without Recurrents a step sees itself alone.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from rnnbp.checks.kinds import is_stream
from rnnbp.inputs.given import SeriesLike
from rnnbp.inputs.held import BLOCK, Check, Held
from rnnbp.inputs.padded import NEVER, Cleaned, Masked, Padded, Unusable, refuse
from rnnbp.inputs.series import Series, series
from rnnbp.inputs.streams import Stream
from rnnbp.inputs.weighted import last_weighted, of_steps
from rnnbp.numerics import Array, Dtype, NonFiniteError

AT_ONE_LOOK = 2**26
"""Elements of an array that are checked by one call, which Ctrl-C does not interrupt."""


def checked(
    x: Series, check: Check, unusable: Unusable, dtype: Dtype, mask: SeriesLike, *, time: bool
) -> Series:
    """x after all its values have been checked, those of a stream as they come.

    What is wrong with them has no effect where ``mask`` has no weight after it, or, without
    ``time``, on it: it is read as 0. Of a mask that is a stream the Objective sees that.

    Raises what ``check`` raises.
    """
    if isinstance(x, Stream):
        weights = _weights(x, mask)
        last = last_weighted(weights) if isinstance(weights, Held) else None
        x.check(check, Cleaned(check, unusable, x.shape[0], last) if weights is not None else None)
        return x
    try:
        _look(x, check, dtype)
    except (ValueError, IndexError):
        weights = _weights(x, mask)
        if weights is None or (isinstance(weights, Held) and weights.steps != x.steps):
            raise
        padded = _padded(x, unusable, weights, time=time)
        try:
            padded.check(check)
        except (ValueError, IndexError) as error:
            if not time:
                raise
            refuse(error)
        return padded
    return x


def _weights(x: Series, mask: SeriesLike) -> Held | Literal["unknown"] | None:
    """The mask; "unknown" for a stream; None without one, or where the Objective refuses it."""
    if mask is None or is_stream(mask):
        return None if mask is None else "unknown"
    found = series("mask", mask)
    return found if isinstance(found, Held) and found.shape[:1] == x.shape[:1] else None


def _padded(x: Held, unusable: Unusable, weights: Held | str, *, time: bool) -> Padded | Masked:
    if isinstance(weights, Held) and not time:
        return Masked(x, weights, unusable)
    end = _first(x, unusable)
    if isinstance(weights, Held):
        end[end <= last_weighted(weights)] = NEVER
    return Padded(x, end)


def end_of(x: Series) -> Array | None:
    """(B,) the first step of each row from which on x is read as 0, because it cannot be used."""
    if isinstance(x, Padded):
        return x.end
    cleaned = x.cleaned if isinstance(x, Stream) else None
    return cleaned.end if isinstance(cleaned, Cleaned) and cleaned.any else None


def lost_rows(*series: Series) -> tuple[int, ...]:
    """The rows whose state at the end is not known, because an input could not be used there."""
    ends = [end for part in series if (end := end_of(part)) is not None]
    if not ends:
        return ()
    return tuple(sorted({row for end in ends for row in np.flatnonzero(end < NEVER).tolist()}))


def check_weights(x: Series, span: slice, weights: Array) -> None:
    """Raise NonFiniteError where steps have weight from which on x is read as 0."""
    end = end_of(x)
    if end is None:
        return
    bad = of_steps(weights) & (np.arange(span.start, span.stop)[:, None] >= end)
    if bad.any():
        step, row = np.argwhere(bad)[0].tolist()
        raise NonFiniteError(
            f"x has NaN, infinity or what is no symbol at step {end[row]} of sequence {row}, and "
            f"the mask has weight at step {span.start + step}, which the state would carry it to; "
            "replace it, as by 0"
        )


def _look(x: Held, check: Check, dtype: Dtype) -> None:
    array = None if x.mapped else x.array
    if x.dtype == dtype and array is not None and array.size <= AT_ONE_LOOK:
        check(array, 0)  # without the copies that reading in blocks may make
    else:
        x.check(check)


def _first(x: Held, unusable: Unusable) -> Array:
    """(B,) the first step of each row that cannot be used."""
    rows, first = max(1, BLOCK // max(1, int(np.prod(x.shape)))), np.full(x.shape[0], NEVER)
    for start in range(0, x.steps, rows):
        bad = unusable(x.read(slice(start, min(start + rows, x.steps))))
        found = np.where(bad.any(axis=0), start + bad.argmax(axis=0), NEVER)
        first = np.minimum(first, found)
    return first

"""What lies in x where no loss looks: it may be anything, and is read as 0 where it cannot be used.

With Recurrents that is after the last step of a row that has weight: what lies before it would
reach that step through the state. There x is read as 0 from the first value on that cannot be used.
Without Recurrents a step sees itself alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NoReturn, TypeAlias, final

import numpy as np

from rnnbp.checks.arrays import is_stream
from rnnbp.inputs.given import SeriesLike
from rnnbp.inputs.streams import BLOCK, Check, Held, Series, Stream, series
from rnnbp.numerics import Array, Dtype, NonFiniteError

Unusable: TypeAlias = Callable[[Array], Array]
"""Steps of x, (L, B, ...) -> (L, B), True where there is what cannot be used."""
NEVER = np.iinfo(np.int64).max
AT_ONE_LOOK = 2**26
"""Elements of an array that are checked by one call, which Ctrl-C does not interrupt."""


@final
class Padded(Held):
    """x that is read as 0 from a step of each row on: NaN times a delta of 0 would be NaN.

    Args:
        end: (B,) the number of that step.
    """

    def __init__(self, x: Held, end: Array) -> None:
        super().__init__(x.given, fresh=True)
        self.end = end

    def read(self, span: slice) -> Array:
        found = super().read(span)
        found[np.arange(span.start, span.stop)[:, None] >= self.end] = 0
        return found

    again = read


@final
class Masked(Held):
    """x that is read as 0 at steps without weight that cannot be used: for a model without
    Recurrents."""

    def __init__(self, x: Held, weights: Held, unusable: Unusable) -> None:
        super().__init__(x.given, fresh=True)
        self.weights, self.unusable = weights, unusable

    def read(self, span: slice) -> Array:
        found = super().read(span)
        found[self.unusable(found) & ~(self.weights.read(span) > 0)] = 0
        return found

    again = read


@final
class Cleaned:
    """Checks the pieces of a stream; what cannot be used, and all that follows in its row, becomes
    0.

    Args:
        last: (B,) the last step of each row that has weight; None where that is not known yet.
    """

    def __init__(self, check: Check, unusable: Unusable, batch: int, last: Array | None) -> None:
        self.check, self.unusable, self.last = check, unusable, last
        self.end = np.full(batch, NEVER)
        self.any = False

    def __call__(self, piece: Array, start: int) -> Array:
        try:
            self.check(piece, start)
        except (ValueError, IndexError):
            bad, self.any = self.unusable(piece), True
            first = np.where(bad.any(axis=0), start + bad.argmax(axis=0), NEVER)
            if self.last is not None:
                first[first <= self.last] = NEVER
            self.end = np.minimum(self.end, first)
            piece = self._zeroed(piece, start)
            try:
                self.check(piece, start)
            except (ValueError, IndexError) as error:
                _refuse(error)
            return piece
        return self._zeroed(piece, start) if self.any else piece

    def _zeroed(self, piece: Array, start: int) -> Array:
        steps = np.arange(start, start + len(piece))[:, None]
        return np.where(
            (steps >= self.end).reshape(*piece.shape[:2], *[1] * (piece.ndim - 2)), 0, piece
        )


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
        last = _last_weighted(weights) if isinstance(weights, Held) else None
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
            _refuse(error)
        return padded
    return x


def _weights(x: Series, mask: SeriesLike) -> Held | Literal["unknown"] | None:
    """The mask; "unknown" for a stream; None without one, or where the Objective refuses it."""
    if mask is None or is_stream(mask):
        return None if mask is None else "unknown"
    found = series("mask", mask)
    return found if isinstance(found, Held) and found.shape == x.shape[:1] else None


def _padded(x: Held, unusable: Unusable, weights: Held | str, *, time: bool) -> Padded | Masked:
    if isinstance(weights, Held) and not time:
        return Masked(x, weights, unusable)
    end = _first(x, unusable)
    if isinstance(weights, Held):
        end[end <= _last_weighted(weights)] = NEVER
    return Padded(x, end)


def end_of(x: Series) -> Array | None:
    """(B,) the first step of each row from which on x is read as 0, because it cannot be used."""
    if isinstance(x, Padded):
        return x.end
    cleaned = x.cleaned if isinstance(x, Stream) else None
    return cleaned.end if isinstance(cleaned, Cleaned) and cleaned.any else None


def lost_rows(x: Series) -> tuple[int, ...]:
    """The rows whose state at the end is not known, because x could not be used there."""
    end = end_of(x)
    return () if end is None else tuple(np.flatnonzero(end < NEVER).tolist())


def check_weights(x: Series, span: slice, weights: Array) -> None:
    """Raise NonFiniteError where steps have weight from which on x is read as 0."""
    end = end_of(x)
    if end is None:
        return
    bad = (weights > 0) & (np.arange(span.start, span.stop)[:, None] >= end)
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


def _refuse(error: Exception) -> NoReturn:
    raise type(error)(
        f"{error}; the mask has weight there or at a later step of that sequence, which the state "
        f"would carry it to: put 0 in the place of padding at the beginning, or move it to the end"
    ) from None


def _first(x: Held, unusable: Unusable) -> Array:
    """(B,) the first step of each row that cannot be used."""
    rows, first = max(1, BLOCK // max(1, int(np.prod(x.shape)))), np.full(x.shape[0], NEVER)
    for start in range(0, x.steps, rows):
        bad = unusable(x.read(slice(start, min(start + rows, x.steps))))
        found = np.where(bad.any(axis=0), start + bad.argmax(axis=0), NEVER)
        first = np.minimum(first, found)
    return first


def _last_weighted(mask: Held) -> Array:
    """For each row of a mask (T, B) its last step of weight above 0, or −1."""
    rows, last = max(1, BLOCK // max(1, mask.shape[0])), np.full(mask.shape[0], -1)
    for start in range(0, mask.steps, rows):
        some = mask.read(slice(start, min(start + rows, mask.steps))) > 0
        at = start + len(some) - 1 - np.argmax(some[::-1], axis=0)
        last = np.where(some.any(axis=0), at, last)
    return last


def weighted_span(mask: Series | None, blocks: Iterable[slice], steps: int) -> tuple[int, int]:
    """The first and the last of ``steps`` steps that have weight, of any row; (0, 0) for none.

    Args:
        mask: (T, B), of which all has come. blocks: parts of it, in order.
    """
    if mask is None:
        return 0, steps - 1
    first, last = steps, 0
    for span in blocks:
        some = np.flatnonzero((mask.again(span) > 0).any(axis=1))
        if some.size:
            first, last = min(first, span.start + int(some[0])), span.start + int(some[-1])
    return min(first, last), last

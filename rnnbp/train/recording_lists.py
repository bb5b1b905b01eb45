"""Which lists are lists of recordings, and their parts, one for each recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np

from rnnbp.checks.kinds import sliceable
from rnnbp.numerics import ShapeError, shown
from rnnbp.train.ended_rows import Part
from rnnbp.train.rows import Data, rows


def listed(place: str, name: str, given: object, x: object) -> Sequence[object]:
    """The parts of an argument, one for each recording."""
    count = len(x) if isinstance(x, (list, tuple)) else 0
    if given is None and name != "x":
        return [None] * count
    if not isinstance(given, (list, tuple)) or len(given) != count or not count:
        found = f"a list of {len(given)}" if isinstance(given, (list, tuple)) else shown(given)
        cure = "; for a list that is one stream say recordings=False" if count else ""
        if isinstance(given, np.ndarray) and given.ndim > 1 and not count:
            cure = f"; give [*{name}]"
        raise ShapeError(
            f"{place}: {name} must be a list of {count or 'some'} recordings, as x, found "
            f"{found}{cure}"
        )
    return given


def are_recordings(place: str, x: object, horizon: int) -> bool:
    """True if a list is one of recordings. Raises ValueError for an ambiguous list of vectors.

    Those are vectors of integers, and of floats where they were a stream of a window at most, of
    more features than steps.
    """
    if not isinstance(x, (list, tuple)) or not x:
        return False
    axes = [_axes(item) for item in x]
    if min(axes) >= 2:
        return True
    if min(axes) >= 1 and len({len(item) for item in x}) > 1:
        return True
    if all(isinstance(item, np.ndarray) and item.ndim == 1 for item in x):
        symbols = all(item.dtype.kind in "iu" for item in x)
        if symbols or len(x) <= min(horizon, len(x[0]) - 1):
            what, of = ("integers", " of symbols") if symbols else ("numbers", "")
            raise ValueError(
                f"{place}: x is a list of {len(x)} arrays of {len(x[0])} {what}: give "
                f"recordings=True for as many recordings{of}, recordings=False for one stream of "
                f"{len(x)} steps"
            )
    return False


def are_texts(symbols: object) -> TypeGuard[Sequence[Data]]:
    """True if it is a list of several texts: of arrays, or of lists that differ in length."""
    if not isinstance(symbols, (list, tuple)) or not symbols or min(map(_axes, symbols)) < 1:
        return False
    return all(map(sliceable, symbols)) or len({len(text) for text in symbols}) > 1


def text_of(name: str, symbols: Data) -> Part:
    """A text as integers (S,). Raises ShapeError for others, ValueError for a single symbol."""
    place = f"Windows.next_symbol: {name}"
    text = rows(place, symbols, axes="(S,), for bytes np.frombuffer(data, np.uint8)")
    if text.ndim != 1 or text.dtype.kind not in "iu":
        raise ShapeError(
            f"{place} must be one axis of integers, found {text.dtype} of shape {text.shape}; "
            f"for bytes use np.frombuffer(data, np.uint8)"
        )
    if len(text) < 2:
        raise ValueError(f"{place}: no symbol has a next one in a text of {len(text)}; give more")
    return text


def _axes(item: object) -> int:
    """Number of axes of an item of a list: at least one for a list within it, none for a number."""
    shape = getattr(item, "shape", None)
    if shape is not None:
        return len(shape)
    return 1 if isinstance(item, (list, tuple)) else 0

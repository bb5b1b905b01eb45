"""Whether a loss function depends on how steps are cut into calls: a few extra calls, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rnnbp.losses.differences import Given, check_alike, differ, difference, size_of, sums_differ
from rnnbp.numerics import Array

Call: TypeAlias = Callable[..., tuple[object, object]]
"""(y, target or None, ...) -> (value or values, dy), of any number of steps."""
LARGE = 2**12
"""Bytes of a step of y, above which not all of its rows are doubled."""
ASIDE = 4
"""Arrays of a step's size that the comparison takes."""
CHANGED = 0.75
"""What the second of two equal steps is multiplied by, so that a difference of steps shows."""


@dataclass(frozen=True)
class Cut:
    """The result of a check: True if it is conclusive, and the difference in words; "" for none."""

    seen: bool
    found: str = ""


def check_cut(call: Call, given: Given, spare: float, kept: int) -> Cut:
    """Call a function with some steps and with their two halves, and compare.

    Values of a function are numbers, which must add up, or arrays with the steps as their first
    axis, which must be the same. A function that is random, or cannot be called with fewer steps,
    is not to be checked, and one whose values and dy are all 0 shows nothing.

    Args:
        spare: temporary arrays that the function takes as well as dy, in sizes of y; as many and
            dy, for all steps, are free. So fewer steps are taken where the comparison would take
            more.
        kept: arrays of y's size that it returns: dy, and values where they are arrays.
    """
    try:
        with np.errstate(all="ignore"):
            return _compared(call, *_halves(given, spare, kept))
    except Exception:  # whatever the user's code raises: the run itself will call it with all steps
        return Cut(True)


def check_rows(call: Call, given: Given, spare: float) -> Cut:
    """Call a function with steps (N, 1, ...) and with the same as (1, N, ...), and compare.

    A function that treats steps and sequences alike returns the same. Arguments as in
    ``check_cut``.
    """
    try:
        with np.errstate(all="ignore"):
            return _turned(call, given, spare)
    except Exception:  # as above
        return Cut(True)


def _turned(call: Call, given: Given, spare: float) -> Cut:
    first = given[0]
    assert first is not None
    n = min(len(first), int((len(first) * (1 + spare) - ASIDE) / (2 + spare)))
    if n < 2:
        return Cut(False)
    tall = tuple([None if a is None else a[:n] for a in given])
    value, dy = _called(call, tall)
    other, delta = _called(call, tuple([None if a is None else a.swapaxes(0, 1) for a in tall]))
    if _nothing(value, dy):
        return Cut(False)
    text = "" if dy is None or delta is None else difference("dy", dy, delta.swapaxes(0, 1), 0)
    if differ(float(value), [float(other)], size_of(tall, dy)):
        text = (
            f"{value:.4g} for {n} steps of one sequence, but {other:.4g} for one step of {n} "
            "sequences"
        )
    return Cut(True, "" if text and _random(call, tall) else text)


def _halves(given: Given, spare: float, kept: int) -> tuple[Given, int]:
    """The steps to check, and where to cut them; a single step is doubled, with a different y."""
    y = given[0]
    assert y is not None
    free = len(y) * (1 + spare) - ASIDE
    n = max(1, min(len(y), int(free / (kept + 0.5 * (1 + spare)))))
    if n > 1:
        return tuple([None if a is None else a[:n] for a in given]), n // 2
    rows = max(1, y.shape[1] // 4) if y[:1].nbytes > LARGE else y.shape[1]
    _, *once = [None if a is None else a[:1, :rows] for a in given]
    twice = [None if a is None else np.broadcast_to(a, (2, *a.shape[1:])) for a in once]
    return (np.concatenate([y[:1, :rows], y.dtype.type(CHANGED) * y[:1, :rows]]), *twice), 1


def _compared(call: Call, given: Given, half: int) -> Cut:
    value, dy = _called(call, given)
    first = given[0]
    assert first is not None
    parts = [
        tuple([None if a is None else a[part] for a in given])
        for part in (slice(half), slice(half, None))
    ]
    values, text = list[float](), ""
    if _nothing(value, dy):
        return Cut(False)
    for begin, part in zip((0, half), parts, strict=True):
        own, delta = _called(call, part)
        if np.ndim(value):
            text = text or difference("values", value[begin : begin + len(own)], own, begin)
        else:
            values.append(float(own))
        if dy is not None and delta is not None:
            text = text or difference("dy", dy[begin : begin + len(delta)], delta, begin)
        del own, delta  # before the next half is made
    if not np.ndim(value):
        text = sums_differ(float(value), values, size_of(given, dy), len(first)) or text
    return Cut(True, "" if text and _random(call, given) else text)


def _nothing(value: Array, dy: Array | None) -> bool:
    """True if the check is inconclusive: all is 0, or something is not finite."""
    if not np.isfinite(value).all() or (dy is not None and not np.isfinite(dy).all()):
        return True
    return not np.any(value) and (dy is None or not dy.any())


def _called(call: Call, given: Given) -> tuple[Array, Array | None]:
    value, found = call(*given)
    dy = None if found is None else np.asarray(found)
    check_alike(dy, given[0])
    return np.asarray(value), dy


def _random(call: Call, given: Given) -> bool:
    """True if two calls with the same arrays, the first step, return different things."""
    step = tuple([None if a is None else a[:1] for a in given])
    (value, dy), (again, delta) = _called(call, step), _called(call, step)
    same = dy is None or delta is None or np.array_equal(dy, delta)
    return not (same and np.array_equal(value, again))

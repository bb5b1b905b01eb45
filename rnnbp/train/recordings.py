"""Recordings: what counts as a list of them, and checks that x, target and mask of each fit
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from rnnbp.checks.arrays import sliceable
from rnnbp.inputs.cures import of_elements
from rnnbp.numerics import DtypeError, ShapeError, flag, shown
from rnnbp.train.rows import Rows, rows, same_length


@dataclass(frozen=True, slots=True)
class Recording:
    """A stream of steps: x (S, ...), target (S, ...) or None, mask (S,) or None."""

    x: Rows
    target: Rows | None
    mask: Rows | None

    def arrays(self) -> tuple[Rows | None, ...]:
        """The arrays that a digest covers: the mask only if there is one."""
        return (self.x, self.target) if self.mask is None else (self.x, self.target, self.mask)


def recordings_of(
    place: str, x: object, target: object, mask: object, told: bool | None, horizon: int
) -> tuple[bool, tuple[Recording, ...]]:
    """(True if x is a list of recordings, the recordings); one stream is one recording.

    Args:
        told: the user's choice, None for the rule of ``Windows``.
        horizon: of the windows.

    Raises ShapeError, TypeError or ValueError for arguments that do not fit together.
    """
    told = told if told is None else flag(f"{place}: recordings", told)
    if not (_are_recordings(place, x, horizon) if told is None else told):
        return False, (_recording(place, "", x, target, mask, horizon),)
    parts = {"x": x, "target": target, "mask": mask}
    lists = {name: _listed(place, name, given, x) for name, given in parts.items()}
    each = zip(lists["x"], lists["target"], lists["mask"], strict=True)
    found = tuple(_recording(place, f"[{k}]", *arrays, horizon) for k, arrays in enumerate(each))
    _check_alike(place, found)
    return True, found


def _check_alike(place: str, found: tuple[Recording, ...]) -> None:
    """Raise ShapeError or DtypeError if recordings differ in features or kind of dtype."""
    for name in ("x", "target"):
        arrays: list[Rows] = [
            array for array in (getattr(one, name) for one in found) if array is not None
        ]
        for k, array in enumerate(arrays):
            if array.shape[1:] != arrays[0].shape[1:]:
                raise ShapeError(
                    f"{place}: {name}[{k}] has shape {array.shape}, {name}[0] {arrays[0].shape}; "
                    f"recordings differ in axis 0 alone"
                )
            if array.dtype.kind != arrays[0].dtype.kind:
                raise DtypeError(
                    f"{place}: {name}[{k}] has dtype {array.dtype}, {name}[0] {arrays[0].dtype}; "
                    "give all of one dtype"
                )


def _check_time_axis(place: str, at: str, x: Rows, horizon: int) -> None:
    """Raise ShapeError for a single step that looks like a sequence in a batch of one."""
    if len(x) != 1 or x.ndim < 2 or x.shape[1] <= (horizon if x.ndim == 2 else 1):
        return
    cure = "[a[0] for a in x]" if at else "x[0]"
    raise ShapeError(
        f"{place}: x{at} has shape {x.shape}, and axis 0 of a stream is its steps, of which this "
        f"has 1; if it is a batch of one sequence of {x.shape[1]} steps give {cure}, and likewise "
        "the target and the mask"
    )


def _recording(
    place: str, at: str, x: object, target: object, mask: object, horizon: int
) -> Recording:
    first, second = same_length(place, x, target, at)
    _check_time_axis(place, at, first, horizon)
    if mask is None:
        return Recording(first, second, None)
    weights = rows(f"{place}: mask{at}", mask, numbers=True, axes="(S,)")
    if weights.shape != (len(first),):
        elements = weights.ndim > 1 and len(weights) == len(first)
        raise ShapeError(
            f"{place}: mask{at} must have shape ({len(first)},), a weight for each step of x{at}, "
            f"found shape {weights.shape}; {of_elements(weights.shape[1:]) if elements else 'give one axis'}"
        )
    return Recording(first, second, weights)


def _listed(place: str, name: str, given: object, x: object) -> Sequence[Any]:
    """The parts of an argument, one for each recording."""
    count = len(x) if isinstance(x, (list, tuple)) else 0
    if given is None and name != "x":
        return [None] * count
    if not isinstance(given, (list, tuple)) or len(given) != count or not count:
        found = f"a list of {len(given)}" if isinstance(given, (list, tuple)) else shown(given)
        cure = "; for a list that is one stream say recordings=False" if count else ""
        cure = (
            f"; give [*{name}]"
            if isinstance(given, np.ndarray) and given.ndim > 1 and not count
            else cure
        )
        raise ShapeError(
            f"{place}: {name} must be a list of {count or 'some'} recordings, as x, found "
            f"{found}{cure}"
        )
    return given


def _are_recordings(place: str, x: object, horizon: int) -> TypeGuard[Sequence[Any]]:
    """True if a list is one of recordings. Raises ValueError for vectors that may be either: for
    integers, and for floats where they were a stream of a window at most, of more features than
    steps.
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


def are_texts(symbols: object) -> TypeGuard[Sequence[Any]]:
    """True if it is a list of several texts: of arrays, or of lists that differ in length."""
    if not isinstance(symbols, (list, tuple)) or not symbols or min(map(_axes, symbols)) < 1:
        return False
    return all(map(sliceable, symbols)) or len({len(text) for text in symbols}) > 1


def _axes(item: object) -> int:
    """Number of axes of an item of a list: at least one for a list within it, none for a number."""
    shape = getattr(item, "shape", None)
    if shape is not None:
        return len(shape)
    return 1 if isinstance(item, (list, tuple)) else 0

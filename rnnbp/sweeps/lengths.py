"""How long the rows of each time axis are, and the order in which sweeps have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from rnnbp.bptt.networks import LengthsLike
from rnnbp.checks.arrays import as_array
from rnnbp.inputs.rows import Rows
from rnnbp.numerics import Array, ShapeError
from rnnbp.support.lazy import cached_property
from rnnbp.support.nearest import hint
from rnnbp.sweeps.by_axis import OF_INPUTS

TURNED = ", or, if x is (B, T, ...), its first axes swapped, x.swapaxes(0, 1)"
"""The cure of lengths for a batch that has as many rows as the lengths say steps."""


@final
@dataclass(frozen=True)
class Lengths:
    """The rows of one time axis.

    Attributes:
        axis: its name.
        steps: T, the steps of the arrays.
        of_rows: (B,) int64, the length of each sequence as they are passed.
    """

    axis: str
    steps: int
    of_rows: Array

    @property
    def batch(self) -> int:
        """B."""
        return len(self.of_rows)

    @cached_property
    def longest(self) -> int:
        """The steps that a sweep has: those of the longest row."""
        return int(self.of_rows.max())

    @cached_property
    def ragged(self) -> bool:
        """True if rows end at different steps."""
        return bool((self.of_rows != self.longest).any())

    @property
    def short(self) -> bool:
        """True if some steps of the arrays are padding."""
        return self.ragged or self.longest < self.steps

    @cached_property
    def order(self) -> Array | None:
        """(B,) by row of a sweep the sequence that it is, the longest first; None for the order in
        which they are passed.
        """
        found = np.argsort(-self.of_rows, kind="stable")
        return None if (found == np.arange(self.batch)).all() else found

    @cached_property
    def sorted(self) -> Array:
        """(B,) the length of each row of a sweep, descending."""
        return self.of_rows if self.order is None else self.of_rows[self.order]

    @cached_property
    def rows(self) -> Rows | None:
        """The rows of a sweep; None where all are as long."""
        return Rows(self.sorted) if self.ragged else None

    def alive(self, step: int) -> int:
        """The rows, the first of a sweep, that have a step of this number."""
        return self.batch if self.rows is None else self.rows.live(step)

    @property
    def total(self) -> int:
        """Σ length."""
        return int(self.of_rows.sum())

    def gathered(self, value: Array) -> Array:
        """A static value (B, ...) in the order of a sweep's rows."""
        dry = not any(value.strides)  # of a forecast, which has no values
        return value if self.order is None or dry else value[self.order]

    def clear(self, series: Array, *, all_: bool) -> None:
        """Put 0 into a series (T, B, ...): everywhere, or past the end of each row alone."""
        for row, end in enumerate([0] if all_ else self.of_rows.tolist()):
            series[end:, slice(None) if all_ else row] = 0

    def scattered(self, value: Array) -> Array:
        """The inverse of ``gathered``."""
        if self.order is None:
            return value
        found = np.empty_like(value)
        found[self.order] = value
        return found


def lengths_by_axis(given: LengthsLike, steps: Mapping[str, int], batch: int) -> dict[str, Lengths]:
    """The lengths of the rows of each axis; of an axis without any all are T.

    Args:
        given: as it is passed: an array (B,) of a network of one axis, or a dict by axis.
        steps: T by axis.
        batch: B.

    Raises TypeError, ShapeError or ValueError for lengths that do not fit.
    """
    by_axis = _named(given, steps)
    return {
        axis: Lengths(axis, most, _checked(axis, by_axis.get(axis), most, batch, len(steps) > 1))
        for axis, most in steps.items()
    }


def _named(given: LengthsLike, steps: Mapping[str, int]) -> dict[str, object]:
    """What is passed for each axis."""
    if given is None:
        return {}
    if isinstance(given, dict):
        for axis in given:
            if axis not in steps:
                raise ValueError(
                    f"lengths has {axis!r}, which is no time axis of the model"
                    f"{hint(axis, list(steps))}; it has {_listed(steps)}, {OF_INPUTS}"
                )
        return given
    if len(steps) > 1:
        raise TypeError(
            f"lengths is one array, and the model has the time axes {_listed(steps)}; give a dict "
            "of one for each axis whose rows end early"
        )
    return dict.fromkeys(steps, given)


def _listed(steps: Mapping[str, int]) -> str:
    return ", ".join(map(repr, steps))


def _checked(axis: str, given: object, steps: int, batch: int, several: bool) -> Array:
    """(B,) int64. Raises for what are no lengths of these rows."""
    if given is None:
        return np.full(batch, steps)
    name = f"lengths[{axis!r}]" if several else "lengths"
    _refuse_mask(name, given)
    array = as_array(name, given, axes="(B,)", kinds="iuf")
    if array.shape != (batch,):
        turned = array.shape == (steps,)
        raise ShapeError(
            f"{name} must have shape (B,) = ({batch},), found {array.shape}; give the number of "
            f"steps of each sequence{TURNED if turned else ''}"
        )
    if (bad := array != np.round(array)).any():
        raise ValueError(
            f"{name} is {_first(array, bad)}, expected whole numbers of steps; round it, or look "
            "whether it is in seconds"
        )
    if (bad := array < 1).any():
        raise ValueError(
            f"{name} is {_first(array, bad)}, and a sequence has at least 1 step; leave out those "
            "that are empty"
        )
    if (bad := array > steps).any():
        raise ValueError(
            f"{name} is {_first(array, bad)}, beyond T = {steps}, the steps of axis {axis!r}; pad "
            "the arrays, or mend the lengths"
        )
    return array.astype(np.int64)


def _refuse_mask(name: str, given: object) -> None:
    """Raise ShapeError for a mask of steps."""
    if isinstance(given, np.ndarray) and given.ndim == 2 and given.dtype.kind == "b":
        raise ShapeError(
            f"{name} is a mask, bool of shape {given.shape}, and lengths are whole numbers (B,), the "
            "steps of each sequence; give mask.sum(axis=0) of a mask (T, B)"
        )


def _first(array: Array, bad: Array) -> str:
    at = int(np.argmax(bad))
    return f"{array[at]} at sequence {at}"

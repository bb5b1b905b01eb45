"""Targets, masks and lengths of Sequences against x: what does not fit is refused, with the cure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.inputs.cures import of_elements
from rnnbp.numerics import Array, Shape, ShapeError
from rnnbp.train.ended_rows import EndedRows, ListRows, PaddedRows
from rnnbp.train.last import TURN, TURNED, lengths_of
from rnnbp.train.rows import Rows, blocks
from rnnbp.train.sequence_lists import check_steps
from rnnbp.train.several_rows import SeveralRows, series_of


@final
@dataclass(frozen=True)
class Lead:
    """The first axes of x, as Sequences holds it.

    Attributes:
        rows: N.
        steps: T, of the longest sequence.
        batch_first: False if the user's arrays are time-first.
    """

    rows: int
    steps: int
    batch_first: bool

    def check(self, name: str, array: Rows | None, *, each: bool) -> None:
        """Raise ShapeError for a target or mask that does not fit x.

        Args:
            each: True for one value for each sequence.
        """
        expected = (self.rows, self.steps)[: 2 - each]
        if array is not None and array.shape[: len(expected)] != expected:
            raise ShapeError(
                f"Sequences: {name} must begin with the axes {expected} of x, found shape "
                f"{array.shape}; {self._cure(name, array.shape, expected)}"
            )

    def check_mask(
        self, mask: Rows | None, target: Rows | None, *, each: bool, at: str = ""
    ) -> None:
        """Raise ShapeError for a mask of neither steps, elements of targets, nor sequences."""
        elements = mask is not None and target is not None and mask.shape == target.shape
        if mask is not None and mask.ndim > 2 - each and not elements:
            if each:
                raise ShapeError(
                    f"Sequences: mask{at} must have shape (N,), a weight for each sequence, as "
                    f"target{at} has one value for each, found shape {mask.shape}; for padding give lengths="
                )
            raise ShapeError(
                f"Sequences: mask{at} must have shape (N, T), a weight for each step, found shape "
                f"{mask.shape}; {of_elements(mask.shape[2:])}"
            )
        self.check(f"mask{at}", mask, each=each)

    def lengths(self, x: Rows | SeveralRows, given: ArrayLike | None) -> Array | None:
        """(N,) the lengths of sequences; None if all have T steps.

        Raises TypeError for lengths of a list, and as ``lengths_of``.
        """
        lists = [part for part in series_of(x) if isinstance(part, ListRows)]
        if not lists:
            turn = TURN if self.batch_first else TURNED
            lead = self.rows, self.steps
            return None if given is None else lengths_of("Sequences: lengths", given, lead, turn)
        if given is not None:
            raise TypeError(
                "Sequences: lengths are for a padded array, and x is a list, whose items have "
                "theirs; leave lengths out"
            )
        return lists[0].lengths

    def _cure(self, name: str, found: Shape, expected: Shape) -> str:
        """What to do about a target or mask whose first axes are not those of x."""
        if found[:2] == (self.steps, self.rows)[: len(found)] and self.rows != self.steps:
            other = "time-first: say batch_first=False" if self.batch_first else TURNED
            swapped = "" if len(expected) == 1 else f", or give {name}.swapaxes(0, 1)"
            return f"if x is {other}{swapped}"
        if len(expected) == 1:
            return "give one for each sequence"
        cure = "give one for each step of each sequence"
        if name.startswith("target") and found[:1] == expected[:1]:
            cure += f", or say {static_of(name)} if it has values for each sequence as a whole"
        return cure


def static_of(name: str) -> str:
    """The option that says that a target has values for each sequence as a whole, as code."""
    return "static='target'" if name == "target" else f"static={name.removeprefix('target')}"


def ended(name: str, array: Rows, lengths: Array) -> EndedRows:
    """A series of sequences that end at ``lengths``. Raises ShapeError for a list that does not."""
    if isinstance(array, EndedRows):
        check_steps(f"Sequences: {name}", array.lengths, lengths, "x")
        return array
    return PaddedRows(array, lengths)


def check_last(target: Rows | None, mask: Rows | None) -> None:
    """Raise ValueError unless there are targets, and each sequence has a last step."""
    if target is None:
        raise ValueError("Sequences: last=True places targets, but target is None; give (N, ...)")
    if mask is not None:
        some = np.concatenate([(block > 0).any(axis=1) for block in blocks(mask)])
        if not some.all():
            row = int(np.argmin(some))
            raise ValueError(
                f"Sequences: sequence {row} has no last step, its mask is all 0; leave it out"
            )

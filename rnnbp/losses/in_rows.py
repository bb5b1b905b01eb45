"""Losses of rows of a batch that are sorted otherwise than the target's, and of which some end."""

from __future__ import annotations

from abc import ABC, abstractmethod

from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Dtype, Shape


class InRows(ABC):
    """A loss that machine code takes of rows where they lie, without a copy of the target."""

    @abstractmethod
    def takes_rows(self, target: Array | None, shape: Shape, dtype: Dtype) -> bool:
        """True if ``summed_rows`` takes a target (T, B, ...), and needs no temporary arrays.

        Args:
            target: None for one like the outputs that is not there yet.
            shape, dtype: of the features of the outputs.
        """

    @abstractmethod
    def summed_rows(
        self, y: Array, target: Array, order: Array | None, ends: Array | None, factor: float
    ) -> tuple[Scalar, Array] | None:
        """(the sum over the steps that count, its derivative times ``factor``) of a chunk.

        Args:
            y: (L, R, ...).
            target: (L, B, ...), a part of one that ``takes_rows`` accepted.
            order: (R,) by row of y that of the target; None for the same.
            ends: (R,) the steps of each row that count; the derivative is 0 from there on. None
                for all.

        Returns None where y is of another kind, or the sum is not finite: ``summed_in`` then says
        why.
        """

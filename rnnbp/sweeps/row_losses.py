"""Losses of the rows of a sweep: sorted, of different lengths."""

from __future__ import annotations

import re
from typing import final

import numpy as np

from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.given import TargetLike
from rnnbp.inputs.held import Held
from rnnbp.inputs.objective import Objective
from rnnbp.inputs.problem import Problem
from rnnbp.losses.in_rows import InRows
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, NonFiniteError
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.lengths import Lengths

PLACE = re.compile(r"( at \[\d+, )(\d+)")
"""A step and a row in an error."""


@final
class ValidMask(Held):
    """The weights (T, B, ...) of steps: 0 past the end of each row, whatever a mask says.

    Args:
        lengths: of the rows.
        mask: of the caller, None for 1 everywhere.
    """

    def __init__(self, lengths: Lengths, mask: Held | None) -> None:
        # not Held's own, which holds an array of the caller's
        self.lengths, self.mask = lengths, mask
        self.steps = lengths.steps
        self.shape = (lengths.batch,) if mask is None else mask.shape
        self.dtype = np.dtype(np.bool_) if mask is None else mask.dtype
        self.array, self.fresh, self.mapped, self.counts = None, True, False, mask is None
        self._file, self._fixed = None, []

    def read(self, span: slice) -> Array:
        alive: Array = np.arange(span.start, span.stop)[:, None] < self.lengths.of_rows
        if self.mask is None:
            return alive
        alive = alive.reshape(*alive.shape, *[1] * (len(self.shape) - 1))
        return np.where(alive, self.mask.read(span), self.dtype.type(0))

    again = read


def in_rows(objective: Objective) -> bool:
    """True if the loss is taken of rows where they lie, so that the target is not copied."""
    target, mask, loss = objective.target, objective.mask, objective.loss
    padding = mask is None or (isinstance(mask, ValidMask) and mask.mask is None)
    if not (padding and isinstance(loss, InRows) and isinstance(target, Held)):
        return False
    problem, array = objective.problem, target.array
    seen = objective.see is not None  # it gets copies, which may be there at the same time
    shape, dtype = problem.output_shape, problem.dtype
    return not seen and array is not None and loss.takes_rows(array, shape, dtype)


class RowLosses(ChunkLosses):
    """Losses of the chunks of a sweep, whose rows are sorted and may have ended.

    Args:
        objective: of the whole sequences, as they were passed.
        problem: of these, in the chunks of the sweep.
        rows: of the sweep.
    """

    def __init__(self, objective: Objective, problem: Problem, rows: ChunkRows) -> None:
        super().__init__(objective, problem)
        self.rows = rows
        given = objective.mask
        self._padding = isinstance(given, ValidMask) and given.mask is None
        self._in_rows = in_rows(objective)

    def data(self, n: int) -> tuple[TargetLike, TargetLike]:
        target, mask = super().data(n)
        if self._padding and self.rows.whole(n):
            mask = None  # every step counts
        rows = self.rows.sequences(n)
        if len(rows) == self.rows.batch and self.rows.lengths.order is None:
            return target, mask
        taken = [None if a is None else a.take(rows, axis=1) for a in (target, mask)]
        return taken[0], taken[1]

    def __call__(self, y: Array, n: int) -> tuple[Scalar, Array]:
        try:
            value, dy = super().__call__(y, n)
        except NonFiniteError as error:
            error.args = (self._as_passed(str(error), n), *error.args[1:])
            raise
        if self.loss.whole:  # it is that of the sequences as they were passed
            dy = dy[:, self.rows.sequences(n)]
        return value, dy

    def _evaluate(self, y: Array, n: int) -> tuple[Scalar, Array]:
        found = self._of_rows(y, n) if self._in_rows else None
        return super()._evaluate(y, n) if found is None else found

    def _of_rows(self, y: Array, n: int) -> tuple[Scalar, Array] | None:
        """``_evaluate`` of rows where they lie, if the loss can."""
        loss, target, rows = self.loss, self.objective.target, self.rows
        assert isinstance(loss, InRows)
        assert target is not None
        order = None if rows.lengths.order is None else rows.sequences(n)
        block = target.read(self.problem.span(n))
        ends = None if rows.whole(n) else rows.ends(n)
        return loss.summed_rows(y, block, order, ends, 1 / self.objective.total)

    def _as_passed(self, text: str, n: int) -> str:
        """An error of a chunk, with the number of the sequence as it was passed."""
        rows = self.rows.sequences(n)

        def passed(found: re.Match[str]) -> str:
            row = int(found[2])
            return f"{found[1]}{rows[row] if row < len(rows) else row}"

        return PLACE.sub(passed, text, count=1)

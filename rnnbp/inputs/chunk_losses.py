"""An objective taken chunk by chunk."""

from __future__ import annotations

from functools import partial

import numpy as np

from rnnbp.inputs.given import TargetLike
from rnnbp.inputs.objective import Objective
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.series import counted_from
from rnnbp.inputs.weighted import weighted_span
from rnnbp.ledger import alone
from rnnbp.losses.function import FunctionLoss
from rnnbp.losses.outputs import Scalar
from rnnbp.losses.own import Own, read_only
from rnnbp.losses.returned import fitting, not_finite
from rnnbp.machine.finite import first_bad
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, lies
from rnnbp.support.lazy import cached_property


class ChunkLosses:
    """``losses(y, n)`` is (value, dy) of chunk n; the values of all chunks add up to the loss.

    A function ``(y, target) -> (value, dy)`` is called once per chunk, and checked that its values
    add up. A loss of all steps at once has seen them, by ``see_all``, before chunks take their
    part of its dy.

    Args:
        problem: that of the objective, in the chunks of the run.
        memory: of temporary arrays; by default fresh memory.
    """

    def __init__(self, objective: Objective, problem: Problem, memory: Reuse | None = None) -> None:
        self.objective, self.problem = objective, problem
        self.loss, self.memory = objective.loss, Reuse() if memory is None else memory
        self._checked = 0
        """Chunks whose targets have been checked."""
        self._derivative: Array | None = None
        """dy of all steps, of a loss that takes them at once."""
        self._value_of_all: Scalar = 0.0
        masked = objective.mask is not None
        self._due = isinstance(self.loss, FunctionLoss) and self.loss.due(masked=masked)

    def prepare(self, n: int) -> bool:
        """Check the targets of chunk n of a stream, when it is run for the first time.

        Returns True where all have been seen, so that the objective's ``finish`` is due.
        """
        if self.objective.finished or n != self._checked:
            return False
        self.objective.weigh(self.problem.span(n))
        self._checked += 1
        return not self.problem.x.has(self._checked * self.problem.chunk)

    def data(self, n: int) -> tuple[TargetLike, TargetLike]:
        """Return (target, mask) of chunk n, None where there is none."""
        span, target, mask = self.problem.span(n), self.objective.target, self.objective.mask
        return None if target is None else target.read(span), None if mask is None else mask.read(
            span
        )

    def show(self, y: Array, n: int) -> None:
        """Show chunk n to what observes the loss, if anything does."""
        if self.objective.see is not None:
            self.objective.see(y, *self.data(n))

    def __call__(self, y: Array, n: int) -> tuple[Scalar, Array]:
        if self.objective.see is not None:
            self.objective.see(y, *self.data(n))
        if self._derivative is not None:
            return self._value_of_all if n == 0 else 0.0, read_only(
                self._derivative[self.problem.span(n)]
            )
        value, dy = self._evaluate(y, n)
        if not isinstance(self.loss, FunctionLoss):
            return value / self.objective.total, fitting(self.loss, dy, y)
        if (at := first_bad(dy)) is not None:
            raise not_finite(self.loss, dy, at, *self.data(n), self.problem.span(n).start)
        return value, dy

    def value(self, y: Array, n: int) -> Scalar:
        """Return the part of the loss that chunk n adds."""
        if isinstance(self.loss, Own):
            target, mask = self._chunk(y, n)
            return self.loss.value(y, target, mask) / self.objective.total
        return self._evaluate(y, n)[0] / self.objective.total

    def see_all(self, y: Array) -> Array:
        """Take y (T, B, ...) to a loss of all steps at once; returns its dy, for chunks to use."""
        self._value_of_all, dy = self.loss.summed(y, *self._all())
        self._derivative = dy if lies(dy) and alone(dy) else np.array(dy, order="C")
        return self._derivative

    def value_of_all(self, y: Array) -> Scalar:
        """Return the loss, from y (T, B, ...)."""
        assert isinstance(self.loss, Own)
        return self.loss.value(y, *self._all())

    def _all(self) -> tuple[TargetLike, TargetLike]:
        return self.objective.data_again(slice(0, self.problem.steps))

    def _evaluate(self, y: Array, n: int) -> tuple[Scalar, Array]:
        target, mask = self._chunk(y, n)
        new = partial(self.memory.new, brief=True)
        try:
            return self.loss.summed_in(y, target, mask, new, 1 / self.objective.total)
        except ValueError:
            # Not around all, which would take longer.
            with counted_from(self.problem.span(n).start):
                raise

    def _chunk(self, y: Array, n: int) -> tuple[TargetLike, TargetLike]:
        """(target, mask) of chunk n, with which a bare function is checked where that is due."""
        target, mask = self.data(n)
        if self._due and y.dtype.kind != "c" and (self._several or mask is not None):
            assert isinstance(self.loss, FunctionLoss)
            self._due = not self.loss.check(y, target, mask, several=self._several)
        return target, mask

    @property
    def _several(self) -> bool:
        """True if more than one chunk has steps that count."""
        chunk, first, last = self.problem.chunk, *self._counted
        return self.problem.chunks > 1 and first // chunk != last // chunk

    @cached_property
    def _counted(self) -> tuple[int, int]:
        """The first and the last step that counts."""
        return weighted_span(self.objective.mask, self.objective.blocks(), self.problem.steps)

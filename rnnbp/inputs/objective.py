"""The loss of a whole sequence, taken chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from rnnbp.checks.batch_first import warn_if_known, warn_if_prefixes
from rnnbp.inputs import cures
from rnnbp.inputs.logits import warn_of_probabilities
from rnnbp.inputs.padding import check_weights, end_of, weighted_span
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.streams import AT_ONCE, BLOCK, Held, Series, Stream, counted_from, series
from rnnbp.ledger import alone
from rnnbp.losses import Loss
from rnnbp.losses.function import FunctionLoss, as_loss, check_loss
from rnnbp.losses.own import Own, fitting, not_finite, read_only
from rnnbp.machine.finite import first_bad
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, ShapeError, lies
from rnnbp.storage import PathLike
from rnnbp.support.lazy import cached_property

Seen: TypeAlias = Callable[[Array, Array | None, Array | None], object]
"""(y, target, mask) of a chunk, (L, B, ...) each, None for what there is not."""
LossLike: TypeAlias = Loss | Callable[..., tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Observed:
    """A loss, and what is called with y, target and mask of each chunk that it is taken of."""

    loss: LossLike
    see: Seen


class Objective:
    """``objective(y, n)`` is (value, dy) of chunk n; the values of all chunks add up to the loss.

    A ``Loss`` is a mean over all unmasked elements of the whole sequence, whatever the chunks. A function
    ``(y, target) -> (value, dy)`` is called once per chunk, and checked that its values add up; ``target`` None
    stays None. A loss of all steps at once has seen them, by ``see_all``, before chunks ask for their part.
    """

    def __init__(
        self, problem: Problem, loss: LossLike | Observed, target: Any, mask: Any, folder: PathLike | None = None
    ) -> None:
        see = loss.see if isinstance(loss, Observed) else None
        loss = loss.loss if isinstance(loss, Observed) else loss
        check_loss(loss)
        self.problem, self.loss = problem, as_loss(loss)
        self.target = None if target is None else self._series("target", target, folder)
        self.mask = None if mask is None else self._series("mask", mask, folder)
        self._check_axes()
        if problem.state:
            for name, given in (("target", target), ("mask", mask)):
                warn_if_known(name, given)
            if isinstance(self.mask, Held) and not self.mask.fresh:
                warn_if_prefixes(self.mask.array)
        self.total, self._prepared = 1.0, 0
        self.seen = None if see is None else self._seeing(see)
        """What is called with y of each chunk, and its number, before its loss is taken."""
        self.return_y = False
        """Whether y of all steps is kept."""
        self.derivative: Array | None = None
        """dy of all steps, of a loss that takes them at once."""
        self._own_value: Any = 0.0
        self._due = isinstance(self.loss, FunctionLoss) and self.loss.due(masked=mask is not None)
        self._check_loss()
        if all(isinstance(part, Held) for part in self._parts) and problem.known:
            self.finish()

    def _check_loss(self) -> None:
        """Raise TypeError or ValueError where the loss cannot be taken of such a target, mask or x."""
        warn_of_probabilities(self.problem.model, self.loss)
        if self.loss.needs_target and self.target is None:
            raise TypeError(f"{self.loss} compares with a target, found None; give one, or write a loss function")
        if isinstance(self.loss, Own) and self.mask is not None:
            self.loss.check_mask()
        if self.loss.whole and not self.problem.known:
            raise ValueError(f"{self.loss} takes y of all steps, and x is a stream of unknown length; give steps=")

    @cached_property
    def memory(self) -> Reuse:
        """Of the temporary arrays of a loss; set to that of a run."""
        return Reuse()

    @property
    def finished(self) -> bool:
        """Whether all of the target and the mask have been looked at."""
        return self._prepared < 0

    def _series(self, name: str, given: Any, folder: PathLike | None) -> Series:
        """``given``; a stream of it is as long as x is, where that is known."""
        found = series(name, given, None, folder)
        if isinstance(found, Stream) and self.problem.known:
            found.declared = self.problem.steps
        return found

    @property
    def _parts(self) -> list[Series]:
        """Target and mask, those that there are."""
        return [part for part in (self.target, self.mask) if part is not None]

    def _check_axes(self) -> None:
        """Raise ShapeError where target or mask do not have x's time and batch axes."""
        steps = self.problem.steps if self.problem.known else None
        if self.target is not None:
            length: Any = "T" if steps is None else self.target.steps
            lead, shape = (steps or length, self.problem.batch), (length, *self.target.shape)
            axis = next((k for k, (a, b) in enumerate(zip(shape, lead, strict=False)) if a != b), None)
            if axis is not None:
                raise ShapeError(
                    f"target axis {axis} must have size {lead[axis]}, as x has (T, B) = {lead}, "
                    f"found shape {shape}; {cures.of_target(shape, lead)}"
                )
        if self.mask is not None:
            length = "T" if steps is None else self.mask.steps
            lead, found = (steps or length, self.problem.batch), (length, *self.mask.shape)
            if found != lead:
                raise ShapeError(f"mask must have shape (T, B) = {lead}, found {found}; {cures.of_mask(found, lead)}")

    def _blocks(self) -> Iterator[slice]:
        """The sequence in parts that do not depend on chunks, so that a sum over them has the same bits."""
        steps, rows = self.problem.steps, self._rows()
        return (slice(start, min(start + rows, steps)) for start in range(0, steps, rows))

    def _rows(self) -> int:
        size = max((math.prod(part.shape) for part in self._parts), default=1)
        small = any(part.mapped or part.dtype.kind != "f" for part in self._parts)  # symbols are copied to be looked at
        small = small or self.mask is not None  # weights add up alike from a file
        return max(1, (BLOCK if small else AT_ONCE) // max(1, size))

    def finish_bytes(self) -> int:
        """What ``finish`` reads of a stream at once, with the weights of its steps in float64.

        Symbols are copied, and so are targets under a mask, of which those without weight are left out.
        """
        fresh = self.read_anew
        masked = self.mask is not None
        copies = [1 + (part.dtype.kind != "f") + (masked and part is self.target) for part in fresh]
        sizes = [math.prod(part.shape) * part.dtype.itemsize * n for part, n in zip(fresh, copies, strict=True)]
        symbols = masked and self.target in fresh and self.target.dtype.kind != "f"
        weights = 0 if symbols else 8 * self.problem.batch  # of symbols one copy is gone by then
        return min(self._rows(), self.problem.steps) * (sum(sizes) + weights)

    def prepare(self, n: int) -> bool:
        """Check the targets of chunk n of a stream, when it is run for the first time; true where ``finish`` is due."""
        if n != self._prepared:
            return False
        self._weigh(self.problem.span(n))
        self._prepared += 1
        return not self.problem.x.has(self._prepared * self.problem.chunk)

    def _weigh(self, span: slice, *, again: bool = False) -> float:
        """The weights of some steps, whose targets are checked; ``again`` if they are not a chunk."""
        looked = self.loss.reads_target or not again
        target: Any = self._read(self.target, span, again=again) if looked else None
        mask = self._read(self.mask, span, again=again)
        if isinstance(self.mask, Stream):
            check_weights(self.problem.x, span, mask)
        outputs = (span.stop - span.start, self.problem.batch, *self.problem.output_shape)
        with counted_from(span.start):
            return self.loss.weighed(target, mask, outputs)

    def finish(self) -> None:
        """All of x has been seen: so must target and mask have been; their weights are summed."""
        self._prepared = -1
        for name, part in (("target", self.target), ("mask", self.mask)):
            if part is not None and part.has(self.problem.steps):
                raise ShapeError(f"{name} goes on after x has ended, at {self.problem.steps} steps; end them alike")
        if self.mask is not None or not isinstance(self.loss, FunctionLoss):
            self.total = self.loss.some(sum(self._weigh(span, again=True) for span in self._blocks()))
            if self.total < float(np.finfo(self.problem.dtype).tiny):  # 1 / total would overflow
                raise ValueError(f"weights sum to {self.total}, too little for {self.problem.dtype}; scale them up")

    def _read(self, part: Series | None, span: slice, *, again: bool = False) -> Any:
        if part is None:
            return None
        return part.again(span) if again else part.read(span)

    def end(self) -> None:
        """Check, once all of x has come, that no step has weight from which on x could not be used."""
        if isinstance(self.mask, Stream) and end_of(self.problem.x) is not None:
            for span in self._blocks():
                check_weights(self.problem.x, span, self.mask.again(span))

    @property
    def read_anew(self) -> list[Series]:
        """Those of target and mask that are read anew for each chunk: streams, and files."""
        return [part for part in self._parts if part.fresh]

    def close(self) -> None:
        """Remove what streams have on disk."""
        for part in (self.problem.x, *self._parts):
            part.close()

    def _seeing(self, see: Seen) -> Callable[[Array, int], object]:
        """What calls it with a chunk's y, by its number."""
        return lambda y, n: see(y, *self.data(n))

    def data(self, n: int) -> tuple[Array | None, Array | None]:
        """(target, mask) of chunk n, None where there is none."""
        span = self.problem.span(n)
        return self._read(self.target, span), self._read(self.mask, span)

    def __call__(self, y: Array, n: int) -> tuple[Any, Array]:
        if self.seen is not None:
            self.seen(y, n)
        if self.derivative is not None:
            return self._own_value if n == 0 else 0.0, read_only(self.derivative[self.problem.span(n)])
        value, dy = self._evaluate(y, n)
        if not isinstance(self.loss, FunctionLoss):
            return value / self.total, fitting(self.loss, dy, y)
        if (at := first_bad(dy)) is not None:
            raise not_finite(self.loss, dy, at, *self.data(n), self.problem.span(n).start)
        return value, dy

    def value(self, y: Array, n: int) -> Any:
        """The part of the loss that chunk n adds."""
        if isinstance(self.loss, Own):
            target, mask = self._chunk(y, n)
            return self.loss.value(y, target, mask) / self.total
        return self._evaluate(y, n)[0] / self.total

    def see_all(self, y: Array) -> Array:
        """Take y (T, B, ...) to a loss of all steps at once; returns its dy, which chunks then get."""
        self._own_value, dy = self.loss.summed(y, *self._all())
        self.derivative = dy if lies(dy) and alone(dy) else np.array(dy, order="C")
        return self.derivative

    def value_of_all(self, y: Array) -> Any:
        """The loss, from y (T, B, ...)."""
        assert isinstance(self.loss, Own)
        return self.loss.value(y, *self._all())

    def _all(self) -> tuple[Any, Any]:
        span = slice(0, self.problem.steps)
        return self._read(self.target, span, again=True), self._read(self.mask, span, again=True)

    def _evaluate(self, y: Array, n: int) -> tuple[Any, Any]:
        target, mask = self._chunk(y, n)
        new = partial(self.memory.new, brief=True)
        try:
            return self.loss.summed_in(y, target, mask, new, 1 / self.total)
        except ValueError:
            with counted_from(self.problem.span(n).start):  # not around all, which would take longer
                raise

    def _chunk(self, y: Array, n: int) -> tuple[Any, Any]:
        """(target, mask) of chunk n, with which a bare function is checked where that is due."""
        target, mask = self.data(n)
        if self._due and y.dtype.kind != "c" and (self._several or mask is not None):
            assert isinstance(self.loss, FunctionLoss)
            self._due = not self.loss.check(y, target, mask, several=self._several)
        return target, mask

    @property
    def _several(self) -> bool:
        """Whether more than one chunk has steps that count."""
        chunk, first, last = self.problem.chunk, *self._counted
        return self.problem.chunks > 1 and first // chunk != last // chunk

    @cached_property
    def _counted(self) -> tuple[int, int]:
        """The first and the last step that counts."""
        return weighted_span(self.mask, self._blocks(), self.problem.steps)

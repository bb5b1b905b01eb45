"""The loss of a whole sequence: target and mask, checked against x, and the sum of weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np

from rnnbp.checks.batch_first import warn_if_known, warn_if_prefixes
from rnnbp.inputs import cures
from rnnbp.inputs.given import SeriesLike, TargetLike
from rnnbp.inputs.held import AT_ONCE, BLOCK, IN_PLACE, Held
from rnnbp.inputs.logits import warn_of_probabilities
from rnnbp.inputs.padding import check_weights, end_of
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.series import Series, counted_from, series
from rnnbp.inputs.streams import Stream
from rnnbp.inputs.weight_penalties import WeightPenalties
from rnnbp.losses import CrossEntropy, Elementwise, Known, Loss
from rnnbp.losses.as_loss import as_loss, check_loss
from rnnbp.losses.function import FunctionLoss
from rnnbp.losses.own import LossFunction, Own
from rnnbp.losses.penalised import penalties_of
from rnnbp.numerics import Array, ShapeError
from rnnbp.storage import PathLike

Seen: TypeAlias = Callable[[Array, Array | None, Array | None], object]
"""(y, target, mask) of a chunk, (L, B, ...) each, None for what there is not."""
LossLike: TypeAlias = Loss | LossFunction  # a user's function is checked when called


@dataclass(frozen=True, slots=True)
class Observed:
    """A loss, and what is called with y, target and mask of each chunk that it is taken of."""

    loss: LossLike
    see: Seen


SEEN = 2.0
"""Arrays that a metric of elements takes: differences, and their squares."""


@final
class Objective:
    """A loss with the target and mask of a sequence, whatever chunks the sequence is cut into.

    A ``Loss`` is a mean over all unmasked elements of the whole sequence: ``total`` is the sum of
    their weights. Of a function ``(y, target) -> (value, dy)`` it is 1. ``target`` None stays None.

    Args:
        problem: whose x, batch and outputs target and mask must fit; its chunks are not looked at.
        folder: of what a stream keeps on disk.

    Raises:
        ShapeError: where target or mask do not have x's time and batch axes.
        TypeError, ValueError: where the loss cannot be taken of such a target, mask or x.
    """

    def __init__(
        self,
        problem: Problem,
        loss: LossLike | Observed,
        target: SeriesLike,
        mask: SeriesLike,
        folder: PathLike | None = None,
    ) -> None:
        self.see = loss.see if isinstance(loss, Observed) else None
        loss = loss.loss if isinstance(loss, Observed) else loss
        self.observed = 0.0 if self.see is None or isinstance(loss, CrossEntropy) else SEEN
        """Temporary arrays of what observes it, in sizes of y, before there is a derivative."""
        check_loss(loss)
        self.penalties = WeightPenalties(problem.model, penalties_of(loss))
        self.problem, self.loss = problem, as_loss(loss)
        self.target = None if target is None else self._series("target", target, folder)
        self.mask = None if mask is None else self._series("mask", mask, folder)
        self._check_axes()
        if problem.state:
            for name, given in (("target", target), ("mask", mask)):
                warn_if_known(name, given)
            if isinstance(self.mask, Held) and self.mask.array is not None:
                warn_if_prefixes(self.mask.array)
        self.total, self.finished = 1.0, False
        self._check_loss()
        if problem.known and not [p for p in self._parts if not isinstance(p, Held)]:
            self.finish()

    def _check_loss(self) -> None:
        """Raise TypeError or ValueError where the loss does not fit target, mask or x."""
        warn_of_probabilities(self.problem.model, self.loss)
        if self.loss.needs_target and self.target is None:
            raise TypeError(
                f"{self.loss} compares with a target, found None; give one, or write a loss "
                "function"
            )
        if isinstance(self.loss, Own) and self.mask is not None:
            self.loss.check_mask()
        if self.target is not None and self.problem.known:
            lead = (self.problem.steps, self.problem.batch)
            outputs = (*lead, *self.problem.output_shape)
            self.loss.check_target((lead[0], *self.target.shape), outputs)
        if self.loss.whole and not self.problem.known:
            raise ValueError(
                f"{self.loss} takes y of all steps, and x is a stream of unknown length; give "
                "steps="
            )

    def _series(self, name: str, given: object, folder: PathLike | None) -> Series:
        """``given``; a stream of it is as long as x is, where that is known."""
        if isinstance(given, Held):
            return given
        found = series(name, given, None, folder)
        if isinstance(found, Stream) and self.problem.known:
            found.declared = self.problem.steps
        return found

    @property
    def _parts(self) -> list[Series]:
        """Target and mask, those that there are."""
        return [part for part in (self.target, self.mask) if part is not None]

    @property
    def read_anew(self) -> list[Series]:
        """Those of target and mask that are read anew for each chunk: streams, and files."""
        return [part for part in self._parts if part.fresh]

    def _check_axes(self) -> None:
        """Raise ShapeError where target or mask do not have x's time and batch axes."""
        steps = self.problem.steps if self.problem.known else None
        if self.target is not None:
            length: int | str = "T" if steps is None else self.target.steps
            lead, shape = (steps or length, self.problem.batch), (length, *self.target.shape)
            pairs = enumerate(zip(shape, lead, strict=False)) if shape[:2] != lead else ()
            axis = next((k for k, (a, b) in pairs if a != b), None)
            if axis is not None:
                raise ShapeError(
                    f"target axis {axis} must have size {lead[axis]}, as x has (T, B) = {lead}, "
                    f"found shape {shape}; {cures.of_target(shape, lead)}"
                )
        if self.mask is not None:
            length = "T" if steps is None else self.mask.steps
            lead, found = (steps or length, self.problem.batch), (length, *self.mask.shape)
            if found != lead and not self._of_elements(found, lead):
                raise ShapeError(
                    f"mask must have shape (T, B) = {lead}, found {found}; "
                    f"{cures.of_mask(found, lead)}"
                )

    def _of_elements(self, found: tuple[int | str, ...], lead: tuple[int | str, ...]) -> bool:
        """True if a mask has a weight for each element of the outputs, under a loss of elements."""
        elements = isinstance(self.loss, Elementwise | Known)
        return elements and found == (*lead, *self.problem.output_shape)

    def blocks(self) -> Iterator[slice]:
        """The sequence in parts that do not depend on chunks: a sum over them has the same bits."""
        steps, rows = self.problem.steps, self._rows()
        return (slice(start, min(start + rows, steps)) for start in range(0, steps, rows))

    def _rows(self) -> int:
        size = max((math.prod(part.shape) for part in self._parts), default=1)
        # Symbols are copied to be looked at.
        looked = [part for part in self._parts if not part.counts]
        small = any(part.mapped or part.dtype.kind != "f" for part in looked)
        # Weights add up alike from a file; what counts whole rows adds up to one number anyway.
        small = small or (self.mask is not None and not self.mask.counts)
        # Losses of elements look at what lies in memory without a copy, and count whole numbers.
        plain = isinstance(self.loss, Elementwise) and not self.loss.copies_target
        there = plain and self.target is not None and not self.target.fresh
        most = BLOCK if small else IN_PLACE if there else AT_ONCE
        return max(1, most // max(1, size))

    def finish_bytes(self) -> int:
        """Bytes that ``finish`` reads of a stream at once, with weights of its steps in float64.

        Symbols are copied, and so are targets under a mask, of which those without weight are left
        out, but for losses that look at them row by row.
        """
        fresh, masked = self.read_anew, self.mask is not None
        symbols = [part.dtype.kind != "f" for part in fresh]
        copied = [masked and part is self.target for part in fresh]
        copies = [
            1 + kind + (own and (kind or self.loss.copies_target))
            for kind, own in zip(symbols, copied, strict=True)
        ]
        sizes = [
            math.prod(part.shape) * part.dtype.itemsize * n
            for part, n in zip(fresh, copies, strict=True)
        ]
        by_symbols = masked and self.target in fresh and self.target.dtype.kind != "f"
        weights = 0 if by_symbols else 8 * self.problem.batch  # of symbols one copy is gone by then
        return min(self._rows(), self.problem.steps) * (sum(sizes) + weights)

    def weigh(self, span: slice, *, again: bool = False) -> float:
        """Return the sum of the weights of some steps, after a check of their targets.

        Args:
            again: whether the steps have been read before; if not, they are a chunk.
        """
        looked = self.loss.reads_target or not again
        target: TargetLike = self._read(self.target, span, again=again) if looked else None
        mask = self._read(self.mask, span, again=again)
        if isinstance(self.mask, Stream):
            for given in self.problem.series:
                check_weights(given, span, mask)
        outputs = (span.stop - span.start, self.problem.batch, *self.problem.output_shape)
        with counted_from(span.start):
            return self.loss.weighed(target, mask, outputs)

    def finish(self) -> None:
        """Sum the weights, once all of x, and so all of target and mask, has been seen."""
        self.finished = True
        self.problem.check_end()
        for name, part in (("target", self.target), ("mask", self.mask)):
            if part is not None and part.has(self.problem.steps):
                raise ShapeError(
                    f"{name} goes on after x has ended, at {self.problem.steps} steps; end them "
                    "alike"
                )
        if self.mask is not None or not isinstance(self.loss, FunctionLoss):
            self.total = self.loss.some(sum(self.weigh(span, again=True) for span in self.blocks()))
            if self.total < float(np.finfo(self.problem.dtype).tiny):  # 1 / total would overflow
                raise ValueError(
                    f"weights sum to {self.total}, too little for {self.problem.dtype}; scale them "
                    "up"
                )

    def data_again(self, span: slice) -> tuple[TargetLike, TargetLike]:
        """Return (target, mask) of steps that have been read before, None where there is none."""
        return self._read(self.target, span, again=True), self._read(self.mask, span, again=True)

    def _read(self, part: Series | None, span: slice, *, again: bool = False) -> TargetLike:
        if part is None:
            return None
        return part.again(span) if again else part.read(span)

    def end(self) -> None:
        """Check, once all of x has come, that no step has weight after x could not be used."""
        for given in self.problem.series if isinstance(self.mask, Stream) else ():
            for span in self.blocks() if end_of(given) is not None else ():
                check_weights(given, span, self._read(self.mask, span, again=True))

    def close(self) -> None:
        """Remove what streams have on disk."""
        self.problem.close()
        for part in self._parts:
            part.close()

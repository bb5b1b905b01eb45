"""The loss of a whole sequence, taken chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from rnnbp.arrays import plain
from rnnbp.batch_first import warn_if_known, warn_if_prefixes
from rnnbp.bptt.padding import check_weights, end_of
from rnnbp.bptt.problem import Problem
from rnnbp.bptt.series import AT_ONCE, BLOCK, Held, Series, Stream, counted_from, series
from rnnbp.bptt.sizes import Sizes
from rnnbp.lazy import cached_property
from rnnbp.losses import Loss
from rnnbp.native.finite import first_bad
from rnnbp.numerics import Array, DtypeError, ShapeError, cast, lies, real_number, shown
from rnnbp.reuse import Reuse
from rnnbp.storage import PathLike

LossLike: TypeAlias = Loss | Callable[[Any, Any], tuple[Any, Any]]


class Objective:
    """``objective(y, n)`` is (value, dy) of chunk n; the values of all chunks add up to the loss.

    A ``Loss`` is a mean over all unmasked elements of the whole sequence, whatever the chunks. A function
    ``(y, target) -> (value, dy)`` is called as it is, once per chunk; ``target`` None stays None.
    """

    def __init__(
        self, problem: Problem, loss: LossLike, target: Any, mask: Any, folder: PathLike | None = None
    ) -> None:
        check_loss(loss)
        self.problem, self.loss = problem, loss
        self.target = None if target is None else self._series("target", target, folder)
        self.mask = None if mask is None else self._series("mask", mask, folder)
        self._check_axes()
        if problem.state:
            for name, given in (("target", target), ("mask", mask)):
                warn_if_known(name, given)
            if isinstance(self.mask, Held) and not self.mask.fresh:
                warn_if_prefixes(self.mask.array)
        self.total, self._prepared = 1.0, 0
        if isinstance(loss, Loss) and self.target is None:
            raise TypeError(f"{loss} compares with a target, found None; give one, or write a loss function")
        if not isinstance(loss, Loss) and mask is not None:
            raise TypeError("a mask, as Sequences(last=True) makes one, needs one of rnnbp.losses, not a function")
        if all(isinstance(part, Held) for part in self._parts) and problem.known:
            self.finish()

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
                    f"found shape {shape}; {_cure('target', shape, lead) or 'give a target for every step'}"
                )
        if self.mask is not None:
            length = "T" if steps is None else self.mask.steps
            lead, found = (steps or length, self.problem.batch), (length, *self.mask.shape)
            if found != lead:
                cure = _cure("mask", found, lead) or "one weight for each step"
                raise ShapeError(f"mask must have shape (T, B) = {lead}, found {found}; {cure}")

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
        fresh = [part for part in self._parts if part.fresh]
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
        target, mask = (self._read(part, span, again=again) for part in (self.target, self.mask))
        if isinstance(self.mask, Stream):
            check_weights(self.problem.x, span, mask)
        if not isinstance(self.loss, Loss):
            return 0.0
        outputs = (span.stop - span.start, self.problem.batch, *self.problem.output_shape)
        with counted_from(span.start):
            return self.loss.weight(target, mask, outputs=outputs)

    def finish(self) -> None:
        """All of x has been seen: so must target and mask have been; their weights are summed."""
        self._prepared = -1
        for name, part in (("target", self.target), ("mask", self.mask)):
            if part is not None and part.has(self.problem.steps):
                raise ShapeError(f"{name} goes on after x has ended, at {self.problem.steps} steps; end them alike")
        if isinstance(self.loss, Loss):
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

    def sizes(self, dx: bool) -> Sizes:
        """What the actions take in bytes; ``dx`` if the gradient by x is kept."""
        problem, x = self.problem, self.problem.x
        plain = isinstance(x, Held) and not x.fresh and lies(x.array)
        fresh = [part for part in self._parts if part.fresh]
        recast = self.target is not None and self.target.dtype != problem.dtype
        spare, rows = needs_of(self.loss, problem.dtype, masked=self.mask is not None, recast=recast)
        return Sizes(
            problem.model,
            problem.x_shape,
            problem.batch,
            problem.dtype,
            floats=problem.floats,
            copied=not plain or (problem.floats and x.dtype != problem.dtype),
            loss_spare=spare,
            loss_rows=rows,
            loss_brief=isinstance(self.loss, Loss) and self.loss.brief,
            dx=dx,
            symbol_bytes=x.dtype.itemsize if x.fresh else 8,
            backend=problem.backend,
            settings=problem.settings,
            training=problem.training,
            target_bytes=sum(math.prod(part.shape) * part.dtype.itemsize for part in fresh),
        )

    def close(self) -> None:
        """Remove what streams have on disk."""
        for part in (self.problem.x, *self._parts):
            part.close()

    def __call__(self, y: Array, n: int) -> tuple[Any, Array]:
        value, dy = self._evaluate(y, n)
        if isinstance(self.loss, Loss):
            return value / self.total, self._fitting(self.loss, dy, y)
        return _number(value), self._own(dy, y, n)

    def value(self, y: Array, n: int) -> Any:
        """The part of the loss that chunk n adds."""
        return self._evaluate(y, n)[0] / self.total

    def _evaluate(self, y: Array, n: int) -> tuple[Any, Any]:
        span = self.problem.span(n)
        target = self._read(self.target, span)
        if isinstance(self.loss, Loss):
            new = partial(self.memory.new, brief=True)
            return self.loss.summed_in(y, target, self._read(self.mask, span), new, 1 / self.total)
        try:
            found = self.loss(read_only(y), None if target is None else read_only(target))
        except Exception as error:  # whatever the user's code raises: it gets a note, and goes on
            error.add_note(
                f"in the loss function {shown(self.loss)}, which is called with read-only NumPy arrays, (y, target) "
                f"or (y, None), and returns (value, dy)"
            )
            raise
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(f"the loss function must return (value, dy), found {type(found).__name__}")
        return found

    def _own(self, dy: Any, y: Array, n: int) -> Array:
        """The dy that a function of the user gave, checked."""
        found = self._fitting("the loss function", dy, y)
        if (at := first_bad(found)) is not None:
            step = self.problem.span(n).start + at[0]
            raise ValueError(f"the loss function gave dy = {found[at]} at {[step, *at[1:]]}; it must be finite")
        return found

    def _fitting(self, who: object, dy: Any, y: Array) -> Array:
        """dy in y's dtype. Raises ShapeError, DtypeError or ValueError where it does not fit y."""
        dy = plain("dy", dy, who)
        if dy.shape != y.shape:
            raise ShapeError(f"{who} gave dy of shape {dy.shape} for y of shape {y.shape}; they must agree")
        if dy.dtype.kind not in "fiub" and dy.dtype != y.dtype:  # gradcheck's are complex
            raise DtypeError(f"{who} gave dy of dtype {dy.dtype}; give floats")
        return cast(dy, y.dtype, who, "dy")


def check_loss(loss: object) -> None:
    """Raise TypeError for what is neither a Loss nor a function."""
    if isinstance(loss, type) or not callable(loss):
        raise TypeError(
            f"loss must be a Loss or a function (y, target) -> (value, dy), found {shown(loss)}; "
            f"build it first, as losses.MeanSquaredError()"
        )


def needs_of(
    loss: LossLike | None, dtype: np.dtype[Any], *, masked: bool = False, recast: bool = False
) -> tuple[float, int]:
    """Temporary arrays of a loss, as ``Loss.needs`` has them; of an unknown one, two of the output's size.

    So too of a function of the user, which may declare another number in an attribute ``spare``. Raises TypeError or
    ValueError for one that is no number of arrays.
    """
    if isinstance(loss, Loss):
        return loss.needs(dtype.itemsize, masked=masked, recast=recast)
    cure = "it counts arrays of y's size"
    return real_number("loss.spare", getattr(loss, "spare", Loss.spare), least=0, cure=cure), 0


def read_only(array: Array) -> Array:
    """A view that refuses to be written to."""
    view: Array = array.view()
    view.setflags(write=False)
    return view


def _cure(name: str, found: tuple[Any, ...], lead: tuple[Any, ...]) -> str:
    """What to do about batch-first axes; "" for others."""
    return f"its first two axes are swapped: give {name}.swapaxes(0, 1)" if found[:2] == lead[::-1] else ""


def _number(value: Any) -> float:
    """The value that a function of the user gave, checked."""
    if np.ndim(value):
        raise ShapeError(f"the loss function gave a value of shape {np.shape(value)}; sum it to one number")
    if not isinstance(value, (int, float, np.integer, np.floating, np.ndarray)) or np.asarray(value).dtype.kind == "c":
        raise TypeError(f"the loss function gave the value {shown(value)}; it must be a real number")
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        raise ValueError("the loss function gave a value beyond float64; scale it") from None

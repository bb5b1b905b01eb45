"""A source of independent sequences, in shuffled batches."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.checks.batch_first import remember
from rnnbp.checks.mapped import check_there
from rnnbp.inputs.given import InputsOf
from rnnbp.numerics import Array, flag
from rnnbp.support import reprs
from rnnbp.support.lazy import cached_property
from rnnbp.train.digests import digest
from rnnbp.train.ended_rows import ListRows, PaddedRows
from rnnbp.train.last import at_last, known_steps, within
from rnnbp.train.length_order import LengthOrder
from rnnbp.train.rows import Data, Rows, check_numbers
from rnnbp.train.sequence_axes import is_of_each, mask_with_axes, of_targets, with_axes
from rnnbp.train.sequence_checks import Lead, check_last, ended
from rnnbp.train.several_given import Several, Static, are_several, several_rows
from rnnbp.train.several_rows import SeveralRows, arrays_of, inputs_of, series_of
from rnnbp.train.shuffled import Shuffled
from rnnbp.train.source import Batch, time_first

LEAD = 2
"""Axes of a series of sequences before its features."""


@final
class Sequences(Shuffled):
    """N independent sequences, of one length or of several: each starts from the initial state.

    Sequences of several lengths are a list of arrays (T_k, ...), or a padded array with ``lengths``.
    A batch is padded with 0 to the longest of its sequences, and has ``lengths`` (B,); what is past
    the end of a sequence counts neither in the loss nor in metrics.

    Args:
        x: (N, T, ...), in memory, mapped, or in a file as for ``Windows``: only the rows of a batch
            are read. Or a list of N arrays or tables (T_k, ...). Or a dict of several inputs by
            name, or with ``static`` a tuple of them in order. Unusable values, as NaN, after a
            row's last step of weight above 0 are read as 0 by ``bptt``.
        target: (N, T, ...), or of a list x a list of (T_k, ...): one for each step. Or (N,), (N, 1)
            and of a list x any array (N, ...): one for each sequence, for a model whose output has
            no time, as after ``Last()``; with ``last`` for one whose output has. Or None.
        batch_size: sequences in a batch; the last batch of an epoch may be smaller.
        mask: (N, T), or a list of (T_k,), bool or weights ≥ 0 of the steps in the loss; or (N,) or
            (N, 1), weights of whole sequences.
        lengths: (N,), the steps of each sequence of a padded array: later ones are padding,
            whatever they hold and whatever the mask.
        last: True for a target for each sequence that is placed at its last step: the last one of
            weight above 0.
        shuffle: True for a new order in each epoch, drawn from (seed, epoch).
        seed: of the order.
        batch_first: False for x, target and mask with the axes (T, N, ...); what is (N, ...) stays
            so, and so do lists.
        static: of several inputs the names, or the numbers, of those that are (N, ...), one value
            for each sequence: they go with its row.
        by_length: True for batches of sequences of like length where they are shuffled, so that
            there is little padding; by default so for a list. False for those of any length; of a
            padded x they have all T steps.

    Raises ShapeError or DtypeError for arrays that do not fit, ValueError if N or a length is 0.

    >>> import numpy as np, rnnbp as rb
    >>> data = rb.Sequences(np.zeros((8, 5, 3)), np.zeros(8, int), last=True, batch_size=4)
    >>> data.batches_per_epoch, data.batch(0, 0).x.shape  # time-first
    (2, (5, 4, 3))
    >>> several, labels = [np.ones((n, 3)) for n in (9, 6, 7)], [0, 1, 1]
    >>> batch = rb.Sequences(several, labels, last=True, batch_size=3, shuffle=False).batch(0, 0)
    >>> batch.x.shape, batch.lengths
    ((9, 3, 3), array([9, 6, 7]))
    """

    _sorted: LengthOrder | None = None

    def __init__(
        self,
        x: Data | Several,
        target: Data | None,
        *,
        batch_size: int,
        mask: Data | None = None,
        lengths: ArrayLike | None = None,
        last: bool = False,
        shuffle: bool = True,
        seed: int = 0,
        batch_first: bool = True,
        static: Static = None,
        by_length: bool | None = None,
    ) -> None:
        self.batch_first = flag("Sequences: batch_first", batch_first)
        self.last, axis = flag("Sequences: last", last), 0 if batch_first else 1
        of_target, static = of_targets(static, x)
        self.x = _inputs(x, axis, static)
        self.rows, self.steps = (int(n) for n in self.x.shape[:2])
        self.lead = Lead(self.rows, self.steps, self.batch_first)
        self.lengths = self.lead.lengths(self.x, lengths)
        sort = self.listed if by_length is None else flag("Sequences: by_length", by_length)
        self.by_length = sort and self.lengths is not None
        self.target, self.mask, self.of_each = self._taken(target, mask, axis, of_each=of_target)
        super().__init__(batch_size, shuffle, seed)
        if self.lengths is not None:
            self._end(self.lengths)
        self._check_last()
        self._remember()

    def _check_last(self) -> None:
        """Raise ValueError if there are no last steps to place targets at."""
        if self.last:
            check_last(self.target, self.mask)

    def _taken(
        self, target: Data | None, mask: Data | None, axis: int, *, of_each: bool
    ) -> tuple[Rows | None, Rows | None, bool]:
        """(target, mask, True for a target of each sequence).

        Raises ShapeError for those that do not fit x.
        """
        lead, lists = (self.rows, self.steps), self.lengths is not None
        each = not self.last and target is not None
        each = each and (of_each or is_of_each(target, lead, listed=self.listed))
        placed, found, weights = self.last or each, None, None
        if target is not None:
            given = with_axes(
                "target", target, 0 if placed else axis, least=2 - placed, lists=lists
            )
            found = check_numbers("Sequences: target", given)
        if mask is not None and each:
            weights = with_axes("mask", mask, 0, numbers=True, least=1)
        elif mask is not None:
            weights = mask_with_axes(mask, axis, lead, lists=lists)
        self.lead.check("target", found, each=placed)
        self.lead.check_mask(weights, each=each)
        return found, weights, each

    def _end(self, lengths: Array) -> None:
        """Let what has steps end at the lengths; arrays whose batches have all steps by a mask."""
        if self.by_length:
            self._sorted = LengthOrder(lengths, self.batch_size, self.seed)
        if self.ends:
            if isinstance(self.x, SeveralRows):
                self.x = self.x.with_series(lambda label, part: ended(label, part, lengths))
            else:
                self.x = ended("x", self.x, lengths)
            if self.target is not None and not (self.last or self.of_each):
                self.target = ended("target", self.target, lengths)
        if self.ends and self.mask is not None and not self.of_each:
            self.mask = ended("mask", self.mask, lengths)
        elif not (self.ends or self.of_each):
            mask = None if self.mask is None else self.mask[0 : self.rows]
            self.mask = _known(mask, lengths, self.steps)

    @property
    def ends(self) -> bool:
        """True if a batch ends with its longest sequence."""
        return self.by_length or self.listed

    @property
    def listed(self) -> bool:
        """True if x is a list of sequences of several lengths."""
        return any(isinstance(part, ListRows) for part in series_of(self.x))

    def _remember(self) -> None:
        """Remember arrays that are batch-first, to warn where they are taken for time-first."""
        target = self.target if self.batch_first and not (self.last or self.of_each) else None
        for part in (*series_of(self.x), target, None if self.of_each else self.mask):
            array = part.array if isinstance(part, PaddedRows) else part
            if isinstance(array, np.ndarray):
                remember(array)

    @reprs.safe
    def __repr__(self) -> str:
        least = "" if self.lengths is None else f"{self.lengths.min():,} to "
        what = f"{reprs.counted(self.rows, 'sequence')} of {least}"
        what += reprs.counted(self.steps, "step")
        what += ", a target for the last step of each" * self.last
        what += ", a target for each" * self.of_each
        return self._repr(what, inputs_of(self.x), target=self.target, mask=self.mask)

    @cached_property
    def fingerprint(self) -> str:
        how: tuple[object, ...] = (self.batch_size, self.last, self.shuffle, self.seed)
        how += self.x.how if isinstance(self.x, SeveralRows) else ()
        how += ("by length",) * self.by_length
        lengths = [self.lengths] * (self.lengths is not None and self.of_each)
        return digest(how, *arrays_of(self.x), self.target, self.mask, *lengths)

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch ``index`` of the epoch's order."""
        return self._of(self._chosen(epoch, index))

    def longest(self) -> Batch:
        """A batch of the longest sequences, which needs at least the memory of any."""
        lengths = np.zeros(self.rows, int) if self.lengths is None else self.lengths
        return self._of(np.argsort(-lengths, kind="stable")[: self.batch_size])

    def _order(self, epoch: int) -> Array:
        return super()._order(epoch) if self._sorted is None else self._sorted(epoch)

    def _of(self, chosen: Array | slice) -> Batch:
        """A batch of some sequences."""
        check_there(*arrays_of(self.x), self.target, self.mask)
        target, mask = (None if a is None else a[chosen] for a in (self.target, self.mask))
        x, lengths, steps = self._x(chosen), None, self.steps
        if self.lengths is not None:
            lengths = self.lengths[chosen].copy()
            steps = int(lengths.max()) if self.ends else steps
        if self.of_each:
            return Batch(x, target, mask, True, lengths)
        if lengths is not None and self.ends:
            mask = _known(mask, lengths, steps)
        if self.last and target is not None:
            target, mask = at_last(target, mask, steps)
        return Batch(x, time_first(target), time_first(mask), True, lengths)

    def _x(self, chosen: Array | slice) -> InputsOf:
        """The inputs of some sequences, time-first."""
        if isinstance(self.x, SeveralRows):
            return self.x.of(lambda a: time_first(a[chosen]), lambda a: a[chosen])
        return time_first(self.x[chosen])

    def origin(self, epoch: int, index: int, step: int, row: int, array: str = "") -> str:
        """Where a row of batch ``index`` comes from, in words; of one of the arrays the element."""
        n = self._row(epoch, index, row)
        text = f"row {row} of the batch is sequence {n:,}"
        if array == "target" and (self.last or self.of_each):
            return f"{text}: see target[{n}]"
        place = f"{n}, {step}" if self.batch_first else f"{step}, {n}"
        place = f"{n}][{step}" if self.listed else place
        return f"{text}: see {array}[{place}]" if array else text


def _known(mask: Array | None, lengths: Array, steps: int) -> Array:
    """A mask (B, T), 0 past the end of each sequence."""
    known = known_steps(lengths, steps)
    return known if mask is None else within(mask, known)


def _inputs(x: Data | Several, axis: int, static: Static) -> Rows | SeveralRows:
    """x of Sequences as (N, T, ...), or several inputs."""
    if not are_several(x, static):
        if static is not None:
            raise TypeError(
                "Sequences: static is for several inputs, and x is one; give a dict of them by "
                "name, or a tuple in order"
            )
        return with_axes("x", x, axis, numbers=True, lists=True)
    return several_rows(
        "Sequences",
        x,
        static,
        lambda label, a: with_axes(label, a, axis, numbers=True, lists=True),
        LEAD,
    )

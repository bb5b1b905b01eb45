"""A source of independent sequences, in shuffled batches."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.checks.batch_first import remember
from rnnbp.checks.mapped import check_there
from rnnbp.inputs.given import InputsOf
from rnnbp.numerics import Array, flag
from rnnbp.support import reprs
from rnnbp.support.lazy import cached_property
from rnnbp.train.digests import digest
from rnnbp.train.ended_rows import ListRows, PaddedRows
from rnnbp.train.given_lengths import LengthsOf as GivenLengths
from rnnbp.train.in_order import are_inputs
from rnnbp.train.length_order import LengthOrder
from rnnbp.train.rows import Data, Rows
from rnnbp.train.sequence_axes import of_targets, with_axes
from rnnbp.train.sequence_lists import are_sequences, check_axes, lists_arrays
from rnnbp.train.sequence_targets import How, SequenceTarget, Targets, in_form, targets_of
from rnnbp.train.several_given import (
    Several,
    Static,
    are_several,
    refuse_static,
    several_rows,
    split_up,
)
from rnnbp.train.several_rows import SeveralRows, arrays_of, inputs_of, series_of
from rnnbp.train.shuffled import Shuffled
from rnnbp.train.source import Batch, LengthsOf, time_first
from rnnbp.train.time_axes import inputs_that_end, time_axes, total

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
            are read. Or a list of N arrays or tables (T_k, ...), of several lengths or of one. Or a
            dict of several inputs by name, or a tuple of them in order, whose time axes may have
            different numbers of steps; inputs of one time axis end alike.
            Unusable values, as NaN, after a row's last step of weight above 0 are read as 0 by
            ``bptt``.
        target: (N, T, ...), or of a list x a list of (T_k, ...): one for each step. Or (N,), (N, 1)
            and of a list x any array (N, ...): one for each sequence, for a model whose output has
            no time, as after ``Last()``; with ``last`` for one whose output has. Of several outputs
            a dict of these by name, or a tuple in order. Or None.
        batch_size: sequences in a batch; the last batch of an epoch may be smaller.
        mask: (N, T), or a list of (T_k,), bool or weights ≥ 0 of the steps in the loss; or (N,) or
            (N, 1), weights of whole sequences; or as the target, weights of single elements. Of
            several outputs a dict likewise.
        lengths: (N,), the steps of each sequence of a padded array: later ones are padding,
            whatever they hold and whatever the mask. Of inputs of several time axes a dict by name
            or number of an input: others with as many steps as it end as it does.
        last: True for a target for each sequence that is placed at its last step: the last one of
            weight above 0.
        shuffle: True for a new order in each epoch, drawn from (seed, epoch).
        seed: of the order.
        batch_first: False for x, target and mask with the axes (T, N, ...); what is (N, ...) stays
            so, and so do lists.
        static: of several inputs the names, or the numbers, of those that are (N, ...), one value
            for each sequence: they go with its row. "target", or the name of an output, for targets
            of each sequence that look like those of steps, as several numbers for each.
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
        target: Targets,
        *,
        batch_size: int,
        mask: Targets = None,
        lengths: GivenLengths = None,
        last: bool = False,
        shuffle: bool = True,
        seed: int = 0,
        batch_first: bool = True,
        static: Static = None,
        by_length: bool | None = None,
    ) -> None:
        self.batch_first = flag("Sequences: batch_first", batch_first)
        self.last = flag("Sequences: last", last)
        axis = 0 if batch_first else 1
        static = () if static is None and are_inputs(x, target, axis) else static
        named, static = of_targets(static, x, target)
        self.x = _inputs(x, axis, static)
        self.listed = _is_listed(self.x, _given_series(x, static))
        self.rows, self.steps = (int(n) for n in self.x.shape[:2])
        self.axes = time_axes(self.x, lengths, batch_first=self.batch_first)
        self._sort(by_length)
        how = How(self.axes, self.ends, self.listed, self.last, named)
        self.targets = targets_of(target, mask, how)
        super().__init__(batch_size, shuffle, seed)
        self._end_inputs()
        self._remember()

    def _sort(self, by_length: bool | None) -> None:
        """Decide whether batches are of like length, and end with their longest sequence."""
        self.lengths = total(self.axes)
        sort = self.listed if by_length is None else flag("Sequences: by_length", by_length)
        self.by_length = sort and self.lengths is not None
        self.ends = self.by_length or (self.listed and self.lengths is not None)

    def _end_inputs(self) -> None:
        """Let the inputs end at their lengths, and sort by these if that is wanted."""
        if self.lengths is not None and self.by_length:
            self._sorted = LengthOrder(self.lengths, self.batch_size, self.seed)
        if self.ends:
            self.x = inputs_that_end(self.x, self.axes)

    @property
    def target(self) -> Rows | None:
        """The target, of several outputs the first."""
        return self.targets[0].target

    @property
    def mask(self) -> Rows | None:
        """The mask, of several outputs that of the first."""
        return self.targets[0].mask

    def _remember(self) -> None:
        """Remember arrays that are batch-first, to warn where they are taken for time-first."""
        arrays: list[Rows | None] = [*series_of(self.x)]
        for one in () if self.listed else self.targets:
            arrays += [one.target] * (self.batch_first and not (one.last or one.of_each))
            arrays += [one.mask] * (not one.of_each)
        for part in arrays:
            array = part.array if isinstance(part, PaddedRows) else part
            if isinstance(array, np.ndarray):
                remember(array)

    @reprs.safe
    def __repr__(self) -> str:
        own = self.axes[0].lengths
        least = "" if own is None or own.min() == self.steps else f"{own.min():,} to "
        what = f"{reprs.counted(self.rows, 'sequence')} of {least}"
        what += reprs.counted(self.steps, "step")
        what += ", a target for the last step of each" * self.last
        what += ", a target for each" * all(one.of_each for one in self.targets)
        arrays = dict[str, Rows | None]()
        for one in self.targets:
            at = "" if one.key == "" else f"[{one.key!r}]"
            arrays |= {f"target{at}": one.target, f"mask{at}": one.mask}
        return self._repr(what, inputs_of(self.x), **arrays)

    @cached_property
    def fingerprint(self) -> str:
        how: tuple[object, ...] = (self.batch_size, self.last, self.shuffle, self.seed)
        how += self.x.how if isinstance(self.x, SeveralRows) else ()
        how += ("by length",) * self.by_length
        if self.targets[0].key != "":
            how += (tuple([(one.key, one.of_each, one.last) for one in self.targets]),)
        arrays = [array for one in self.targets for array in (one.target, one.mask)]
        if self.lengths is not None and any(one.of_each for one in self.targets):
            arrays.append(self.lengths)
        return digest(how, *arrays_of(self.x), *arrays)

    def longest(self) -> Batch:
        """A batch of the longest sequences, which needs at least the memory of any."""
        lengths = np.zeros(self.rows, int) if self.lengths is None else self.lengths
        return self._of(np.argsort(-lengths, kind="stable")[: self.batch_size])

    def _order(self, epoch: int) -> Array:
        return super()._order(epoch) if self._sorted is None else self._sorted(epoch)

    def _of(self, chosen: Array | slice) -> Batch:
        """A batch of some sequences."""
        check_there(
            *arrays_of(self.x), *[a for one in self.targets for a in (one.target, one.mask)]
        )
        lengths = [None if a.lengths is None else a.lengths[chosen].copy() for a in self.axes]
        pairs = [self._target(one, chosen, lengths[one.axis]) for one in self.targets]
        target, mask = pairs[0]
        if self.targets[0].key != "":
            target, mask = (in_form(self.targets, [*parts]) for parts in zip(*pairs, strict=True))
        of_inputs: LengthsOf = lengths[0]
        if len(self.axes) > 1:
            named = zip(self.axes, lengths, strict=True)
            of_inputs = {key: own for axis, own in named for key in axis.keys if own is not None}
        return Batch(self._x(chosen), target, mask, True, of_inputs)

    def _target(
        self, one: SequenceTarget, chosen: Array | slice, lengths: Array | None
    ) -> tuple[Array | None, Array | None]:
        """(target, mask) of some sequences."""
        if lengths is None or not self.ends:
            return one.batch(chosen, None, self.axes[one.axis].lead.steps)
        return one.batch(chosen, lengths, int(lengths.max()))

    def _x(self, chosen: Array | slice) -> InputsOf:
        """The inputs of some sequences, time-first."""
        if isinstance(self.x, SeveralRows):
            return self.x.of(lambda a: time_first(a[chosen]), lambda a: a[chosen])
        return time_first(self.x[chosen])

    def origin(self, epoch: int, index: int, step: int, row: int, array: str = "") -> str:
        """Where a row of batch ``index`` comes from, in words; of one of the arrays the element."""
        n = self._row(epoch, index, row)
        text = f"row {row} of the batch is sequence {n:,}"
        if array == "target" and (self.targets[0].last or self.targets[0].of_each):
            return f"{text}: see target[{n}]"
        place = f"{n}, {step}" if self.batch_first else f"{step}, {n}"
        place = f"{n}][{step}" if self.listed else place
        return f"{text}: see {array}[{place}]" if array else text


def _inputs(x: Data | Several, axis: int, static: Static) -> Rows | SeveralRows:
    """x of Sequences as (N, T, ...), or several inputs."""
    if not are_several(x, static):
        refuse_static("Sequences", static)
        check_axes("Sequences: x", x)
        return with_axes("x", x, axis, numbers=True, lists=True)
    equal = any(map(are_sequences, _given_series(x, static)))
    return several_rows(
        "Sequences",
        x,
        static,
        lambda label, a: with_axes(label, a, axis, numbers=True, lists=True, equal=equal),
        LEAD,
    )


def _is_listed(x: Rows | SeveralRows, given: list[object]) -> bool:
    """True if some series is a list of sequences, of several lengths or of one."""
    ragged = any(isinstance(part, ListRows) for part in series_of(x))
    return ragged or any(map(lists_arrays, given))


def _given_series(x: Data | Several, static: Static) -> list[object]:
    """What is passed for each series."""
    if not are_several(x, static):
        return [x]
    values, _, numbers = split_up("Sequences", x, static)
    return [value for k, value in enumerate(values) if k not in numbers]

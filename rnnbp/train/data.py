"""Sources of independent sequences and examples, in shuffled batches."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.checks.batch_first import remember
from rnnbp.checks.mapped import check_there
from rnnbp.inputs.cures import of_elements
from rnnbp.inputs.given import InputsOf
from rnnbp.numerics import Array, Shape, ShapeError, flag
from rnnbp.support import reprs
from rnnbp.support.lazy import cached_property
from rnnbp.train.digests import digest
from rnnbp.train.last import TURN, at_last, mask_of, within
from rnnbp.train.rows import Data, Rows, blocks, check_numbers, rows, same_length
from rnnbp.train.sequence_axes import mask_with_axes, with_axes
from rnnbp.train.several_given import Several, Static, are_several, several_rows
from rnnbp.train.several_rows import SeveralRows, arrays_of, inputs_of, series_of
from rnnbp.train.shuffled import Shuffled
from rnnbp.train.source import Batch, time_first

LEAD = 2
"""Axes of a series of sequences before its features."""


@final
class Sequences(Shuffled):
    """N sequences of T steps, independent: every batch starts from the initial state.

    Args:
        x: (N, T, ...), or a dict of several inputs by name, or with ``static`` a tuple of them in
            order; in memory, mapped, or in a file as for ``Windows``: only the rows of a batch
            are read. Unusable values, as NaN, after a row's last step of weight above 0 are read as
            0 by ``bptt``.
        target: (N, T, ...), or None; with ``last`` (N, ...).
        batch_size: sequences in a batch; the last batch of an epoch may be smaller.
        mask: (N, T), bool or weights ≥ 0 of the steps in the loss: 0 for the padding of short
            sequences; or (N,) or (N, 1), weights of whole sequences.
        lengths: (N,), the steps of each sequence: later ones are padding, whatever the mask.
        last: True for one target for each sequence, at its last step: the last one of weight above
            0.
        shuffle: True for a new order in each epoch, drawn from (seed, epoch).
        seed: of the order.
        batch_first: False for x, target and mask with the axes (T, N, ...); a target for ``last``
            stays (N, ...), and so does a static input.
        static: of several inputs the names, or the numbers, of those that are (N, ...), one value
            for each sequence: they go with its row.

    Raises ShapeError for arrays that do not fit, ValueError if N is 0.

    >>> import numpy as np, rnnbp as rb
    >>> data = rb.Sequences(np.zeros((8, 5, 3)), np.zeros(8, int), last=True, batch_size=4)
    >>> data.batches_per_epoch, data.batch(0, 0).x.shape  # time-first
    (2, (5, 4, 3))

    A list of arrays (steps, features) of several lengths is padded:

    >>> several = [np.ones((n, 3)) for n in (9, 6, 7)]
    >>> lengths = [len(a) for a in several]
    >>> x = np.stack([np.pad(a, [(0, max(lengths) - len(a)), (0, 0)]) for a in several])
    >>> labels = np.array([0, 1, 1])
    >>> rb.Sequences(x, labels, lengths=lengths, last=True, batch_size=3).batch(0, 0).x.shape
    (9, 3, 3)
    """

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
    ) -> None:
        self.batch_first = flag("Sequences: batch_first", batch_first)
        self.last, axis = flag("Sequences: last", last), 0 if batch_first else 1
        self.x = _inputs(x, axis, static)
        self.rows, self.steps = (int(n) for n in self.x.shape[:2])
        self.mask = None if mask is None else mask_with_axes(mask, axis, (self.rows, self.steps))
        if lengths is not None:
            self.mask = self._within(lengths)
        self.target: Rows | None = None
        if target is not None:
            self.target = with_axes("target", target, 0 if last else axis, least=2 - last)
            check_numbers("Sequences: target", self.target)
        super().__init__(batch_size, shuffle, seed)
        self._check_shapes()
        if self.last:
            self._check_last()
        self._remember()

    def _remember(self) -> None:
        """Remember arrays that are batch-first, to warn where they are taken for time-first."""
        target = self.target if self.batch_first and not self.last else None
        for array in (*series_of(self.x), target, self.mask):
            if isinstance(array, np.ndarray):
                remember(array)

    def _within(self, lengths: ArrayLike) -> Rows:
        """The mask, 0 after the end of each sequence."""
        turn = TURN if self.batch_first else "batch-first: leave batch_first out"
        known = mask_of("Sequences: lengths", lengths, (self.rows, self.steps), turn)
        if self.mask is None:
            return known
        if self.mask.shape != known.shape:  # refused later
            return self.mask
        return within(self.mask[0 : self.rows], known)

    def _check_shapes(self) -> None:
        """Raise ShapeError for a target or mask that does not fit x."""
        if self.mask is not None and self.mask.ndim > 2:
            raise ShapeError(
                "Sequences: mask must have shape (N, T), a weight for each step, found shape "
                f"{self.mask.shape}; {of_elements(self.mask.shape[2:])}"
            )
        lead = self.rows, self.steps
        of_target = lead[:1] if self.last else lead
        for name, array, expected in (
            ("target", self.target, of_target),
            ("mask", self.mask, lead),
        ):
            if array is not None and array.shape[: len(expected)] != expected:
                raise ShapeError(
                    f"Sequences: {name} must begin with the axes {expected} of x, found shape "
                    f"{array.shape}; {self._cure(name, array.shape, expected)}"
                )

    def _check_last(self) -> None:
        """Raise ValueError unless there are targets, and each sequence has a last step."""
        if self.target is None:
            raise ValueError(
                "Sequences: last=True places targets, but target is None; give (N, ...)"
            )
        if self.mask is not None:
            some = np.concatenate([(block > 0).any(axis=1) for block in blocks(self.mask)])
            if not some.all():
                row = int(np.argmin(some))
                raise ValueError(
                    f"Sequences: sequence {row} has no last step, its mask is all 0; leave it out"
                )

    def _cure(self, name: str, found: Shape, expected: Shape) -> str:
        """What to do about a target or mask whose first axes are not those of x."""
        if found[:2] == (self.steps, self.rows)[: len(found)] and self.rows != self.steps:
            other = (
                "time-first: say batch_first=False"
                if self.batch_first
                else "batch-first: leave batch_first out"
            )
            swapped = "" if len(expected) == 1 else f", or give {name}.swapaxes(0, 1)"
            return f"if x is {other}{swapped}"
        return f"give one for each {'sequence' if len(expected) == 1 else 'step of each sequence'}"

    @reprs.safe
    def __repr__(self) -> str:
        what = f"{reprs.counted(self.rows, 'sequence')} of {reprs.counted(self.steps, 'step')}"
        what += ", a target for the last step of each" * self.last
        return self._repr(what, inputs_of(self.x), target=self.target, mask=self.mask)

    @cached_property
    def fingerprint(self) -> str:
        how = (self.batch_size, self.last, self.shuffle, self.seed)
        several = self.x.how if isinstance(self.x, SeveralRows) else ()
        return digest((*how, *several), *arrays_of(self.x), self.target, self.mask)

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch ``index`` of the epoch's order."""
        chosen = self._chosen(epoch, index)
        check_there(*arrays_of(self.x), self.target, self.mask)
        target, mask = (None if a is None else a[chosen] for a in (self.target, self.mask))
        if self.last and target is not None:
            target, mask = at_last(target, mask, self.steps)
        x = self._x(chosen)
        return Batch(x, time_first(target), time_first(mask), fresh=True)

    def _x(self, chosen: Array | slice) -> InputsOf:
        """The inputs of some sequences, time-first."""
        if isinstance(self.x, SeveralRows):
            return self.x.of(lambda a: time_first(a[chosen]), lambda a: a[chosen])
        return time_first(self.x[chosen])

    def origin(self, epoch: int, index: int, step: int, row: int, array: str = "") -> str:
        """Where a row of batch ``index`` comes from, in words; of one of the arrays the element."""
        n = self._row(epoch, index, row)
        text = f"row {row} of the batch is sequence {n:,}"
        if array == "target" and self.last:
            return f"{text}: see target[{n}]"
        place = f"{n}, {step}" if self.batch_first else f"{step}, {n}"
        return f"{text}: see {array}[{place}]" if array else text


def _inputs(x: Data | Several, axis: int, static: Static) -> Rows | SeveralRows:
    """x of Sequences as (N, T, ...), or several inputs."""
    if not are_several(x, static):
        if static is not None:
            raise TypeError(
                "Sequences: static is for several inputs, and x is one; give a dict of them by "
                "name, or a tuple in order"
            )
        return with_axes("x", x, axis, numbers=True)
    return several_rows(
        "Sequences", x, static, lambda label, a: with_axes(label, a, axis, numbers=True), LEAD
    )


@final
class Examples(Shuffled):
    """N examples for a feedforward network, in batches of sequences of one step: x (1, B, ...).

    Args:
        x: (N, ...), or several inputs as of ``Sequences``.
        target: (N, ...), or None.
        batch_size: examples in a batch; the last batch of an epoch may be smaller.
        shuffle: True for a new order in each epoch, drawn from (seed, epoch).
        seed: of the order.
        static: as of ``Sequences``.

    Raises ShapeError if x and target differ in length, ValueError if N is 0.

    >>> import numpy as np, rnnbp as rb
    >>> data = rb.Examples(np.zeros((10, 3)), np.zeros(10, int), batch_size=4)
    >>> [batch.x.shape for batch in data]
    [(1, 4, 3), (1, 4, 3), (1, 2, 3)]
    """

    def __init__(
        self,
        x: Data | Several,
        target: Data | None,
        *,
        batch_size: int,
        shuffle: bool = True,
        seed: int = 0,
        static: Static = None,
    ) -> None:
        self.x: Rows | SeveralRows
        if are_several(x, static):
            self.x = several_rows("Examples", x, static, _example_rows, 1)
            _, self.target = same_length("Examples", self.x.parts[self.x.first], target)
        else:
            self.x, self.target = same_length("Examples", x, target)
        self.rows = len(self.x)
        super().__init__(batch_size, shuffle, seed)

    @reprs.safe
    def __repr__(self) -> str:
        what = reprs.counted(self.rows, "example")
        return self._repr(what, inputs_of(self.x), target=self.target)

    @cached_property
    def fingerprint(self) -> str:
        how = (self.batch_size, self.shuffle, self.seed)
        several = self.x.how if isinstance(self.x, SeveralRows) else ()
        return digest((*how, *several), *arrays_of(self.x), self.target)

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch ``index`` of the epoch's order."""
        chosen = self._chosen(epoch, index)
        check_there(*arrays_of(self.x), self.target)
        if isinstance(self.x, SeveralRows):
            x: InputsOf = self.x.of(lambda a: a[chosen][None], lambda a: a[chosen])
        else:
            x = self.x[chosen][None]
        return Batch(
            x,
            None if self.target is None else self.target[chosen][None],
            None,
            fresh=True,
        )

    def origin(self, epoch: int, index: int, step: int, row: int, array: str = "") -> str:
        """Where a row of batch ``index`` comes from, in words; of one of the arrays the element."""
        n = self._row(epoch, index, row)
        text = f"row {row} of the batch is example {n:,}"
        return f"{text}: see {array}[{n}]" if array else text


def _example_rows(label: str, given: object) -> Rows:
    """An input of examples that is not static."""
    return rows(f"Examples: {label}", given, numbers=True)

"""Sources of independent sequences and examples, in shuffled batches."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.checks.batch_first import remember
from rnnbp.checks.mapped import check_there
from rnnbp.inputs.cures import of_elements
from rnnbp.numerics import Array, Shape, ShapeError, flag, positive_int
from rnnbp.rng import check_seed
from rnnbp.support import reprs
from rnnbp.support.ieee import apart
from rnnbp.support.lazy import cached_property
from rnnbp.train.last import TURN, at_last, mask_of, of_sequences, within
from rnnbp.train.rows import Data, Rows, blocks, check_numbers, digest, rows, same_length
from rnnbp.train.source import Batch, Source, check_place, first_epoch
from rnnbp.train.windows import Windows
from rnnbp.wording.arguments import Named

__all__ = ["Batch", "Examples", "Sequences", "Source", "Windows"]


class _Shuffled(Named, ABC):
    """Rows in batches of ``batch_size``, the last one smaller, shuffled anew in each epoch."""

    rows: int

    def __init__(self, batch_size: int, shuffle: bool, seed: int) -> None:
        place = type(self).__name__
        if not self.rows:
            raise ValueError(
                f"{place}: there are no data, x has size 0 along their axis; give at least one"
            )
        self.batch_size = positive_int(f"{place}: batch_size", batch_size)
        self.shuffle, self.seed = flag(f"{place}: shuffle", shuffle), check_seed(seed)

    @property
    def batches_per_epoch(self) -> int:
        return math.ceil(self.rows / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of one epoch, the first."""
        return first_epoch(self)

    def _repr(self, what: str, **arrays: object) -> str:
        """A repr: a title and the arrays."""
        order = f"shuffled in each epoch, seed {self.seed}" if self.shuffle else "in their order"
        batches = f"{reprs.counted(self.batches_per_epoch, 'batch', 'batches')} of {self.batch_size:,}, {order}"
        return reprs.titled(
            self,
            what,
            batches=batches,
            **{k: reprs.array_text(array) for k, array in arrays.items()},
        )

    @abstractmethod
    def batch(self, epoch: int, index: int) -> Batch:
        """Batch ``index`` of the epoch's order."""

    def _chosen(self, epoch: int, index: int) -> Any:
        """The rows of a batch: an index array, or a slice where they are not shuffled."""
        check_place(type(self).__name__, self.batches_per_epoch, epoch, index)
        span = slice(index * self.batch_size, min((index + 1) * self.batch_size, self.rows))
        return _permutation(self.rows, self.seed, epoch)[span] if self.shuffle else span

    def _row(self, epoch: int, index: int, row: int) -> int:
        """The number among all rows of a row of a batch."""
        return int(np.arange(self.rows)[self._chosen(epoch, index)][row])


@final
class Sequences(_Shuffled):
    """N sequences of T steps, independent: every batch starts from the initial state.

    Args:
        x: (N, T, ...); in memory, mapped, or in a file as for ``Windows``: only the rows of a batch
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
            stays (N, ...).

    Raises ShapeError for arrays that do not fit, ValueError if N is 0.

    >>> import numpy as np, rnnbp as rb
    >>> data = rb.Sequences(np.zeros((8, 5, 3)), np.zeros(8, int), last=True, batch_size=4)
    >>> data.batches_per_epoch, data.batch(0, 0).x.shape  # time-first
    (2, (5, 4, 3))
    """

    def __init__(
        self,
        x: Data,
        target: Data | None,
        *,
        batch_size: int,
        mask: Data | None = None,
        lengths: ArrayLike | None = None,
        last: bool = False,
        shuffle: bool = True,
        seed: int = 0,
        batch_first: bool = True,
    ) -> None:
        self.batch_first = flag("Sequences: batch_first", batch_first)
        self.last, axis = flag("Sequences: last", last), 0 if batch_first else 1
        self.x = _axes("x", x, axis, numbers=True)
        self.rows, self.steps = (int(n) for n in self.x.shape[:2])
        self.mask = None if mask is None else _mask(mask, axis, (self.rows, self.steps))
        if lengths is not None:
            turn = TURN if batch_first else "batch-first: leave batch_first out"
            known = mask_of("Sequences: lengths", lengths, (self.rows, self.steps), turn)
            if self.mask is None:
                self.mask = known
            elif self.mask.shape == known.shape:  # another is refused below
                self.mask = within(self.mask[0 : self.rows], known)
        self.target = (
            None if target is None else _axes("target", target, 0 if last else axis, least=2 - last)
        )
        if self.target is not None:
            check_numbers("Sequences: target", self.target)
        super().__init__(batch_size, shuffle, seed)
        self._check()

    def _check(self) -> None:
        if self.mask is not None and self.mask.ndim > 2:
            raise ShapeError(
                "Sequences: mask must have shape (N, T), a weight for each step, found shape "
                f"{self.mask.shape}; {of_elements(self.mask.shape[2:])}"
            )
        lead = {
            "target": (self.rows, self.steps)[: 1 if self.last else 2],
            "mask": (self.rows, self.steps),
        }
        for name, expected in lead.items():
            array = getattr(self, name)
            if array is not None and array.shape[: len(expected)] != expected:
                raise ShapeError(
                    f"Sequences: {name} must begin with the axes {expected} of x, found shape "
                    f"{array.shape}; {self._cure(name, array.shape, expected)}"
                )
        if self.last and self.target is None:
            raise ValueError(
                "Sequences: last=True places targets, but target is None; give (N, ...)"
            )
        if self.last and self.mask is not None:
            some = np.concatenate([(block > 0).any(axis=1) for block in blocks(self.mask)])
            if not some.all():
                row = int(np.argmin(some))
                raise ValueError(
                    f"Sequences: sequence {row} has no last step, its mask is all 0; leave it out"
                )
        for array in (
            (self.x, self.target, self.mask)
            if self.batch_first and not self.last
            else (self.x, self.mask)
        ):
            if isinstance(array, np.ndarray):
                remember(array)

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
        return self._repr(what, x=self.x, target=self.target, mask=self.mask)

    @cached_property
    def fingerprint(self) -> str:
        how = (self.batch_size, self.last, self.shuffle, self.seed)
        return digest(how, self.x, self.target, self.mask)

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch ``index`` of the epoch's order."""
        chosen = self._chosen(epoch, index)
        check_there(self.x, self.target, self.mask)
        target, mask = (None if a is None else a[chosen] for a in (self.target, self.mask))
        if self.last and target is not None:
            target, mask = at_last(target, mask, self.steps)
        return Batch(
            _time_first(self.x[chosen]), _time_first(target), _time_first(mask), fresh=True
        )

    def origin(self, epoch: int, index: int, step: int, row: int) -> str:
        """Where a row of batch ``index`` comes from, in words."""
        return f"row {row} of the batch is sequence {self._row(epoch, index, row):,}"


@final
class Examples(_Shuffled):
    """N examples for a feedforward network, in mini-batches, each a sequence of one step: x (1, B,
    ...).

    Args:
        x: (N, ...).
        target: (N, ...), or None.
        batch_size: examples in a batch; the last batch of an epoch may be smaller.
        shuffle: True for a new order in each epoch, drawn from (seed, epoch).
        seed: of the order.

    Raises ShapeError if x and target differ in length, ValueError if N is 0.

    >>> import numpy as np, rnnbp as rb
    >>> data = rb.Examples(np.zeros((10, 3)), np.zeros(10, int), batch_size=4)
    >>> [batch.x.shape for batch in data]
    [(1, 4, 3), (1, 4, 3), (1, 2, 3)]
    """

    def __init__(
        self, x: Data, target: Data | None, *, batch_size: int, shuffle: bool = True, seed: int = 0
    ) -> None:
        self.x, self.target = same_length("Examples", x, target)
        self.rows = len(self.x)
        super().__init__(batch_size, shuffle, seed)

    @reprs.safe
    def __repr__(self) -> str:
        return self._repr(reprs.counted(self.rows, "example"), x=self.x, target=self.target)

    @cached_property
    def fingerprint(self) -> str:
        return digest((self.batch_size, self.shuffle, self.seed), self.x, self.target)

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch ``index`` of the epoch's order."""
        chosen = self._chosen(epoch, index)
        check_there(self.x, self.target)
        return Batch(
            self.x[chosen][None],
            None if self.target is None else self.target[chosen][None],
            None,
            fresh=True,
        )

    def origin(self, epoch: int, index: int, step: int, row: int) -> str:
        """Where a row of batch ``index`` comes from, in words."""
        return f"row {row} of the batch is example {self._row(epoch, index, row):,}"


@lru_cache(maxsize=4)
def _permutation(n: int, seed: int, epoch: int) -> Array:
    order = apart(np.random.default_rng, (seed, epoch)).permutation(n)
    order.flags.writeable = False
    return order


def _axes(name: str, given: object, axis: int, *, numbers: bool = False, least: int = 2) -> Rows:
    """An argument of Sequences as (N, T, ...), or (N, ...) if one axis is enough."""
    axes = "(N, ...)" if least == 1 else "(N, T, ...)"
    found = rows(f"Sequences: {name}", given, axis=axis, axes=axes, numbers=numbers)
    if found.ndim < least:
        cures = {
            "target": ", or say last=True for one of each sequence",
            "mask": ", or give lengths as lengths=",
        }
        raise ShapeError(
            f"Sequences: {name} must have axes {axes}, found shape {found.shape}; add the missing "
            f"one{cures.get(name, '')}"
        )
    return found


def _mask(given: Data, axis: int, lead: tuple[int, int]) -> Rows:
    """A mask (N, T), or weights (N,) or (N, 1) of sequences at each of their steps."""
    found = rows("Sequences: mask", given, numbers=True)
    shape = found.shape
    if len(shape) == 1 or (
        len(shape) == 2 and shape[1 - axis] == 1 and shape[axis] == lead[0] and lead[1] > 1
    ):
        return of_sequences("Sequences: mask", found[0 : len(found)].reshape(-1), lead)
    return _axes("mask", given, axis, numbers=True)


def _time_first(array: Any) -> Any:
    return None if array is None else np.ascontiguousarray(array.swapaxes(0, 1))

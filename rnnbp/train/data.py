"""Sources of batches: one long stream, sequences, examples."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Self, final

import numpy as np

from rnnbp.batch_first import remember
from rnnbp.ieee import apart
from rnnbp.lazy import cached_property
from rnnbp.mapped import check_there
from rnnbp.numerics import Array, ShapeError, flag, positive_int
from rnnbp.rng import check_seed
from rnnbp.train.rows import Data, FileRows, Rows, blocks, digest, part, rows
from rnnbp.train.source import Batch, Source

__all__ = ["Batch", "Examples", "Sequences", "Source", "Windows"]


@final
class Windows:
    """One long stream in windows of consecutive steps, each starting from the state that the last one left.

    The stream is cut in ``batch_size`` lanes of S // batch_size steps, side by side in a batch, so that lane b
    goes on from one window to the next. The last window of an epoch may be shorter than ``horizon``. The last
    S mod batch_size steps of the stream are not used.

    Args:
        x: (S, ...), integers or floats; may be memory-mapped, or an array of h5py, zarr or another
            library that reads slices from a file: only the steps of a window are read.
        target: (S, ...), or None.
        horizon: steps in a window, which is how far gradients flow.
        batch_size: number of lanes.

    Raises ShapeError where x and target differ in length, ValueError where a lane would be empty.
    """

    def __init__(self, x: Data, target: Data | None, *, horizon: int, batch_size: int) -> None:
        self.x, self.target = _same_length("Windows", x, target)
        self.horizon = positive_int("Windows: horizon", horizon)
        self.batch_size = positive_int("Windows: batch_size", batch_size)
        self.lane = len(self.x) // self.batch_size
        if not self.lane:
            raise ValueError(
                f"Windows: a stream of {len(self.x)} steps is too short for {self.batch_size} lanes; "
                f"give more data or a smaller batch_size"
            )

    @classmethod
    def next_symbol(cls, symbols: Data, *, horizon: int, batch_size: int) -> Self:
        """Windows over a text: x is symbols[:-1], and the target of each symbol is the next one."""
        text = rows("Windows.next_symbol: symbols", symbols, axes="(S,), for bytes np.frombuffer(data, np.uint8)")
        if text.ndim != 1 or text.dtype.kind not in "iu":
            raise ShapeError(
                f"Windows.next_symbol: symbols must be one axis of integers, found {text.dtype} of shape {text.shape}; "
                f"for bytes use np.frombuffer(data, np.uint8)"
            )
        if len(text) < 2:
            raise ValueError(f"Windows.next_symbol: no symbol has a next one in a text of {len(text)}; give more")
        return cls(part(text, 0, len(text) - 1), part(text, 1, len(text)), horizon=horizon, batch_size=batch_size)

    @property
    def batches_per_epoch(self) -> int:
        return math.ceil(self.lane / self.horizon)

    @cached_property
    def fingerprint(self) -> str:
        return digest((self.horizon, self.batch_size), self.x, self.target)

    def batch(self, epoch: int, index: int) -> Batch:
        """Window ``index``, the same in every epoch."""
        _check_place(type(self).__name__, self.batches_per_epoch, epoch, index)
        check_there(self.x, self.target)
        steps = slice(index * self.horizon, min((index + 1) * self.horizon, self.lane))
        target = None if self.target is None else self._window(self.target, steps)
        return Batch(self._window(self.x, steps), target, None, fresh=index == 0)

    def _window(self, stream: Rows, steps: slice) -> Array:
        if isinstance(stream, FileRows):
            lanes = (self.lane * k for k in range(self.batch_size))
            return np.stack([stream[lane + steps.start : lane + steps.stop] for lane in lanes], axis=1)
        found: Array = stream[np.arange(steps.start, steps.stop)[:, None] + self.lane * np.arange(self.batch_size)]
        return found


class _Shuffled:
    """Rows in batches of ``batch_size``, the last one smaller, shuffled anew in each epoch."""

    rows: int

    def __init__(self, batch_size: int, shuffle: bool, seed: int) -> None:
        place = type(self).__name__
        if not self.rows:
            raise ValueError(f"{place}: there are no data, x has size 0 along their axis; give at least one")
        self.batch_size = positive_int(f"{place}: batch_size", batch_size)
        self.shuffle, self.seed = flag(f"{place}: shuffle", shuffle), check_seed(seed)

    @property
    def batches_per_epoch(self) -> int:
        return math.ceil(self.rows / self.batch_size)

    def _chosen(self, epoch: int, index: int) -> Any:
        """The rows of a batch: an index array, or a slice where they are not shuffled."""
        _check_place(type(self).__name__, self.batches_per_epoch, epoch, index)
        span = slice(index * self.batch_size, min((index + 1) * self.batch_size, self.rows))
        return _permutation(self.rows, self.seed, epoch)[span] if self.shuffle else span


@final
class Sequences(_Shuffled):
    """N sequences of T steps, independent: every batch starts from the initial state.

    Args:
        x: (N, T, ...); in memory, mapped, or in a file as for ``Windows``: only the rows of a batch
            are read. What cannot be used after the last step of a row that has weight, as NaN, is
            read as 0 by ``bptt``.
        target: (N, T, ...), or None; with ``last`` (N, ...).
        batch_size: sequences in a batch; the last batch of an epoch may be smaller.
        mask: (N, T), bool or weights ≥ 0 of the steps in the loss: 0 for the padding of short sequences.
        last: one target for each sequence, that of its last step: the last one of weight above 0.
        shuffle: a new order in each epoch, drawn from (seed, epoch).
        batch_first: False for x, target and mask with the axes (T, N, ...); a target for ``last`` stays (N, ...).

    Raises ShapeError for arrays that do not fit, ValueError where there are none.
    """

    def __init__(
        self,
        x: Data,
        target: Data | None,
        *,
        batch_size: int,
        mask: Data | None = None,
        last: bool = False,
        shuffle: bool = True,
        seed: int = 0,
        batch_first: bool = True,
    ) -> None:
        self.batch_first = flag("Sequences: batch_first", batch_first)
        self.last, axis = flag("Sequences: last", last), 0 if batch_first else 1
        self.x = _axes("x", x, axis, numbers=True)
        self.rows, self.steps = (int(n) for n in self.x.shape[:2])
        self.mask = None if mask is None else _axes("mask", mask, axis, numbers=True)
        self.target = None if target is None else _axes("target", target, 0 if last else axis, least=2 - last)
        super().__init__(batch_size, shuffle, seed)
        self._check()

    def _check(self) -> None:
        lead = {"target": (self.rows, self.steps)[: 1 if self.last else 2], "mask": (self.rows, self.steps)}
        for name, expected in lead.items():
            array = getattr(self, name)
            if array is not None and array.shape[: len(expected)] != expected:
                raise ShapeError(
                    f"Sequences: {name} must begin with the axes {expected} of x, found shape {array.shape}; "
                    f"give one for each {'sequence' if len(expected) == 1 else 'step of each sequence'}"
                )
        if self.last and self.target is None:
            raise ValueError("Sequences: last=True places targets, but target is None; give (N, ...)")
        if self.last and self.mask is not None:
            some = np.concatenate([(block > 0).any(axis=1) for block in blocks(self.mask)])
            if not some.all():
                row = int(np.argmin(some))
                raise ValueError(f"Sequences: sequence {row} has no last step, its mask is all 0; leave it out")
        for array in (self.x, self.target, self.mask) if self.batch_first and not self.last else (self.x, self.mask):
            if isinstance(array, np.ndarray):
                remember(array)

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
            target, mask = self._at_last(target, mask)
        return Batch(_time_first(self.x[chosen]), _time_first(target), _time_first(mask), fresh=True)

    def _at_last(self, target: Array, mask: Array | None) -> tuple[Array, Array]:
        """Targets (B, ...) as (B, T, ...), and their weights (B, T): 0 but at each sequence's last step."""
        known = np.ones((len(target), self.steps), np.bool_) if mask is None else mask
        at = np.arange(len(target)), self.steps - 1 - np.argmax(known[:, ::-1] > 0, axis=1)
        placed, weight = np.zeros((len(target), self.steps, *target.shape[1:]), target.dtype), np.zeros_like(known)
        placed[at], weight[at] = target, known[at]
        return placed, weight


@final
class Examples(_Shuffled):
    """N examples for a feedforward network, in mini-batches, each a sequence of one step: x (1, B, ...).

    Args:
        x: (N, ...). target: (N, ...), or None. batch_size: examples in a batch; the last may be smaller.
        shuffle: a new order in each epoch, drawn from (seed, epoch).

    Raises ShapeError where x and target differ in length, ValueError where there are none.
    """

    def __init__(self, x: Data, target: Data | None, *, batch_size: int, shuffle: bool = True, seed: int = 0) -> None:
        self.x, self.target = _same_length("Examples", x, target)
        self.rows = len(self.x)
        super().__init__(batch_size, shuffle, seed)

    @cached_property
    def fingerprint(self) -> str:
        return digest((self.batch_size, self.shuffle, self.seed), self.x, self.target)

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch ``index`` of the epoch's order."""
        chosen = self._chosen(epoch, index)
        check_there(self.x, self.target)
        return Batch(self.x[chosen][None], None if self.target is None else self.target[chosen][None], None, fresh=True)


@lru_cache(maxsize=4)
def _permutation(n: int, seed: int, epoch: int) -> Array:
    order = apart(np.random.default_rng, (seed, epoch)).permutation(n)
    order.flags.writeable = False
    return order


def _check_place(place: str, batches: int, epoch: int, index: int) -> None:
    if epoch < 0 or not 0 <= index < batches:
        raise IndexError(
            f"{place}: there is no batch {index} of epoch {epoch}; index lies in [0, {batches}), epochs count from 0"
        )


def _same_length(place: str, x: object, target: object) -> tuple[Rows, Rows | None]:
    first, second = rows(f"{place}: x", x, numbers=True), None if target is None else rows(f"{place}: target", target)
    if second is not None and len(second) != len(first):
        raise ShapeError(f"{place}: target has shape {second.shape}, x {first.shape}; axis 0 must be there and agree")
    return first, second


def _axes(name: str, given: object, axis: int, *, numbers: bool = False, least: int = 2) -> Rows:
    """An argument of Sequences as (N, T, ...), or (N, ...) where one axis will do."""
    axes = "(N, ...)" if least == 1 else "(N, T, ...)"
    found = rows(f"Sequences: {name}", given, axis=axis, axes=axes, numbers=numbers)
    if found.ndim < least:
        raise ShapeError(f"Sequences: {name} must have axes {axes}, found shape {found.shape}; add the missing one")
    return found


def _time_first(array: Any) -> Any:
    return None if array is None else np.ascontiguousarray(array.swapaxes(0, 1))

"""A source of batches: each is a pure function of (epoch, index), its place in the data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeGuard, overload, runtime_checkable

import numpy as np

from rnnbp.inputs.given import InputsLike, TargetLike
from rnnbp.numerics import Array, flag, positive_int, shown
from rnnbp.support import reprs

UNKNOWN = sys.maxsize
"""Batches of an epoch whose end has not been seen."""
FIELDS = ("x", "target", "mask", "fresh")
"""What an object of another class must have to be taken as a Batch."""


LengthsOf: TypeAlias = Array | dict[str | int, Array] | None
"""Lengths (B,) of sequences, or of each input by its name or number."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Arguments of ``bptt``, time-first.

    Args:
        x: (T, B, ...); of a model of several inputs a tuple or a dict, as ``bptt`` takes it.
        target: (T, B, ...), of a static output (B, ...), or None; of several outputs a dict or tuple.
        mask: (T, B), bool or weights ≥ 0, of a static output (B,), or None; likewise.
        fresh: True to start from the model's initial state, False to continue from the batch
            before.
        lengths: (B,) integers, the steps of each sequence, or None where all have T; of inputs that
            end differently, on several time axes, a dict of these by input. A target of each step
            then has a mask too, which is 0 past the ends.
        reset: (T, B) bool, True at the steps that rows enter with the model's initial state, or
            None for none.

    It unpacks as ``x, target = batch``, or ``x, target, mask = batch`` if there is a mask.

    >>> import numpy as np, rnnbp as rb
    >>> data = rb.Sequences(np.zeros((8, 5, 3), "float32"), np.zeros((8, 5), int), batch_size=4)
    >>> x, target = data.batch(0, 0)
    >>> x.shape, target.shape
    ((5, 4, 3), (5, 4))
    """

    x: InputsLike
    target: TargetLike = None
    mask: TargetLike = None
    fresh: bool = True
    lengths: LengthsOf = None
    reset: Array | None = None

    def __iter__(self) -> Iterator[InputsLike]:
        """x, target, and the mask if there is one."""
        yield from (self.x, self.target) if self.mask is None else (self.x, self.target, self.mask)

    @reprs.safe
    def __repr__(self) -> str:
        texts = reprs.input_texts(self.x)
        arrays = {"target": self.target, "mask": self.mask, "lengths": self.lengths}
        arrays |= {"reset": self.reset}
        texts |= {name: reprs.array_text(array) for name, array in arrays.items()}
        found = [f"{name} {text}" for name, text in texts.items() if text]
        return reprs.cut(f"{type(self).__name__}: {', '.join(found)}, fresh={self.fresh}")


@runtime_checkable
class Source(Protocol):
    """The interface that a Trainer reads batches from.

    ``batch(epoch, index)``, 0 ≤ index < ``batches_per_epoch``, always returns the same batch for
    the same two integers. A source may also have a ``fingerprint``, a str that distinguishes its
    data and order from others: a resumed run compares it. Without one, it compares the batches of
    the updates 1, 2, 4, …, 128 and the first of a validation, which are then requested again; for
    an iterator, or one whose batches are streams, nothing is compared, with a warning.

    >>> import numpy as np, rnnbp as rb
    >>> from rnnbp.train import Batch
    >>> class Noise:
    ...     batches_per_epoch = 3
    ...
    ...     def batch(self, epoch, index):
    ...         x = np.random.default_rng((epoch, index)).normal(size=(5, 4, 1)).astype("float32")
    ...         return Batch(x, x)
    >>> isinstance(Noise(), rb.Source)
    True
    >>> rb.fit(rb.Sequential(rb.Dense(1, 1)), Noise(), rb.losses.MeanSquaredError(), epochs=1).steps
    3
    """

    @property
    def batches_per_epoch(self) -> int: ...

    def batch(self, epoch: int, index: int) -> Batch: ...


@overload
def time_first(array: Array) -> Array: ...
@overload
def time_first(array: None) -> None: ...
def time_first(array: Array | None) -> Array | None:
    """An array (B, T, ...) as (T, B, ...), contiguous."""
    return None if array is None else np.ascontiguousarray(array.swapaxes(0, 1))


def first_epoch(source: Source) -> Iterator[Batch]:
    """The batches of epoch 0, in order."""
    return (source.batch(0, index) for index in range(source.batches_per_epoch))


def comes_once(source: object) -> bool:
    """True if its batches cannot be requested again."""
    return hasattr(source, "__next__") or getattr(source, "once", False) is True


def check_place(place: str, batches: int, epoch: int, index: int) -> None:
    """Raise IndexError for a batch that a source does not have."""
    if epoch < 0 or not 0 <= index < batches:
        raise IndexError(
            f"{place}: there is no batch {index} of epoch {epoch}; index lies in [0, {batches}), "
            "epochs count from 0"
        )


def is_batch(item: object) -> TypeGuard[Batch]:
    """True for a Batch, and for an object of another class that has its fields."""
    return isinstance(item, Batch) or all(hasattr(item, name) for name in FIELDS)


def check_batch(batch: object) -> None:
    """Raise TypeError unless a source of the user's returned a Batch."""
    if not is_batch(batch):
        raise TypeError(f"a source must give a Batch(x, target, mask, fresh), found {shown(batch)}")
    flag("fresh of a Batch", batch.fresh)


def check_source(what: str, source: object) -> Source:
    """A source of batches as it is. Raises TypeError or ValueError for anything else."""
    if not isinstance(source, Source):
        cure = (
            "wrap arrays in Sequences(x, y, ...), Windows or Examples, or give an iterable of "
            "batches (x, target)"
        )
        raise TypeError(
            f"{what} must be a source of batches, found {type(source).__name__}; {cure}"
        )
    positive_int(f"{what}: batches_per_epoch", source.batches_per_epoch)
    return source


def fingerprint(source: Source) -> str:
    """A text that distinguishes a source: its own ``fingerprint``, or else class and length."""
    own = getattr(source, "fingerprint", None)
    if own is None and (label := getattr(source, "label", None)) is not None:
        return str(label)
    what = f"{type(source).__name__} of {source.batches_per_epoch} batches"
    return what if own is None else f"{what}, {own}"

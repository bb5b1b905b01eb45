"""The state of a partitioned optimiser for a file, which the first process writes.

Its arrays come from the other processes one by one, as they are written, so that no process holds
more than one whole slot of a parameter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import final

import numpy as np

from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.optim.base import Optimizer
from rnnbp.storage.header import Tensor, written_order


@contextmanager
def collected(optimizer: Optimizer) -> Iterator[Mapping[str, Tensor]]:
    """What ``live_state`` returns, to be read in the order in which files are written.

    Of a partitioned optimiser the first process calls it, and all others ``send_state``. What has
    not been read comes at the end all the same, so that none of them waits for ever.
    """
    if optimizer.cut is None:
        yield optimizer.live_state()
        return
    like = optimizer.state_like()
    arrays = _arrive(optimizer)
    coming = {name: _Coming(name, like[name], arrays) for name in optimizer.slots}
    try:
        yield {**like, **coming}
    finally:
        for _ in arrays:
            pass


def send_state(optimizer: Optimizer) -> None:
    """Send this process's part of the state to the first process."""
    for _ in _arrive(optimizer) if optimizer.cut is not None else ():
        pass


def _arrive(optimizer: Optimizer) -> Iterator[tuple[str, Array | None]]:
    """The arrays of the state in the order of a file; None for each but in the first process."""
    like, slots, partition = optimizer.state_like(), optimizer.slots, optimizer.cut
    assert partition is not None  # the callers have looked
    for key in written_order({name: like[name] for name in slots}):
        found = partition.collected(key.partition("/")[2], slots[key], like[key].shape)
        yield key, found


@final
class _Coming:
    """An array that comes when NumPy reads it."""

    def __init__(self, name: str, like: Array, arrays: Iterator[tuple[str, Array | None]]) -> None:
        self.dtype: Dtype = like.dtype
        self.shape: Shape = like.shape
        self._name, self._arrays = name, arrays

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.itemsize * math.prod(self.shape)

    def __array__(self, dtype: Dtype | None = None, copy: bool | None = None) -> Array:
        name, found = next(self._arrays)
        assert name == self._name  # they are read in the order of a file
        assert found is not None  # in the first process
        return np.asarray(found, dtype)

"""Memory that a run's actions use one after the other, allocated once and not for every chunk."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from weakref import WeakKeyDictionary

import numpy as np

from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Dtype, Shape

ALIGNMENT = 64
"""Bytes of a cache line, on which every array begins."""


def workspace_bytes(shapes: Iterable[Shape], dtype: Dtype) -> int:
    """What arrays of these shapes take together."""
    return sum(_aligned(math.prod(shape) * dtype.itemsize) for shape in shapes)


class Workspace:
    """One block of memory, given out anew by each ``carve``; and a number of threads.

    Args:
        first: bytes at the beginning of the block that ``carve`` leaves to ``lasting``.
    """

    def __init__(self, arrays: Reuse | None = None, threads: int = 1, first: int = 0) -> None:
        self.memory, self.first = np.empty(0, np.uint8), first
        self._carved: dict[tuple[object, ...], dict[str, Array]] = {}
        self._views = WeakKeyDictionary[object, dict[object, dict[str, Array]]]()
        self._arrays = Reuse() if arrays is None else arrays
        self.apart: dict[int, Workspace] = {}
        """By number of a Recurrent, the one where it computes in the place of this."""
        self.threads = threads
        """Those that kernels may use, counted when a run begins."""

    def another(self, first: int = 0) -> Workspace:
        """One more, of the same pool of arrays, for what runs at the same time; of one thread."""
        return Workspace(self._arrays, first=first)

    def new(self, shape: Shape, dtype: Dtype, *, brief: bool = False) -> Array:
        """An array of its own; ``brief`` as ``Reuse.new`` has it."""
        return self._arrays.new(shape, dtype, brief=brief)

    def reserve(self, nbytes: int) -> None:
        """Have at least this many bytes."""
        nbytes += self.first
        if nbytes > self.memory.nbytes:
            self._carved.clear()
            self._views.clear()
            self.memory = np.empty(0, np.uint8)  # the old block goes before the new one comes
            self.memory = self.new((nbytes,), np.dtype(np.uint8))

    def views(self, owner: object) -> dict[object, dict[str, Array]]:
        """What an owner remembers of the arrays that it carves: forgotten when the block grows."""
        found = self._views.get(owner)
        if found is None:
            found = self._views[owner] = {}
        return found

    def lasting(self, shape: Shape, dtype: Dtype, count: int) -> list[Array]:
        """Arrays that no ``carve`` gives out: as many as ``first`` has room for."""
        size, found = math.prod(shape) * dtype.itemsize, list[Array]()
        self.reserve(0)
        for k in range(count):
            at = k * _aligned(size)
            assert at + size <= self.first
            found.append(self.memory[at : at + size].view(dtype).reshape(shape))
        return found

    def carve(self, shapes: Mapping[str, Shape], dtype: Dtype) -> dict[str, Array]:
        """Arrays of these shapes, good until the next call; the block grows if it must."""
        key = dtype, *shapes.items()
        if key not in self._carved:
            self._carved[key] = self.carve_once(shapes, dtype)
        return dict(self._carved[key])

    def carve_once(self, shapes: Mapping[str, Shape], dtype: Dtype) -> dict[str, Array]:
        """The same, of shapes that seldom come again: they are not remembered."""
        self.reserve(workspace_bytes(shapes.values(), dtype))
        found, at = {}, self.first
        for name, shape in shapes.items():
            nbytes = math.prod(shape) * dtype.itemsize
            found[name] = self.memory[at : at + nbytes].view(dtype).reshape(shape)
            at += _aligned(nbytes)
        return found


def _aligned(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT

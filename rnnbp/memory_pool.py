"""Memory that one run leaves to the next of the same kind, because touching fresh pages is slow.

A block is free once no array lies in it. Free blocks are kept as long as the run, with them, stays
within the peak of the run before; they are released when a run of a different kind begins.
"""

from __future__ import annotations

import math
import tracemalloc
from collections import defaultdict
from functools import partial
from typing import TypeVar
from weakref import ref

import numpy as np

from rnnbp.ledger import Ledger
from rnnbp.numerics import Array, Dtype, Shape, address
from rnnbp.support.prepared import Prepared

T = TypeVar("T")

LARGER = 4
"""The block of a brief array may be this many times larger than the array."""
LEAST = 2**15
"""Bytes below which an array is allocated outside of the pool."""
LINE = 64
"""Bytes of a cache line, on which every block begins."""


class _Lent(ref[Array]):
    """An array that lies in a block, while it lives."""

    block: memoryview
    brief: bool


class Reuse:
    """Blocks of memory, in use or free.

    Args:
        key: the kind of the run; None to keep nothing. Nothing is kept while tracemalloc traces
            either, so that a run shows what it takes.
    """

    def __init__(self, key: object = None) -> None:
        self.key = None if tracemalloc.is_tracing() else key
        self.ledger = Ledger()
        self._limit, self._kit = 0, dict[int, object]()
        self._owner: ref[Prepared] | None = None
        self._free: defaultdict[int, list[memoryview]] = defaultdict(list)
        self._lent: dict[int, _Lent] = {}
        self._ended: list[_Lent] = []
        """Blocks whose arrays have been freed, appended by C code: in a callback in Python an
        interrupt would be lost.
        """
        self._brief = self._waiting = 0
        self.later = 0
        """Bytes of the kit that the ledger will count only later in the run."""

    @property
    def free(self) -> int:
        """Bytes of free blocks."""
        self._collect()
        return self._waiting

    def new(self, shape: Shape, dtype: Dtype, *, brief: bool = False) -> Array:
        """An array of undefined values.

        Args:
            shape: its shape.
            dtype: its dtype.
            brief: True for a temporary array of an action, whose bytes the action has reserved.
        """
        nbytes = math.prod(shape) * dtype.itemsize
        if self.key is None or nbytes < LEAST:
            return np.empty(shape, dtype)
        self._collect()
        block = self._block(nbytes, brief)
        # Its base is not an array, so that it is the base of its views.
        array = np.frombuffer(block, dtype, math.prod(shape))
        self._brief += brief * (block.nbytes + LINE)
        lent = _Lent(array, self._ended.append)
        lent.block, lent.brief = block, brief
        self._lent[id(lent)] = lent
        return array.reshape(shape)

    def _collect(self) -> None:
        """Free the blocks whose arrays have been freed."""
        while self._ended:
            lent = self._lent.pop(id(self._ended.pop()))
            nbytes = lent.block.nbytes
            self._brief -= lent.brief * (nbytes + LINE)
            self._free[nbytes].append(lent.block)
            self._waiting += nbytes + LINE

    def _block(self, nbytes: int, brief: bool) -> memoryview:
        """A block of at least this many bytes, which for a brief array may be a larger one."""
        if self._free[nbytes]:
            return self._taken(nbytes)
        fits = [
            size
            for size, blocks in self._free.items()
            if blocks and nbytes <= size <= LARGER * nbytes
        ]
        if brief and fits:
            return self._taken(min(fits))
        self.keep(self._room() - nbytes)
        memory = np.empty(nbytes + LINE, np.uint8)
        start = -address(memory) % LINE
        return memory.data[start : start + nbytes]

    def _room(self) -> int:
        """Bytes that may be free: the peak less all that is held and reserved.

        Brief arrays count as they are allocated.
        """
        ledger = self.ledger
        return (
            max(self._limit, ledger.peak_bytes)
            - (ledger.total - ledger.brief)
            - self._brief
            - self.later
        )

    def keep(self, room: int) -> None:
        """Release free blocks, the smallest first, until the others fit into ``room`` bytes."""
        if self._waiting > room:
            for nbytes in sorted(self._free):
                while self._free[nbytes] and self._waiting > room:
                    self._taken(nbytes)

    def _taken(self, nbytes: int) -> memoryview:
        self._waiting -= nbytes + LINE
        return self._free[nbytes].pop()

    def grown(self) -> None:
        """The ledger has grown: release free blocks that no longer fit within the peak."""
        if self._ended:
            self._collect()
        if self._waiting:
            self.keep(self._room())

    def begin(self, ledger: Ledger) -> None:
        """Begin a run, with its ledger."""
        self.ledger, ledger.grown = ledger, self.grown

    def end(
        self, kit: object = None, owner: Prepared | None = None, nbytes: int = 0, later: int = 0
    ) -> None:
        """End the run: leave its memory to the next.

        Args:
            kit: what a next run of the same model may use again, or None.
            owner: what is remembered of that model, with which the kit goes.
            nbytes: bytes of the kit.
            later: the part of these bytes that the ledger of a run counts only from some point on.
        """
        self._limit = self.ledger.peak_bytes
        self.ledger.grown = None
        if self.key is not None:
            self._collect()
            self.keep(self._room() - nbytes)
            self._kit[0], self.later = kit, later
            # The callback runs without code in Python.
            self._owner = None if owner is None else ref(owner, partial(self._kit.pop, 0))
            _last[:] = [self]

    def kit(self, owner: Prepared, kind: type[T]) -> T | None:
        """What the last run left, if it was of this model; returned once."""
        found = (
            self._kit.pop(0, None) if self._owner is not None and self._owner() is owner else None
        )
        self._kit.clear()
        self.later = 0 if found is None else self.later
        return found if isinstance(found, kind) else None

    def forget(self) -> None:
        """Drop the kit, which may refer to this memory."""
        self._kit.clear()


_last: list[Reuse] = []
"""The memory of the last run."""


def reuse(key: object = None) -> Reuse:
    """The memory of the last run if it had that key, else an empty pool."""
    last = _taken()
    if last is not None and last.key == key is not None and not tracemalloc.is_tracing():
        return last
    if last is not None:
        last.forget()
    return Reuse(key)


def _taken() -> Reuse | None:
    """The memory of the last run, removed, so that no other thread gets it."""
    try:
        return _last.pop()  # one call, between which and a look before it another thread could come
    except IndexError:
        return None


def release_memory() -> None:
    """Release the memory that the last run left to the next of its kind, at most its peak.

    That is what ``bptt`` took, or for ``predict`` and ``evaluate`` packed weights and a workspace.
    A run of a different kind releases it too. Nothing is kept while tracemalloc traces.

    >>> import rnnbp as rb
    >>> rb.release_memory()
    """
    if (last := _taken()) is not None:
        last.forget()

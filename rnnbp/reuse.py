"""Memory that one run leaves to the next like it: fresh memory costs a page fault for every page, each time.

A block is free once no array lies in it any more. What is free is kept as long as the run, and what it keeps, stay
within the most that the run before took; it is given back when another kind of run begins.
"""

from __future__ import annotations

import math
import tracemalloc
from collections import defaultdict
from functools import partial
from typing import Any
from weakref import ref

import numpy as np

from rnnbp.ledger import Ledger
from rnnbp.numerics import Array, Shape, address

LARGER = 4
"""So many times larger than a brief array a block for it may be."""
LEAST = 2**15
"""Bytes below which an array has memory of its own."""
LINE = 64
"""Bytes of a cache line, on which every block begins."""


class Reuse:
    """Blocks of memory, in use or free.

    Args:
        key: what tells this run from others; None to keep nothing. While tracemalloc traces nothing is kept
            either, so that a run shows what it takes.
    """

    def __init__(self, key: Any = None) -> None:
        self.key = None if tracemalloc.is_tracing() else key
        self.ledger = Ledger()
        self._limit, self._kit = 0, list[Any]()
        self._owner: ref[Any] | None = None
        self._free: defaultdict[int, list[memoryview]] = defaultdict(list)
        self._used: dict[int, Any] = {}
        self._brief = 0
        self.free = 0
        """Bytes that wait to be used again."""

    def new(self, shape: Shape, dtype: np.dtype[Any], *, brief: bool = False) -> Array:
        """An array of anything; a ``brief`` one is a temporary array of an action that has reserved it as such."""
        nbytes = math.prod(shape) * dtype.itemsize
        if self.key is None or nbytes < LEAST:
            return np.empty(shape, dtype)
        block = self._block(nbytes, brief)
        array = np.frombuffer(block, dtype, math.prod(shape))  # its base is no array, so that views have it for theirs
        self._brief += brief * (block.nbytes + LINE)
        self._used[id(array)] = ref(array, partial(_freed, ref(self), id(array), block, brief))
        return array.reshape(shape)

    def _block(self, nbytes: int, brief: bool) -> memoryview:
        """A block for so many bytes; for a brief array one that is larger, rather than one more."""
        if self._free[nbytes]:
            return self._taken(nbytes)
        fits = [size for size, blocks in self._free.items() if blocks and nbytes <= size <= LARGER * nbytes]
        if brief and fits:
            return self._taken(min(fits))
        self.keep(self._room() - nbytes)
        memory = np.empty(nbytes + LINE, np.uint8)
        start = -address(memory) % LINE
        return memory.data[start : start + nbytes]

    def _room(self) -> int:
        """What may be free: the peak less all that is held, and reserved; brief arrays count as they come."""
        ledger = self.ledger
        return max(self._limit, ledger.peak_bytes) - (ledger.total - ledger.brief) - self._brief

    def keep(self, room: int) -> None:
        """Give back free blocks, the smallest first, until the others fit into so many bytes."""
        if self.free > room:
            for nbytes in sorted(self._free):
                while self._free[nbytes] and self.free > room:
                    self._taken(nbytes)

    def _taken(self, nbytes: int) -> memoryview:
        self.free -= nbytes + LINE
        return self._free[nbytes].pop()

    def grown(self) -> None:
        """The ledger has grown: give back what does not fit beside it."""
        if self.free:
            self.keep(self._room())

    def begin(self, ledger: Ledger) -> None:
        """A run begins, with its ledger."""
        self.ledger, ledger.grown = ledger, self.grown

    def end(self, kit: Any = None, model: Any = None, nbytes: int = 0) -> None:
        """It has ended: leave its memory to the next, and a kit of so many bytes if that is of the same model."""
        self._limit = self.ledger.peak_bytes
        self.ledger.grown = None
        if self.key is not None:
            self.keep(self._room() - nbytes)
            self._kit, self._owner = [kit], ref(model, partial(_abandoned, ref(self)))
            _last[:] = [self]

    def kit(self, model: Any) -> Any:
        """What the last run has left, if it was of this model; it is there once."""
        found = self._kit.pop() if self._kit and self._owner is not None and self._owner() is model else None
        self._kit.clear()
        return found

    def forget(self) -> None:
        """Let the kit go, which may know this memory."""
        self._kit.clear()


_last: list[Reuse] = []
"""The memory of the last run."""


def reuse(key: Any = None) -> Reuse:
    """The memory of the last run, if it was of that key; else that is given back, and there is none yet."""
    last = _taken()
    made = Reuse(key)
    if last is None or (made.key is not None and last.key == made.key):
        return last or made
    last.forget()
    return made


def _taken() -> Reuse | None:
    """The memory of the last run, which no other thread gets then."""
    try:
        return _last.pop()  # one call, between which and a look before it another thread could come
    except IndexError:
        return None


def release_memory() -> None:
    """Give back the memory that the last ``bptt`` has left for the next like it, at most its peak.

    Another kind of run does so by itself, ``predict`` and ``evaluate`` too. While tracemalloc traces, none is left.
    """
    if (last := _taken()) is not None:
        last.forget()


def _abandoned(owner: ref[Reuse], _: Any) -> None:
    """A model is no more."""
    if (found := owner()) is not None:
        found.forget()


def _freed(owner: ref[Reuse], number: int, block: memoryview, brief: bool, _: Any) -> None:
    found = owner()
    if found is not None:
        found._used.pop(number, None)
        found._brief -= brief * (block.nbytes + LINE)
        found._free[block.nbytes].append(block)
        found.free += block.nbytes + LINE

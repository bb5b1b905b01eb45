"""Blocks that stand for arrays, and the most bytes of them alive at once."""

from __future__ import annotations

from weakref import ref


class Heap:
    """Bytes alive now, and the most at once; of all that was taken, what kernels leave to NumPy."""

    def __init__(self, buffer: int) -> None:
        self.peak = self.numpy = self._total = 0
        self._alive: dict[int, _Alive] = {}
        self._ended: list[_Alive] = []
        self.buffer = buffer
        """The most that NumPy's takes, for an operand that does not lie together."""

    @property
    def total(self) -> int:
        """Bytes alive now."""
        while self._ended:
            self._total -= self._alive.pop(id(self._ended.pop())).nbytes
        return self._total

    def take(self, block: Block) -> None:
        """Count a block as long as it is alive."""
        if block.nbytes:
            # Not by __del__: what is raised there, as by Ctrl-C, is lost.
            alive = _Alive(block, self._ended.append)
            alive.nbytes = block.nbytes
            self._alive[id(alive)] = alive
            self._total += block.nbytes
        self.note(0)

    def note(self, nbytes: int) -> None:
        """Bytes that are taken and given back at once."""
        self.peak = max(self.peak, self.total + nbytes)


class Block:
    """An array of ``size`` bytes, 0 of its own as a view of ``base``; ``dense``: in C order."""

    __slots__ = ("__weakref__", "base", "dense", "heap", "nbytes", "size")

    def __init__(
        self, heap: Heap, size: int, base: Block | None = None, *, dense: bool = True
    ) -> None:
        self.heap, self.size, self.base, self.dense = heap, size, base, dense
        self.nbytes = size if base is None else 0
        heap.take(self)

    @property
    def alone(self) -> bool:
        """Whether it keeps no larger array than itself."""
        root = self
        while root.base is not None:
            root = root.base
        return root.size <= self.size

    def __add__(self, other: Block) -> Block:
        self.heap.numpy += self.size
        found = Block(self.heap, self.size)
        self.heap.note(
            sum(min(block.size, self.heap.buffer) for block in (self, other) if not block.dense)
        )
        return found


class _Alive(ref[Block]):
    """A block of memory and its size in bytes, while it is alive."""

    nbytes: int

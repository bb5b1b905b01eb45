"""Arrays that lie one after the other in one piece of memory, as those of a tape do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate

from rnnbp.numerics import Array, Shape, address


class PackedArrays:
    """Shapes of arrays, by name, and where they lie: worked out once for all chunks of a length.

    One piece of memory for all: the larger it is, the larger the pages that the system gives for
    it.
    """

    def __init__(self, shapes: Mapping[str, Shape], item: int) -> None:
        starts = list(accumulate(map(math.prod, shapes.values()), initial=0))
        self.size = starts[-1]
        """Elements in all."""
        self._shapes = dict(shapes)
        self._starts = dict(zip(shapes, starts, strict=False))
        self._bytes = {name: item * start for name, start in self._starts.items()}
        self.moves = {name: item * math.prod(shape[1:]) for name, shape in shapes.items()}
        """Bytes from step to step of each."""

    def array(self, memory: Array, name: str) -> Array:
        """One of them, in memory of ``size`` elements."""
        start, shape = self._starts[name], self._shapes[name]
        return memory[start : start + math.prod(shape)].reshape(shape)

    def along(self, bases: Array) -> dict[str, Array]:
        """The addresses of all in several pieces of memory, which begin at ``bases``."""
        return {name: bases + start for name, start in self._bytes.items()}

    def addresses(self, memory: Array) -> dict[str, int]:
        """The addresses of all."""
        base = address(memory)
        return {name: base + start for name, start in self._bytes.items()}

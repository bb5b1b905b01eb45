"""Fills the arrays of random numbers that compiled code takes, for a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from rnnbp.compiler.drawn import Draw
from rnnbp.compiler.forward import Forward
from rnnbp.layers.primitives import Numbers
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.rng import Context, Stream

Fill: TypeAlias = Callable[[Array, int, int, int, int], None]
SPARE = "Rspare"
"""The array of a step's numbers as they are drawn, where the model has another dtype."""


class Draws:
    """What a cell draws.

    Args:
        half: the forward half of its code.
        batch: B.
        dtype: of the arrays; numbers are drawn in float32.
        fast: what draws numbers faster than NumPy, with the same bits: it fills an array (steps,
            ...), from a seed, a place, a draw and the first step.
    """

    def __init__(
        self,
        half: Forward,
        batch: int,
        dtype: Dtype,
        fast: Mapping[Numbers, Fill] = MappingProxyType({}),
    ) -> None:
        self._batch, self._dtype, self._fast = batch, dtype, fast
        self._drawn: Mapping[str, tuple[int, Draw]] = {
            buffer.name: (buffer.rows, draw) for buffer, draw in half.drawn.values()
        }

    def shapes(self, names: Iterable[str], length: int) -> dict[str, Shape]:
        """The shapes of the arrays ``names`` for chunks of ``length`` steps, and of ``SPARE``."""
        drawn = {name: self._drawn[name] for name in names}
        found: dict[str, Shape] = {
            name: (self._batch, n) if draw.still else (length, self._batch, n)
            for name, (n, draw) in drawn.items()
        }
        cast = [n for n, draw in drawn.values() if draw.numbers not in self._fast]
        if cast and self._dtype != np.float32:
            found[SPARE] = (self._batch, max(cast))
        return found

    def fill(
        self, names: Iterable[str], arrays: Mapping[str, Array], context: Context, length: int
    ) -> None:
        """Writes the numbers of a chunk's steps to the arrays ``names``, as ``Context`` draws them.

        Args:
            arrays: those of ``shapes``.
            context: of the chunk and the cell.
        """
        for name in names:
            _, draw = self._drawn[name]
            still, array = draw.still, arrays[name]
            here, first = (array[None], 0) if still else (array[:length], context.step)
            if draw.numbers in self._fast:
                self._fast[draw.numbers](
                    here, context.seed, context.place + draw.node, draw.draw, first
                )
            else:
                self._by_numpy(here, draw, context, first, arrays.get(SPARE))

    def _by_numpy(
        self, out: Array, draw: Draw, context: Context, first: int, spare: Array | None
    ) -> None:
        normal, place = draw.numbers == "normal", context.place + draw.node
        stream = Stream(context.seed, place, draw.draw, normal=normal)
        for step, numbers in enumerate(out, first):
            if spare is None:
                stream.fill(numbers, step)
                continue
            found = spare.view(np.float32).reshape(-1)[: numbers.size].reshape(numbers.shape)
            stream.fill(found, step)
            np.copyto(numbers, found)

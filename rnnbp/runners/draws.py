"""Fills the arrays of random numbers that compiled code takes, for a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from rnnbp.compiler.drawn import Draw
from rnnbp.compiler.forward import Forward
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.rng import Context, Stream

SPARE = "Rspare"
"""The array of a step's numbers as they are drawn, where the model has another dtype."""


class Draws:
    """What a cell draws.

    Args:
        half: the forward half of its code.
        batch: B.
        dtype: of the arrays; numbers are drawn in float32.
    """

    def __init__(self, half: Forward, batch: int, dtype: Dtype) -> None:
        self._batch, self._dtype = batch, dtype
        self._drawn: Mapping[str, tuple[int, Draw]] = {
            buffer.name: (buffer.rows, draw) for buffer, draw in half.drawn.values()
        }

    def shapes(self, names: Iterable[str], length: int) -> dict[str, Shape]:
        """The shapes of the arrays ``names`` for chunks of ``length`` steps, and of ``SPARE``."""
        rows = {name: self._drawn[name][0] for name in names}
        found: dict[str, Shape] = {name: (length, self._batch, n) for name, n in rows.items()}
        if found and self._dtype != np.float32:
            found[SPARE] = (self._batch, max(rows.values()))
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
            moves, normal = draw.per == "step", draw.numbers == "normal"
            stream = Stream(context.seed, context.place + draw.node, draw.draw, normal=normal)
            out, spare = arrays[name][:length], arrays.get(SPARE)
            for k in range(length if moves else min(1, length)):
                self._step(stream, out[k], context.step + k if moves else 0, spare)
            if not moves:
                out[1:] = out[:1]

    def _step(self, stream: Stream, out: Array, step: int, spare: Array | None) -> None:
        if spare is None:
            stream.fill(out, step)
            return
        numbers = spare.view(np.float32).reshape(-1)[: out.size].reshape(out.shape)
        stream.fill(numbers, step)
        np.copyto(out, numbers)

"""What a layer declares of its memory, so that bytes are known before anything runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnbp.numerics import Shape


@dataclass(frozen=True, slots=True)
class Keeps:
    """What ``forward`` saves, in this order: some of its inputs, some of its outputs, arrays of its own.

    ``inputs`` and ``outputs`` are their numbers, from 0: ``Keeps(inputs=(0,))`` says that ``forward``
    returns ``y, (x,)`` with x itself, its first input, which is then not kept twice. ``extras`` are
    (feature shape, dtype) of other arrays, dtype None for that of the parameters.
    """

    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    extras: tuple[tuple[Shape, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Scratch:
    """The most elements that a layer's methods hold at once apart from their results: forward, and the
    two backward.

    ``flags`` are bytes, whatever the dtype, of the three methods: of masks and numbers of symbols.
    """

    forward: int = 0
    inputs: int = 0
    params: int = 0
    flags: tuple[int, int, int] = (0, 0, 0)

    def nbytes(self, itemsize: int) -> tuple[int, int, int]:
        """Bytes of the three methods, where an element takes ``itemsize``."""
        forward, inputs, params = self.flags
        return self.forward * itemsize + forward, self.inputs * itemsize + inputs, self.params * itemsize + params


def buffered(elements: int) -> int:
    """Elements of NumPy's buffer while it works on an operand that does not lie together.

    Such are a row that is repeated, a part of an array, a mask that becomes floats.
    """
    return min(int(np.getbufsize()), elements)

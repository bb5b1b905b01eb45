"""What a layer declares of its memory, so that bytes are known before anything runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnbp.numerics import Shape


@dataclass(frozen=True, slots=True)
class Keeps:
    """What ``forward`` saves, in this order: inputs, outputs, arrays of its own.

    Args:
        inputs: numbers of inputs, from 0: ``Keeps(inputs=(0,))`` declares that ``forward`` returns
            ``y, (x,)`` with x itself, its first input, which is then not kept twice.
        outputs: numbers of outputs, from 0.
        extras: (feature shape, dtype) of other arrays, dtype None for that of the parameters.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Dense(3, 2).keeps((3,))
    Keeps(inputs=(0,), outputs=(), extras=())
    """

    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    extras: tuple[tuple[Shape, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Scratch:
    """The peak temporary memory of a layer's methods, apart from their results.

    Args:
        forward: elements in ``forward``.
        inputs: elements in ``backward_inputs``.
        params: elements in ``backward_params``.
        flags: bytes of masks and of integers in the three methods, whatever the dtype.
    """

    forward: int = 0
    inputs: int = 0
    params: int = 0
    flags: tuple[int, int, int] = (0, 0, 0)

    def nbytes(self, itemsize: int) -> tuple[int, int, int]:
        """Returns the bytes of the three methods, where an element takes ``itemsize``."""
        forward, inputs, params = self.flags
        return (
            self.forward * itemsize + forward,
            self.inputs * itemsize + inputs,
            self.params * itemsize + params,
        )


def buffered(elements: int) -> int:
    """Returns the elements of NumPy's buffer for an operand that is broadcast, strided or cast."""
    return min(int(np.getbufsize()), elements)

"""Sums over many chunks whose rounding errors do not accumulate.

A sum of numbers of equal size loses a rounding error at every addition, so that 10⁶ chunks cost
float32 its third digit. Here up to ``PART`` chunks, or ``STEPS`` steps, are summed as they come;
then the part is added to a total, and the rounding error of that addition, which is itself exactly
representable (Knuth 1998, *The Art of Computer Programming* 2, theorem 4.2.2 B), begins the next
part. So the error is that of one part, whatever their number, and a run of one part has the bits of
a plain sum. A total that is infinite or NaN has no error to carry (inf − inf is NaN), and carries
itself: so the next part cannot overflow to the other side, and NaN comes only from NaN or from
infinities of both signs, as in a plain sum.
"""

from __future__ import annotations

from math import isfinite
from typing import TypeAlias

import numpy as np

from rnnbp.numerics import Array

Number: TypeAlias = float | complex

PART = 64
"""Chunks in a part, at most: fewer cost time, a pass over all gradients each; more cost accuracy.
"""
STEPS = 2048
"""Steps in a part if chunks are long, because the sum within a chunk is a plain one."""
BLOCK = 8192
"""Numbers per pass of ``end_part``: many for a call, few enough for the second cache."""


def part(length: int) -> int:
    """Chunks of a given length in a part."""
    return max(1, min(PART, STEPS // length))


def parted(chunks: int, length: int) -> bool:
    """True if these chunks of a length make more than one part."""
    return chunks > part(length)


def totals(part: Array) -> Array:
    """Totals of 0 for ``part`` (n,), and the temporary arrays of ``end_part`` after them."""
    return np.zeros(_count(part.size), part.dtype)


def nbytes(size: int, itemsize: int) -> int:
    """Bytes of ``totals`` for ``size`` numbers."""
    return _count(size) * itemsize


def _count(size: int) -> int:
    return size + 2 * min(BLOCK, size)


def end_part(part: Array, total: Array) -> None:
    """Add ``part`` (n,) to ``total``, of ``totals``; the rounding error is left in ``part``."""
    n = part.size
    spare = total[n:].reshape(2, min(BLOCK, n))
    for start in range(0, n, BLOCK):
        g, s = part[start : start + BLOCK], total[start : min(start + BLOCK, n)]
        new, z = spare[:, : g.size]
        np.add(s, g, out=new)
        np.subtract(new, s, out=z)  # the part of g that is in the sum
        np.subtract(g, z, out=g)
        np.subtract(new, z, out=z)  # the same of s
        np.subtract(s, z, out=s)
        np.add(g, s, out=g)
        np.copyto(s, new)
        if not np.isfinite(np.add.reduce(g)):  # errors are small: their sum is finite if they are
            odd = z.view(np.bool_)[: g.size]
            for values, rest in ((g, 0), (s, s)):
                np.copyto(g, rest, where=np.logical_not(np.isfinite(values, out=odd), out=odd))


def close(part: Array, total: Array) -> None:
    """Write the whole sum into ``part``."""
    part += total[: part.size]


class Total:
    """A sum of numbers, complex for gradcheck; ``value`` is the sum so far."""

    def __init__(self) -> None:
        self._part: Number = 0.0
        self._whole: Number = 0.0
        self._count = 0

    def add(self, value: Number) -> None:
        """Add a chunk's number."""
        if self._count and self._count % PART == 0:
            g, s = self._part, self._whole
            new = s + g
            z = new - s
            self._whole, self._part = new, _rest((s - (new - z)) + (g - z), new)
        self._part += value
        self._count += 1

    @property
    def value(self) -> Number:
        """The sum so far."""
        return self._whole + self._part if self._count > PART else self._part


def _rest(error: Number, total: Number) -> Number:
    """The rounding error of a total, or the total if that is infinite or NaN."""
    if isinstance(error, complex) or isinstance(total, complex):
        return complex(_real_rest(error.real, total.real), _real_rest(error.imag, total.imag))
    return _real_rest(error, total)


def _real_rest(error: float, total: float) -> float:
    return error if isfinite(error) else 0.0 if isfinite(total) else total

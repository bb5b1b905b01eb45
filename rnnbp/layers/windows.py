"""The windows that convolution and pooling slide over the last axes of an array.

Everything is said in *taps*: tap k is the k-th element of every window, a strided view of the
padded array. A window of K elements is K taps, so no loop runs over pixels, and the adjoint of
reading the taps is adding to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from types import EllipsisType
from typing import TypeAlias

import numpy as np

from rnnbp.numerics import Array, Shape, ShapeError, shown

Sizes: TypeAlias = int | Sequence[int]
"""One number for all axes, or one for each."""
Index: TypeAlias = tuple[EllipsisType | slice, ...]


def per_axis(what: str, value: Sizes, axes: int, *, least: int = 1) -> Shape:
    """``value`` as an int for each of ``axes``. Raises TypeError, ValueError for count or size."""
    values = tuple(value) if isinstance(value, Sequence) else (value,) * axes
    if len(values) != axes:
        raise ValueError(
            f"{what} needs one number, or {axes}: one for each axis; found {shown(value)}"
        )
    return tuple([_whole(what, v, least) for v in values])


def _whole(what: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(
            f"{what} must be a whole number, or one for each axis; found {shown(value)}"
        )
    if value < least:
        raise ValueError(f"{what} must be at least {least} along every axis, found {value}")
    return int(value)


@dataclass(frozen=True, slots=True)
class Sliding:
    """Size, spacing and padding of the windows, one number for each of the last axes.

    ``padding`` counts the elements put before and after each axis; ``dilation`` is the distance
    between the elements of one window, ``stride`` that between windows.
    """

    kernel: Shape
    stride: Shape
    dilation: Shape
    padding: tuple[tuple[int, int], ...]

    @property
    def axes(self) -> int:
        return len(self.kernel)

    @property
    def span(self) -> Shape:
        """The extent of one window, from its first element to its last."""
        return tuple([d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)])

    def counts(self, layer: object, sizes: Shape) -> Shape:
        """How many windows fit in axes of these sizes. Raises ShapeError where none does."""
        padded = tuple(
            [n + before + after for n, (before, after) in zip(sizes, self.padding, strict=True)]
        )
        for axis, (n, span) in enumerate(zip(padded, self.span, strict=True), start=-self.axes):
            if n < span:
                raise ShapeError(
                    f"{layer}: input axis {axis} must have size at least "
                    f"{span - sum(self.padding[axis])} for one window, found {sizes[axis]}; give "
                    "it a larger input, a smaller kernel or more padding"
                )
        return tuple(
            [(n - span) // s + 1 for n, span, s in zip(padded, self.span, self.stride, strict=True)]
        )

    def pad(self, x: Array, fill: float = 0.0) -> Array:
        """Returns ``x`` with its padding, or ``x`` itself if the padding is 0."""
        if not any(map(any, self.padding)):
            return x
        out = np.full(self.padded(x.shape), fill, x.dtype)
        out[self._inside(x.shape)] = x
        return out

    def padded(self, shape: Shape) -> Shape:
        """The shape with padding of an array of ``shape``."""
        batch = len(shape) - self.axes
        return (
            *shape[:batch],
            *(n + sum(p) for n, p in zip(shape[batch:], self.padding, strict=True)),
        )

    def crop(self, padded: Array, shape: Shape) -> Array:
        """The part of ``padded`` that is not padding: the array of ``shape``."""
        inside: Array = padded[self._inside(shape)]
        return inside

    def taps(self, padded: Array, counts: Shape) -> list[Array]:
        """One view (..., *counts) of ``padded`` for each element of the window, in C order."""
        return [padded[self._tap(offset, counts)] for offset in product(*map(range, self.kernel))]

    def _tap(self, offset: Shape, counts: Shape) -> Index:
        axes = zip(offset, self.dilation, self.stride, counts, strict=True)
        return (..., *(slice(i * d, i * d + (n - 1) * s + 1, s) for i, d, s, n in axes))

    def _inside(self, shape: Shape) -> Index:
        return (
            ...,
            *(
                slice(p[0], p[0] + n)
                for p, n in zip(self.padding, shape[-self.axes :], strict=True)
            ),
        )

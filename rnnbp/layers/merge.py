"""Layers of two or more inputs of one size, or with a last axis of 1, and their products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError, broadcast


class Merge(Layer):
    """Several inputs, one output, no parameters; an input's last axis of 1 is repeated for the
    features of the others."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params: dict[str, Array] = {}

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) < 2:
            raise ShapeError(
                f"{self}: merges at least 2 inputs, found {len(shapes)}; call it on all of them at "
                "once"
            )
        known = [shape for shape in shapes if shape is not None]
        whole = broadcast(known) if known else None
        if known and whole is None:
            k, axis = _unlike(known)
            raise ShapeError(
                f"{self}: inputs must have one shape, but differ at axis {axis}: "
                f"expected {known[0]} as input 0, found {known[k]} as input {k}; "
                "project one with a Dense first, or to one feature, which is repeated"
            )
        # An unknown one may be wider.
        return (None if whole and whole[-1:] == (1,) and len(known) < len(shapes) else whole,)

    def check(self, xs: tuple[Array, ...]) -> None:
        """Raise ShapeError unless ``xs`` have one shape, or differ by a last axis of 1."""
        self.output_shapes(*[x.shape for x in xs])  # a tuple at its size: others wait in free lists


class Pair(Merge):
    """A layer of two inputs."""

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 2:
            raise ShapeError(
                f"{self}: takes 2 inputs, found {len(shapes)}; apply it to two at a time"
            )
        return super().output_shapes(*shapes)


def _unlike(shapes: Sequence[Shape]) -> tuple[int, int]:
    """The first shape that does not fit the first one, and the axis at which it differs."""
    first = shapes[0]
    k = next(k for k, shape in enumerate(shapes) if broadcast([first, shape]) is None)
    both = range(1, min(len(shapes[k]), len(first)) + 1)
    return k, next((-a for a in both if shapes[k][-a] != first[-a]), 0)


def repeats(*shapes: Shape) -> bool:
    """True if some input is repeated for the features of others."""
    return len(set(shapes)) > 1


# Deltas of what was repeated are sums, and backward must know of it. An empty array says so by its
# shape, (..., 0, features of each input): it is saved like others, takes no memory, and layers whose
# inputs have one shape save what they always did.


def widths(*xs: Array) -> Array:
    """An empty array whose shape has the last axis of each input."""
    lead = max((x.shape[:-1] for x in xs), key=len)
    return np.empty((*lead, 0, *[x.shape[-1] for x in xs]), xs[0].dtype)


def kept_widths(*shapes: Shape) -> tuple[tuple[Shape, str | None], ...]:
    """How ``Keeps.extras`` declares ``widths``; nothing for inputs of one shape."""
    if not repeats(*shapes):
        return ()
    return (((*shapes[0][:-1], 0, *[shape[-1] for shape in shapes]), None),)


def summed(delta: Array, width: int) -> Array:
    """The delta of an input with a last axis of ``width``."""
    if delta.shape[-1] == width:
        return delta
    found: Array = delta.sum(axis=-1, keepdims=True)
    return found


def extent(rows: int, *shapes: Shape) -> int:
    """Elements of the output."""
    return rows * math.prod(broadcast(shapes) or ())


def temporary(rows: int, *shapes: Shape, several: bool = False, masked: bool = False) -> int:
    """Elements beyond the deltas, where each is made whole and then summed, one after the other.

    Args:
        several: whether a whole one is made of another. masked: whether masks are there before
            the sum, which take as much.
    """
    whole, done, most = extent(rows, *shapes), 0, 0
    for shape in shapes:
        own = rows * math.prod(shape)
        most = max(
            most, done + whole * (1 + several), done + whole + own * (own < whole and not masked)
        )
        done += own
    return most - done


@final
class Multiply(Merge):
    """y = x_1 ⊙ … ⊙ x_n. Keeps its inputs.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: every x_k (...) → y (...), one shape, where a last axis of 1 is repeated.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Multiply()(np.array([1.0, 2.0]), np.array([3.0, 4.0])).tolist()
    [3.0, 8.0]
    """

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        several, size = len(shapes) > 2, extent(rows, *shapes)
        if not repeats(*shapes):
            return Scratch(inputs=size * several)
        return Scratch(buffered(size), temporary(rows, *shapes, several=several))

    def forward(self, *xs: Array) -> tuple[Array, Saved]:
        self.check(xs)
        wide = sorted(xs, key=_width)
        y = wide[0] * wide[1]
        for x in wide[2:]:
            y *= x
        return y, xs

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=tuple(range(len(shapes))))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (reduce(ops.mul, xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return tuple([self._delta(saved, k, dy) for k in range(len(saved))])

    def _delta(self, saved: Saved, k: int, dy: Array) -> Array:
        # Not y / x_k: an input may be 0.
        for x in saved[:k] + saved[k + 1 :]:
            dy = dy * x
        return summed(dy, saved[k].shape[-1])


def _width(x: Array) -> int:
    """For an order in which the widest come first."""
    return -x.shape[-1] if x.ndim else 0

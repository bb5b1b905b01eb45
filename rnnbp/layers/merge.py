"""Layers with several inputs, or several outputs."""

from __future__ import annotations

import math
from functools import reduce
from itertools import accumulate
from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import (
    Array,
    Saved,
    Shape,
    ShapeError,
    mismatch,
    positive_int,
    require_features,
    whole_number,
)


class Merge(Layer):
    """Several inputs of one shape, one output of the same shape, no parameters."""

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
        for k, shape in enumerate(known[1:], start=1):
            if shape != known[0]:
                axis = next(
                    (
                        -a
                        for a in range(1, min(len(shape), len(known[0])) + 1)
                        if shape[-a] != known[0][-a]
                    ),
                    0,
                )
                raise ShapeError(
                    f"{self}: inputs must have one shape, but differ at axis {axis}: "
                    f"expected {known[0]} as input 0, found {shape} as input {k}; "
                    f"{_repeated(known[0], shape)}"
                )
        return (known[0] if known else None,)

    def check(self, xs: tuple[Array, ...]) -> None:
        """Raise ShapeError unless all of ``xs`` have one shape, batch axes included."""
        self.output_shapes(*[x.shape for x in xs])  # a tuple at its size: others wait in free lists


def _repeated(a: Shape, b: Shape) -> str:
    """How two values of these feature shapes come to have one."""
    if (1,) in (a, b) and len(a) == len(b) == 1:
        n = max(*a, *b)
        return f"repeat the one feature v: Concat(*[1] * {n})(*[v] * {n})"
    return "project one with a Dense first"


@final
class Add(Merge):
    """y = x_1 + … + x_n. Keeps nothing.

    Args:
        n_inputs: n ≥ 2.
        name: its name in ``repr`` and errors.

    Shapes: every x_k (...) → y (...), one shape.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Add()(np.array([1.0, 2.0]), np.array([3.0, 4.0])).tolist()
    [4.0, 6.0]
    """

    spare = (0, 0, 0)
    passes = True

    def __init__(self, n_inputs: int = 2, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.n_inputs = whole_number("Add: n_inputs", n_inputs, least=2)

    def forward(self, *xs: Array) -> tuple[Array, Saved]:
        self.check(xs)
        y = xs[0] + xs[1]
        for x in xs[2:]:
            y += x
        return y, ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (reduce(ops.add, xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy,) * self.n_inputs

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) not in (1, self.n_inputs):
            raise ShapeError(
                f"{self}: adds {self.n_inputs} inputs, found {len(shapes)}; build "
                f"Add({len(shapes)})"
            )
        return super().output_shapes(*shapes)

    def describe(self) -> str:
        return "" if self.n_inputs == 2 else f"{self.n_inputs}"


@final
class Subtract(Merge):
    """y = a − b. Keeps nothing.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: a (...), b (...) → y (...), one shape.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Subtract()(np.array([1.0, 2.0]), np.array([3.0, 4.0])).tolist()
    [-2.0, -2.0]
    """

    spare = (0, 0, 0)

    def forward(self, a: Array, b: Array) -> tuple[Array, Saved]:
        self.check((a, b))
        return a - b, ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.sub(*xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return dy, -dy

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 2:
            raise ShapeError(
                f"{self}: takes 2 inputs, found {len(shapes)}; nest differences of more"
            )
        return super().output_shapes(*shapes)


@final
class Multiply(Merge):
    """y = x_1 ⊙ … ⊙ x_n. Keeps its inputs.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: every x_k (...) → y (...), one shape.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Multiply()(np.array([1.0, 2.0]), np.array([3.0, 4.0])).tolist()
    [3.0, 8.0]
    """

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        return Scratch(inputs=rows * math.prod(shapes[0]) * (len(shapes) > 2))

    def forward(self, *xs: Array) -> tuple[Array, Saved]:
        self.check(xs)
        y = xs[0] * xs[1]
        for x in xs[2:]:
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
        return dy


@final
class Concat(Layer):
    """The inputs side by side along the last axis. Keeps nothing: the sizes are the layer's own.

    Args:
        sizes: the size of each input.
        name: its name in ``repr`` and errors.

    Shapes: x_k (..., sizes[k]) → y (..., Σ sizes).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Concat(2, 1)(np.zeros((5, 2)), np.ones((5, 1))).shape
    (5, 3)
    """

    spare = (0, 0, 0)
    passes = True

    def __init__(self, *sizes: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params = {}
        if len(sizes) < 2:
            raise ValueError(f"Concat: give the size of each input, at least 2; found {sizes}")
        self.sizes = tuple([positive_int("Concat: size", n) for n in sizes])

    def forward(self, *xs: Array) -> tuple[Array, Saved]:
        self._check_count(len(xs))
        for k, (x, n) in enumerate(zip(xs, self.sizes, strict=True)):
            require_features(self, x, (n,), f"input {k}")
        return np.concatenate(xs, axis=-1), ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.concat(*xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return tuple(np.split(dy, list(accumulate(self.sizes[:-1])), axis=-1))

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        self._check_count(len(shapes))
        for k, (shape, n) in enumerate(zip(shapes, self.sizes, strict=True)):
            if shape is not None and shape != (n,):
                raise ShapeError(mismatch(self, (n,), shape, f"input {k}"))
        return ((sum(self.sizes),),)

    def _check_count(self, found: int) -> None:
        if found != len(self.sizes):
            raise ShapeError(
                f"{self}: joins {len(self.sizes)} inputs, found {found}; name as many sizes as "
                "inputs"
            )

    def describe(self) -> str:
        return ", ".join(map(str, self.sizes))

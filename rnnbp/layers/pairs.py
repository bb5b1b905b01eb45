"""Quotients, maxima and minima of two inputs."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, final

import numpy as np

from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.merge import Pair, extent, kept_widths, repeats, summed, temporary, widths
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, reused


@final
class Divide(Pair):
    """y = a / b, as IEEE 754 has it: 1 / 0 is infinite, 0 / 0 NaN. Keeps b and its output.

    ``a / b`` of symbolic values adds this layer.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: a (...), b (...) → y (...), one shape, where a last axis of 1 is repeated.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Divide()(np.array([1.0, 2.0]), np.array([4.0])).tolist()
    [0.25, 0.5]
    """

    def forward(self, a: Array, b: Array) -> tuple[Array, Saved]:
        self.check((a, b))
        y: Array = a / b
        return y, (b, y) if a.shape == b.shape else (b, y, widths(a, b))

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(1,), outputs=(0,), extras=kept_widths(*shapes))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        size = extent(rows, *shapes)
        return Scratch(buffered(size), size) if repeats(*shapes) else Scratch()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("div", *xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        b, y, *more = saved
        da = dy / b
        db = da * y
        np.negative(db, out=db)
        if not more:
            return da, db
        n, m = more[0].shape[-2:]
        return summed(da, n), summed(db, m)


class Choice(Pair):
    """One of two inputs. Its delta goes to the one that was taken; each has half of it where they
    are equal, as in PyTorch."""

    comparisons: ClassVar[tuple[np.ufunc, np.ufunc]]
    """Whether the first of two is not taken; the same, or both are equal."""

    @abstractmethod
    def forward(self, a: Array, b: Array) -> tuple[Array, Saved]: ...

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0, 1))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        size, more = extent(rows, *shapes), temporary(rows, *shapes, masked=True)
        buffer = buffered(size)
        return Scratch(buffer * repeats(*shapes), more + buffer, flags=(0, 2 * size, 0))

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        a, b = saved
        return self._delta(dy, a, b), self._delta(dy, b, a)

    def _delta(self, dy: Array, x: Array, other: Array) -> Array:
        """The delta of x: dy (1 − ½ [x loses] − ½ [x does not win]); NaN passes it on."""
        loses, equals = self.comparisons
        found = np.add(loses(x.real, other.real), equals(x.real, other.real), dtype=dy.real.dtype)
        found *= -0.5
        found += 1
        found = np.multiply(found, dy, out=reused(found, dy))
        return summed(found, x.shape[-1])


@final
class Maximum(Choice):
    """y = max(a, b), element by element; NaN where one is. Keeps its inputs.

    The derivative is PyTorch's: 1 for the larger one and 0 for the other, ½ for both where they are
    equal.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: a (...), b (...) → y (...), one shape, where a last axis of 1 is repeated.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Maximum()(np.array([1.0, 5.0]), np.array([3.0, 4.0])).tolist()
    [3.0, 5.0]
    """

    comparisons = np.less, np.less_equal

    def forward(self, a: Array, b: Array) -> tuple[Array, Saved]:
        self.check((a, b))
        return _larger(a, b), (a, b)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("maximum", *xs),)


@final
class Minimum(Choice):
    """y = min(a, b), element by element; NaN where one is. Keeps its inputs.

    The derivative is PyTorch's: 1 for the smaller one and 0 for the other, ½ for both where they
    are equal.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: a (...), b (...) → y (...), one shape, where a last axis of 1 is repeated.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Minimum()(np.array([1.0, 5.0]), np.array([3.0, 4.0])).tolist()
    [1.0, 4.0]
    """

    comparisons = np.greater, np.greater_equal

    def forward(self, a: Array, b: Array) -> tuple[Array, Saved]:
        self.check((a, b))
        return -_larger(-a, -b) if a.dtype.kind == "c" else np.minimum(a, b), (a, b)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("minimum", *xs),)


def _larger(a: Array, b: Array) -> Array:
    """The larger one, by the real part; NaN where one is."""
    if a.dtype.kind != "c":
        found: Array = np.maximum(a, b)
        return found
    return np.where((a.real >= b.real) | np.isnan(a.real), a, b)

"""Powers, logarithms, sizes and limits, element by element."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.layers.declared import Keeps
from rnnbp.layers.pointwise import Pointwise
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, real_number, reused


@final
class Exp(Pointwise):
    """eˣ; infinite where it overflows. Keeps its output.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Exp()(np.array([0.0, 1.0])).round(4).tolist()
    [1.0, 2.7183]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y: Array = np.exp(x)
        return y, (y,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("exp", *xs),)

    def derivative(self, saved: Saved) -> Array:
        return saved[0].copy()

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy * saved[0],)


class OfInput(Pointwise):
    """A pointwise layer that keeps its input."""

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0,))


@final
class Log(OfInput):
    """log x, to base e: −∞ at 0, NaN below. Keeps its input.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Log()(np.array([1.0, 2.0])).round(4).tolist()
    [0.0, 0.6931]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        return np.log(x), (x,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("log", *xs),)

    def derivative(self, saved: Saved) -> Array:
        return np.reciprocal(saved[0])

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy / saved[0],)


@final
class Sqrt(Pointwise):
    """√x: its slope is infinite at 0, NaN below. Keeps its output.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Sqrt()(np.array([4.0, 9.0])).tolist()
    [2.0, 3.0]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y: Array = np.sqrt(x)
        return y, (y,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("sqrt", *xs),)

    def derivative(self, saved: Saved) -> Array:
        return np.divide(0.5, saved[0])

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        dx = dy / saved[0]
        dx *= 0.5
        return (dx,)


@final
class Reciprocal(Pointwise):
    """1 / x, infinite at 0. Keeps its output: its slope is −y².

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Reciprocal()(np.array([2.0, -4.0])).tolist()
    [0.5, -0.25]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y: Array = np.reciprocal(x)
        return y, (y,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("reciprocal", *xs),)

    def derivative(self, saved: Saved) -> Array:
        (y,) = saved
        square = y * y
        derivative: Array = np.negative(square, out=reused(square))
        return derivative


@final
class Square(OfInput):
    """x². Keeps its input.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Square()(np.array([1.0, -3.0])).tolist()
    [1.0, 9.0]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        return x * x, (x,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.mul(xs[0], xs[0]),)

    def derivative(self, saved: Saved) -> Array:
        return 2 * saved[0]


@final
class Abs(OfInput):
    """|x|, derivative 0 at 0, as PyTorch's. Keeps its input.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Abs()(np.array([1.0, -3.0])).tolist()
    [1.0, 3.0]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        complex_ = x.dtype.kind == "c"
        # Not |x| of complex numbers, which is not analytic.
        return np.where(x.real < 0, -x, x) if complex_ else np.absolute(x), (x,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("abs", *xs),)

    def derivative(self, saved: Saved) -> Array:
        found: Array = np.sign(saved[0].real)
        return found


@final
class Clip(OfInput):
    """x, but no less than ``low`` and no more than ``high``; NaN stays NaN. Keeps its input.

    Its derivative is PyTorch's: 1 between the two, themselves included, else 0.

    Args:
        low, high: numbers, None for no limit; low ≤ high.
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Clip(-1, 1)(np.array([0.5, -3.0])).tolist()
    [0.5, -1.0]
    """

    spare_flags = (0, 1, 0)

    def __init__(
        self, low: float | None = None, high: float | None = None, *, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.low = None if low is None else real_number("Clip: low", low)
        self.high = None if high is None else real_number("Clip: high", high)
        if self.low is None and self.high is None:
            raise ValueError("Clip: give low, high or both")
        if self._limits[0] > self._limits[1]:
            raise ValueError(f"Clip: low {low} is above high {high}; exchange them")

    @property
    def _limits(self) -> tuple[float, float]:
        return (
            -np.inf if self.low is None else self.low,
            np.inf if self.high is None else self.high,
        )

    def forward(self, x: Array) -> tuple[Array, Saved]:
        low, high = self._limits
        if x.dtype.kind == "c":
            return np.where(x.real < low, low, np.where(x.real > high, high, x)), (x,)
        y = np.maximum(x, low) if self.low is not None else np.minimum(x, high)
        if self.low is not None and self.high is not None:
            y = np.minimum(y, high, out=y if isinstance(y, np.ndarray) else None)
        return y, (x,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("clip", *xs, attr=self._limits),)

    def derivative(self, saved: Saved) -> Array:
        (x,), (low, high) = saved, self._limits
        inside = np.asarray(x.real >= low)
        np.logical_and(inside, x.real <= high, out=inside)
        found: Array = inside.astype(x.real.dtype)
        return found

    def describe(self) -> str:
        return f"{self.low}, {self.high}"

"""Penalties on activity: layers that hand their input on, and add to the loss by its elements."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.pointwise import Activation
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Dtype, Saved, Shape, real_number

UNNAMED = "penalty"
"""What a result calls penalties without a name."""


@final
class Penalty(Activation):
    """y = x, and l1 · |x| + l2 · x², summed over the features, is added to the loss.

    It penalises activity: of rates, gates or weights. What it returns takes the place of x; where
    that is not used, there is no penalty. It may stand in a cell or in a graph:

    - on a value per step the mean over all T · B steps and sequences is added; a mask of the loss
      leaves none out, because a state that runs through such steps is active there too;
    - per sequence, the mean over the B sequences;
    - on a parameter value, as ``rb.Parameter`` and functions of it, the sum.

    ``bptt`` returns the loss with all penalties, and each by name in ``penalties``; penalties of
    one name are added up, those without a name as "penalty". ``evaluate`` and validation take the
    loss of the data alone. Parameters of layers are penalised by their paths instead, see
    ``rb.losses.L2``. Keras calls it ActivityRegularization, and divides by B alone.

    Source: L1 and L2 of activity regularise language models (Merity et al. 2017, 1708.01009) and
    rates of neurons (Sussillo et al. 2015).

    Args:
        l1, l2: factors ≥ 0; the derivative of |x| at 0 is 0.
        name: its name in ``penalties`` of a result, in ``repr`` and errors.

    Shapes: x (...) → y (...). Keeps its input.

    Raises ValueError for a factor below 0.

    >>> import numpy as np, rnnbp as rb
    >>> model = rb.Sequential(rb.RNN(2, 3, rng=0), rb.Penalty(l2=0.1, name="rates"))
    >>> x, loss = np.ones((5, 1, 2), "float32"), rb.losses.MeanSquaredError()
    >>> found = rb.bptt(model, x, np.zeros((5, 1, 3), "float32"), loss)
    >>> y, _ = rb.predict(model, x)
    >>> bool(np.isclose(found.penalties["rates"], 0.1 * (y**2).sum() / 5))
    True
    """

    spare = (0, 0, 0)
    view = True

    def __init__(self, *, l1: float = 0.0, l2: float = 0.0, name: str | None = None) -> None:
        super().__init__(name=name)
        self.l1 = real_number("Penalty: l1", l1, least=0)
        self.l2 = real_number("Penalty: l2", l2, least=0)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        return x, ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return xs

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy,)

    def describe(self) -> str:
        return ", ".join(f"{k}={v}" for k, v in (("l1", self.l1), ("l2", self.l2)) if v)


@final
class PenaltyTerm(Layer):
    """A ``Penalty`` in the graph that is run: it takes the factor of its mean as a second value.

    That is a value of the run, a feature each, like a parameter: so the sum of l1 · |x| + l2 · x²
    over steps and sequences, which is reported, comes as the factor's delta, by the chunk.

    Args:
        penalty: what was written.

    Shapes: x (..., n), factor (n,) → y (..., n), a view of x. Keeps its inputs.
    """

    mixes = True
    charges = True

    def __init__(self, penalty: Penalty) -> None:
        super().__init__(name=penalty.name)
        self.params = {}
        self.penalty = penalty

    def forward(self, x: Array, factor: Array) -> tuple[Array, Saved]:
        return x[...], (x, factor)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0, 1))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        x, factor = xs
        return (ops.penalty(x, factor, self.penalty.l1, self.penalty.l2),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        x, factor = saved
        charge = self._summed(x, factor.ndim)
        dx = slope(x, self.penalty.l1, self.penalty.l2)
        dx *= factor.reshape(-1)[0]  # all are equal, and NumPy would take a buffer for many
        dx += dy
        return dx, charge

    def _summed(self, x: Array, features: int) -> Array:
        """The penalties of all elements, summed over the axes before the features."""
        found = penalties(x, self.penalty.l1, self.penalty.l2)
        total: Array = np.add.reduce(found, axis=tuple(range(x.ndim - features)))
        return total

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        both = self.penalty.l1 and self.penalty.l2
        return Scratch(0, rows * math.prod(shapes[0]) if both else 0, 0)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return shapes[:1]

    def __repr__(self) -> str:
        return repr(self.penalty)


@final
class PenaltyFactor(Layer):
    """The factor of the mean of a ``PenaltyTerm``, once for each feature; 1 until a run sets it.

    Args:
        shape: of the features.
        label: of the penalty, in the result.
    """

    typed = True
    spare = (0, 0, 0)

    def __init__(self, shape: Shape, label: str) -> None:
        super().__init__()
        self.params = {}
        self.shape, self.label = shape, label

    def forward(self, *xs: Array, dtype: Dtype) -> tuple[Array, Saved]:
        return np.ones(self.shape, dtype), ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        return Scratch()

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return ()

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return (self.shape,)

    def __repr__(self) -> str:
        return "1 / N"


def penalties(x: Array, l1: float, l2: float) -> Array:
    """l1 · |x| + l2 · x² of each element; |x| of complex numbers by the sign of the real part."""
    if not l1:
        found = x * x
        found *= l2
        return found
    found = np.where(x.real < 0, -x, x) if x.dtype.kind == "c" else np.absolute(x)
    found *= l1
    if l2:
        square = x * x
        square *= l2
        found += square
    return found


def slope(x: Array, l1: float, l2: float) -> Array:
    """Its derivative: l1 · sign(x) + 2 · l2 · x."""
    if not l1:
        return x * (2 * l2)
    found: Array = np.sign(x.real).astype(x.dtype, copy=False)
    found *= l1
    if l2:
        found += x * (2 * l2)
    return found

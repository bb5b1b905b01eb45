"""Gaussian noise, whose numbers are a function of the seed, the place and the step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import ClassVar, final

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.dropout import NOTHING
from rnnbp.layers.frozen import Check
from rnnbp.layers.primitives import Primitives
from rnnbp.layers.random_layer import RandomLayer
from rnnbp.numerics import Array, Saved, Shape, ShapeError, real_number
from rnnbp.rng import Context, Per

_deviation = partial(real_number, least=0, cure="sigma is the standard deviation of the noise")


@final
class GaussianNoise(RandomLayer):
    """y = x + σ n, n drawn from N(0, 1) for each element; y = x outside training. The delta of x is
    that of y. Keeps nothing.

    Args:
        sigma: the standard deviation σ ≥ 0.
        per: "step" for new numbers every step; "sequence" for the same at all steps of a sequence.
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    Noise of a rate network is added before its nonlinearity; with a leak a, σ = √(2/a) · s has the
    stationary deviation of about s (Song, Yang & Wang 2016, 1602.07389).

    Raises ValueError for a ``sigma`` below 0 and a ``per`` that is not one of these.

    Numbers are drawn no more often than x changes: of a static input once a sequence, of a
    parameter value once a run.

    >>> import numpy as np, rnnbp as rb
    >>> x, model = np.ones((5, 2, 300), "float32"), rb.Sequential(rb.GaussianNoise(0.5))
    >>> y = rb.predict(model, x, training=True)[0]
    >>> float(rb.predict(model, x)[0].std()), bool(0.45 < y.std() < 0.55)
    (0.0, True)
    """

    passes: ClassVar[bool] = True
    settable: ClassVar[Mapping[str, Check]] = {"sigma": _deviation, **RandomLayer.settable}

    def __init__(self, sigma: float, *, per: Per = "step", name: str | None = None) -> None:
        super().__init__(per, name=name)
        self.sigma = _deviation("GaussianNoise: sigma", sigma)

    @property
    def evaluated(self) -> Layer:
        return NOTHING

    def forward(self, x: Array, *, context: Context | None = None) -> tuple[Array, Saved]:
        if (drawing := self.drawing(x, context)) is None:
            return x, ()
        y: Array = drawing.normal(x.shape, per=self.per).astype(x.dtype)
        y *= self.sigma
        y += x
        return y, ()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        if not ops.training:
            return xs
        numbers = ops.random("normal", xs[0], per=self.per)
        return (ops.add(xs[0], ops.scale(numbers, self.sigma)),)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        # The numbers as they are drawn, in float32.
        return Scratch(flags=(4 * rows * math.prod(shapes[0]), 0, 0))

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy,)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(
                f"{self}: adds noise to one input, found {len(shapes)}; add to each separately"
            )
        return shapes

    def describe(self) -> str:
        return f"{self.sigma}{self.per_shown()}"

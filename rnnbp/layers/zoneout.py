"""Zoneout, whose mask is a function of the seed, the place and the step."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import partial
from typing import ClassVar, final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.frozen import Check
from rnnbp.layers.primitives import Primitives
from rnnbp.layers.random_layer import RandomLayer, share
from rnnbp.numerics import Array, Saved, Shape, ShapeError
from rnnbp.rng import Context, Per

_share = partial(share, cure="rate is the share that stays as it was")


@final
class Zoneout(RandomLayer):
    """y = m ⊙ old + (1 − m) ⊙ new, each m 1 with probability ``rate``, else 0 (Krueger et al. 2017,
    1606.01305); outside training the mean, y = rate · old + (1 − rate) · new.

    Args:
        rate: probability that an element stays as it was, 0 ≤ rate < 1.
        per: "step" for a new mask every step; "sequence" for one mask for all steps of a sequence.
        name: its name in ``repr`` and errors.

    It is called on the old state and the new one, in this order. In the paper, the states of an
    LSTM have layers of their own, and rates of their own; the output is the new h, zoned out.

    Shapes: old (...), new (...) → y (...), one shape. Keeps its mask, a byte for each element;
    nothing outside training.

    Raises ValueError for a ``rate`` or a ``per`` that is not one of these, ShapeError for two
    shapes that differ.

    Numbers are drawn no more often than the states change: of a static input once a sequence, of a
    parameter value once a run.

    >>> import numpy as np, rnnbp as rb
    >>> x, h = rb.Input(3), rb.State(4, "h")
    >>> new = rb.Tanh()(rb.Dense((3, 4), 4, rng=0)(x, h))
    >>> h_new = rb.Zoneout(0.1)(h, new)
    >>> model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))
    >>> rb.Zoneout(0.25)(np.array([4.0, 0.0]), np.array([0.0, 4.0])).tolist()
    [1.0, 3.0]
    """

    keeps_mask: bool = True
    """False in the copy that stands for the layer outside training."""
    settable: ClassVar[Mapping[str, Check]] = {"rate": _share, **RandomLayer.settable}

    def __init__(self, rate: float, *, per: Per = "step", name: str | None = None) -> None:
        super().__init__(per, name=name)
        self.rate = _share("Zoneout: rate", rate)

    @property
    def evaluated(self) -> Layer:
        found = copy(self)
        vars(found)["keeps_mask"] = False
        return found

    def forward(
        self, old: Array, new: Array, *, context: Context | None = None
    ) -> tuple[Array, Saved]:
        if (shape := np.shape(old)) != np.shape(new):
            self.output_shapes(shape, np.shape(new))
        if (drawing := self.drawing(old, context)) is None:
            y: Array = old - new
            y *= self.rate
            y += new
            return y, ()
        mask = drawing.uniform(old.shape, per=self.per) >= self.rate
        return np.where(mask, new, old), (mask,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        old, new = xs
        if not ops.training:
            return (ops.add(ops.scale(ops.sub(old, new), self.rate), new),)
        return (ops.where(ops.random("uniform", old, per=self.per), self.rate, new, old),)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(extras=((shapes[0], "bool"),) if self.keeps_mask else ())

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        return Scratch()

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        if not saved:
            return dy * self.rate, dy * (1 - self.rate)
        (mask,), zero = saved, np.zeros((), dy.dtype)
        return np.where(mask, zero, dy), np.where(mask, dy, zero)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 2:
            raise ShapeError(
                f"{self}: takes the old state and the new one, found {len(shapes)} inputs; write "
                "as h_new = zoneout(h, new)"
            )
        old, new = shapes
        if None not in shapes and old != new:
            raise ShapeError(
                f"{self}: the old state and the new one must have one shape, found {old} and {new};"
                " let what computes the new one return the shape of the state"
            )
        return (new if old is None else old,)

    def describe(self) -> str:
        return f"{self.rate}{self.per_shown()}"

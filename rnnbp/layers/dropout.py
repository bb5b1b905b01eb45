"""Dropout, whose mask is a function of the seed, the place and the step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import ClassVar, final

from rnnbp import machine
from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.frozen import Check
from rnnbp.layers.primitives import Primitives
from rnnbp.layers.random_layer import RandomLayer, share
from rnnbp.machine.masks import masked
from rnnbp.naming import in_full
from rnnbp.numerics import Array, Saved, Shape, ShapeError, flag
from rnnbp.rng import Context, Per

_share = partial(share, cure="p is the share that is dropped")


@final
class Dropout(RandomLayer):
    """y = x ⊙ m / (1 − p), each m 0 with probability p, else 1 (Srivastava et al. 2014); y = x
    outside training.

    Args:
        p: probability of dropping an element, 0 ≤ p < 1.
        per: "step" for a new mask every step; "sequence" for one mask for all steps of a sequence
            (variational dropout, Gal & Ghahramani 2016).
        every_step: False is an earlier spelling of per="sequence".
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...). Keeps its mask, a byte for each element; nothing outside training.

    Raises ValueError for a ``p`` or a ``per`` that is not one of these.

    Numbers are drawn no more often than x changes: of a static input once a sequence, of a
    parameter value once a run (DropConnect, Wan et al. 2013, is Dropout of a matrix).

    >>> import numpy as np, rnnbp as rb
    >>> x, model = np.ones((5, 2, 3), "float32"), rb.Sequential(rb.Dropout(0.5))
    >>> float(rb.predict(model, x)[0].min()), set(rb.predict(model, x, training=True)[0].ravel().tolist())
    (1.0, {0.0, 2.0})
    """

    settable: ClassVar[Mapping[str, Check]] = {
        "p": _share,
        "every_step": flag,
        **RandomLayer.settable,
    }

    def __init__(
        self,
        p: float = 0.5,
        *,
        per: Per = "step",
        every_step: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(per, name=name)
        if not flag("Dropout: every_step", every_step):
            self.every_step = False
        self.p = _share("Dropout: p", p)
        self.view = self.p == 0  # it returns x itself

    @property
    def evaluated(self) -> Layer:
        return NOTHING

    def set(self, **options: object) -> None:
        """As ``Layer.set``: changes ``p`` and ``per``."""
        super().set(**options)
        vars(self)["view"] = self.p == 0

    def forward(self, x: Array, *, context: Context | None = None) -> tuple[Array, Saved]:
        drawing = self.drawing(x, context) if self.p else None
        if drawing is None:
            return x, ()
        mask = drawing.uniform(x.shape, per=self.per) >= self.p
        return self._masked(x, mask), (mask,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        if not ops.training or self.p == 0:
            return xs
        numbers = ops.random("uniform", xs[0], per=self.per)
        mask = ops.scale(ops.at_least(numbers, self.p), 1 / (1 - self.p))
        return (ops.mul(xs[0], mask),)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(extras=tuple((shape, "bool") for shape in shapes if self.p))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        # Of a mask that becomes floats, in NumPy.
        size = buffered(rows * math.prod(shapes[0])) if self.p and not machine.chosen() else 0
        return Scratch(size, size)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (self._masked(dy, saved[0]) if saved else dy,)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(
                f"{self}: drops from one input, found {len(shapes)}; drop from each separately"
            )
        return shapes

    def describe(self) -> str:
        if in_full():
            return f"{self.p}{self.per_shown()}"
        return f"{self.p}" + ("" if self.every_step else ", every_step=False")  # as in snapshots

    def _masked(self, x: Array, mask: Array) -> Array:
        return masked(x, mask, 1 / (1 - self.p))


NOTHING = Dropout(0.0)

"""Dropout, whose mask is a function of the seed, the place and the step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import ClassVar, final

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.frozen import Check
from rnnbp.numerics import Array, Saved, Shape, ShapeError, flag, real_number
from rnnbp.rng import Context

_share = partial(real_number, least=0, below=1, cure="p is the share that is dropped")


@final
class Dropout(Layer):
    """y = x ⊙ m / (1 − p), each m 0 with probability p, else 1 (Srivastava et al. 2014); y = x
    outside training.

    Args:
        p: probability of dropping an element, 0 ≤ p < 1.
        every_step: True for a new mask every step; False for one mask for the whole sequence (Gal &
            Ghahramani 2016).
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...). Keeps its mask, a byte for each element; nothing outside training.

    >>> import numpy as np, rnnbp as rb
    >>> x, model = np.ones((5, 2, 3), "float32"), rb.Sequential(rb.Dropout(0.5))
    >>> float(rb.predict(model, x)[0].min()), set(rb.predict(model, x, training=True)[0].ravel().tolist())
    (1.0, {0.0, 2.0})
    """

    random: ClassVar[bool] = True
    settable: ClassVar[Mapping[str, Check]] = {"p": _share, "every_step": flag}

    def __init__(self, p: float = 0.5, *, every_step: bool = True, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params = {}
        self.p = _share("Dropout: p", p)
        self.view = self.p == 0  # it returns x itself
        self.every_step = flag("Dropout: every_step", every_step)

    def set(self, **options: object) -> None:
        """As ``Layer.set``: changes ``p`` and ``every_step``."""
        super().set(**options)
        vars(self)["view"] = self.p == 0

    def forward(self, x: Array, *, context: Context | None = None) -> tuple[Array, Saved]:
        if context is None or not context.training or self.p == 0:
            return x, ()
        if context.length is not None and x.shape[:1] != (context.length,):
            raise ShapeError(
                f"{self}: input axis 0 must be the {context.length} steps of the chunk, found "
                f"shape {x.shape}; give it shape (L, B, ...), or a context of that length"
            )
        mask = context.uniform(x.shape, every_step=self.every_step) >= self.p
        return self._masked(x, mask), (mask,)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(extras=tuple((shape, "bool") for shape in shapes if self.p))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        # Of a mask that becomes floats.
        size = buffered(rows * math.prod(shapes[0])) if self.p else 0
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
        return f"{self.p}" + ("" if self.every_step else ", every_step=False")

    def _masked(self, x: Array, mask: Array) -> Array:
        y: Array = x * mask
        y *= 1 / (1 - self.p)
        return y


NOTHING = Dropout(0.0)


def in_mode(layer: Layer, *, training: bool) -> Layer:
    """The layer that has the bytes of ``layer`` in a mode: Dropout has none outside training."""
    return NOTHING if not training and isinstance(layer, Dropout) else layer

"""Random layers of every kind, as a cell applies them to two values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rnnbp as rb
from rnnbp.numerics import Array
from rnnbp.rng import Context, Per

PERS: tuple[Per, ...] = ("step", "sequence")


class Own(rb.Layer):
    """y = x ⊙ (1 + ½ n) + u, a user's layer of two draws, one of them for a whole sequence."""

    random = True

    def forward(self, x: Array, *, context: Context | None = None) -> Any:
        if context is None or not context.training:
            return x, ()
        gain = 1 + 0.5 * context.normal(x.shape, draw=3).astype(x.dtype)
        return x * gain + context.uniform(x.shape, per="sequence", draw=4), (gain,)

    def backward_inputs(self, saved: Any, dy: Array) -> Any:
        return (dy * saved[0] if saved else dy,)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes

    def keeps(self, *shapes: Any) -> rb.Keeps:
        return rb.Keeps(extras=((shapes[0], None),))

    def lower(self, ops: Any, *xs: int) -> tuple[int, ...]:
        (x,) = xs
        if not ops.training:
            return (x,)
        gain = ops.scale(ops.random("normal", x, draw=3), 0.5, 1.0)
        noise = ops.random("uniform", ops.shape(x), per="sequence", draw=4)
        return (ops.add(ops.mul(x, gain), noise),)


def _of(kind: Any, per: Per) -> Callable[[Any, Any], Any]:
    """A layer of one input, or of two."""
    layer = kind(0.3, per=per)
    return (lambda a, b: layer(a, b)) if kind is rb.Zoneout else lambda a, b: layer(a)


KINDS = {"dropout": rb.Dropout, "noise": rb.GaussianNoise, "zoneout": rb.Zoneout}
LAYERS: dict[str, Callable[[Any, Any], Any]] = {
    **{f"{name} per {per}": _of(kind, per) for name, kind in KINDS.items() for per in PERS},
    "a user's": lambda a, b: Own()(a),
}

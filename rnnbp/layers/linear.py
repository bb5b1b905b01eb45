"""A layer that multiplies by constants and adds constants: numbers, or one for each feature."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import ClassVar, TypeAlias, final

import numpy as np

from rnnbp.layers.declared import Keeps
from rnnbp.layers.frozen import Check
from rnnbp.layers.pointwise import Activation
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError, broadcast, real_number, reused

Constant: TypeAlias = float | Array
"""A number, or an array of numbers of 64 bits that nobody writes to."""
FEW = 4
"""Numbers of an array that are written out; of others there is a digest, which tells them apart."""


def constant(what: str, value: object) -> Constant:
    """A number, or a copy of an array of them. Raises TypeError or ValueError for others."""
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return real_number(what, value.item() if isinstance(value, np.ndarray) else value)
    if value.dtype.kind not in "biuf":
        raise TypeError(f"{what} is an array of real numbers, found dtype {value.dtype}")
    found: Array = np.array(value, np.float64)
    if not np.isfinite(found).all():
        raise ValueError(f"{what} is an array of finite numbers, found NaN or infinite ones")
    found.setflags(write=False)
    return found


@final
class Scale(Activation):
    """y = scale ⊙ x + shift, both constants: ``1 - z`` and ``z * mask`` of a symbolic value add this
    layer. Keeps nothing.

    Args:
        scale: a number, or an array of the features' shape, one number for each; an axis of 1 is
            repeated. It is copied, and has the dtype of x when it is used.
        shift: likewise.
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Scale(2.0, shift=1.0)(np.array([1.0, -2.0])).round(4).tolist()
    [3.0, -3.0]
    >>> rb.Scale(np.array([1, 0]))(np.array([3.0, -3.0])).tolist()
    [3.0, 0.0]
    """

    spare = (0, 0, 0)
    settable: ClassVar[Mapping[str, Check]] = {"scale": constant, "shift": constant}

    def __init__(
        self, scale: Constant = 1.0, shift: Constant = 0.0, *, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.scale, self.shift = constant("Scale: scale", scale), constant("Scale: shift", shift)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y = x * _like(self.scale, x)
        shift = _like(self.shift, x)
        return np.add(y, shift, out=reused(y)), ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        (y,) = xs
        if isinstance(self.scale, float) and isinstance(self.shift, float):
            return (ops.scale(y, self.scale, self.shift),)
        scale, shift = self.scale, self.shift
        y = ops.scale(y, scale) if isinstance(scale, float) else ops.times(y, scale)
        return (ops.scale(y, 1.0, shift) if isinstance(shift, float) else ops.plus(y, shift),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy * _like(self.scale, dy),)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        for what, value in (("scale", self.scale), ("shift", self.shift)):
            for shape in shapes:
                if isinstance(value, np.ndarray) and shape is not None:
                    self._check(what, value.shape, shape)
        return super().output_shapes(*shapes)

    def _check(self, what: str, own: Shape, shape: Shape) -> None:
        """Raise ShapeError for an array that is not for features of a shape."""
        fits = len(own) <= len(shape) and all(
            a in (1, b) for a, b in zip(reversed(own), reversed(shape), strict=False)
        )
        if not fits:
            one = broadcast([own, shape]) is not None
            cure = (
                f"repeat the one feature first: Add()(a, b) with b of shape {own}"
                if one
                else f"give an array of shape {shape}, without axes of time and batch"
            )
            raise ShapeError(
                f"{self}: {what} is an array of shape {own}, for features of shape {shape}; {cure}"
            )

    def describe(self) -> str:
        return f"{constant_text(self.scale)}, {constant_text(self.shift)}"


def _like(value: Constant, x: Array) -> Constant:
    """A constant in the precision of an array."""
    if isinstance(value, float):
        return value
    return value.astype(x.real.dtype, copy=False)


def constant_text(value: Constant) -> str:
    """A constant as ``repr`` shows it."""
    if isinstance(value, float):
        return f"{value}"
    if value.size <= FEW and value.ndim == 1:
        return f"{value.tolist()}"
    digest = hashlib.sha256(np.ascontiguousarray(value, "<f8").tobytes()).hexdigest()
    return f"array of shape {value.shape}, {digest[:8]}"

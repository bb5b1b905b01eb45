"""The squared error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp import machine
from rnnbp.losses.base import New
from rnnbp.losses.counted import clear, with_weight
from rnnbp.losses.elementwise import Elementwise
from rnnbp.losses.in_rounds import InRounds, LossRounds
from rnnbp.losses.in_rows import InRows
from rnnbp.losses.outputs import Scalar, check_outputs, sum_of
from rnnbp.machine import squared as compiled
from rnnbp.machine.arrays import takes
from rnnbp.numerics import Array, Dtype, Shape, cast
from rnnbp.support.ieee import within

MANY = 64
"""Numbers of a row from which on a table of its tasks is small next to it."""
PART = 2**11
"""Numbers whose squares NumPy has at a time: with the buffer of their sum 24 kB of float32."""


@final
class MeanSquaredError(Elementwise, InRounds, InRows):
    """ℓ = (y − t)², without a factor ½. Shapes: y and target (..., n) alike.

    >>> import numpy as np, rnnbp as rb
    >>> value, dy = rb.losses.MeanSquaredError()(np.array([[1.0, 4.0]]), np.array([[3.0, 4.0]]))
    >>> value, dy.tolist()
    (2.0, [[-2.0, 0.0]])
    """

    brief = True
    spare = 0.0

    def needs(self, item: int, *, masked: bool = False, recast: bool = False) -> tuple[float, int]:
        # Of the target, or then of the squares, which without weights are never all there.
        return float(masked or recast), 0

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        d = y - target
        return d * d, 2 * d

    def summed(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        return self.summed_in(y, target, weights, np.empty)

    def summed_in(
        self, y: Like, target: Like, weights: Like | None, new: New, factor: float = 1.0
    ) -> tuple[Scalar, Array]:
        y = check_outputs(self, y)
        t, w = self._fitting(target, weights, y.shape)
        plain = w is None and machine.chosen() and takes(y)
        if plain and t.dtype == y.dtype and compiled.readable(t, y.dtype):
            return self._compiled(y, t, new(y.shape, y.dtype), factor)
        t = self._counted(t, w, y.real.dtype)
        dy = new(y.shape, y.dtype)  # not before: a copy of the target may have gone by then
        if plain and compiled.readable(t, y.dtype):
            return compiled.squared(y, t, dy, factor), dy
        np.subtract(y, t, out=dy)
        del t  # there may be squares
        value = _sum(dy) if w is None else self._weighted(dy, w)
        dy *= 2 * factor
        return value, dy

    def _compiled(self, y: Array, t: Array, dy: Array, factor: float) -> tuple[Scalar, Array]:
        """``summed_in`` of a target that is read as it is."""
        value = compiled.squared(y, t, dy, factor)
        if not math.isfinite(value):  # then only can some number of the target not be finite
            self._check_finite(t, t)
        return value, dy

    def _counted(self, t: Array, w: Array | None, dtype: Dtype) -> Array:
        """The target in a dtype, 0 where the weight is 0. Raises unless all others are finite."""
        if w is None:
            self._check_finite(t, t)
            return cast(t, dtype, self, "target")
        found = np.zeros(t.shape, dtype)
        try:
            how = np.errstate(all="ignore", over="raise")
            within(how, np.copyto, found, t, where=w > 0, casting="same_kind")
        except FloatingPointError:
            return cast(with_weight(t, w), dtype, self, "target")  # it says which is too large
        self._check_finite(found, t)
        return found

    def _weighted(self, d: Array, w: Array) -> Scalar:
        """Σ w d², with d times w in its place, whatever it is where w is 0."""
        clear(d, w)
        if w.dtype.kind == "b":
            return _sum(d)
        w, losses = cast(w, d.real.dtype, self, "weights"), d * d
        losses *= w
        d *= w
        return sum(map(sum_of, _parts(losses)))

    def in_rounds(
        self, y: Array, at: Array, target: Like, new: New, factor: float
    ) -> LossRounds | None:
        # Chunks go in rounds once all of the target has been checked, by ``weight``.
        t, _ = self._fitting(target, None, (len(at) * len(y), *y.shape[1:]))
        if not (self.rounds and takes(y) and compiled.readable(t, y.dtype)):
            return None
        dy, of_chunks = new(y.shape, y.dtype), t.reshape(len(at), *y.shape)[::-1]
        turn, sums = compiled.squared_turn(y, at, of_chunks, dy, factor)
        return LossRounds(turn, dy, lambda: np.add.reduce(sums, 1).tolist())

    def takes_rows(self, target: Array | None, shape: Shape, dtype: Dtype) -> bool:
        if math.prod(shape) < MANY or not machine.chosen():
            return False
        return target is None or compiled.readable_rows(target, shape, dtype)

    def summed_rows(
        self, y: Array, target: Array, order: Array | None, ends: Array | None, factor: float
    ) -> tuple[Scalar, Array] | None:
        if not takes(y):
            return None
        value, dy = compiled.squared_rows(y, target, order, ends, factor)
        return (value, dy) if math.isfinite(value) else None


def _sum(d: Array) -> Scalar:
    """Σ d²; an array of all squares would be as large as y."""
    return sum(sum_of(part * part) for part in _parts(d))


def _parts(array: Array) -> Iterator[Array]:
    """Its numbers, part by part: NumPy's sum may take a buffer as large as they are."""
    flat = array.reshape(-1)
    return (flat[at : at + PART] for at in range(0, array.size, PART))

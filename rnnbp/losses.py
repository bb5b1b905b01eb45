"""Losses. A mean is over every element of the whole sequence that has weight, so it is made of sums of chunks."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp.numerics import Array, DtypeError, Shape, ShapeError, first_bad, positive

Scalar: TypeAlias = Any
"""A float; a complex number for complex outputs, which gradcheck gives."""


class Loss(ABC):
    """The weighted mean Σ w ℓ / Σ w over the elements of a sequence, in parts that chunks can add up.

    Shapes: y (T, B, ...) or any other batch axes; ``weights``, a bool mask or floats ≥ 0, has y's
    leading axes, as (T, B), and counts for every element behind them. Elements of weight zero are
    not looked at. Arguments are never written to; returned arrays belong to the caller.

    Raises ShapeError, DtypeError or ValueError for a target or weights that do not fit.
    """

    @abstractmethod
    def total(self, target: Like, weights: Like | None = None, *, outputs: Shape) -> float:
        """Σ w over the sequence, the mean's denominator; ``outputs`` is the shape of y.

        Raises ValueError where no element has weight.
        """

    @abstractmethod
    def summed(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        """(Σ w ℓ, its derivative with y's shape and dtype), not divided. The sum is in float64."""

    def __call__(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        """(mean, its derivative): ``summed`` divided by ``total``."""
        total = self.total(target, weights, outputs=np.shape(y))
        value, dy = self.summed(y, target, weights)
        dy /= total
        return value / total, dy

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"

    def describe(self) -> str:
        """The arguments as ``repr`` shows them."""
        return ""

    def _weights(self, weights: Like | None, batch: Shape) -> Array | None:
        """``weights`` checked, with axes of size 1 for those of ``batch`` that it lacks."""
        if weights is None:
            return None
        w = np.asarray(weights)
        if w.dtype.kind not in "biuf":
            raise DtypeError(f"{self}: weights must be a bool mask or floats, found dtype {w.dtype}; use a bool mask")
        if not 1 <= w.ndim <= len(batch):
            raise ShapeError(f"{self}: weights have shape {w.shape}; give them one or more leading axes of {batch}")
        self._same_shape("weights", w.shape, batch[: w.ndim])
        if (at := _first(~((w >= 0) & (w < np.inf)))) is not None:
            raise ValueError(
                f"{self}: weights must be finite and at least 0, found {w[at]} at {list(at)}; use 0 to leave out"
            )
        return w.reshape(w.shape + (1,) * (len(batch) - w.ndim))

    def _same_shape(self, what: str, found: Shape, expected: Shape) -> None:
        if len(found) != len(expected):
            raise ShapeError(
                f"{self}: {what} must have {len(expected)} axes, found {len(found)} in shape {found}; "
                f"give it shape {expected}"
            )
        for axis, (a, b) in enumerate(zip(found, expected, strict=True)):
            if a != b:
                raise ShapeError(
                    f"{self}: {what} axis {axis} must have size {b} as in the outputs, found {a} in shape {found}; "
                    f"give it shape {expected}"
                )

    def _some(self, total: float) -> float:
        if not total > 0:
            raise ValueError(f"{self}: no element is left to average over, all weights are 0; give a mask with a True")
        return total


class Elementwise(Loss):
    """A loss of each element of y and the element of ``target`` in its place.

    Shapes: y and target (..., n) alike; weights y's leading axes, or all of them.
    """

    @abstractmethod
    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        """(ℓ, dℓ/dy), two new arrays of y's shape and dtype; ``target`` is of y's real dtype."""

    def total(self, target: Like, weights: Like | None = None, *, outputs: Shape) -> float:
        _, w = self._checked(target, weights, outputs)
        count = math.prod(outputs)
        if w is None:
            return self._some(float(count))
        return self._some(float(w.sum(dtype=np.float64)) * count / max(w.size, 1))

    def summed(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        y = _outputs(self, y)
        t, w = self._checked(target, weights, y.shape)
        t = t.astype(y.real.dtype, copy=False)
        if w is None:
            losses, dy = self.elements(y, t)
            return _sum(losses), dy
        losses, dy = self.elements(np.where(w > 0, y, y.dtype.type(0)), t)
        w = w.astype(y.real.dtype)
        losses *= w
        dy *= w
        return _sum(losses), dy

    def _checked(self, target: Like, weights: Like | None, outputs: Shape) -> tuple[Array, Array | None]:
        """(target with 0 where the weight is 0, weights with y's number of axes)."""
        t = np.asarray(target)
        if t.dtype.kind not in "biuf":
            raise DtypeError(f"{self}: target must be real numbers, found dtype {t.dtype}; convert it to float")
        self._same_shape("target", t.shape, outputs)
        w = self._weights(weights, outputs)
        if w is not None:
            t = np.where(w > 0, t, t.dtype.type(0))
        if (bad := first_bad(t)) is not None:
            raise ValueError(f"{self}: target has {t[bad]} at {list(bad)}; replace it, or give it weight 0")
        self._check_range(t)
        return t, w

    def _check_range(self, target: Array) -> None:
        """Raise ValueError for a target that the loss is not defined for."""


@final
class MeanSquaredError(Elementwise):
    """ℓ = (y − t)², without a factor ½."""

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        d = y - target
        return d * d, 2 * d


@final
class MeanAbsoluteError(Elementwise):
    """ℓ = |y − t|, derivative 0 at 0."""

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        d = y - target
        sign = np.sign(d.real).astype(y.dtype)
        return sign * d, sign


@final
class Huber(Elementwise):
    """ℓ = ½d² for |d| ≤ δ, else δ(|d| − ½δ), with d = y − t (Huber 1964, "Robust estimation", eq. 1.1).

    With c = d clipped to ±δ that is c(d − ½c), and the derivative is c. Raises ValueError unless 0 < δ < ∞.
    """

    def __init__(self, delta: float = 1.0) -> None:
        if not 0 < delta < math.inf:
            raise ValueError(
                f"Huber: delta must be above 0 and finite, found {delta}; for squares use MeanSquaredError"
            )
        self.delta = float(delta)

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        d = y - target
        inside = np.abs(d.real) <= self.delta
        c = np.where(inside, d, (np.sign(d.real) * self.delta).astype(y.dtype))
        return c * (d - c * 0.5), c

    def describe(self) -> str:
        return f"{self.delta}"


@final
class BinaryCrossEntropy(Elementwise):
    """Sigmoid and cross-entropy in one, on logits: ℓ = −t log σ(y) − (1 − t) log σ(−y), 0 ≤ t ≤ 1.

    As max(y, 0) − t y + log(1 + e^(−|y|)) nothing overflows; the derivative is (1 − t)σ(y) − t σ(−y).
    """

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        above, zero, one = positive(y), y.dtype.type(0), y.dtype.type(1)
        small = np.exp(np.where(above, -y, y))
        losses = np.where(above, y, zero) - target * y + np.log1p(small)
        dy = (1 - target) * np.where(above, one, small) - target * np.where(above, small, one)
        dy /= 1 + small
        return losses, dy

    def _check_range(self, target: Array) -> None:
        if (at := _first((target < 0) | (target > 1))) is not None:
            raise ValueError(f"{self}: target must lie in [0, 1], found {target[at]} at {list(at)}; give probabilities")


@final
class CrossEntropy(Loss):
    """Softmax and cross-entropy in one, on logits: ℓ = −Σ_c q_c log softmax(y)_c, derivative p Σq − q.

    With class weights v and smoothing ε (Szegedy et al. 2016, sec. 7), in PyTorch's form,
    q_c = (1 − ε) v_target [c = target] + ε v_c / K, and a target counts v_target in the denominator.

    Args:
        class_weight: K numbers v ≥ 0, all 1 by default.
        label_smoothing: ε in [0, 1).

    Shapes: y (..., K), target (...) of integers in [0, K), weights (...) or its leading axes.
    A target of weight zero may have any value.
    """

    def __init__(self, class_weight: Like | None = None, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"CrossEntropy: label_smoothing must lie in [0, 1), found {label_smoothing}; use 0 for none"
            )
        self.label_smoothing = float(label_smoothing)
        self.class_weight = None if class_weight is None else np.array(class_weight, dtype=np.float64)
        if (v := self.class_weight) is not None and not (v.ndim == 1 and v.size and ((v >= 0) & (v < np.inf)).all()):
            raise ValueError(f"CrossEntropy: class_weight must be a vector of finite numbers at least 0, found {v}")

    def total(self, target: Like, weights: Like | None = None, *, outputs: Shape) -> float:
        t, w = self._checked(target, weights, outputs)
        if self.class_weight is None:
            return self._some(float(t.size) if w is None else float(w.sum(dtype=np.float64)))
        each = self.class_weight[t]
        return self._some(float((each if w is None else each * w).sum()))

    def summed(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        y = _outputs(self, y)
        t, w = self._checked(target, weights, y.shape)
        real, n, k = y.real.dtype, np.arange(t.size), y.shape[-1]
        v = np.ones(k, real) if self.class_weight is None else self.class_weight.astype(real)
        w = np.ones(t.size, real) if w is None else w.astype(real)
        hard, soft = w * (1 - self.label_smoothing) * v[t], w * (self.label_smoothing / k)
        p = _shifted(y, w)
        at_target, others = p[n, t], p @ v if self.label_smoothing else 0
        np.exp(p, out=p)
        norm = p.sum(axis=-1)
        losses = hard * (np.log(norm) - at_target) + soft * (v.sum() * np.log(norm) - others)
        p *= ((hard + soft * v.sum()) / norm)[:, None]
        p[n, t] -= hard
        if self.label_smoothing:
            p -= soft[:, None] * v
        return _sum(losses), p.reshape(y.shape)

    def _checked(self, target: Like, weights: Like | None, outputs: Shape) -> tuple[Array, Array | None]:
        """(targets with 0 where the weight is 0, weights), each flat: (N,)."""
        t = np.asarray(target)
        if t.dtype.kind not in "iu":
            raise DtypeError(
                f"{self}: target must be class numbers of an integer dtype, found {t.dtype}; "
                f"use target.astype(np.int64), or BinaryCrossEntropy for probabilities"
            )
        if not outputs:
            raise ShapeError(f"{self}: the outputs have no axis of classes; give them shape (..., K)")
        k = outputs[-1]
        if self.class_weight is not None and len(self.class_weight) != k:
            raise ShapeError(f"{self}: class_weight has {len(self.class_weight)} numbers for {k} classes; give {k}")
        self._same_shape("target", t.shape, outputs[:-1])
        w = self._weights(weights, outputs[:-1])
        if w is not None:
            w = np.broadcast_to(w, t.shape)
            t = np.where(w > 0, t, t.dtype.type(0))
        if (at := _first((t < 0) | (t >= k))) is not None:
            raise ValueError(f"{self}: target {t[at]} at {list(at)} is not in [0, {k}); give padding weight 0")
        return t.reshape(-1), None if w is None else w.reshape(-1)

    def describe(self) -> str:
        weight = "" if self.class_weight is None else f"class_weight of {len(self.class_weight)}"
        smoothing = f"label_smoothing={self.label_smoothing}" if self.label_smoothing else ""
        return ", ".join(filter(None, (weight, smoothing)))


def _outputs(loss: Loss, y: Like) -> Array:
    y = np.asarray(y)
    if y.dtype not in (np.float32, np.float64, np.complex128):
        raise DtypeError(f"{loss}: outputs are float32 or float64, found dtype {y.dtype}; use y.astype(np.float32)")
    return y


def _shifted(y: Array, w: Array) -> Array:
    """A new C-ordered (N, K): logits less their row's largest, 0 in rows without weight."""
    if (w == 0).any():
        y = np.where((w > 0).reshape(*y.shape[:-1], 1), y, y.dtype.type(0))
    top = y.real.max(axis=-1, keepdims=True)
    rows: Array = np.subtract(y, top, order="C").reshape(-1, y.shape[-1])
    return rows


def _first(bad: Array) -> tuple[int, ...] | None:
    """The index of the first True."""
    return tuple(np.argwhere(bad)[0].tolist()) if bad.any() else None


def _sum(losses: Array) -> Scalar:
    return losses.sum(dtype=np.complex128 if losses.dtype.kind == "c" else np.float64).item()

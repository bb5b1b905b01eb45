"""Softmax and cross-entropy as one."""

from __future__ import annotations

import math
from typing import final

import numpy as np
from numpy.typing import ArrayLike as Like

from rnnbp import machine
from rnnbp.checks.arrays import plain
from rnnbp.losses.base import Loss, New
from rnnbp.losses.class_weights import ClassWeight, vector_of
from rnnbp.losses.in_rounds import InRounds, LossRounds
from rnnbp.losses.outputs import Scalar, check_outputs, first_true, sum_of
from rnnbp.machine import arrays as compiled
from rnnbp.numerics import Array, DtypeError, Shape, ShapeError, cast, real_number


@final
class CrossEntropy(Loss, InRounds):
    """Softmax and cross-entropy on logits: ℓ = −Σ_c q_c log softmax(y)_c, derivative p Σq − q.

    With class weights v and smoothing ε (Szegedy et al. 2016, sec. 7), in PyTorch's form,
    q_c = (1 − ε) v_target [c = target] + ε v_c / K, and a target counts v_target in the
    denominator.

    Args:
        class_weight: K numbers v ≥ 0, all 1 by default, or a dict of them by the classes 0 to K −
            1.
        label_smoothing: ε in [0, 1).

    Shapes: y (..., K), target (...) of integers in [0, K), weights (...) or its leading axes.
    A target of weight zero may have any value.

    >>> import numpy as np, rnnbp as rb
    >>> y, target = np.zeros((5, 3, 4)), np.zeros((5, 3), int)  # (T, B, K), (T, B)
    >>> value, dy = rb.losses.CrossEntropy()(y, target)
    >>> bool(np.isclose(value, np.log(4))), dy.shape
    (True, (5, 3, 4))
    """

    brief = True

    def __init__(
        self, class_weight: ClassWeight | None = None, label_smoothing: float = 0.0
    ) -> None:
        name = "CrossEntropy: label_smoothing"
        self.label_smoothing = real_number(
            name, label_smoothing, least=0, below=1, cure="use 0 for none"
        )
        self.class_weight = None if class_weight is None else vector_of(class_weight)

    def needs(self, item: int, *, masked: bool = False, recast: bool = False) -> tuple[float, int]:
        smooth, weighted = bool(self.label_smoothing), self.class_weight is not None
        more = 5 if smooth else 3 if weighted else 0
        more -= masked and not recast  # weights of y's dtype are taken as they are
        rows = 8 + (7 + more) * item  # the targets, and rows of weights, norms and losses
        return float(smooth + masked), rows if machine.chosen() else max(
            rows, 16 + (6 + more) * item
        )

    def weight(self, target: Like, weights: Like | None = None, *, outputs: Shape) -> float:
        t, w = self._checked(target, weights, outputs)
        if self.class_weight is None:
            return float(t.size) if w is None else float(w.sum(dtype=np.float64))
        each = self.class_weight[t]
        if w is not None:
            each *= w
        return float(each.sum())

    def summed(self, y: Like, target: Like, weights: Like | None = None) -> tuple[Scalar, Array]:
        return self.summed_in(y, target, weights, np.empty)

    def summed_in(
        self, y: Like, target: Like, weights: Like | None, new: New, factor: float = 1.0
    ) -> tuple[Scalar, Array]:
        y = check_outputs(self, y)
        t, w = self._checked(target, weights, y.shape)
        real, k = y.real.dtype, y.shape[-1]
        rows = (y if w is None else _without(y, w)).reshape(-1, k)
        w = np.ones(t.size, real) if w is None else cast(w, real, self, "weights")
        if self.class_weight is None and not self.label_smoothing:
            hard = factors = w
        else:
            v = np.ones(k, real) if self.class_weight is None else self.class_weight.astype(real)
            hard, soft = w * (1 - self.label_smoothing) * v[t], w * (self.label_smoothing / k)
            factors = hard + soft * v.sum()
        p, scaled = new(rows.shape, rows.dtype), hard * real.type(factor)
        factors = scaled if factors is hard else factors * real.type(factor)
        top, norm, at_target = _softmax(rows, factors, t, scaled, p)
        logs = np.log(norm)
        losses = np.subtract(logs, at_target)
        losses *= hard
        if self.label_smoothing:
            losses += soft * (v.sum() * logs - (rows - top[:, None]) @ v)
            # Not by a product of what NumPy repeats, which takes buffers of 64 KB and more.
            p -= np.einsum("n,k->nk", soft * real.type(factor), v)
        del top, norm, at_target, logs  # NumPy's sum may take a buffer
        return sum_of(losses), p.reshape(y.shape)

    @property
    def rounds(self) -> bool:
        return super().rounds and not self.label_smoothing

    def row_bytes(self, item: int) -> int:
        return (
            8 + (2 if self.class_weight is None else 4) * item
        )  # a target; norms, losses, weights

    def in_rounds(
        self, y: Array, at: Array, target: Like, new: New, factor: float
    ) -> LossRounds | None:
        if not (self.rounds and compiled.takes(y)):
            return None
        rows, k = math.prod(y.shape[:-1]), y.shape[-1]
        found, _ = self._checked(target, None, (len(at) * len(y), *y.shape[1:]))
        dy, which = new(y.shape, y.dtype), found.reshape(-1, rows)[::-1]
        v = self.class_weight
        hard = np.ones((1, rows), y.dtype) if v is None else v.astype(y.dtype)[which]
        scale = np.broadcast_to(hard * y.dtype.type(factor), which.shape)
        given = y.reshape(rows, k), at, scale, which, scale, dy
        turn, totals, ats = compiled.softmax_turn(*given)
        return LossRounds(turn, dy, lambda: [sum_of(row) for row in (np.log(totals) - ats) * hard])

    def _checked(
        self, target: Like, weights: Like | None, outputs: Shape
    ) -> tuple[Array, Array | None]:
        """(a copy of the targets with 0 where the weight is 0, weights), each flat: (N,)."""
        t = plain("target", target, self)
        self._check_classes(t, outputs)
        self._same_shape("target", t.shape, outputs[:-1])
        k = outputs[-1]
        w = self._weights(weights, outputs[:-1])
        if w is not None:
            w = np.broadcast_to(w, t.shape)
            t = np.where(w > 0, t, t.dtype.type(0))
        found = t.astype(np.int64).reshape(-1)
        if found.size and found.view(np.uint64).max() >= k:  # what is below 0 is far above, seen so
            at = first_true((t < 0) | (t >= k)) or ()
            raise ValueError(
                f"{self}: target {t[at]} at {list(at)} is not in [0, {k}); {_cure(t, w, k)}"
            )
        return found, None if w is None else w.reshape(-1)

    def check_target(self, target: Shape, outputs: Shape) -> None:
        self._check_one_hot(target, outputs)
        self._same_shape("target", target, outputs[:-1])

    def _check_one_hot(self, target: Shape, outputs: Shape) -> None:
        if outputs and target == outputs:
            raise ShapeError(
                f"{self}: target has the outputs' own shape {target}, as if one-hot; "
                f"give class numbers, as target.argmax(axis=-1)"
            )

    def _check_classes(self, t: Array, outputs: Shape) -> None:
        """Raise unless targets can be classes of outputs (..., K), whatever their values."""
        self._check_one_hot(t.shape, outputs)
        if t.dtype.kind not in "iu":
            cure = "use target.astype(np.int64), or BinaryCrossEntropy for probabilities"
            if t.dtype.kind in "OUST":
                cure = "number them, as by names, target = np.unique(labels, return_inverse=True)"
            raise DtypeError(
                f"{self}: target must be class numbers of an integer dtype, found {t.dtype}; {cure}"
            )
        if not outputs:
            raise ShapeError(
                f"{self}: the outputs have no axis of classes; give them shape (..., K)"
            )
        k = outputs[-1]
        if self.class_weight is not None and len(self.class_weight) != k:
            raise ShapeError(
                f"{self}: class_weight has {len(self.class_weight)} numbers for {k} classes; give "
                f"{k}"
            )

    def describe(self) -> str:
        weight = "" if self.class_weight is None else f"class_weight of {len(self.class_weight)}"
        smoothing = f"label_smoothing={self.label_smoothing}" if self.label_smoothing else ""
        return ", ".join(filter(None, (weight, smoothing)))


def _cure(t: Array, w: Array | None, k: int) -> str:
    """What to do about targets that are not in [0, k)."""
    counted = t if w is None else t[w > 0]
    if k == 1:
        return (
            "it takes an output for each class; for a single one, of two classes, use "
            "BinaryCrossEntropy"
        )
    if counted.min() == 1 and counted.max() == k:
        return "labels count from 0: give target - 1"
    # There may be padding.
    if t.ndim < 2 or (len(t) > 1 and (w is None or int((w > 0).sum(axis=0).max()) > 1)):
        top, low = counted.max(), counted.min() < 0
        also = "" if low or top > 2 * k else f"; if {top} is a class, give {top + 1} outputs"
        return f"leave padding out by lengths= or a mask{also}"
    if counted.min() < 0:
        return "number the classes from 0, as np.unique(target, return_inverse=True)[1] does"
    also = "; if labels count from 1, give target - 1" * bool(counted.max() == k)
    top = counted.max()
    return f"the outputs are of {k} classes, and {top} is that of class {top + 1}{also}"


def _without(y: Array, w: Array) -> Array:
    """Logits, 0 in rows without weight."""
    return np.where((w > 0).reshape(*y.shape[:-1], 1), y, y.dtype.type(0)) if (w == 0).any() else y


def _softmax(
    y: Array, factors: Array, t: Array, hard: Array, p: Array
) -> tuple[Array, Array, Array]:
    """(largest, Σ e to what is above the largest, what is above it at t (N,)) of rows of y (N, K).

    Their softmax times ``factors``, less ``hard`` at t, goes to p. The largest is a real part: the
    derivative of the whole by it is zero.
    """
    if machine.chosen() and compiled.takes(y, factors, hard, p):
        return compiled.softmax(y, factors, t, hard, p)
    top = y.real.max(axis=-1)
    np.subtract(y, top[:, None], out=p)
    at_target = p[np.arange(t.size), t]  # not kept: NumPy takes a buffer for the product below
    np.exp(p, out=p)
    norm = p.sum(axis=-1)
    p *= (factors / norm)[:, None]
    p[np.arange(t.size), t] -= hard
    return top, norm, at_target

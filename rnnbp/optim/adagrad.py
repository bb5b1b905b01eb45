"""Adagrad, whose steps shrink with the sum of squared gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import numpy as np

from rnnbp.numerics import Array
from rnnbp.optim.groups import Frozen, Groups
from rnnbp.optim.option_checks import Check, not_negative, positive
from rnnbp.optim.parameters import Params, decayed
from rnnbp.optim.rates import Rate
from rnnbp.optim.squaring import Squaring
from rnnbp.wording.renamed import renamed


@final
class Adagrad(Squaring):
    """g ← g + λp, s ← s + g², p ← p − lr_t · g / (√s + ε), lr_t = lr / (1 + (t − 1) · lr_decay).

    Duchi et al. 2011, "Adaptive subgradient methods", fig. 1 (diagonal, δ = ε); lr_decay is
    PyTorch's.

    Args:
        params: a model, or live arrays by name; updated in place.
        learning_rate: lr > 0, a number or a function of the step.
        lr_decay: ≥ 0, how fast lr_t falls.
        weight_decay: λ ≥ 0, an L2 penalty.
        initial_accumulator: s at the start, ≥ 0.
        eps: ε > 0.
        groups: options of some parameters, by pattern of names, as
            ``{"*bias*": {"weight_decay": 0.0}}``.
        frozen: patterns of names that are not updated, as ``"lstm.*"``, or layers; see
            help(rnnbp.optim.Optimizer).

    Raises ValueError for a value out of its range.

    >>> import numpy as np, rnnbp as rb
    >>> p = {"w": np.array([1.0, 2.0])}
    >>> rb.optim.Adagrad(p, learning_rate=0.5).step({"w": np.array([4.0, -0.1])})
    >>> p["w"].round(6).tolist()  # a first step of 0.5, whatever the size of the gradient
    [0.5, 2.5]
    """

    kind: ClassVar[str] = "adagrad"
    elementwise: ClassVar[bool] = True
    options: ClassVar[tuple[str, ...]] = ("lr_decay", "weight_decay", "initial_accumulator", "eps")
    checks: ClassVar[Mapping[str, Check]] = {
        "lr_decay": not_negative, "weight_decay": not_negative, "initial_accumulator": not_negative, "eps": positive
    }  # fmt: skip
    lr_decay: float
    initial_accumulator: float
    eps: float

    @renamed("lr", "learning_rate")
    def __init__(
        self,
        params: Params,
        learning_rate: Rate = 1e-2,
        *,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator: float = 0.0,
        eps: float = 1e-10,
        groups: Groups | None = None,
        frozen: Frozen = (),
    ) -> None:
        self._set(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator=initial_accumulator,
            eps=eps,
        )
        super().__init__(params, learning_rate, groups=groups, frozen=frozen)

    def _new_slots(self, p: Array) -> dict[str, Array]:
        return {"sum": np.full_like(p, self.initial_accumulator, order="C")}

    def _update(
        self, p: Array, g: Array, slots: dict[str, Array], lr: float, a: Array, b: Array
    ) -> None:
        g = decayed(p, g, self.weight_decay, a)
        np.multiply(g, g, out=b)
        slots["sum"] += b
        np.sqrt(slots["sum"], out=b)
        b += self.eps
        np.divide(g, b, out=b)
        b *= lr / (1 + (self.steps - 1) * self.lr_decay)
        p -= b

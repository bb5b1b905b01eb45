"""RMSProp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import numpy as np

from rnnbp.numerics import Array
from rnnbp.optim.groups import Frozen, Groups
from rnnbp.optim.hyperparameters import check_momentum
from rnnbp.optim.option_checks import Check, not_negative, positive, share
from rnnbp.optim.parameters import Params, decayed
from rnnbp.optim.rates import Rate
from rnnbp.optim.squaring import Squaring, mean_square
from rnnbp.wording.renamed import renamed


@final
class RMSProp(Squaring):
    """g ← g + λp, s ← α s + (1 − α) g², u = g / (√s + ε), b ← μ b + u, p ← p − lr · b.

    Tieleman & Hinton 2012, lecture 6.5; there ε is 0 and lr is inside b for μ > 0. Graves 2013, eq.
    38 to 45, has ε inside the root and a centred s. The form here is PyTorch's.

    Args:
        params: a model, or live arrays by name; updated in place.
        learning_rate: lr > 0, a number or a function of the step.
        alpha: α in [0, 1).
        eps: ε > 0.
        momentum: μ in [0, 1).
        weight_decay: λ ≥ 0, an L2 penalty.
        groups: options of some parameters, by pattern of names, as
            ``{"*bias*": {"weight_decay": 0.0}}``.
        frozen: patterns of names that are not updated, as ``"lstm.*"``, or layers; see
            help(rnnbp.optim.Optimizer).

    Raises ValueError for a value out of its range.

    >>> import numpy as np, rnnbp as rb
    >>> p = {"w": np.array([1.0, 2.0])}
    >>> rb.optim.RMSProp(p, learning_rate=0.5, alpha=0.75).step({"w": np.array([4.0, 0.0])})
    >>> p["w"].round(6).tolist()  # s is a quarter of g², so u is 2
    [0.0, 2.0]
    """

    kind: ClassVar[str] = "rmsprop"
    elementwise: ClassVar[bool] = True
    options: ClassVar[tuple[str, ...]] = ("alpha", "eps", "momentum", "weight_decay")
    checks: ClassVar[Mapping[str, Check]] = {
        "alpha": share, "eps": positive, "momentum": share, "weight_decay": not_negative
    }  # fmt: skip
    alpha: float
    eps: float
    momentum: float

    @renamed("lr", "learning_rate")
    def __init__(
        self,
        params: Params,
        learning_rate: Rate = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        groups: Groups | None = None,
        frozen: Frozen = (),
    ) -> None:
        self._set(alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay)
        super().__init__(params, learning_rate, groups=groups, frozen=frozen)

    def _check_settable(self, name: str, value: object) -> None:
        check_momentum(type(self).__name__, name, value, self._slots_without("momentum"))

    def _new_slots(self, p: Array) -> dict[str, Array]:
        return {
            slot: np.zeros_like(p, order="C")
            for slot in ("square", "momentum")[: 2 if self.momentum else 1]
        }

    def _update(
        self, p: Array, g: Array, slots: dict[str, Array], lr: float, a: Array, b: Array
    ) -> None:
        g = decayed(p, g, self.weight_decay, a)
        mean_square(slots["square"], g, self.alpha, b)
        np.sqrt(slots["square"], out=b)
        b += self.eps
        np.divide(g, b, out=b)
        if self.momentum:
            slots["momentum"] *= self.momentum
            slots["momentum"] += b
        np.multiply(slots.get("momentum", b), lr, out=b)
        p -= b

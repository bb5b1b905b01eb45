"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import numpy as np

from rnnbp.numerics import Array
from rnnbp.optim.base import Optimizer
from rnnbp.optim.groups import Frozen, Groups
from rnnbp.optim.hyperparameters import check_momentum
from rnnbp.optim.option_checks import Check, not_negative, share, truth
from rnnbp.optim.parameters import Params, decayed
from rnnbp.optim.rates import Rate
from rnnbp.wording.renamed import renamed


@final
class SGD(Optimizer):
    """Stochastic gradient descent: p ← p − lr · u, with g ← g + λp and u = g, or with momentum μ

        b ← μ b + g,    u = b,    or with nesterov u = g + μ b.

    Polyak 1964; Nesterov's form after Sutskever et al. 2013, eq. 3 and 4. As in PyTorch, lr stands
    outside b (in the papers b ← μ b − lr · g), which differs when lr changes.

    Args:
        params: a model, or live arrays by name; updated in place.
        learning_rate: lr > 0, a number or a function of the step.
        momentum: μ in [0, 1).
        weight_decay: λ ≥ 0, an L2 penalty.
        nesterov: True for Nesterov's form, which needs momentum.
        groups: options of some parameters, by pattern of names, as
            ``{"*bias*": {"weight_decay": 0.0}}``.
        frozen: patterns of names that are not updated, as ``"lstm.*"``, or layers; see
            help(rnnbp.optim.Optimizer).

    Raises ValueError for a value out of its range.

    >>> import numpy as np, rnnbp as rb
    >>> p = {"w": np.array([1.0, 2.0])}
    >>> rule = rb.optim.SGD(p, learning_rate=0.5, momentum=0.5)
    >>> rule.step({"w": np.array([1.0, 0.0])}), rule.step({"w": np.array([0.0, 0.0])})
    (None, None)
    >>> p["w"].tolist()
    [0.25, 2.0]
    """

    kind: ClassVar[str] = "sgd"
    elementwise: ClassVar[bool] = True
    options: ClassVar[tuple[str, ...]] = ("momentum", "weight_decay", "nesterov")
    checks: ClassVar[Mapping[str, Check]] = {
        "momentum": share,
        "weight_decay": not_negative,
        "nesterov": truth,
    }
    momentum: float
    weight_decay: float
    nesterov: bool

    @renamed("lr", "learning_rate")
    def __init__(
        self,
        params: Params,
        learning_rate: Rate = 1e-2,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        groups: Groups | None = None,
        frozen: Frozen = (),
    ) -> None:
        self._set(momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)
        super().__init__(params, learning_rate, groups=groups, frozen=frozen)

    def _check_options(self) -> None:
        if self.nesterov and not self.momentum:
            raise ValueError(
                "SGD: nesterov needs momentum above 0; give momentum=0.9, or nesterov=False"
            )

    def _check_settable(self, name: str, value: object) -> None:
        check_momentum(type(self).__name__, name, value, self._slots_without("momentum"))

    def _new_slots(self, p: Array) -> dict[str, Array]:
        return {"momentum": np.zeros_like(p, order="C")} if self.momentum else {}

    def _update(
        self, p: Array, g: Array, slots: dict[str, Array], lr: float, a: Array, b: Array
    ) -> None:
        g = decayed(p, g, self.weight_decay, a)
        if self.momentum:
            buffer = slots["momentum"]
            buffer *= self.momentum
            buffer += g
            if self.nesterov:
                np.multiply(buffer, self.momentum, out=b)
                b += g
                g = b
            else:
                g = buffer
        np.multiply(g, lr, out=b)
        p -= b

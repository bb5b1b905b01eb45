"""Stochastic gradient descent."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from rnnbp.numerics import Array, flag, real_number
from rnnbp.optim.base import Optimizer, decayed
from rnnbp.optim.parameters import Params


@final
class SGD(Optimizer):
    """p ← p − lr · u, with g ← g + λp and u = g, or with momentum μ

        b ← μ b + g,    u = b,    or with nesterov u = g + μ b.

    Polyak 1964; Nesterov's form after Sutskever et al. 2013, eq. 3 and 4. As in PyTorch, lr stands
    outside b (in the papers b ← μ b − lr · g), which differs where lr changes.

    Args:
        momentum: μ in [0, 1). weight_decay: λ ≥ 0. nesterov: needs momentum.

    Raises ValueError for a value out of its range.
    """

    kind: ClassVar[str] = "sgd"
    options: ClassVar[tuple[str, ...]] = ("momentum", "weight_decay", "nesterov")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self.momentum = real_number("SGD: momentum", momentum, least=0, below=1)
        self.weight_decay = real_number("SGD: weight_decay", weight_decay, least=0)
        self.nesterov = flag("SGD: nesterov", nesterov)
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov needs momentum above 0; give momentum=0.9, or nesterov=False")
        super().__init__(params, lr, ("momentum",) if momentum else ())

    def _update(self, p: Array, g: Array, slots: dict[str, Array], lr: float, a: Array, b: Array) -> None:
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

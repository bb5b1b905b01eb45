"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeAlias, final

import numpy as np

from rnnbp import machine
from rnnbp.machine import arrays as compiled
from rnnbp.numerics import Array, address
from rnnbp.optim.groups import Frozen, Groups
from rnnbp.optim.option_checks import Check, not_negative, positive, share
from rnnbp.optim.option_checks import betas as checked_betas
from rnnbp.optim.parameters import Params, decayed
from rnnbp.optim.rates import Rate
from rnnbp.optim.squaring import Squaring, mean_square
from rnnbp.wording.renamed import renamed

Four: TypeAlias = tuple[Array, Array, Array, Array]
"""A parameter, its gradient, and its moments m and v."""


class _Adam(Squaring):
    """The common part of Adam and AdamW: the moments and the step."""

    elementwise: ClassVar[bool] = True
    options: ClassVar[tuple[str, ...]] = ("beta1", "beta2", "eps", "weight_decay")
    checks: ClassVar[Mapping[str, Check]] = {
        "beta1": share, "beta2": share, "eps": positive, "weight_decay": not_negative
    }  # fmt: skip
    beta1: float
    beta2: float
    eps: float

    def __init__(
        self,
        params: Params,
        learning_rate: Rate,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        groups: Groups | None,
        frozen: Frozen,
    ) -> None:
        beta1, beta2 = checked_betas(type(self).__name__, betas, self.checks)
        self._set(beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
        super().__init__(params, learning_rate, ("m", "v"), groups=groups, frozen=frozen)
        self._apart: list[int] = []
        """Where parameters began that lay together, and apart from one another, at the
        last step.
        """

    def _updated_at_once(
        self, grads: Mapping[str, Array], lr: float, clip: float
    ) -> tuple[Iterable[str], bool]:
        if not machine.chosen():
            return self.params, True
        ps, slots = [*self.params.values()], self._slots
        given = {n: (p, grads[n], slots[n]["m"], slots[n]["v"]) for n, p in self.params.items()}
        alike = compiled.takes(*ps, *[g for _, g, _, _ in given.values()])  # the others are our own
        places = [address(p) for p in ps]
        if not alike or places != self._apart:
            if not compiled.apart(ps):  # NumPy updates one after the other
                return self.params, True
            self._apart = places if alike else []
        taken = (
            given
            if alike
            else {name: four for name, four in given.items() if compiled.takes(*four[:2])}
        )
        finite = True
        for dtype in {four[0].dtype for four in taken.values()}:
            those = [four for four in taken.values() if four[0].dtype == dtype]
            finite &= self._compiled(those, lr, clip)
        return [name for name in self.params if name not in taken], finite

    def _compiled(self, those: list[Four], lr: float, clip: float) -> bool:
        """Update (p, g, m, v) by machine code; True if all p are finite then."""
        decay = self.weight_decay
        kept = 1 - lr * decay if self.decoupled else 1.0
        penalty = bool(decay) and not self.decoupled
        numbers = (
            self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2, 1 / math.sqrt(1 - self.beta2**self.steps),
            self.eps, lr / (1 - self.beta1**self.steps), kept, decay, clip,
        )  # fmt: skip
        if penalty and clip != 1:  # rare: no function does both
            for _, g, _, _ in those:
                np.multiply(g, clip, out=g)
        return compiled.adam(
            those, numbers, kind="_penalty" if penalty else "_clip" if clip != 1 else ""
        )

    def _adapt(self, p: Array, g: Array, slots: dict[str, Array], lr: float, b: Array) -> None:
        m, v = slots["m"], slots["v"]
        m *= self.beta1
        np.multiply(g, 1 - self.beta1, out=b)
        m += b
        mean_square(v, g, self.beta2, b)
        np.sqrt(v, out=b)
        b *= 1 / math.sqrt(1 - self.beta2**self.steps)
        b += self.eps
        np.divide(m, b, out=b)
        b *= lr / (1 - self.beta1**self.steps)
        p -= b


@final
class Adam(_Adam):
    """g ← g + λp, m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², p ← p − lr · m̂ / (√v̂ + ε),

    with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ). Kingma & Ba 2015, algorithm 1.

    Args:
        params: a model, or live arrays by name; updated in place.
        learning_rate: lr > 0, a number or a function of the step.
        betas: (β₁, β₂), each in [0, 1).
        eps: ε > 0.
        weight_decay: λ ≥ 0, an L2 penalty.
        groups: options of some parameters, by pattern of names, as
            ``{"*bias*": {"weight_decay": 0.0}}``.
        frozen: patterns of names that are not updated, as ``"lstm.*"``, or layers; see
            help(rnnbp.optim.Optimizer).

    Raises ValueError for a value out of its range.

    >>> import numpy as np, rnnbp as rb
    >>> p = {"w": np.array([1.0, 2.0])}
    >>> rb.optim.Adam(p, learning_rate=0.5).step({"w": np.array([4.0, -0.1])})
    >>> p["w"].round(6).tolist()  # a first step of 0.5, whatever the size of the gradient
    [0.5, 2.5]
    """

    kind: ClassVar[str] = "adam"

    @renamed("lr", "learning_rate")
    def __init__(
        self,
        params: Params,
        learning_rate: Rate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        groups: Groups | None = None,
        frozen: Frozen = (),
    ) -> None:
        super().__init__(params, learning_rate, betas, eps, weight_decay, groups, frozen)

    def _update(
        self, p: Array, g: Array, slots: dict[str, Array], lr: float, a: Array, b: Array
    ) -> None:
        self._adapt(p, decayed(p, g, self.weight_decay, a), slots, lr, b)


@final
class AdamW(_Adam):
    """p ← (1 − lr · λ) p, then Adam's step without a penalty in g.

    Loshchilov & Hutter 2019, algorithm 2; there the decay is η λ with a schedule η, here lr · λ as
    in PyTorch.

    Args:
        params: a model, or live arrays by name; updated in place.
        learning_rate: lr > 0, a number or a function of the step.
        betas: (β₁, β₂), each in [0, 1).
        eps: ε > 0.
        weight_decay: λ ≥ 0.
        groups: options of some parameters, by pattern of names, as
            ``{"*bias*": {"weight_decay": 0.0}}``.
        frozen: patterns of names that are not updated, as ``"lstm.*"``, or layers; see
            help(rnnbp.optim.Optimizer).

    Raises ValueError for a value out of its range.

    >>> import numpy as np, rnnbp as rb
    >>> p = {"w": np.array([1.0, 2.0])}
    >>> rb.optim.AdamW(p, learning_rate=0.5, weight_decay=1.0).step({"w": np.zeros(2)})
    >>> p["w"].tolist()  # the decay alone
    [0.5, 1.0]
    """

    kind: ClassVar[str] = "adamw"
    decoupled: ClassVar[bool] = True

    @renamed("lr", "learning_rate")
    def __init__(
        self,
        params: Params,
        learning_rate: Rate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        groups: Groups | None = None,
        frozen: Frozen = (),
    ) -> None:
        super().__init__(params, learning_rate, betas, eps, weight_decay, groups, frozen)

    def _update(
        self, p: Array, g: Array, slots: dict[str, Array], lr: float, a: Array, b: Array
    ) -> None:
        p *= 1 - lr * self.weight_decay
        self._adapt(p, g, slots, lr, b)

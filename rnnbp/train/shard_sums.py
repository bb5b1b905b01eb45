"""What the shards of an update add up to: figures in float64, and gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnbp.numerics import Array
from rnnbp.support.ieee import ieee
from rnnbp.train.accumulation import Key, Part
from rnnbp.train.averages import Averages

HEAD = "figures"
"""What the figures are called among the arrays of a sum; gradients have a prefix."""
GRADIENT = "gradient "
FAILED, WEIGHT, LOSS, PENALTY, OWN = range(5)
"""The first figures: shards that failed; Σ w, Σ w L and Σ w P. ``OWN`` ones follow: the losses of
outputs, with 1 where they are known; sums and weights of metrics."""


@dataclass
class ShardSum:
    """Those of one shard, over the batches of an update.

    Attributes:
        keys: the outputs that have losses of their own.
        shapes: the arrays that gradients are of.
        measured: the metrics of this shard.
    """

    keys: Sequence[Key]
    shapes: Mapping[str, Array]
    measured: Averages
    figures: list[float] = field(default_factory=lambda: [0.0] * OWN)
    losses: dict[Key, float] = field(default_factory=dict)
    grads: dict[str, Array] = field(default_factory=dict)

    @ieee
    def add(self, part: Part, weight: float, shares: Mapping[Key, float] | None = None) -> None:
        """Add a batch, whose gradients are scaled in place; nothing without weight.

        Args:
            shares: of several outputs, its part in the weight of all, by output.
        """
        if part.grads is None or not weight:
            return
        for number, value in ((WEIGHT, 1.0), (LOSS, part.loss), (PENALTY, part.penalty)):
            self.figures[number] += weight * value
        for key, share in (shares or {}).items():
            self.losses[key] = self.losses.get(key, 0.0) + share * part.losses[key]
        for name, g in part.grads.items():
            g *= weight
            if name in self.grads:
                self.grads[name] += g
            else:
                self.grads[name] = g

    def arrays(self) -> dict[str, Array]:
        """What is summed over shards; gradients of 0 where nothing had weight, or it failed."""
        known = [(self.losses.get(key, 0.0), float(key in self.losses)) for key in self.keys]
        head = [*self.figures, *(v for pair in known for v in pair), *self.measured.totals()]
        grads = self.grads or {name: np.zeros_like(p) for name, p in self.shapes.items()}
        return {HEAD: np.array(head), **{f"{GRADIENT}{name}": g for name, g in grads.items()}}

    def failed(self) -> None:
        """Forget all but that this shard failed."""
        self.figures = [1.0] + [0.0] * (OWN - 1)
        self.losses, self.grads = {}, {}
        self.measured.forget()


def failures(total: Mapping[str, Array]) -> bool:
    """True if a shard failed."""
    return bool(total[HEAD][FAILED])


@ieee
def mean(total: Mapping[str, Array], keys: Sequence[Key], measured: Averages) -> Part:
    """The mean over all shards, without a state; ``measured`` takes up their metrics.

    Gradients are divided in place; None where nothing had weight.
    """
    head = total[HEAD].tolist()
    after = OWN + 2 * len(keys)
    measured.put(head[after:])
    weight = head[WEIGHT]
    if not weight:
        return Part(float("nan"), None, (), ())
    grads = {name.removeprefix(GRADIENT): g for name, g in total.items() if name != HEAD}
    for g in grads.values():
        g /= weight
    values, known = head[OWN:after:2], head[OWN + 1 : after : 2]
    losses = {key: v for key, v, there in zip(keys, values, known, strict=True) if there}
    return Part(head[LOSS] / weight, grads, (), (), head[PENALTY] / weight, losses)

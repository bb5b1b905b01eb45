"""An update from several batches, equal to that of one batch of all their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rnnbp.inputs.states import States
from rnnbp.numerics import Array
from rnnbp.support.ieee import ieee


class Part(NamedTuple):
    """The result of one batch, within an update.

    Its loss; its gradients, None for a batch without weight; the state after it; the sequences
    whose state it lost; the penalties in its loss; the losses of several outputs.
    """

    loss: float
    grads: dict[str, Array] | None
    state: States
    lost: tuple[int, ...]
    penalty: float = 0.0
    losses: Mapping[str | int, float] = {}


@dataclass
class WeightedSum:
    """Σ w L and Σ w g over batches, and Σ w P of the penalties.

    w is in units of the first batch's, so that equal ones are summed as they are.
    """

    loss: float = 0.0
    penalty: float = 0.0
    grads: dict[str, Array] = field(default_factory=dict)
    weights: float = 0.0
    unit: float = 0.0

    @ieee
    def add(self, part: Part, weight: float) -> None:
        """Add a batch, whose gradients become the sum or are scaled in place."""
        if part.grads is None:
            return
        if not self.grads:
            self.loss, self.grads, self.weights, self.unit = part.loss, part.grads, 1.0, weight
            self.penalty = part.penalty
            return
        ratio = weight / self.unit
        self.loss, self.weights = self.loss + ratio * part.loss, self.weights + ratio
        self.penalty += ratio * part.penalty
        for name, total in self.grads.items():
            g = part.grads[name]
            if ratio != 1:
                g *= ratio
            total += g

    @ieee
    def mean(self, state: States, lost: tuple[int, ...]) -> Part:
        """The mean, with the state after the last batch; no gradients if no batch had weight."""
        if self.weights > 1:
            for total in self.grads.values():
                total /= self.weights
        weights = self.weights or 1.0
        return Part(self.loss / weights, self.grads or None, state, lost, self.penalty / weights)

"""An update from several batches, equal to that of one batch of all their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, final

from rnnbp.inputs.states import States
from rnnbp.numerics import Array
from rnnbp.support.ieee import ieee

Key: TypeAlias = str | int
"""The name of an output, or its number."""


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
    losses: dict[Key, float] = field(default_factory=dict)

    @ieee
    def add(self, part: Part, weight: float, shares: Mapping[Key, float] | None = None) -> None:
        """Add a batch, whose gradients become the sum or are scaled in place.

        Args:
            shares: of several outputs, the part of its weight in that of all batches, by output.
        """
        if part.grads is None:
            return
        for key, share in (shares or {}).items():
            self.losses[key] = self.losses.get(key, 0.0) + share * part.losses[key]
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
        found = self.loss / weights, self.grads or None, state, lost, self.penalty / weights
        return Part(*found, self.losses)


@final
class Shares(NamedTuple):
    """The weights of the batches of an update by output, and what is made of them.

    The loss of an output is the mean over the rows of all batches, Σ w L / Σ w, and outputs have
    weights of their own. The sum over outputs is not known by batch: so a batch counts by ``weight``
    in the mean of the update, and its losses are scaled by ``factors``, whose product with it is
    the share of the batch in each output.

    Attributes:
        weights: of each batch, by output; none without weight.
        totals: of all batches by output, where others than these count too.
    """

    weights: tuple[Mapping[Key, float], ...]
    totals: Mapping[Key, float] = {}

    def of(self, number: int) -> dict[Key, float]:
        """The part of a batch in the weight of all, by output."""
        return {key: w / self._of_all(key) for key, w in self.weights[number].items()}

    def weight(self, number: int) -> float:
        """Of a batch among all, whose weights have the sum 1; 0 without weight."""
        outputs = self.totals or {key for weights in self.weights for key in weights}
        return sum(self.of(number).values()) / max(1, len(outputs))

    def factors(self, number: int) -> dict[Key, float]:
        """What the losses of a batch are scaled by, by output."""
        weight = self.weight(number)
        return {key: share / weight for key, share in self.of(number).items()}

    def total(self, key: Key) -> float:
        """The weight of these batches in an output."""
        return sum(weights.get(key, 0.0) for weights in self.weights)

    def _of_all(self, key: Key) -> float:
        return self.totals.get(key) or self.total(key)

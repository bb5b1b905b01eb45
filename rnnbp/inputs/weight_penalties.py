"""Penalties on parameters of a model, in its loss and in its gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, final

from rnnbp.graph.network import Network
from rnnbp.layers.penalty import penalties, slope
from rnnbp.losses.outputs import Scalar
from rnnbp.losses.penalised import WeightPenalty
from rnnbp.numerics import Array
from rnnbp.patterns import matching

Sums = Callable[[dict[str, Array], str], Array]
"""(owner, key) -> the sum of the gradient of a parameter."""


class _Term(NamedTuple):
    path: str
    owner: dict[str, Array]
    key: str
    l1: float
    l2: float

    @property
    def array(self) -> Array:
        return self.owner[self.key]


@final
class WeightPenalties:
    """The terms of penalties, one for each parameter that a pattern fits.

    Args:
        model: whose parameters they are.
        given: the penalties.

    Raises ValueError for a pattern that fits none.
    """

    def __init__(self, model: Network, given: Sequence[WeightPenalty]) -> None:
        self.terms: list[_Term] = []
        if not given:
            return
        paths = list(model.params)
        for penalty in given:
            for path in matching(f"{penalty}: on", penalty.on, paths):
                self.terms.append(_Term(path, *model.slots[path], *penalty.factors))

    @property
    def nbytes(self) -> int:
        """Temporary bytes of ``values`` and ``add``: an array of the largest parameter."""
        return max([term.array.nbytes for term in self.terms]) if self.terms else 0

    def values(self) -> dict[str, Scalar]:
        """The part of each parameter in the loss, by path."""
        found = dict[str, Scalar]()
        for path, owner, key, l1, l2 in self.terms:
            value = penalties(owner[key], l1, l2).sum().item()
            found[path] = found.get(path, 0.0) + value
        return found

    def add(self, sum_of: Sums) -> None:
        """Add their gradients to those of the parameters."""
        for _, owner, key, l1, l2 in self.terms:
            total = sum_of(owner, key)
            total += slope(owner[key], l1, l2)

"""The gradients of a network's parameters: those of its sweeps, and of what is static."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import final

import numpy as np

from rnnbp.bptt.accumulators import Accumulators
from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Slot
from rnnbp.ledger import Ledger
from rnnbp.naming import ByPath
from rnnbp.numerics import Array


@final
class GradientSums:
    """One sum for each parameter of a network, by its first path.

    The sums of a sweep become those of the network; only of a parameter that several stages have
    are sums added.

    Args:
        graph: the network.
        owners: the dicts of parameters whose gradients are added by ``static``.
        ledger: counts the sums.
    """

    def __init__(self, graph: Graph, owners: Iterable[dict[str, Array]], ledger: Ledger) -> None:
        self.graph = graph
        self._paths: dict[int, str] = {}
        for path, (owner, key) in graph.slots.items():
            self._paths.setdefault(id(owner[key]), path)
        self._found: dict[str, Array] = {}
        ids = {id(owner) for owner in owners}
        part = copy(graph)
        part.slots = {path: slot for path, slot in graph.slots.items() if id(slot[0]) in ids}
        self.static = Accumulators(part)
        ledger.hold("gradients", self.static.whole)

    def add(self, slots: Mapping[str, Slot], grads: Mapping[str, Array]) -> None:
        """Add the gradients of a stage, by paths of its own; it does not change them any more."""
        for path, grad in grads.items():
            owner, key = slots[path]
            first = self._paths[id(owner[key])]
            if first in self._found:
                self._found[first] += grad
            else:
                self._found[first] = grad

    def at(self, owner: dict[str, Array], key: str) -> Array:
        """The sum of a parameter, to add to, after ``close``."""
        return self._found[self._paths[id(owner[key])]]

    def close(self) -> None:
        """Add what is static; every parameter has a gradient from now on."""
        self.add(self.graph.slots, self.static.grads)
        for path in self._paths.values():
            if path not in self._found:
                owner, key = self.graph.slots[path]
                self._found[path] = np.zeros_like(owner[key])

    @property
    def grads(self) -> dict[str, Array]:
        """By path, in the order of the network's parameters."""
        found = ByPath()
        found.update({path: self._found[path] for path in self._paths.values()})
        return found

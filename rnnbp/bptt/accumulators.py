"""Sums of parameter gradients over the chunks of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias, final

import numpy as np

from rnnbp import compensated
from rnnbp.graph.network import Network, checked_parameters
from rnnbp.naming import ByPath
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.runners.sums import Accumulator

FixedShapes: TypeAlias = tuple[Mapping[int, Shape], Dtype | None]
"""The shapes of values that are the same at all steps, by number, and their dtype."""
NO_FIXED: FixedShapes = {}, None


@final
class Accumulators(Accumulator):
    """Sums of parameter gradients, one for each parameter array of the network as it is now.

    The deltas of values that are the same at all steps are summed likewise.

    So a layer used twice in a step, at every step, or in two places, and a tied weight, are one
    mechanism. An array that is put in a parameter's place later has the same sum.

    Args:
        parted: whether there are totals, of several parts as ``sums`` has them.
        fixed: the shapes of those values, by number, and the dtype of their deltas.

    Raises as ``check_parameters`` does.
    """

    def __init__(
        self, network: Network, *, parted: bool = False, fixed: FixedShapes = NO_FIXED
    ) -> None:
        # Checked, because the sums are of their shapes, and machine code adds to them.
        slots = checked_parameters(network)
        params = {id(array): array for _, _, array in slots}
        self.params = tuple(params.values())
        dtype = self.params[0].dtype if self.params else fixed[1]  # all have one
        size = sum([array.size for array in self.params])
        more = sum(map(math.prod, fixed[0].values())) if fixed[0] else 0
        self.whole = whole = np.zeros(size + more, dtype)
        """All sums: one piece of memory is taken and cleared faster than many."""
        self.grads = grads = ByPath()
        self._sums = sums = dict[int, Array]()
        self._slots = places = dict[tuple[int, str], Array]()
        start = 0
        for path, (owner, key), array in slots:
            total = sums.get(id(array))
            if total is None:
                stop = start + array.size
                sums[id(array)] = grads[path] = total = whole[start:stop].reshape(array.shape)
                start = stop
            places[id(owner), key] = total
        self.fixed = _parts(whole[start:], fixed[0]) if fixed[0] else {}
        """The sums of deltas, by number of the value."""
        self.totals = compensated.totals(self.whole) if parted else None
        self._begins: dict[object, list[int]] = {}

    def add(self, owner: dict[str, Array], grads: Mapping[str, Array]) -> None:
        """Add the gradients of some of ``owner``'s parameters."""
        for key, grad in grads.items():
            total = self.at(owner, key)
            total += grad

    def at(self, owner: dict[str, Array], key: str) -> Array:
        """The sum of a parameter of ``owner``, to add to. Raises TypeError for an unknown one."""
        found = self._slots.get((id(owner), key))  # a tied parameter may have no slot of its own
        found = self._sums.get(id(owner[key])) if found is None else found
        if found is None:
            raise TypeError(
                f"parameter {key!r} was added, or tied, while the network ran; change it between "
                "runs"
            )
        return found

    def place(self, owner: dict[str, Array], key: str, total: Array) -> None:
        """Let the sum under a key of ``owner`` be an array of the caller's."""
        self._slots[id(owner), key] = total

    def begins(self, key: object, find: Callable[[], list[int]]) -> list[int]:
        """Where some of the sums begin in memory: found once, for they do not move."""
        found = self._begins.get(key)
        if found is None:
            self._begins[key] = found = find()
        return found

    def end_part(self) -> None:
        """Put the sums so far into the totals: a part has been summed."""
        if self.totals is None:
            self.totals = compensated.totals(self.whole)
        compensated.end_part(self.whole, self.totals)

    def close(self) -> None:
        """Put the totals back, when all chunks have added."""
        if self.totals is not None:
            compensated.close(self.whole, self.totals)
            self.totals = None


def _parts(whole: Array, shapes: Mapping[int, Shape]) -> dict[int, Array]:
    """Arrays of these shapes, one after the other in ``whole`` (n,)."""
    found, start = dict[int, Array](), 0
    for k, shape in shapes.items():
        stop = start + math.prod(shape)
        found[k], start = whole[start:stop].reshape(shape), stop
    return found

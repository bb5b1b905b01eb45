"""The outputs of the model that items of iterables are for, and what an item has for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard, final

import numpy as np

from rnnbp.checks.kinds import is_stream
from rnnbp.graph.graph import Graph
from rnnbp.graph.value_pers import value_pers
from rnnbp.inputs.given import SeriesLike
from rnnbp.numerics import Array
from rnnbp.sweeps.by_output import OutputForm

Key: TypeAlias = str | int
"""The name of an output, or its number; "" for what is passed as the only one."""
Keyed: TypeAlias = dict[Key, SeriesLike]


@final
@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of the model that batches are for.

    Attributes:
        count: how many; 1 if no model is known.
        of_each: those that are one value for each sequence.
        known: False if no model is known.
    """

    count: int = 1
    of_each: frozenset[Key] = frozenset()
    known: bool = False

    @classmethod
    def of_graph(cls, graph: Graph) -> Outputs:
        """Those of a graph."""
        form, pers = OutputForm.of_graph(graph), value_pers(graph)
        found = {form.key(k) for k, v in enumerate(graph.outputs) if pers[v] == "sequence"}
        return cls(len(form), frozenset(found | {""} if len(form) == 1 and found else found), True)

    def keyed(self, given: SeriesLike) -> Keyed:
        """A target or mask by output; by "" if it is one."""
        if isinstance(given, dict):
            return {**given}
        several = self.count > 1 and isinstance(given, tuple | list) and len(given) == self.count
        return dict(enumerate(given)) if several else {"": given}

    def form(self, given: SeriesLike, found: Keyed) -> SeriesLike:
        """What ``keyed`` took apart, in the form in which it was passed."""
        if isinstance(given, dict):
            return found
        return found[""] if "" in found else tuple(found.values())


NO_MODEL = Outputs()


def is_row(mask: SeriesLike) -> TypeGuard[Array]:
    """True for one number for each sequence: its steps, or a float that is its weight."""
    if mask is None or is_stream(mask) or isinstance(mask, dict):
        return False
    return not _nested(mask) and np.ndim(mask) == 1


def has_row(masks: Iterable[SeriesLike]) -> bool:
    """True if some mask is one number for each sequence."""
    return any(map(is_row, masks))


def _nested(mask: object) -> bool:
    """True for a tuple or list of arrays, or of None."""
    return isinstance(mask, tuple | list) and any(each is None or np.ndim(each) for each in mask)

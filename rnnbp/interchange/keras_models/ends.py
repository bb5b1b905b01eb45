"""The final states of a recurrent layer, in place of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.cells.bidirectional import MERGES
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Item
from rnnbp.graph.values import Value


@dataclass(frozen=True)
class Ends:
    """The final states of a recurrent layer in place of its outputs, as of Keras's
    ``return_sequences=False``.
    """

    block: Recurrent | Bidirectional

    def __call__(self, x: Value) -> Value:
        _, final = self.block(x, return_state=True)
        if isinstance(self.block, Recurrent):
            return _h(final)
        first, *others = MERGES[self.block.merge](*(values := [_h(state) for state in final]))
        found: Value = first(*values)
        for layer in others:
            found = layer(found)
        return found


Part: TypeAlias = Item | Ends
"""What a chain is made of before it is one."""


def _h(final: Value | Sequence[Value]) -> Value:
    """The output of a final state."""
    return final if isinstance(final, Value) else final[0]

"""What chunks take from nodes that run once a run, and send back, on sizes instead of arrays.

Each method follows its counterpart in ``FixedNodes``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnnbp.graph.graph import Node
from rnnbp.graph.value_pers import Widened
from rnnbp.runners.blocks import BlockDeltas, Blocks
from rnnbp.runners.heap import Block, Heap

if TYPE_CHECKING:
    from rnnbp.planning.value_sizes import ValueSizes


class FixedBlocks:
    """What nodes of a chunk take from nodes that run once a run, and send back to them.

    Args:
        heap, length: of the chunk.
    """

    def __init__(self, sizes: ValueSizes, heap: Heap, length: int) -> None:
        self.sizes, self.heap, self.length = sizes, heap, length

    def values(self) -> Blocks:
        """The values of a chunk: what is the same at all steps is there anyway."""
        found: Blocks = [None] * self.sizes.model.n_values
        for k in self.sizes.parts.crossing:
            found[k] = Block(self.heap, self.sizes.value(k, 0), Block(self.heap, 0))
        return found

    def spread(self, node: Node, values: Blocks) -> Blocks:
        """The values as a layer reads them."""
        args = self.sizes.parts.widened.get(node.number)
        if args is None:
            return values
        seen = list(values)
        for arg in args:
            seen[arg.value] = self._repeated(arg, values)
        return seen

    def inputs(self, node: Node, values: Blocks) -> Blocks:
        """The inputs of a Recurrent, as its cell reads them."""
        xs = [values[k] for k in node.args]
        for arg in self.sizes.parts.widened.get(node.number, ()):
            xs[arg.position] = self._repeated(arg, values)
        return xs

    def collect(self, node: Node, deltas: BlockDeltas) -> None:
        """Add the deltas that a layer has sent to the sums of the run."""
        if node.number not in self.sizes.parts.crossed:
            return
        wide = {arg.value for arg in self.sizes.parts.widened.get(node.number, ())}
        for k in set(self.sizes.parts.crossing).intersection(node.args):
            if deltas[k] is not None and k in wide:
                self._sum(k)
            deltas[k] = None

    def left(self, node: Node, dxs: Sequence[Block | None]) -> list[Block | None]:
        """The deltas of a Recurrent's inputs, without those that are summed over the run."""
        wide = {arg.position for arg in self.sizes.parts.widened.get(node.number, ())}
        found = list(dxs)
        for position, k in enumerate(node.args):
            if self.sizes.parts.pers[k] != "step":
                if found[position] is not None and position in wide:
                    self._sum(k)
                found[position] = None
        return found

    def _repeated(self, arg: Widened, values: Blocks) -> Block:
        value = values[arg.value]
        lead = math.prod(arg.lead(self.length, self.sizes.batch))
        return Block(self.heap, value.size * lead, value, dense=lead == 1 and value.dense)

    def _sum(self, value: int) -> None:
        """A delta is summed over the repetitions."""
        self.heap.note(self.sizes.value(value, 0))
        self.heap.numpy += self.sizes.value(value, 0)
